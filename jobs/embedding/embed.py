"""The embedding of every pixel: a model that learns from some pixels, then is run on all.

`jobs.embedding.encoder_inputs` says what the model is given, `jobs.embedding.recipe` what it learns and
how, docs/embedding.md which settings go well together. Four processes enter here:

    command    `specs` says what is computed, before anything runs
    driver     `make` and `apply` call workers, stage by stage
    worker     `jobs.embedding.supervisor` has a trainer train; `jobs.embedding.vectors` embeds superblocks
    trainer    `plan` says what the process of `jobs.embedding.trainer` trains

`embed.zarr`: `embedding` (pixel, latent) float32, the linear part first if there is one, NaN where a pixel
has no inputs, of length 1 unless `unit=false`. With `int8=true` it is stored as whole numbers times
`scale_factor`, after the CF conventions. `jobs.embedding.smoothing_stages` and `jobs.embedding.bias_stages`
say what else is kept. `lake transform` embeds other stores, e.g. the second one.
`jobs.embedding.stored_model` says which files lie beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

from jobs.embedding import (
    bias_field,
    bias_stages,
    checkpoints,
    dataset,
    encoder_inputs,
    hard_negatives,
    linear_part,
    live_training,
    loss_curve,
    model_card,
    recipe,
    smoothing,
    smoothing_stages,
    stored_model,
    supervisor,
    vectors,
)
from jobs.embedding.dataset import DatasetSettings, TrainingPixels
from jobs.embedding.encoder_inputs import InputSettings
from jobs.embedding.loader import Loader
from jobs.embedding.models.architecture import (
    Architecture,
    changes,
    latent_size,
    linear_size,
)
from jobs.embedding.recipe import Recipe
from jobs.embedding.smoothing import Steps
from jobs.embedding.train import TrainingState, TrainingTask
from jobs.embedding.trainer import TrainingPlan
from jobs.runs import outputs, records
from jobs.runs.settings import OneOf, check, newer, restore
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import sample
from lake.errors import FormatError
from lake.format import schema
from lake.reading.store import Store

JOB = "embed"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake embed`."""

    encoder_inputs: InputSettings = field(default_factory=InputSettings)
    recipe: Recipe = field(default_factory=Recipe)
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    int8: bool = False
    """Whether embeddings are stored in a quarter of the bytes; needs `unit`."""
    smoothing: Annotated[str, OneOf("smoothing.SMOOTHINGS")] = newer("")
    """`prototypes`: vectors are averaged with those around that are alike, then drawn to vectors that many
    pixels have; `neighbours`: averaged once; or `none`; empty: the first beside a linear part."""
    bias_field: Annotated[str, OneOf("bias_field.BIAS_FIELDS")] = newer("")
    """`removed`: what lies smoothly over the scores, as haze does, is taken off them where the linear part
    is filtered; or `kept`; empty: the former beside `linear_part=local` or `auto`."""

    def __post_init__(self) -> None:
        fits = self.smoothing in {"", *smoothing.SMOOTHINGS}
        check("smoothing must be prototypes, neighbours or none", self.smoothing, holds=fits)
        fits = self.bias_field in {"", *bias_field.BIAS_FIELDS}
        check("bias_field must be removed or kept", self.bias_field, holds=fits)
        unit = self.recipe.architecture.unit
        check("int8 needs unit=true", self.int8, holds=unit or not self.int8)

    @property
    def smooths(self) -> bool:
        """Whether vectors are smoothed; resolved settings only."""
        return self.smoothing not in {"", smoothing.NONE}

    @property
    def removes_bias(self) -> bool:
        """Whether the bias field is removed where the linear part is filtered; resolved settings only."""
        return self.bias_field == bias_field.REMOVED


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """In the command: the run that trains and embeds every pixel, after those it builds on.

    Raises:
        ConfigError: settings that do not go together, or stores that do not.
    """
    inputs, stores, base, runs = encoder_inputs.specs(root, store, settings.encoder_inputs)
    features = inputs.inputs == encoder_inputs.FEATURES
    noise = inputs.inputs in encoder_inputs.WITH_NOISE
    periods = encoder_inputs.periods(inputs, len(stores))
    resolved = recipe.resolve(settings.recipe, periods, features=features, with_noise=noise)
    pixels = dataset.resolve(settings.dataset, resolved, store)
    settings = replace(settings, encoder_inputs=inputs, recipe=resolved, dataset=pixels)
    settings = with_defaults(settings, resolved, periods)
    spec = records.spec_of(root, settings, JOB, stores, runs)
    return (*base, replace(spec, settings=_used(spec.settings, resolved.architecture)))


def with_defaults(settings: Settings, resolved: Recipe, periods: int) -> Settings:
    """The settings with the choices made whether vectors are smoothed, and whether the bias field is removed.

    Raises:
        ConfigError: they do not go with the recipe or the number of periods.
    """
    architecture = resolved.architecture
    return replace(
        settings,
        smoothing=smoothing.resolve(
            settings.smoothing, periods,
            has_linear_part=architecture.has_linear_part, unit=architecture.unit,
        ),
        bias_field=bias_field.resolve(
            settings.bias_field, architecture.linear_part, linear_part.FILTERED
        ),
    )  # fmt: skip


def _used(settings: Mapping[str, Any], architecture: Architecture) -> Mapping[str, Any]:
    """The settings as stored, without those of a linear part where there is none.

    So runs without one keep the ids that they had before there were such settings.
    """
    unused = () if architecture.has_linear_part else ("linear_part", "linear")
    kept = settings["recipe"]["architecture"].items()
    remaining = {name: value for name, value in kept if name not in unused}
    return {**settings, "recipe": {**settings["recipe"], "architecture": remaining}}


def make(work: ActiveRun) -> Sequence[str]:
    """In the driver: train the model, then embed every pixel of the first store."""
    root, settings = work.root, work.settings(Settings)
    inputs = encoder_inputs.inputs(root, work.spec, work.stores)
    architecture = settings.recipe.architecture
    for line in changes(architecture, inputs.columns()):
        work.say(line)
    latent = linear_size(architecture, inputs.count) + latent_size(architecture, inputs.count)
    arrays = [
        *vectors.arrays(work.store, latent, int8=settings.int8),
        *(smoothing_stages.arrays(latent) if settings.smooths else []),
        *encoder_inputs.arrays(inputs),
        *(bias_stages.arrays(work.store, inputs.count) if settings.removes_bias else []),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    if not inputs.scores:
        sampled = work.spec.inputs[sample.JOB]
        if text := sample.dropped(root, sampled):
            work.say(f"{text}; see 'reason' in the Zarr of {sampled}")
        calls = [(sampled,)]
        work.stage("standardise", encoder_inputs.standardise, calls)
    if settings.dataset.hard_negatives:
        hard_negatives.read_textures(work, records.ancestor(root, work.run, sample.JOB))
    if len(work.stores) == 1:
        work.say("one period: a second store of the same pixels teaches more, --set second=KEY")
    if settings.removes_bias:
        inputs = bias_stages.remove(work, inputs, settings.recipe)
    training = settings.recipe.training
    work.say(f"training, {training.steps} steps" if training.steps else "training")
    work.stage(live_training.STAGE, supervisor.training, [(training.threads,)], gpu=True)
    model = json.loads(work.objects.get(stored_model.MODEL))
    if facts := model["linear_part"]:
        work.say(linear_part.reason(facts))
    if settings.smooths:
        is_gradual = facts.get("chosen") == linear_part.NOISE
        steps = Steps.of(settings.smoothing, is_gradual=is_gradual)
        smoothing_stages.find(work, inputs, steps, training.seed, int8=settings.int8)
    else:
        vectors.embed_all(work, work.run, inputs, int8=settings.int8)
    work.objects.delete(work.objects.list(checkpoints.FOLDER))  # twice the bytes of all else
    files = [stored_model.MODEL, model_card.FILE, loss_curve.LINES, loss_curve.PICTURE]
    return [path, model["weights"], *files]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """In the driver of `lake transform`: embed every pixel of another store by the model of a run.

    Raises:
        FormatError: an older goeslake made the run.
    """
    root, spec = work.root, records.read_spec(work.root, model)
    settings = _settings(root, spec)
    latent = outputs.read(root, model, "latent").size
    arrays = vectors.arrays(work.store, latent, int8=settings.int8)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    inputs = encoder_inputs.inputs_elsewhere(root, work.run, spec, work.store)
    if settings.removes_bias:
        inputs = bias_stages.remove_by(work, model, inputs)
    if settings.smooths:
        smooth = settings.smoothing
        smoothing_stages.apply(work, model, inputs, smooth, int8=settings.int8)
    else:
        vectors.embed_all(work, model, inputs, int8=settings.int8)
    return [path]


def bases(root: str, store: Store, model: Spec) -> tuple[Spec, ...]:
    """In the command of `lake transform`: none, as a model is applied to features.

    Raises:
        ConfigError: the store has other pixels than those whose bias field the model's run removed.
    """
    if _settings(root, model).removes_bias:
        bias_stages.check_pixels(root, model, store)
    return ()


def _settings(root: str, spec: Spec) -> Settings:
    """The settings of a run of this job."""
    if "encoder_inputs" not in spec.settings:
        raise FormatError(
            f"{records.folder(root, spec.id).url('spec.json')} has settings of an older goeslake: "
            "train the model anew by 'lake embed'"
        )
    return restore(Settings, spec.settings)


def plan(root: str, spec: Spec) -> TrainingPlan:
    """In the trainer: what is trained, and how its model is stored."""
    learnt = restore(Settings, spec.settings).recipe
    return TrainingPlan(
        learnt.training,
        stored_model.MODEL,
        prepare=partial(_prepare, root, spec),
        keep=partial(stored_model.write, root, spec, learnt),
    )


def _prepare(root: str, spec: Spec) -> tuple[TrainingState, Loader, TrainingTask]:
    """In the trainer: a model before its first step, its batches, and the settings to follow."""
    settings = restore(Settings, spec.settings)
    stores = tuple(records.open_input(root, store) for store in spec.stores)
    inputs = encoder_inputs.inputs(root, spec, stores)
    learnt = settings.recipe
    facts = bias_stages.facts(root, spec.id) if settings.removes_bias else {}
    if facts.get("chosen") == linear_part.LOCAL:
        inputs = replace(inputs, bias=spec.id)
        learnt = replace(
            learnt, architecture=replace(learnt.architecture, linear_part=linear_part.LOCAL)
        )
    periods = encoder_inputs.periods(settings.encoder_inputs, len(stores))
    pixels = TrainingPixels(inputs, stores[0], dataset.periods(periods, learnt))
    loader, scale = dataset.loader(root, spec.id, pixels, settings.dataset, learnt)
    axes = dataset.land_axes(pixels, scale, learnt)
    state, task = recipe.begin(learnt, scale, inputs.columns(), loader.pixels, axes)
    state.model.facts |= facts
    return state, loader, task
