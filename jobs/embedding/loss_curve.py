"""The loss curve of a training: `loss.jsonl`, one line for each point, and `loss.png`.

Both hold each term of the loss and their weighted sum, of pixels trained on and of as many held out.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from matplotlib.figure import Figure

from jobs.embedding.train import LOSS, CurvePoint

LINES, PICTURE = "loss.jsonl", "loss.png"


def lines(curve: Sequence[CurvePoint]) -> bytes:
    """The curve as JSON lines."""
    return "".join(json.dumps(asdict(point)) + "\n" for point in curve).encode()


def picture(curve: Sequence[CurvePoint], title: str) -> bytes:
    """The curve as PNG: a panel for the loss, and one for each term where there are several."""
    names = _names(curve)
    figure = Figure((4.5 * len(names), 4), layout="constrained")
    figure.suptitle(title)
    step = [point.step for point in curve]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.set(xlabel="step", ylabel=name)
        axes.plot(step, [point.train[name] for point in curve], label="trained on")
        held_out = [point.held_out[name] for point in curve if point.held_out]
        if held_out:
            axes.plot(step, held_out, label="held out")
            axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def newest(curve: Sequence[CurvePoint]) -> str:
    """The newest point in a line: each term, and that of held-out pixels in brackets."""
    if not curve:
        return ""
    point = curve[-1]
    texts = []
    for name in _names(curve):
        held_out = f" (held out {point.held_out[name]:.4g})" if point.held_out else ""
        texts.append(f"{name} {point.train[name]:.4g}{held_out}")
    return ", ".join(texts)


def _names(curve: Sequence[CurvePoint]) -> list[str]:
    """The loss, then its terms where there are several."""
    terms = [name for name in curve[-1].train if name != LOSS] if curve else []
    return [LOSS, *terms] if len(terms) > 1 else [LOSS]
