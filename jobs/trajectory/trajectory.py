"""The job `trajectory`: a vector for every (month, time of day) of a pixel, and how it moves.

One linear encoder gives the vectors of all slots of two periods, so that they can be compared: see
`jobs.trajectory.directions`. It is fitted on some pixels. Lengths are in units of the noise of one slot.

`trajectory.zarr` holds `trajectory` (pixel, month, tod, latent) of the first store and `second`, that of
the other, NaN where a slot or a channel of it was not observed; `embedding` (pixel, term), the centre and
the harmonics of the first, which other jobs take as the vector of the pixel; and of both the arrays of
`jobs.trajectory.measures` (pixel). Those of the year are along the directions of the year, those of the day
along those of the day. The encoder: `channel`, `mean`, `projection`, `signal_to_noise`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.figures import gallery, trajectory_loops, trajectory_maps
from jobs.figures.captioned_maps import CaptionedFigure, Place
from jobs.linear import linear_model
from jobs.linear.gram import one_thread
from jobs.runs import outputs, records
from jobs.runs.settings import OneOf, TimeOfDay, check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.trajectory import directions, loops, measures, slots
from jobs.trajectory.directions import SlotEncoder
from jobs.trajectory.measures import DAY, MEASURES, YEAR
from jobs.trajectory.slots import SlotGrid, SlotSources
from lake.errors import ConfigError
from lake.format import order, schema
from lake.format.arrays import Floats, Singles
from lake.format.schema import Array
from lake.plot import headings, views
from lake.reading.store import Store

JOB = "trajectory"
SECOND = "second"
ENCODER = ("mean", "projection", "signal_to_noise")
"""Arrays that are the encoder."""
CHOSEN_SHARES = (0.05, 0.35, 0.65, 0.95)
"""Shares of the pixels that move less over the year than those whose loops are drawn."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake trajectory`."""

    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels in another period."""
    directions: int = 1
    """Number of directions of the year, and of the day; a vector has both."""
    fitted_on: int = 5000
    """Number of pixels, about, that the encoder is fitted on: the first of every superblock."""
    chosen: tuple[int, ...] = ()
    """Pixels whose loops are drawn, at most 8; empty: from the stillest to one that moves far."""
    cubes: tuple[str, ...] = ()
    """Names of cubes; empty: all."""
    months: tuple[int, ...] = ()
    """Months, 1 to 12; empty: all that the store has."""
    tods: tuple[TimeOfDay, ...] = ()
    """Times of day, UTC; empty: all."""
    bands: tuple[str, ...] = ()
    """Names of bands, e.g. `C13`; empty: all."""
    statistics: tuple[Annotated[str, OneOf("features.STATISTICS")], ...] = ("mean",)
    """Statistics of each observed month, time of day and band."""
    subpixels: Annotated[str, OneOf("features.SUBPIXELS")] = features.MERGED
    """Whether the subpixels of a pixel are one set of observations, or each counts by itself."""

    def __post_init__(self) -> None:
        check("directions must be above 0", self.directions, holds=self.directions > 0)
        check("fitted_on must be above 0", self.fitted_on, holds=self.fitted_on > 0)
        most = trajectory_loops.PIXELS
        check(f"chosen must be at most {most} pixels", self.chosen, holds=len(self.chosen) <= most)
        _ = self.selection  # refuses names that are none

    @property
    def selection(self) -> FeatureSelection:
        """The features of the slots."""
        return FeatureSelection(
            self.cubes, self.months, self.tods, self.bands, self.statistics, self.subpixels
        )


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that computes the trajectories of a store's pixels.

    Raises:
        ConfigError: no second store, one of other pixels, or no slots that both have.
    """
    if not settings.second:
        raise ConfigError(
            "trajectory needs a second store, of another period, which tells what moves from noise: "
            "'--set second=KEY_OR_URL' names it"
        )
    second = records.open_second(root, settings.second, store)
    outside = [pixel for pixel in settings.chosen if not 0 <= pixel < store.domain.pixels]
    check(f"chosen must be 0 to {store.domain.pixels - 1}", settings.chosen, holds=not outside)
    selection = slots.resolve(settings.selection, store, second)
    sources = slots.sources(store, second, selection)
    if len(sources.months) * len(sources.tods) == 1:
        raise ConfigError(
            f"{store.key} and {second.key} have one (month, time of day) in common, in which nothing "
            "moves: wanted two months, or two times of day"
        )
    channels = len(SlotGrid.of(sources.names).channels)
    resolved = replace(
        settings,
        directions=min(settings.directions, channels),
        cubes=selection.cubes,
        months=selection.months,
        tods=selection.tods,
        bands=selection.bands,
        statistics=selection.statistics,
    )
    return (records.spec_of(root, resolved, JOB, (store, second)),)


def make(work: ActiveRun) -> Sequence[str]:
    """Fit the encoder, trace every pixel, and draw what was measured."""
    settings, store = work.settings(Settings), work.store
    first, second = work.stores
    sources = slots.sources(first, second, settings.selection)
    path = outputs.create(
        work.objects,
        work.spec,
        _arrays(store, sources, settings.directions),
        schema.PIXEL_COORDINATES,
    )
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    size = -(-settings.fitted_on // len(blocks))
    pilot = tuple(slice(block.start, min(block.start + size, block.stop)) for block in blocks)
    work.stage("fit", _fit, [(sources, pilot, settings.directions)])
    pixel_bytes = 4 * len(sources.names) * len(work.stores)
    sizes = [pixel_bytes * (block.stop - block.start) for block in blocks]
    work.stage("trace", _trace, [(sources, block) for block in blocks], sizes)
    pictures = [
        gallery.store_picture(work, name, figure) for name, figure in _draw(work, settings).items()
    ]
    return [path, *gallery.store_list(work, pictures)]


def _latent(sources: SlotSources, count: int) -> list[str]:
    """Names of the numbers of a vector: those of the year, then those of the day."""
    steps = {YEAR: sources.months, DAY: sources.tods}
    return [f"{name}-{n}" for name, of in steps.items() if len(of) > 1 for n in range(count)]


def _arrays(store: Store, sources: SlotSources, count: int) -> Iterator[Array]:
    """The arrays of the run's group, not filled yet."""
    grid, latent = SlotGrid.of(sources.names), _latent(sources, count)
    channels, dimensions = len(grid.channels), len(latent)
    sizes = {"month": len(grid.months), "tod": len(grid.tods), "latent": dimensions}
    terms = [f"{loops.TERMS[term]}/{name}" for term in sources.terms for name in latent]
    yield from schema.pixel_coordinates(store.domain)
    yield outputs.whole_array("month", ("month",), grid.months)
    yield outputs.whole_array("tod", ("tod",), grid.tods, units="s")
    yield outputs.whole_array("latent", ("latent",), latent)
    yield outputs.whole_array("channel", ("channel",), grid.channels)
    yield outputs.whole_array("term", ("term",), terms)
    yield outputs.whole_array("mean", ("channel",), np.full(channels, np.nan))
    yield outputs.whole_array(
        "projection", ("latent", "channel"), np.full((dimensions, channels), np.nan)
    )
    yield outputs.whole_array("signal_to_noise", ("latent",), np.full(dimensions, np.nan))
    for name in (JOB, SECOND):
        yield outputs.pixel_array(name, store, sizes, "float32", np.nan)
    yield outputs.pixel_array("embedding", store, {"term": len(terms)}, "float32", np.nan)
    for name, meaning in MEASURES.items():
        yield outputs.pixel_array(name, store, {}, "float32", np.nan, long_name=meaning)


@one_thread()
def _fit(root: str, run: str, sources: SlotSources, pilot: tuple[slice, ...], count: int) -> None:
    """On a worker: fit the encoder by some pixels, and store it."""
    pieces = [sources.read(root, run, pixels) for pixels in pilot]
    first, second = (np.concatenate(period) for period in zip(*pieces, strict=True))
    encoder = directions.fit(first, second, count)
    for name in ENCODER:
        outputs.write(root, run, name, getattr(encoder, name))


@one_thread()
def _trace(root: str, run: str, sources: SlotSources, pixels: slice) -> None:
    """On a worker: the trajectories of a superblock, and what is measured of them."""
    encoder = SlotEncoder(*(outputs.read(root, run, name) for name in ENCODER))
    latent = list(outputs.read(root, run, "latent"))
    size = max(linear_model.BLOCK_BYTES // (4 * len(sources.names)), 1)
    pieces = []
    for start in range(pixels.start, pixels.stop, size):
        piece = slice(start, min(start + size, pixels.stop))
        first, second = map(encoder.vectors, sources.read(root, run, piece))
        pieces.append(_traced(first, second, sources, latent))
    for name in pieces[0]:
        values = np.concatenate([piece[name] for piece in pieces])
        outputs.write(root, run, name, values.astype(np.float32), pixels)


def _traced(
    first: Floats, second: Floats, sources: SlotSources, latent: Sequence[str]
) -> dict[str, Floats]:
    """Name -> array of the group, by trajectories (pixel, month, tod, latent) of two periods."""
    cycles = sources.cycles
    harmonics = loops.harmonics(first, *cycles), loops.harmonics(second, *cycles)
    measured = measures.measures((first, second), harmonics, cycles, latent)
    embedding = harmonics[0][:, sources.terms].reshape(len(first), -1)
    return {JOB: first, SECOND: second, "embedding": embedding} | measured


def _draw(work: ActiveRun, settings: Settings) -> Mapping[str, CaptionedFigure]:
    """Name -> picture: maps of the measures, and loops of chosen pixels."""
    root, run, store = work.root, work.run, work.store
    place = Place(headings.named(store), store.domain, views.around(store.domain))
    figures = {}
    for name in trajectory_maps.SUBJECTS:
        values = outputs.read(root, run, name)
        if np.isfinite(values).any():
            figures[name] = trajectory_maps.measure(place, name, values)
    chosen = settings.chosen or _from_still_to_moving(
        [outputs.read(root, run, f"{cycle}_amount") for cycle in (YEAR, DAY)]
    )
    for over in trajectory_loops.OVER:
        if chosen and trajectory_loops.has_loops(root, run, over):
            figures[f"{over}-loops"] = trajectory_loops.of_run(root, run, store, chosen, over)
    return figures


def _from_still_to_moving(amounts: Sequence[Singles]) -> tuple[int, ...]:
    """Pixels that move more than `CHOSEN_SHARES` of them, by the first of the amounts that is known."""
    for amount in amounts:
        known = np.flatnonzero(np.isfinite(amount))
        if known.size:
            rising = known[np.argsort(amount[known], kind="stable")]
            places = sorted({int(share * (len(rising) - 1)) for share in CHOSEN_SHARES})
            return tuple(int(rising[place]) for place in places)
    return ()
