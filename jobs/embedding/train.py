"""Train a model: one loop, read from top to bottom.

Every step is a function of the weights before it, of the seed and of its number alone: its pixels, its
views and its random numbers come from generators that are seeded by them. So a `TrainingState` that
was saved after any step goes on to the same weights as if it had never stopped: on a CPU, with one
number of threads, to the bit.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Annotated, Any, Protocol

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from jobs.embedding.loader import Loader, mixed
from jobs.embedding.losses import objective
from jobs.embedding.losses.objective import BatchOutcome, Objective
from jobs.embedding.models.embedding_model import Code, EmbeddingModel
from jobs.embedding.views import choice
from jobs.embedding.views.choice import Batch, ColumnNumbers, ViewPair, Views, ViewStep
from jobs.runs.settings import OneOf, check
from lake.errors import DataError

BETAS = (0.9, 0.999)
POINTS = 50
"""Points of the loss curve."""
POINT = -1
"""In place of the number of a step: the views of every point of the curve."""
LOSS = "loss"
"""The name of the weighted sum of the terms."""
PASSES, LEAST_STEPS = 10, 240
"""Passes over all pixels, and steps at least, where no number of steps is set."""
WARM = 0.1
"""Share of the steps in which the learning rate rises."""
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Training:
    """The settings of the training loop."""

    steps: int = 0
    """Steps of the training; 0: as many as are ten passes over the pixels, and 240 at least."""
    batch: int = 1024
    """Pixels of a step; all of them if there are fewer."""
    learning_rate: float = 1e-3
    """The highest learning rate; it rises for a tenth of the steps and falls to nothing (one-cycle)."""
    weight_decay: float = 0.05
    """Weight decay of AdamW."""
    held_out: float = 0.05
    """Share of the pixels that are never trained on; their loss is recorded."""
    seed: int = 0
    """Seed of the weights, the batches and the views."""
    threads: int = 2
    """Threads of the CPU; another number gives other roundings."""
    device: Annotated[str, OneOf("DEVICES")] = "auto"
    """Where to train; `auto`: on a GPU where there is one."""
    precision: Annotated[str, OneOf("PRECISIONS")] = "float32"
    """`float32`, or `bfloat16` for products of matrices (mixed precision)."""
    tf32: bool = False
    """Whether a GPU may round products of float32 to 10 bits."""
    checkpoint_seconds: float = 10.0
    """Seconds between checkpoints."""

    def __post_init__(self) -> None:
        for name in ("batch", "learning_rate", "threads"):
            value = getattr(self, name)
            check(f"{name} must be above 0", value, holds=value > 0)
        for name in ("steps", "weight_decay", "checkpoint_seconds"):
            value = getattr(self, name)
            check(f"{name} must be 0 or more", value, holds=value >= 0)
        check("held_out must be 0 to below 1", self.held_out, holds=0 <= self.held_out < 1)
        check(
            f"device must be one of {', '.join(DEVICES)}", self.device, holds=self.device in DEVICES
        )
        check(
            f"precision must be one of {', '.join(PRECISIONS)}",
            self.precision,
            holds=self.precision in PRECISIONS,
        )

    def resolve(self, pixels: int, schedule: float = 1.0) -> "Training":
        """The settings with a number of steps, for so many pixels; `schedule`: so many times as many."""
        steps = max(math.ceil(PASSES * pixels / self.batch), LEAST_STEPS)
        return replace(self, steps=self.steps or math.ceil(schedule * steps))

    def torch_device(self) -> torch.device:
        """The device to train on."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)


class LearningTask(Protocol):
    """What the loop follows: its settings, and the loss of a batch."""

    @property
    def training(self) -> Training:
        """The settings of the loop, with a number of steps."""

    def terms(self, model: EmbeddingModel, batch: Batch, number: int) -> dict[str, Tensor]:
        """Name -> value of each term of the loss of step `number`; `POINT`: of a point of the curve."""

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of the terms."""


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """The task of learning from two views of each pixel, and the groups of its inputs."""

    objective: Objective
    views: Views
    training: Training
    columns: ColumnNumbers

    def terms(self, model: EmbeddingModel, batch: Batch, number: int) -> dict[str, Tensor]:
        """See `LearningTask`."""
        return _terms(model, batch, self, number)

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """See `LearningTask`."""
        return objective.total(self.objective, terms)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the loss curve."""

    step: int
    train: dict[str, float]
    """Each term and `loss`, their weighted sum, of pixels of the step: as many as are held out, so that
    both have the same number of negatives."""
    held_out: dict[str, float] | None
    """The same of held-out pixels; None: there are none."""


@dataclass(slots=True, eq=False)
class TrainingState:
    """The state of a training after some step."""

    model: EmbeddingModel
    optimiser: torch.optim.Optimizer
    step: int = 0
    """The number of steps that are done."""
    curve: list[CurvePoint] = field(default_factory=list)

    @classmethod
    def begin(cls, model: EmbeddingModel, training: Training) -> "TrainingState":
        """The state before the first step."""
        optimiser = torch.optim.AdamW(
            model.parameters(), training.learning_rate, BETAS, weight_decay=training.weight_decay
        )
        return cls(model, optimiser)

    def save(self) -> bytes:
        """The whole state as safetensors: weights, the optimiser's moments, step and curve."""
        weights = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        moments = {
            f"optimiser.{number}.{name}": torch.as_tensor(value)
            for number, values in self.optimiser.state_dict()["state"].items()
            for name, value in values.items()
        }
        numbers = {"step": self.step, "curve": [asdict(point) for point in self.curve]}
        tensors = {
            name: tensor.detach().cpu().contiguous() for name, tensor in (weights | moments).items()
        }
        return safetensors.torch.save(tensors, {"state": json.dumps(numbers)})

    def restore(self, data: bytes) -> None:
        """Take on the state that `save` gave."""
        length = int.from_bytes(data[:8], "little")
        numbers = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["state"])
        tensors = safetensors.torch.load(data)
        weights = {
            name.removeprefix("model."): tensor
            for name, tensor in tensors.items()
            if name.startswith("model.")
        }
        self.model.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".", 2)
                moments.setdefault(int(number), {})[key] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.step = numbers["step"]
        self.curve = [
            CurvePoint(**point)
            for point in numbers["curve"]
            if isinstance(point["train"], dict)  # an older goeslake kept the loss without its terms
        ]

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(tensor.isfinite().all()) for tensor in self.model.state_dict().values())


def train(state: TrainingState, loader: Loader, task: LearningTask) -> Iterator[TrainingState]:
    """Go on from a state to the last step; yields the state after every step.

    Args:
        state: changed in place.
        loader: of batches.
        task: the settings to follow.

    Raises:
        DataError: the loss is not a finite number.
    """
    training, every = task.training, max(task.training.steps // POINTS, 1)
    device = next(state.model.parameters()).device
    while state.step < training.steps:
        number = state.step
        batch = loader.batch(number)
        with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bfloat16"):
            loss = task.total(task.terms(state.model, batch, number))
        if not math.isfinite(value := loss.item()):
            raise DataError(
                f"the loss of step {number} is {value}: pixels {_listed(batch)}; a smaller "
                f"learning_rate (found {training.learning_rate}) or precision=float32 may help"
            )
        for group in state.optimiser.param_groups:
            group["lr"] = rate(number, training)
        state.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()
        state.step += 1
        if state.step % every == 0:
            state.curve.append(_point(state, batch, loader.held_out(), task))
        yield state


def rate(step: int, training: Training) -> float:
    """The learning rate of a step: up from 1/25 along a cosine, then down to 4e-6 of the highest.

    Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates" (2018), as in torch's OneCycleLR.
    """
    top = max(WARM * training.steps - 1, 1)
    if step <= top:
        return _cosine(training.learning_rate / 25, training.learning_rate, step / top)
    share = (step - top) / max(training.steps - 1 - top, 1)
    return _cosine(training.learning_rate, training.learning_rate / 25e4, share)


def _cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) / 2 * (1 + math.cos(math.pi * share))


def _terms(
    model: EmbeddingModel, batch: Batch, task: TrainingTask, number: int
) -> dict[str, Tensor]:
    """Name -> value of each term of step `number`; `POINT`: of a point of the curve."""
    device = batch.x[0].device
    random = torch.Generator(device).manual_seed(mixed(task.training.seed, number + 1))
    progress = max(number, 0) / task.training.steps
    view_step = ViewStep(batch, task.views, task.columns, progress, random)
    firsts, seconds = zip(
        *(_encoded(model, choice.pair(view_step), random) for _ in range(task.views.draws)),
        strict=True,
    )
    sizes = [*model.architecture.nested, model.latent]
    values = []
    for size in sizes:
        decoded = [[_decoded(model, view, size) for view in views] for views in (firsts, seconds)]
        values += [_prefix_terms(first, second, batch, task) for first, second in product(*decoded)]
    return {name: torch.stack([each[name] for each in values]).mean() for name in values[0]}


@dataclass(frozen=True, slots=True, eq=False)
class EncodedView:
    """What a model makes of one view of a batch."""

    code: Code
    clean: Tensor
    """(batch, inputs) that the view was made from."""
    vectors: Tensor
    """(batch, latent) the first dimensions of the code."""
    rebuilt: Tensor | None
    """(batch, inputs) by the decoder; None: the model has none."""


def _encoded(
    model: EmbeddingModel, pair: ViewPair, random: torch.Generator
) -> tuple[tuple[Code, Tensor], tuple[Code, Tensor]]:
    """The code of either view, and the inputs that the view was made from."""
    first, second = (model.code(x, random) for x in pair.views)
    return (first, pair.clean[0]), (second, pair.clean[1])


def _decoded(model: EmbeddingModel, view: tuple[Code, Tensor], size: int) -> EncodedView:
    """A view by the first `size` dimensions of its code."""
    code, clean = view
    rebuilt = None
    if model.decoder:
        prefix = torch.arange(model.latent, device=clean.device) < size
        rebuilt = model.decoder(code.z * prefix).float()
    return EncodedView(code, clean, code.z[:, :size].float(), rebuilt)


def _prefix_terms(
    first: EncodedView, second: EncodedView, batch: Batch, task: TrainingTask
) -> dict[str, Tensor]:
    """The terms of two views."""
    rebuilt = None
    if first.rebuilt is not None and second.rebuilt is not None:
        rebuilt = first.rebuilt, second.rebuilt
    outcome = BatchOutcome(
        first.vectors, second.vectors, (first.code, second.code), rebuilt,
        (first.clean, second.clean), batch.labels, task.columns, batch.conditions,
    )  # fmt: skip
    with torch.autocast(first.vectors.device.type, enabled=False):
        return objective.terms(task.objective, outcome)


def _point(
    state: TrainingState, batch: Batch, held_out: Batch | None, task: LearningTask
) -> CurvePoint:
    """The point of the curve after a step, by equally many of its pixels and of those held out."""
    if held_out is None:
        return CurvePoint(state.step, _measured(state.model, batch, task), None)
    count = min(len(batch.pixel), len(held_out.pixel))
    trained, others = (
        _measured(state.model, pixels.first(count), task) for pixels in (batch, held_out)
    )
    return CurvePoint(state.step, trained, others)


@torch.no_grad()
def _measured(model: EmbeddingModel, batch: Batch, task: LearningTask) -> dict[str, float]:
    """Each term of the loss and `loss`, of pixels that the model does not learn from now."""
    model.eval()
    values = task.terms(model, batch, POINT)
    model.train()
    loss = task.total(values)
    return {name: value.item() for name, value in values.items()} | {LOSS: loss.item()}


def _listed(batch: Batch) -> str:
    """The first pixels of a batch, for a message."""
    pixels = batch.pixel.tolist()
    text = ", ".join(map(str, pixels[:8]))
    return f"{text} and {len(pixels) - 8} more" if len(pixels) > 8 else text


@contextmanager
def environment(training: Training) -> Iterator[None]:
    """Set deterministic algorithms, threads and roundings of torch, and put all back after."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    rounding = torch.get_float32_matmul_precision()
    torch.set_num_threads(training.threads)
    torch.set_float32_matmul_precision("high" if training.tf32 else "highest")
    torch.use_deterministic_algorithms(training.torch_device().type == "cpu")
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.set_float32_matmul_precision(rounding)


def runtime_facts(training: Training) -> dict[str, Any]:
    """Device, software and precision of a training, for `model.json`."""
    device = training.torch_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {
        "device": name,
        "torch": torch.__version__,
        "float32_matmul_precision": "high" if training.tf32 else "highest",
        "precision": training.precision,
        "threads": training.threads,
    }
