"""Pictures of a store and of what was made from it, each with a title and a caption.

Tasks on workers read the store and the runs, one for every superblock. The pictures are drawn where the
command runs. The run's folder gets a PNG file for each picture, and `pictures.json`, a list of `Picture`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

from jobs.figures import gallery
from jobs.figures.captioned_maps import Place
from jobs.linear import join, transform
from jobs.report import map_figures
from jobs.report.map_figures import PICTURES, MapScene
from jobs.runs import job as jobs_by_name
from jobs.runs import records
from jobs.runs.settings import OneOf, TimeOfDay, check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.trajectory import trajectory
from lake.errors import ConfigError, MissingError
from lake.format.schema import MONTHS
from lake.plot import headings, layers, views
from lake.reading.store import Store

JOB = "map"
EMBED, CLUSTER = "embed", "cluster"
COMPARISON = "comparison"
EMBEDDINGS = (trajectory.JOB, join.JOB)
"""Further jobs that give pixels an `embedding`."""
SHOWS = {"pca": "pca", EMBED: "embedding", CLUSTER: "clusters"}
"""Job -> the picture that shows its result; `COMPARISON` shows all of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake map`."""

    pictures: tuple[Annotated[str, OneOf("PICTURES")], ...] = PICTURES
    """Pictures to draw."""
    run: str = ""
    """Run to draw, with those that it builds on: of `cluster`, `embed`, `pca`, `trajectory`, `join`, or of
    `transform` by the model of an embedding. What else the pictures need is of default settings."""
    cube: str = ""
    """Cube of the counts and the mean; empty: the first that has the band."""
    band: str = ""
    """Band of the counts and the mean; empty: the one nearest to 10.35 um."""
    month: int = 0
    """Month of the mean; 0: the month that has most observations, at `tod` if that is given."""
    tod: TimeOfDay = -1
    """Time of day of the mean, seconds of the UTC day; -1: that with most observations."""
    phase: int = 0
    """Phase that the picture of the pixel order shows dark."""

    def __post_init__(self) -> None:
        requirement = f"pictures must be some of {', '.join(PICTURES)}"
        check(requirement, self.pictures, holds={*PICTURES} >= {*self.pictures} != set())
        check("month must be 0 to 12", self.month, holds=0 <= self.month <= len(MONTHS))


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that draws the pictures, after the runs that they show.

    Raises:
        ConfigError: a cube, band, month, time of day or phase that the store does not have.
    """
    settings = resolve(settings, store)
    chains = _chains(root, store, settings)
    inputs = {job: chain[-1].id for job, chain in chains.items()}
    base = {spec.id: spec for chain in chains.values() for spec in chain}
    spec = records.spec_of(root, settings, JOB, (store,), inputs, without=("run",))
    return (*base.values(), spec)


def resolve(settings: Settings, store: Store) -> Settings:
    """Complete the settings with a cube and a band of the store.

    Raises:
        ConfigError: the store does not have what they ask for.
    """
    cube, band = layers.choose_band(store, settings.cube, settings.band)
    tods = store.cubes[cube].tods
    if settings.tod not in {-1, *tods}:
        raise ConfigError(f"setting tod={settings.tod}: {cube} of {store.key} has {tods}")
    phases = store.domain.layout.phases
    check(f"phase must be 0 to {phases - 1}", settings.phase, holds=0 <= settings.phase < phases)
    return replace(settings, cube=cube, band=band)


def _chains(root: str, store: Store, settings: Settings) -> dict[str, tuple[Spec, ...]]:
    """Job -> its chain of runs: those that are still to be made, and the run that is drawn at the end."""
    named = _named(root, store, settings.run) if settings.run else {}
    chains: dict[str, tuple[Spec, ...]] = {}
    for name, picture in SHOWS.items():
        if not {picture, COMPARISON} & set(settings.pictures):
            continue
        if name in named:
            chains[name] = (named[name],)
            continue
        job = jobs_by_name.load(name)
        is_of_named = name == CLUSTER and EMBED in named
        job_settings = job.Settings(run=named[EMBED].id) if is_of_named else job.Settings()
        chains[name] = job.specs(root, store, job_settings)
    return chains


def _named(root: str, store: Store, run: str) -> dict[str, Spec]:
    """Job -> the run that settings name, and those of the same store that it builds on.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: a run of another job, or on another store or generation.
    """
    spec = records.read_spec(root, run)
    is_embedding = spec.job in EMBEDDINGS or (spec.job == transform.JOB and EMBED in spec.inputs)
    job = EMBED if is_embedding else spec.job
    if job not in SHOWS:
        raise ConfigError(
            f"run {run} is of {spec.job}, which has no picture here: wanted one of "
            f"{', '.join((*SHOWS, *EMBEDDINGS))}, or of {transform.JOB} by the model of an embedding"
        )
    records.require(root, run, spec.job, store)
    named = {job: spec}
    for name in SHOWS:
        with suppress(MissingError):  # an embedding may build on no PCA
            ancestor = records.read_spec(root, records.ancestor(root, run, name))
            if ancestor.stores[0] == spec.stores[0]:  # not of another period
                named[name] = ancestor
    return named


def make(work: ActiveRun) -> Sequence[str]:
    """Draw the pictures."""
    store, settings = work.store, work.settings(Settings)
    scene = MapScene(
        work.client, work.root, store, work.spec.inputs, store.cubes[settings.cube],
        settings.band, settings.month, settings.tod, settings.phase,
    )  # fmt: skip
    place = Place(headings.named(store), store.domain, views.around(store.domain))
    gallery_pictures = []
    work.heartbeat.stage("draw", [0] * len(settings.pictures), set(), 1)
    for done, name in enumerate(settings.pictures, start=1):
        work.heartbeat.check()
        gallery_pictures.append(
            gallery.store_picture(work, name, map_figures.captioned_figure(name, scene, place))
        )
        work.heartbeat.advance(set(range(done)))
    return gallery.store_list(work, gallery_pictures)
