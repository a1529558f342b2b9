"""Pictures of a store and of what was made from it, each with a title and a caption.

What is drawn is read by a task for every superblock; pictures are drawn where the command runs. In
the run's folder: one PNG file for each picture, and `pictures.json`, a list of `Picture`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from jobs.figures import gallery
from jobs.figures.captioned import Place
from jobs.linear import transform
from jobs.report import sources
from jobs.report.sources import PLATES, Scene
from jobs.runs import job as jobs_by_name
from jobs.runs import records
from jobs.runs.records import Spec
from jobs.runs.settings import check
from jobs.runs.stages import Work
from lake.errors import ConfigError, MissingError
from lake.format.schema import MONTHS
from lake.plot import layers, view
from lake.reading.store import Store

JOB = "map"
EMBED = "embed"
SHOWS = {"pca": "pca", "embed": "embedding", "cluster": "clusters"}
"""Job -> the picture of its result."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake map`."""

    pictures: tuple[str, ...] = PLATES
    pca: str = ""
    """Run to draw; none: what the embedding builds on, else the one of default settings."""
    embed: str = ""
    """Run to draw, of `embed`, or of `transform` by its model; none: what the clusters are of, else the
    one of default settings."""
    cluster: str = ""
    """Run to draw; none: the clusters of that embedding, of default settings."""
    cube: str = ""
    """Of counts and mean; none: the first that has the band."""
    band: str = ""
    """Of counts and mean; none: the one nearest to 10.35 um."""
    month: int = 0
    """Of the mean; 0: with `tod` the one that has most observations."""
    tod: int = -1
    """Of the mean, seconds of the UTC day; -1: the one that has most observations."""
    phase: int = 0
    """Shown in the pixel order."""

    def __post_init__(self) -> None:
        known = f"pictures must be some of {', '.join(PLATES)}"
        check(known, self.pictures, holds={*PLATES} >= {*self.pictures} != set())
        check("month must be 0 to 12", self.month, holds=0 <= self.month <= len(MONTHS))


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that draws the pictures, after those of what they show.

    Raises:
        ConfigError: a cube, band, month, time of day or phase that the store does not have.
    """
    settings = settled(settings, store)
    before = _shown(root, store, settings)
    inputs = {job: found[-1].id for job, found in before.items()}
    planned = {spec.id: spec for found in before.values() for spec in found}
    return (*planned.values(), records.spec_of(root, settings, JOB, (store,), inputs))


def settled(settings: Settings, store: Store) -> Settings:
    """The settings with cube and band chosen for a store.

    Raises:
        ConfigError: the store does not have what they ask for.
    """
    cube, band = layers.choose(store, settings.cube, settings.band)
    tods = store.cubes[cube].tods
    if settings.tod not in {-1, *tods}:
        raise ConfigError(f"setting tod={settings.tod}: {cube} of {store.key} has {tods}")
    phases = store.domain.layout.phases
    check(f"phase must be 0 to {phases - 1}", settings.phase, holds=0 <= settings.phase < phases)
    return replace(settings, cube=cube, band=band)


def _shown(root: str, store: Store, settings: Settings) -> dict[str, tuple[Spec, ...]]:
    """Runs that are drawn: as named, what those build on, else of default settings."""
    chain = tuple(SHOWS)
    found = {
        job: (transform.given if job == EMBED else records.given)(root, run, job, store)
        for job in chain
        if (run := getattr(settings, job))
    }
    for before, after in ((1, 2), (0, 1)):
        if chain[after] in found and chain[before] not in found:
            with suppress(MissingError):  # an embedding may build on no PCA
                run = records.ancestor(root, found[chain[after]][-1].id, chain[before])
                spec = records.read_spec(root, run)
                if spec.stores[0] == found[chain[after]][-1].stores[0]:  # not of another period
                    found[chain[before]] = (spec,)
    wanted = [job for job in chain if SHOWS[job] in settings.pictures]
    for job in chain:
        clustered = job == EMBED and "cluster" in wanted
        if job not in found and (job in wanted or clustered):
            made: Any = jobs_by_name.load(job)
            earlier = found[EMBED] if job == "cluster" else ()
            found[job] = made.specs(root, store, made.Settings(), earlier)
    return {job: found[job] for job in wanted}


def make(work: Work) -> Sequence[str]:
    """Draw the pictures."""
    store, settings = work.store, work.settings(Settings)
    scene = Scene(
        work.client, work.root, store, work.spec.inputs, store.cubes[settings.cube],
        settings.band, settings.month, settings.tod, settings.phase,
    )  # fmt: skip
    place = Place(str(store.key), store.domain, view.around(store.domain))
    drawn = []
    work.pulse.stage("draw", [0] * len(settings.pictures), set(), 1)
    for done, name in enumerate(settings.pictures, start=1):
        work.pulse.check()
        drawn.append(gallery.stored(work, name, sources.plate(name, scene, place)))
        work.pulse.advance(set(range(done)))
    return gallery.listed(work, drawn)
