"""The job `trajectory`: a vector for every (month, time of day) of a pixel, and how it moves.

One encoder gives the vectors of all slots, so that they can be compared: see `jobs.trajectory.linear_encoder`.
It is fitted on some pixels of two stores, of different periods.

`trajectory.zarr`: `trajectory` (pixel, month, tod, latent) float32 of the first store, NaN where a slot or
a channel of it was not observed. Of the mean of both periods' courses (`jobs.trajectory.loops`), for the
year and for the day: `yearly_amount`, `yearly_phase` (months since the year began), `yearly_speed` (a
month), `yearly_smoothness`; `daily_amount`, `daily_phase` (hours UTC), `daily_speed` (an hour),
`daily_smoothness`. Of the second period against the first: `change`, the distance of the centres,
`change_amount`, how much farther the yearly loop goes, and `change_phase`, how many months later it is.
The encoder: `channel`, `mean`, `projection`, `signal_to_noise`; `yearly_axis` and `daily_axis` (latent),
along which phases are counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

import lake
from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.figures import gallery, trajectory_maps
from jobs.figures.captioned_maps import Place
from jobs.linear import linear_model
from jobs.linear.gram import one_thread
from jobs.linear.linear_model import FeatureSource
from jobs.runs import outputs, records
from jobs.runs.settings import TimeOfDay, check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.trajectory import linear_encoder, loops, slots
from jobs.trajectory.linear_encoder import LinearEncoder
from jobs.trajectory.loops import Courses, Cycle
from jobs.trajectory.slots import SlotGrid
from lake.errors import ConfigError
from lake.format import order, schema
from lake.format.arrays import Floats, Singles
from lake.format.schema import Array
from lake.plot import views
from lake.reading.store import Store

JOB = "trajectory"
ENCODER = ("mean", "projection", "signal_to_noise")
"""Arrays that are the encoder."""
MEASURES = {
    "yearly_amount": "how far a pixel moves over the year; noise is 1",
    "yearly_phase": "months from the beginning of the year to when it is farthest along yearly_axis",
    "yearly_speed": "mean distance from month to month",
    "yearly_smoothness": "1: smooth, 0: as if the months were in no order",
    "daily_amount": "how far a pixel moves over the day; noise is 1",
    "daily_phase": "hour (UTC) in which it is farthest along daily_axis, of the times of day there are",
    "daily_speed": "mean distance an hour",
    "daily_smoothness": "1: smooth, 0: as if the times of day were in no order",
    "change": "distance of the mean vectors of the two periods",
    "change_amount": "how much farther the yearly loop goes in the second period",
    "change_phase": "how many months later the yearly loop is in the second period",
}
"""Arrays (pixel,), and what each is; NaN where too little was observed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake trajectory`."""

    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels in another period."""
    latent: int = 4
    """Dimensions of a vector; at most as many as there are channels."""
    common: bool = True
    """Whether the common course counts as noise (`jobs.trajectory.linear_encoder`)."""
    fitted_on: int = 20_000
    """Number of pixels, about, that the encoder is fitted on: the first of every superblock."""
    cubes: tuple[str, ...] = ()
    """Empty: all of them; so are `months`, `tods` and `bands`."""
    months: tuple[int, ...] = ()
    tods: tuple[TimeOfDay, ...] = ()
    bands: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ("mean:log",)
    """By logarithms, what multiplies all bands, such as the sun's height, is one direction."""
    subpixels: str = features.MERGED

    def __post_init__(self) -> None:
        check("latent must be above 0", self.latent, holds=self.latent > 0)
        check("fitted_on must be above 0", self.fitted_on, holds=self.fitted_on > 0)

    @property
    def selection(self) -> FeatureSelection:
        """The features of the slots."""
        return FeatureSelection(
            self.cubes, self.months, self.tods, self.bands, self.statistics, self.subpixels
        )


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that computes the trajectories of a store's pixels.

    Raises:
        ConfigError: no second store, one of other pixels, or no slot that both have.
    """
    if not settings.second:
        raise ConfigError(
            "trajectory needs a second store, of another period, to tell what moves from noise: "
            "'--set second=KEY_OR_URL' names it"
        )
    second = records.open_store(root, settings.second)
    records.check_pixels(second, store)
    selection = slots.resolve(settings.selection, store, second)
    names = _names(store, selection)
    linear_model.feature_source(second, names, suspect=False)  # it has them all
    resolved = replace(
        settings,
        latent=min(settings.latent, len(SlotGrid.of(names).channels)),
        cubes=selection.cubes,
        months=selection.months,
        tods=selection.tods,
        bands=selection.bands,
        statistics=selection.statistics,
    )
    return (records.spec_of(root, resolved, JOB, (store, second), without=("second",)),)


def make(work: ActiveRun) -> Sequence[str]:
    """Fit the encoder, trace every pixel, and draw maps of what was measured."""
    settings, store = work.settings(Settings), work.store
    names = _names(store, settings.selection)
    grid = SlotGrid.of(names)
    path = outputs.create(
        work.objects, work.spec, _arrays(store, grid, settings.latent), schema.PIXEL_COORDINATES
    )
    sources = tuple(linear_model.feature_source(each, names, suspect=False) for each in work.stores)
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    size = -(-settings.fitted_on // len(blocks))
    pilot = tuple(slice(b.start, min(b.start + size, b.stop)) for b in blocks)
    work.stage("fit", _fit, [(sources, pilot, settings)])
    work.stage("trace", _trace, [(sources, block) for block in blocks])
    place = Place(str(store.key), store.domain, views.around(store.domain))
    pictures = [
        gallery.store_picture(work, name, figure)
        for name, figure in trajectory_maps.maps(place, _measures(work.root, work.run)).items()
    ]
    return [path, *gallery.store_list(work, pictures)]


def _names(store: Store, selection: FeatureSelection) -> list[str]:
    """Names of the features of a resolved selection."""
    return [str(feature) for feature in features.columns(selection, store.cubes.values())]


def _arrays(store: Store, grid: SlotGrid, latent: int) -> Iterator[Array]:
    """The arrays of the run's group, not filled yet."""
    sizes = {"month": len(grid.months), "tod": len(grid.tods), "latent": latent}
    shapes = {"mean": ("channel",), "projection": ("latent", "channel")} | dict.fromkeys(
        ("signal_to_noise", "yearly_axis", "daily_axis"), ("latent",)
    )
    yield from schema.pixel_coordinates(store.domain)
    yield outputs.whole_array("month", ("month",), grid.months)
    yield outputs.whole_array("tod", ("tod",), grid.tods, units="s")
    yield outputs.whole_array("latent", ("latent",), np.arange(latent))
    yield outputs.whole_array("channel", ("channel",), grid.channels)
    lengths = {"channel": len(grid.channels), "latent": latent}
    for name, dims in shapes.items():
        yield outputs.whole_array(name, dims, np.full([lengths[dim] for dim in dims], np.nan))
    yield outputs.pixel_array(JOB, store, sizes, "float32", np.nan)
    for name, meaning in MEASURES.items():
        yield outputs.pixel_array(name, store, {}, "float32", np.nan, long_name=meaning)


@one_thread()
def _fit(
    root: str,
    run: str,
    sources: tuple[FeatureSource, FeatureSource],
    pilot: tuple[slice, ...],
    settings: Settings,
) -> None:
    """On a worker: fit the encoder and the axes by some pixels, and store them.

    Raises:
        DataError: too few slots were observed in both periods.
    """
    pieces = [piece for pixels in pilot for piece in _pieces(root, run, sources, pixels)]
    first, second = (np.concatenate(period) for period in zip(*pieces, strict=True))
    flat = [values.reshape(len(values), -1, values.shape[-1]) for values in (first, second)]
    encoder = linear_encoder.fit(*flat, settings.latent, common=settings.common)
    yearly, daily = zip(
        *((parts.yearly, parts.daily) for parts in _courses(encoder, first, second)), strict=True
    )
    stored = {
        "mean": encoder.mean,
        "projection": encoder.projection,
        "signal_to_noise": encoder.ratio,
        "yearly_axis": loops.axis(*yearly),
        "daily_axis": loops.axis(*daily),
    }
    for name, values in stored.items():
        outputs.write(root, run, name, values)


@one_thread()
def _trace(
    root: str, run: str, sources: tuple[FeatureSource, FeatureSource], pixels: slice
) -> None:
    """On a worker: the trajectories of a superblock, and what is measured of them."""
    encoder = LinearEncoder(*(outputs.read(root, run, name) for name in ENCODER))
    axes = [outputs.read(root, run, f"{cycle}_axis") for cycle in ("yearly", "daily")]
    cycles = _cycles(outputs.read(root, run, "month"), outputs.read(root, run, "tod"))
    traced: list[Mapping[str, Floats]] = []
    for first, second in _pieces(root, run, sources, pixels):
        courses = _courses(encoder, first, second)
        traced.append({JOB: encoder.vectors(first)} | measures(courses, axes, cycles))
    for name in (JOB, *MEASURES):
        values = np.concatenate([piece[name] for piece in traced])
        outputs.write(root, run, name, values.astype(np.float32), pixels)


def measures(
    courses: tuple[Courses, Courses], axes: Sequence[Floats], cycles: Sequence[Cycle]
) -> dict[str, Floats]:
    """Name of `MEASURES` -> (pixel,) values, NaN where too little was observed.

    Args:
        courses: of both periods.
        axes: (latent,) along which phases are counted, of the year and of the day.
        cycles: the year and the day.
    """
    first, second = courses
    values: dict[str, Floats] = {}
    pairs = {"yearly": (first.yearly, second.yearly), "daily": (first.daily, second.daily)}
    for (name, pair), axis, cycle in zip(pairs.items(), axes, cycles, strict=True):
        mean = (pair[0] + pair[1]) / 2
        values[f"{name}_amount"] = loops.amount(*pair)
        values[f"{name}_phase"] = loops.phase(mean, axis, cycle)
        values[f"{name}_speed"] = loops.speed(mean, cycle)
        values[f"{name}_smoothness"] = loops.smoothness(mean, cycle)
    phases = [loops.phase(period.yearly, axes[0], cycles[0]) for period in courses]
    values["change"] = np.linalg.norm(second.centre - first.centre, axis=1)
    values["change_amount"] = loops.spread(second.yearly) - loops.spread(first.yearly)
    values["change_phase"] = loops.later(*phases, cycles[0])
    return values


def _courses(
    encoder: LinearEncoder, first: Singles, second: Singles
) -> tuple[Courses, Courses]:
    """The courses of both periods, by values (pixel, month, tod, channel)."""
    return loops.courses(encoder.vectors(first)), loops.courses(encoder.vectors(second))


def _cycles(months: Sequence[int], tods: Sequence[int]) -> tuple[Cycle, Cycle]:
    """The year, in months since it began, and the day, in hours."""
    year = Cycle(tuple(month - 0.5 for month in months), 12.0)
    return year, Cycle(tuple(tod / 3600 for tod in tods), 24.0)


def _pieces(
    root: str, run: str, sources: tuple[FeatureSource, FeatureSource], pixels: slice
) -> Iterator[tuple[Singles, Singles]]:
    """On a worker: values (pixel, month, tod, channel) of both stores, some pixels at a time."""
    names = _names(lake.open(sources[0].url), sources[0].selection)
    grid = SlotGrid.of(names)
    blocks = [linear_model.blocks(root, run, source, names, pixels) for source in sources]
    for first, second in zip(*blocks, strict=True):
        yield grid.values(first), grid.values(second)


def _measures(root: str, run: str) -> dict[str, Floats]:
    """Name of `MEASURES` -> (pixel,) stored values."""
    return {name: outputs.read(root, run, name) for name in MEASURES}
