"""The loss curve of a training: `loss.jsonl`, one line for each point, and `loss.png`."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from matplotlib.figure import Figure

from jobs.embedding.train import CurvePoint

LINES, PICTURE = "loss.jsonl", "loss.png"


def lines(curve: Sequence[CurvePoint]) -> bytes:
    """The curve as JSON lines."""
    return "".join(json.dumps(asdict(point)) + "\n" for point in curve).encode()


def picture(curve: Sequence[CurvePoint], title: str) -> bytes:
    """The curve as PNG."""
    figure = Figure((6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss", title=title)
    step = [point.step for point in curve]
    axes.plot(step, [point.train for point in curve], label="trained on")
    held_out = [point.held_out for point in curve if point.held_out is not None]
    if len(held_out) == len(step):
        axes.plot(step, held_out, label="held out")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
