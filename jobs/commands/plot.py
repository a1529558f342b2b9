"""The command `lake plot`: figures and films of a store, and of what runs gave to its pixels."""

from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lake.commands.options import (
    STATISTICS,
    TimeOfDay,
    json_option,
    options,
    place,
    root_option,
    store_argument,
)
from lake.console.messages import emit
from lake.errors import ConfigError, GeometryError
from lake.format.times import parse_tod

if TYPE_CHECKING:
    from jobs.figures import trajectory_loops
    from jobs.figures.captioned_maps import CaptionedFigure
    from lake.plot import cycles
    from lake.plot.layers import Layer
    from lake.plot.views import MapProjection
    from lake.reading.store import Store


PROJECTIONS, CYCLES, CLOCKS, FILMS = (
    ("fixed", "platecarree"), ("annual", "diurnal"), ("utc", "solar"), ("months", "hours"),
)  # fmt: skip
"""What `lake.plot` offers, named here too so that help does not load Matplotlib."""


class Point(click.ParamType[tuple[float, float]]):
    """A place, `LON,LAT` in degrees."""

    name = "LON,LAT"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float]:  # noqa: ANN401
        """Longitude and latitude."""
        if isinstance(value, tuple):
            return value
        try:
            lon, lat = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(
                f"{value!r} is no place: wanted LON,LAT in degrees, e.g. -98.5,39.5", param, ctx
            )
        return lon, lat


_layer_options = options(
    click.option("--cube", default="", help="Its name [the first that has the band]."),
    click.option("--band", default="", help="E.g. C13 [the one nearest to 10.35 um]."),
    click.option("--tod", type=TimeOfDay(), default=-1, help="UTC, or seconds [the most observed]."),
    click.option("--month", type=click.IntRange(1, 12), help="[the one with most observations]"),
    click.option(
        "--statistic", default="mean", show_default=True,
        type=click.Choice(STATISTICS),
    ),
    click.option(
        "--lake", "root", envvar="LAKE_ROOT", callback=lambda c, p, v: place(c, p, v) if v else v,
        help="Folder or URL of the lake, for a key [LAKE_ROOT].",
    ),
)  # fmt: skip


_file_options = options(
    json_option,
    click.option("--title", default="", help="[what is drawn]"),
    click.option("--dpi", type=click.FloatRange(20, 2400), help="[as many as show every pixel]"),
    click.option(
        "--out", type=click.Path(dir_okay=False, path_type=Path),
        help="File; its ending chooses the format: .png, .pdf, .svg; of films .gif, .mp4.",
    ),
)  # fmt: skip


_view_options = options(
    click.option(
        "--bbox", nargs=4, type=float, help="West, south, east, north in degrees [everything]."
    ),
    click.option(
        "--projection", type=click.Choice(PROJECTIONS), default="fixed", show_default=True
    ),
)  # fmt: skip


@click.group()
def plot() -> None:
    """Draw maps, cycles and films of a store, and maps of runs; docs/reading.md shows how."""


@plot.command(name="map")
@store_argument
@_layer_options
@click.option(
    "--minus", multiple=True, metavar="NAME=VALUE",
    help="Draw the difference: month=1, tod=06:00, band=C14, cube=..., store=KEY; repeatable.",
)  # fmt: skip
@_view_options
@click.option("--cmap", default="", help="Matplotlib's [by quantity].")
@click.option("--vmin", type=float, default=nan, help="[1st percentile; differences: centred at 0]")
@click.option("--vmax", type=float, default=nan, help="[99th percentile]")
@click.option("--log", is_flag=True, help="Logarithmic colours, of count and stddev.")
@click.option("--animate", type=click.Choice(FILMS), help="A film over these, .gif or .mp4.")
@click.option("--fps", type=click.FloatRange(0.1, 60), default=2, show_default=True)
@_file_options
def map_(
    store: str,
    root: str | None,
    statistic: str,
    month: int | None,
    tod: int,
    band: str,
    cube: str,
    minus: tuple[str, ...],
    projection: "MapProjection",
    bbox: tuple[float, ...] | None,
    cmap: str,
    vmin: float,
    vmax: float,
    animate: str | None,
    fps: float,
    title: str,
    out: Path | None,
    dpi: float | None,
    *,
    log: bool,
    as_json: bool,
) -> None:
    """Map one statistic, or a difference, of a store."""
    from lake.plot import canvas, films, maps
    from lake.plot.layers import Layer
    from lake.plot.maps import Look

    path = _file(out, "map.gif" if animate else "map.png", films.check if animate else canvas.check)
    opened = _opened(store, root)
    layer = Layer(statistic, month or 0, tod, band, cube)
    look = Look(projection, bbox or (), cmap, vmin, vmax, title, log=log)
    subtracted, minus_store = _subtracted(minus, root) if minus else (None, None)
    if animate:
        film = maps.film(opened, animate, layer, look, minus=subtracted, minus_store=minus_store)
        films.save(film, path, fps=fps, dpi=dpi or films.DPI)
    else:
        figure = maps.field(opened, layer, look, minus=subtracted, minus_store=minus_store)
        canvas.save(figure, path, opened.url, dpi or 0)
    _report(path, as_json=as_json)


@plot.command()
@store_argument
@click.option("--point", "points", type=Point(), multiple=True, required=True, help="Repeatable.")
@click.option(
    "--over", type=click.Choice(CYCLES), default="annual", show_default=True
)  # fmt: skip
@click.option(
    "--clock", type=click.Choice(CLOCKS), default="utc", show_default=True,
    help="Of a day: UTC, or the local mean solar time of each point.",
)  # fmt: skip
@_layer_options
@_file_options
def cycle(
    store: str,
    points: tuple[tuple[float, float], ...],
    over: "cycles.Over",
    clock: "cycles.Clock",
    root: str | None,
    statistic: str,
    month: int | None,
    tod: int,
    band: str,
    cube: str,
    title: str,
    out: Path | None,
    dpi: float | None,
    *,
    as_json: bool,
) -> None:
    """Draw the annual or daily cycle of points.

    A day is joined of the cubes of day and night that have the band, unless --cube names one.
    """
    from lake.plot import canvas, cycles
    from lake.plot.layers import Layer

    path = _file(out, "cycle.png", canvas.check)
    opened = _opened(store, root)
    _pixels(opened, points)
    layer = Layer(statistic, month or 0, tod, band, cube)
    figure = cycles.cycle(opened, points, over, layer, title, clock)
    canvas.save(figure, path, opened.url, dpi or 0)
    _report(path, as_json=as_json)


@plot.command()
@click.argument("run", metavar="RUN")
@root_option
@click.option(
    "--array",
    default="",
    help="scatter: pixels in the plane of their vectors; of a trajectory yearly_amount, ... [a map].",
)
@click.option(
    "--by", default="", help="Of scatter: a run of cluster, or a file of classes [density]."
)
@click.option(
    "--component", type=click.IntRange(0), help="Of vectors, from 0 [the first three as colours]."
)
@_view_options
@_file_options
def run(
    run: str,
    root: str,
    array: str,
    component: int | None,
    by: str,
    projection: "MapProjection",
    bbox: tuple[float, ...] | None,
    title: str,
    out: Path | None,
    dpi: float | None,
    *,
    as_json: bool,
) -> None:
    """Draw what a run gave: components, embeddings and classes as maps, others as charts."""
    from jobs.figures import run_maps
    from lake.plot import canvas

    path = _file(out, f"{run}.png", canvas.check)
    captioned = run_maps.draw(root, run, projection, bbox or (), array, component, by)
    _save_chart(run, root, captioned, path, title, dpi, as_json=as_json)


@plot.command()
@click.argument("run", metavar="RUN")
@root_option
@_file_options
def scree(
    run: str, root: str, title: str, out: Path | None, dpi: float | None, *, as_json: bool
) -> None:
    """Draw what the components of pca, mnf or gcca hold: variance, signal to noise, eigenvalue."""
    from jobs.figures import component_charts
    from lake.plot import canvas

    path = _file(out, "scree.png", canvas.check)
    _save_chart(run, root, component_charts.scree(root, run), path, title, dpi, as_json=as_json)


@plot.command()
@click.argument("run", metavar="RUN")
@root_option
@click.option("--component", type=click.IntRange(0), default=0, show_default=True)
@_file_options
def loadings(
    run: str,
    root: str,
    component: int,
    title: str,
    out: Path | None,
    dpi: float | None,
    *,
    as_json: bool,
) -> None:
    """Draw what a component of pca, mnf or gcca is made of: month by time of day, by band and statistic."""
    from jobs.figures import component_charts
    from lake.plot import canvas

    path = _file(out, "loadings.png", canvas.check)
    captioned = component_charts.loadings(root, run, component)
    _save_chart(run, root, captioned, path, title, dpi, as_json=as_json)


@plot.command()
@click.argument("run", metavar="RUN")
@root_option
@click.option(
    "--point", "points", type=Point(), multiple=True, required=True, help="Repeatable, 8 at most."
)
@click.option("--over", type=click.Choice(CYCLES), default="annual", show_default=True)
@_file_options
def loops(
    run: str,
    points: tuple[tuple[float, float], ...],
    over: "trajectory_loops.Over",
    root: str,
    title: str,
    out: Path | None,
    dpi: float | None,
    *,
    as_json: bool,
) -> None:
    """Draw where points go over the year or the day, by a run of trajectory."""
    from jobs.figures import trajectory_loops
    from jobs.runs import records
    from lake.plot import canvas

    path = _file(out, "loops.png", canvas.check)
    trajectory_loops.check(root, run, over)
    store = records.store_of(root, run)
    captioned = trajectory_loops.draw(root, run, _pixels(store, points), over)
    _save_chart(run, root, captioned, path, title, dpi, as_json=as_json)


def _save_chart(
    run: str,
    root: str,
    captioned: "CaptionedFigure",
    path: Path,
    title: str,
    dpi: float | None,
    *,
    as_json: bool,
) -> None:
    """Write the figure of a run, and print where it is and what it shows."""
    from jobs.runs import records
    from lake.plot import canvas

    if title:
        canvas.set_title(captioned.figure.axes[0], title)
    canvas.save(captioned.figure, path, records.folder(root, run).url(), dpi or 0)
    _report(path, as_json=as_json, caption=captioned.caption)


def _pixels(store: "Store", points: tuple[tuple[float, float], ...]) -> list[int]:
    """The pixels that contain points.

    Raises:
        GeometryError: a point lies in no pixel of the store.
    """
    import numpy as np

    lon, lat = (np.array(axis, float) for axis in zip(*points, strict=True))
    pixels = store.pixels_at(lon, lat, outside="mark")
    if (pixels < 0).any():
        first = points[int((pixels < 0).argmax())]
        west, east = (float(f(store.domain.lonlat()[0])) for f in (np.min, np.max))
        south, north = (float(f(store.domain.lonlat()[1])) for f in (np.min, np.max))
        raise GeometryError(
            f"--point {first[0]:g},{first[1]:g}: {(pixels < 0).sum()} of {len(points)} points lie in no "
            f"pixel of {store.key}, whose pixels go from {west:.2f},{south:.2f} to {east:.2f},{north:.2f}; "
            "give another point"
        )
    return [int(pixel) for pixel in pixels]


def _opened(store: str, root: str | None) -> "Store":
    """The store with this key in the lake, or at this URL."""
    import lake

    return lake.open(store, root=root)


def _subtracted(minus: tuple[str, ...], root: str | None) -> "tuple[Layer, Store | None]":
    """The layer that is subtracted, with defaults where `minus` says nothing, and its store."""
    from lake.plot.layers import Layer

    layer_values: dict[str, Any] = {}
    minus_store = None
    for text in minus:
        name, _, value = text.partition("=")
        if name == "store":
            minus_store = _opened(value, root)
        elif name == "month" and value.isdecimal():
            layer_values[name] = int(value)
        elif name == "tod":
            layer_values[name] = parse_tod(value)
        elif name in {"band", "cube"}:
            layer_values[name] = value
        else:
            raise ConfigError(
                f"--minus {text}: wanted month=1, tod=06:00, band=C14, cube=NAME or store=KEY_OR_URL"
            )
    return Layer(**layer_values), minus_store


def _file(out: Path | None, name: str, check: Callable[[Path], None]) -> Path:
    """The path to write; refused before anything is read."""
    from lake.storage.files import check_folder

    path = (out or Path(name)).absolute()
    check(path)
    check_folder(path)
    return path


def _report(path: Path, *, as_json: bool, caption: str = "") -> None:
    size = path.stat().st_size
    document = {"path": str(path), "bytes": size} | ({"caption": caption} if caption else {})
    text = f"{path}: {size:,} bytes"
    emit(document, f"{text}\n{caption}" if caption else text, as_json=as_json)
