"""The model card, `model.md`: data, settings, model and software of a training, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.runs import records
from jobs.runs.spec import Spec

FILE = "model.md"


def text(spec: Spec, model: Mapping[str, Any], inputs: str) -> bytes:
    """The card as Markdown.

    Args:
        spec: of the run.
        model: facts of `model.json`.
        inputs: the description of the inputs, in one line.
    """
    return "\n".join(_lines(spec, model, inputs)).encode()


def _lines(spec: Spec, model: Mapping[str, Any], inputs: str) -> Iterator[str]:
    yield f"# {spec.id}\n"
    yield (
        "A vector for each pixel: similar land should have similar vectors. Vectors of two models cannot be "
        "compared.\n"
    )
    yield "## Data\n"
    for store in spec.stores:
        yield f"- `{store.key}`, generation `{store.generation}`, ledger `{store.ledger or 'none'}`"
    for job, run in spec.inputs.items():
        yield f"- {job}: `{run}`"
    yield "\n## Settings\n"
    yield from (f"- {name}: {value}" for name, value in _flat(spec.settings))
    yield "\n## Model\n"
    yield f"- inputs: {inputs}"
    yield from (
        f"- {name}: {value}" for name, value in _flat(model) if name not in {"run", "inputs"}
    )
    yield "\n## Measures\n"
    yield f"None here: `lake evaluate` on `{spec.id}` measures it against labels.\n"
    yield "## Software\n"
    yield from (f"- {name} {version}" for name, version in records.versions().items())


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", leaf) for key, leaf in _flat(value))
        else:
            yield name, value
