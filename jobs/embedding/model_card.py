"""The card of a model, `model.md`: what it was made from, how, and by which software."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.runs import records
from jobs.runs.spec import Spec

FILE = "model.md"


def text(spec: Spec, model: Mapping[str, Any]) -> bytes:
    """Markdown.

    Args:
        spec: of the run.
        model: its `model.json`.
    """
    return "\n".join(_lines(spec, model)).encode()


def _lines(spec: Spec, model: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {spec.id}\n"
    yield (
        "A vector for each pixel, in which similar land should lie together. It is of this run alone: "
        "vectors of two models cannot be compared.\n"
    )
    yield "## Data\n"
    for store in spec.stores:
        yield f"- `{store.key}`, generation `{store.generation}`, ledger `{store.ledger or 'none'}`"
    for job, run in spec.inputs.items():
        yield f"- {job}: `{run}`"
    yield "\n## Settings\n"
    yield from (f"- {name}: {value}" for name, value in _flat(spec.settings))
    yield "\n## Model\n"
    yield from (f"- {name}: {value}" for name, value in _flat(model) if name != "run")
    yield "\n## Measures\n"
    yield f"None here: `lake evaluate` on `{spec.id}` measures it against labels.\n"
    yield "## Software\n"
    yield from (f"- {name} {version}" for name, version in records.versions().items())


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", of) for inner, of in _flat(value))
        else:
            yield name, value
