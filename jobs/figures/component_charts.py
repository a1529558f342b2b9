"""Charts of a linear model: how much each component holds, and what it is made of."""

from calendar import month_abbr
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jobs.features import static
from jobs.features.features import Feature
from jobs.figures import loadings as correlating
from jobs.figures.captioned_maps import CaptionedFigure
from jobs.runs import outputs, records
from lake.errors import ConfigError
from lake.format.arrays import Floats
from lake.plot import canvas
from lake.plot.canvas import INK, Heading
from lake.plot.colours import ABSENT
from lake.plot.cycles import COLOURS
from lake.plot.graticule import FAINT

PCA, MNF, GCCA, TRANSFORM = "pca", "mnf", "gcca", "transform"
TITLES = {
    PCA: "Variance of the components",
    MNF: "Signal to noise of the components",
    GCCA: "What months and times of day share",
}
RATIOS = {MNF: "signal_to_noise", GCCA: "eigenvalue"}
"""Job -> the array that orders its components."""
SCREE_SIZE = (4.6, 4.6)
CELL_INCHES = 0.17
"""Width and height of a month at a time of day."""
ROW_GAP, COLUMN_GAP = 0.16, 0.4
CMAP = "RdBu_r"
SHARES = (0.5, 0.9, 0.99)
"""Shares of the variance for which the caption says how many components hold them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A model that was fitted, and the run that has it."""

    run: str
    job: str
    key: str
    arrays: xr.Dataset


def scree(root: str, run: str) -> CaptionedFigure:
    """The share of the variance of each component, its variance over noise, or its eigenvalue, falling.

    Args:
        root: folder or URL of the lake.
        run: of pca, mnf or gcca, or of transform by a model of these.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: it has no such model.
    """
    model = _model(root, run)
    title = TITLES[model.job]
    sheet = canvas.chart_sheet(Heading(title, f"{model.key}  |  {model.run}"), SCREE_SIZE)
    axes = sheet.map
    if model.job == PCA:
        values = np.asarray(model.arrays["explained_variance_ratio"].values, np.float64)
        caption = _draw_variance(axes, sheet.figure, values)
    else:
        values = np.asarray(model.arrays[RATIOS[model.job]].values, np.float64)
        caption = _draw_ratio(axes, values) if model.job == MNF else _draw_eigenvalues(axes, values)
    for each in sheet.figure.axes:
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
        _style(each)
    sheet.figure.axes[-1].set_xlabel("component", fontsize=8.5, color=INK)
    canvas.fit(sheet.figure)
    return CaptionedFigure(title, caption, sheet.figure)


def loadings(root: str, run: str, component: int) -> CaptionedFigure:
    """What a component is made of: the correlation of its scores with every feature.

    A row for each band of each cube, a column for each statistic; in a panel months by times of day.

    Args:
        root: folder or URL of the lake.
        run: of pca, mnf or gcca, or of transform by a model of these.
        component: its number, from 0.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: it has no such model, or not so many components.
    """
    model = _model(root, run)
    count = model.arrays.sizes["component"]
    if component >= count:
        raise ConfigError(f"run {model.run} has no component {component}: it has 0 to {count - 1}")
    features = [Feature.parse(str(name)) for name in model.arrays["feature"].values]
    values = _correlations(model.arrays, component)
    panels = _panels(features, values)
    title = f"What component {component} is made of"
    figure = _draw_panels(Heading(title, f"{model.key}  |  {model.run}"), panels)
    caption = (
        f"Correlation of the scores of component {component} (counted from 0) with every feature, by the "
        "model's own covariance of the features. Red: both are high in the same pixels. Grey cells: no "
        "feature."
    )
    if any(feature.subpixel is not None for feature in features):
        caption += " Of subpixels the mean is drawn."
    if known := [f for f in features if f.cube == static.CUBE]:
        caption += f" {len(known)} features that need no observation are left out."
    canvas.fit(figure)
    return CaptionedFigure(title, caption, figure)


def _model(root: str, run: str) -> _Model:
    spec = records.finished_spec(root, run)
    if spec.job == TRANSFORM:
        (fitted,) = spec.inputs.values()
        spec = records.finished_spec(root, fitted)
    if spec.job not in TITLES:
        raise ConfigError(
            f"run {run} is of {spec.job}, which has no linear model: it has {outputs.contents(root, run)}; "
            "wanted a run of pca, mnf or gcca"
        )
    return _Model(spec.id, spec.job, spec.store, outputs.dataset(root, spec.id))


def _correlations(arrays: xr.Dataset, component: int) -> Floats:
    """(feature,) correlations of one component."""
    projection, components, variance, shares = (
        np.asarray(arrays[name].values, np.float64)
        for name in ("projection", "components", "explained_variance", "explained_variance_ratio")
    )
    total = float(variance[0] / shares[0]) if shares[0] > 0 else float(variance.sum())
    directions = projection[component : component + 1]
    found: Floats = correlating.correlations(directions, components, variance, total)[0]
    return found


def _draw_variance(axes: Axes, figure: Figure, shares: Floats) -> str:
    """Draw the shares of the variance, below them their sum; the caption."""
    along, sums = np.arange(len(shares)), np.cumsum(shares)
    axes.set_position((0, 0.42, 1, 0.58))
    axes.plot(along, 100 * shares, "o-", color=COLOURS[0], markersize=2.5, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_ylabel("share of the variance (%)", fontsize=8.5, color=INK)
    lower = figure.add_axes((0, 0, 1, 0.34))
    lower.plot(along, 100 * sums, color=COLOURS[0], linewidth=1.4)
    lower.set_ylim(0, 102)
    lower.set_ylabel("all up to here (%)", fontsize=8.5, color=INK)
    lower.grid(color="0.92", linewidth=0.5)
    enough = [
        f"{int((sums < share).sum()) + 1} hold {share:.0%}" for share in SHARES if sums[-1] >= share
    ]
    text = (
        f"The share of the variance of the features that each of {len(shares)} principal components holds "
        f"(above), and all up to it (below); together {sums[-1]:.1%}."
    )
    return f"{text} {', '.join(enough)}." if enough else text


def _draw_ratio(axes: Axes, ratio: Floats) -> str:
    """Draw variance over noise; the caption."""
    _draw_above_one(axes, ratio, "variance over noise")
    return (
        f"Variance over noise variance of {len(ratio)} components; noise is what differs between two "
        f"periods. {int((ratio > 2).sum())} components have more signal than noise (a ratio above 2). "
        "Dotted: 1, no more than noise."
    )


def _draw_eigenvalues(axes: Axes, eigenvalues: Floats) -> str:
    """Draw the eigenvalues of canonical components; the caption."""
    _draw_above_one(axes, eigenvalues, "eigenvalue")
    return (
        f"Eigenvalues of {len(eigenvalues)} components: the variance of what all months and times of day "
        "say together, over what it would be if they were uncorrelated. Dotted: 1, nothing is shared."
    )


def _draw_above_one(axes: Axes, values: Floats, label: str) -> None:
    """Draw values (component,) that are 1 where a component holds nothing."""
    axes.plot(np.arange(len(values)), values, "o-", color=COLOURS[0], markersize=2.5, linewidth=1.2)
    axes.axhline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylabel(label, fontsize=8.5, color=INK)


_Panels = Mapping[tuple[str, str], Mapping[str, tuple[list[int], list[int], Floats]]]
"""(cube, band) -> statistic -> months, times of day, (month, tod) values, NaN: no feature."""


def _panels(features: Iterable[Feature], values: Floats) -> _Panels:
    """Values by what they are of; several subpixels give their mean."""
    cells: dict[tuple[str, str], dict[str, dict[tuple[int, int], list[float]]]] = {}
    for feature, value in zip(features, values.tolist(), strict=True):
        if feature.cube == static.CUBE:
            continue
        of_band = cells.setdefault((feature.cube, feature.band), {})
        of_statistic = of_band.setdefault(feature.statistic, {})
        of_statistic.setdefault((feature.month, feature.tod), []).append(value)
    panels: dict[tuple[str, str], dict[str, tuple[list[int], list[int], Floats]]] = {}
    for band, of_band in cells.items():
        places = [place for of_statistic in of_band.values() for place in of_statistic]
        months = sorted({month for month, _ in places})
        tods = list(dict.fromkeys(tod for _, tod in places))  # in the order of the cube
        for statistic, by_place in of_band.items():
            image = np.full((len(months), len(tods)), np.nan)
            for (month, tod), found in by_place.items():
                image[months.index(month), tods.index(tod)] = np.mean(found)
            panels.setdefault(band, {})[statistic] = months, tods, image
    return panels


def _draw_panels(heading: Heading, panels: _Panels) -> Figure:
    """A panel for each band and statistic, all of one scale."""
    statistics = list(dict.fromkeys(name for of_band in panels.values() for name in of_band))
    images = [image for of_band in panels.values() for _, _, image in of_band.values()]
    heights = [
        CELL_INCHES * max(len(months) for months, _, _ in of_band.values()) + ROW_GAP
        for of_band in panels.values()
    ]
    step = CELL_INCHES * max(image.shape[1] for image in images) + COLUMN_GAP
    wide, high = step * len(statistics), sum(heights)
    sheet = canvas.chart_sheet(heading, (wide, high))
    sheet.map.axis("off")
    bottom = high
    for row, ((cube, band), of_band) in enumerate(panels.items()):
        bottom -= heights[row]
        for column, statistic in enumerate(statistics):
            if statistic not in of_band:
                continue
            months, tods, values = of_band[statistic]
            width, height = CELL_INCHES * len(tods), CELL_INCHES * len(months)
            place = column * step / wide, bottom / high, width / wide, height / high
            axes = sheet.figure.add_axes(place)
            _draw_panel(axes, months, tods, values)
            if column == 0:
                axes.set_ylabel(f"{band}\n{cube}", fontsize=6.5, color=INK)
            if row == 0:
                axes.set_title(statistic, fontsize=7, color=INK, pad=3)
    _draw_bar(sheet.figure, wide, high)
    return sheet.figure


def _draw_panel(axes: Axes, months: list[int], tods: list[int], values: Floats) -> None:
    axes.set_facecolor(ABSENT)
    axes.imshow(values, cmap=CMAP, vmin=-1, vmax=1, aspect="auto")
    axes.set_yticks(range(len(months)), [month_abbr[month][0] for month in months])
    axes.set_xticks(range(len(tods)), [f"{tod / 3600:g}" for tod in tods])
    axes.tick_params(labelsize=5, length=0, pad=1.5, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set(color="0.6", linewidth=0.4)


def _draw_bar(figure: Figure, wide: float, high: float) -> None:
    """Explain the colours beside the panels."""
    height = min(1.6, high)
    place = 1 - 0.1 / wide, 1 - height / high, 0.1 / wide, height / high
    scale = ScalarMappable(Normalize(-1, 1), CMAP)
    bar = figure.colorbar(scale, cax=figure.add_axes(place))
    bar.set_label("correlation", fontsize=6.5, color=FAINT)
    bar.ax.tick_params(labelsize=5.5, labelcolor=INK, width=0.5, length=2)
    bar.outline.set_linewidth(0.4)


def _style(axes: Axes) -> None:
    axes.tick_params(labelsize=7, labelcolor=INK, width=0.6, length=2.5)
    for name, spine in axes.spines.items():
        spine.set(color="0.4", linewidth=0.6, visible=name in {"left", "bottom"})
