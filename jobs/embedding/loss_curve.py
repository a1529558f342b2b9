"""The loss curve of a training: `loss.jsonl`, a line a point, and `loss.png`."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from matplotlib.figure import Figure

from jobs.embedding.train import Loss

LINES, PICTURE = "loss.jsonl", "loss.png"


def lines(curve: Sequence[Loss]) -> bytes:
    """As JSON lines."""
    return "".join(json.dumps(asdict(loss)) + "\n" for loss in curve).encode()


def picture(curve: Sequence[Loss], title: str) -> bytes:
    """As PNG."""
    figure = Figure((6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss", title=title)
    step = [of.step for of in curve]
    axes.plot(step, [of.train for of in curve], label="trained on")
    held_out = [of.held_out for of in curve if of.held_out is not None]
    if len(held_out) == len(step):
        axes.plot(step, held_out, label="held out")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
