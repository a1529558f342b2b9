"""The progress of a run in a notebook, as one line that changes."""

import sys
from collections.abc import Callable
from html import escape

from jobs.runs.watch import Look


class Html:
    """A piece of HTML that a notebook shows."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


def display() -> Callable[[str], None] | None:
    """A function that shows HTML in place of what it showed before; None: this is no notebook."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display as show  # noqa: PLC0415 (a notebook has loaded it)

    handle = show(Html(""), display_id=True)
    return lambda text: handle.update(Html(text))


def bar(run: str, look: Look) -> str:
    """How a run stands as HTML: its name, a bar, and what it is doing."""
    done, total, detail = look.share
    state = "done" if look.finished else look.status.state if look.status else "queued"
    filled = 1.0 if look.finished else done / total if total else 0.0
    count = f"{done}/{total}" if total and not look.finished else ""
    left = look.status.seconds_left if look.status and not look.finished else None
    time = "" if left is None else f"{left:.0f} s left"
    said = ", ".join(escape(part) for part in (state, detail, count, time) if part)
    return (
        f"<div><b>{escape(run)}</b> <progress value='{filled:.3f}' max='1'></progress> {said}</div>"
    )
