"""Train a model: one loop, read from top to bottom.

Every step is a function of the weights before it, of the seed and of its number alone: its pixels, its
views and what is drawn in it come from generators that are seeded by them. So a `State` that was
saved after any step and goes on ends as if it had never stopped: on a CPU, with one number of
threads, to the bit.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from jobs.embedding import objective
from jobs.embedding.loader import Loader, mixed
from jobs.embedding.models.architecture import Code, Model
from jobs.embedding.objective import Objective, Outcome
from jobs.embedding.views import choice
from jobs.embedding.views.choice import Batch, Columns, Views
from jobs.runs.settings import check
from lake.errors import DataError

BETAS = (0.9, 0.999)
LINES = 50
"""Of the loss curve."""
PASSES, LEAST = 10, 240
"""Over all pixels, and steps, if none are chosen."""
WARM = 0.1
"""Share of the steps in which the learning rate rises."""
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Training:
    """How to train."""

    steps: int = 0
    """0: as many as are ten passes over the pixels, and 240 at least."""
    batch: int = 1024
    """Pixels of a step; all of them if there are fewer."""
    learning_rate: float = 1e-3
    """The highest; it rises for a tenth of the steps and falls to nothing (one-cycle)."""
    weight_decay: float = 0.05
    held_out: float = 0.05
    """Share of the pixels that is never trained on; its loss is recorded."""
    seed: int = 0
    threads: int = 2
    """Of the CPU. Another number gives other roundings."""
    device: str = "auto"
    """`cpu`, `cuda`, or `auto`: a GPU where there is one."""
    precision: str = "float32"
    """`float32`, or `bfloat16` for products (mixed precision)."""
    tf32: bool = False
    """Whether a GPU may round products of float32 to 10 bits."""
    checkpoint_seconds: float = 10.0
    """Between checkpoints."""

    def __post_init__(self) -> None:
        for name in ("batch", "learning_rate", "threads"):
            value = getattr(self, name)
            check(f"{name} must be above 0", value, holds=value > 0)
        for name in ("steps", "weight_decay", "checkpoint_seconds"):
            value = getattr(self, name)
            check(f"{name} must be 0 or more", value, holds=value >= 0)
        check("held_out must be 0 to below 1", self.held_out, holds=0 <= self.held_out < 1)
        devices = ("auto", "cpu", "cuda")
        check(
            f"device must be one of {', '.join(devices)}", self.device, holds=self.device in devices
        )
        known = self.precision in PRECISIONS
        check(f"precision must be one of {', '.join(PRECISIONS)}", self.precision, holds=known)

    def settled(self, pixels: int) -> "Training":
        """With the steps chosen, if they are not, for so many pixels."""
        steps = self.steps or max(math.ceil(PASSES * pixels / self.batch), LEAST)
        return replace(self, steps=steps)

    def on(self) -> torch.device:
        """The device."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)


@dataclass(frozen=True, slots=True)
class Task:
    """What the loop is asked to do."""

    objective: Objective
    views: Views
    training: Training
    columns: Columns | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """One line of the loss curve."""

    step: int
    train: float
    """Mean of the steps since the last line."""
    held_out: float | None
    """Of pixels held out, by views of their own; None if there are none."""


@dataclass(slots=True, eq=False)
class State:
    """Where a training stands."""

    model: Model
    optimiser: torch.optim.Optimizer
    step: int = 0
    curve: list[Loss] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    """Losses since the last line of the curve."""

    @classmethod
    def begin(cls, model: Model, training: Training) -> "State":
        """Before the first step."""
        optimiser = torch.optim.AdamW(
            model.parameters(), training.learning_rate, BETAS, weight_decay=training.weight_decay
        )
        return cls(model, optimiser)

    def save(self) -> bytes:
        """All of it: weights, the optimiser's moments, step and curve; safetensors."""
        weights = {f"model.{name}": of for name, of in self.model.state_dict().items()}
        held = self.optimiser.state_dict()["state"]
        moments = {
            f"optimiser.{number}.{name}": torch.as_tensor(of)
            for number, state in held.items()
            for name, of in state.items()
        }
        noted = {
            "step": self.step,
            "curve": [asdict(of) for of in self.curve],
            "recent": self.recent,
        }
        tensors = {name: of.detach().cpu().contiguous() for name, of in (weights | moments).items()}
        return safetensors.torch.save(tensors, {"state": json.dumps(noted)})

    def restore(self, data: bytes) -> None:
        """Go on from what `save` gave."""
        length = int.from_bytes(data[:8], "little")
        noted = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["state"])
        tensors = safetensors.torch.load(data)
        weights = {name[6:]: of for name, of in tensors.items() if name.startswith("model.")}
        self.model.load_state_dict(weights)
        held: dict[int, dict[str, Tensor]] = {}
        for name, of in tensors.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".", 2)
                held.setdefault(int(number), {})[key] = of
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": held})
        self.step, self.recent = noted["step"], noted["recent"]
        self.curve = [Loss(**line) for line in noted["curve"]]

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(of.isfinite().all()) for of in self.model.state_dict().values())


def train(state: State, loader: Loader, task: Task) -> Iterator[State]:
    """Go on from a state to the last step; the state is given after every step.

    Args:
        state: changed in place.
        loader: of pixels.
        task: what to do.

    Raises:
        DataError: the loss is not a finite number.
    """
    how, every = task.training, max(task.training.steps // LINES, 1)
    device = next(state.model.parameters()).device
    while state.step < how.steps:
        number = state.step
        batch = loader.batch(number)
        with torch.autocast(device.type, torch.bfloat16, enabled=how.precision == "bfloat16"):
            loss = _loss(state.model, batch, task, number)
        if not math.isfinite(found := loss.item()):
            raise DataError(
                f"the loss of step {number} is {found}: pixels {_some(batch)}; a smaller "
                f"learning_rate (found {how.learning_rate}) or precision=float32 may help"
            )
        for group in state.optimiser.param_groups:
            group["lr"] = rate(number, how)
        state.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()
        state.step += 1
        state.recent.append(found)
        if state.step % every == 0:
            held_out = _held_out(state.model, loader, task)
            state.curve.append(Loss(state.step, sum(state.recent) / len(state.recent), held_out))
            state.recent = []
        yield state


def rate(step: int, how: Training) -> float:
    """The learning rate of a step: up from 1/25 along a cosine, then down to 4e-6 of the highest.

    Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates" (2018), as in torch's OneCycleLR.
    """
    top = max(WARM * how.steps - 1, 1)
    if step <= top:
        return _cosine(how.learning_rate / 25, how.learning_rate, step / top)
    share = (step - top) / max(how.steps - 1 - top, 1)
    return _cosine(how.learning_rate, how.learning_rate / 25e4, share)


def _cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) / 2 * (1 + math.cos(math.pi * share))


def _loss(model: Model, batch: Batch, task: Task, number: int) -> Tensor:
    """Of step `number`; -1: of what is held out."""
    device = batch.x[0].device
    random = torch.Generator(device).manual_seed(mixed(task.training.seed, number + 1))
    done = max(number, 0) / task.training.steps
    views = choice.pair(batch, task.views, task.columns, done, random)
    one, other = (model.code(x, random) for x in views.shown)
    sizes = [*model.architecture.nested, model.latent]
    terms = [_prefix(model, (one, other), size, views.clean, batch.labels, task) for size in sizes]
    return sum(terms[1:], start=terms[0]) / len(terms)


def _prefix(
    model: Model,
    codes: tuple[Code, Code],
    size: int,
    clean: tuple[Tensor, Tensor],
    labels: Tensor | None,
    task: Task,
) -> Tensor:
    """The loss of the first `size` dimensions."""
    one, other = (code.z for code in codes)
    rebuilt = None
    if model.decoder:
        shown = torch.arange(model.latent, device=one.device) < size
        rebuilt = (model.decoder(one * shown).float(), model.decoder(other * shown).float())
    vectors = one[:, :size].float(), other[:, :size].float()
    outcome = Outcome(*vectors, codes, rebuilt, clean, labels)
    with torch.autocast(one.device.type, enabled=False):
        return objective.value(task.objective, outcome)


@torch.no_grad()
def _held_out(model: Model, loader: Loader, task: Task) -> float | None:
    batch = loader.held_out()
    if batch is None:
        return None
    model.eval()
    found = _loss(model, batch, task, -1).item()
    model.train()
    return found


def _some(batch: Batch) -> str:
    pixels = batch.pixel.tolist()
    shown = ", ".join(map(str, pixels[:8]))
    return f"{shown} and {len(pixels) - 8} more" if len(pixels) > 8 else shown


@contextmanager
def environment(training: Training) -> Iterator[None]:
    """Deterministic algorithms, the threads and roundings that are set; all put back after."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    rounding = torch.get_float32_matmul_precision()
    torch.set_num_threads(training.threads)
    torch.set_float32_matmul_precision("high" if training.tf32 else "highest")
    torch.use_deterministic_algorithms(training.on().type == "cpu")
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.set_float32_matmul_precision(rounding)


def described(training: Training) -> dict[str, Any]:
    """On what it runs, for the record."""
    device = training.on()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {
        "device": name,
        "torch": torch.__version__,
        "float32_matmul_precision": "high" if training.tf32 else "highest",
        "precision": training.precision,
        "threads": training.threads,
    }
