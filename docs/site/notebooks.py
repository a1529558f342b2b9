"""The tutorials as notebooks: every block of Python is a cell, and so is every block of shell commands.

All of them run in one folder, one after the other, as a reader does them.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat import v4 as nb

_FENCE = re.compile(r"^```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 600
"""What one cell may take."""


def notebook(text: str) -> NotebookNode:
    """A page in Markdown as a notebook; shell commands get the magic `%%sh`."""
    cells, end = [], 0
    for block in _FENCE.finditer(text):
        cells.append(nb.new_markdown_cell(text[end : block.start()].strip()))
        magic = "%%sh\n" if block[1] == "sh" else ""
        cells.append(nb.new_code_cell(magic + block[2].rstrip()))
        end = block.end()
    cells.append(nb.new_markdown_cell(text[end:].strip()))
    made = nb.new_notebook(cells=[cell for cell in cells if cell.source])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.metadata.language_info = {"name": "python"}
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    return made


def execute_all(notebooks: Mapping[str, NotebookNode]) -> None:
    """Run notebooks in one new folder, and keep what their cells show.

    Raises:
        CellExecutionError: a cell failed.
    """
    with tempfile.TemporaryDirectory() as folder, environment() as variables:
        for name, made in notebooks.items():
            began = time.monotonic()
            client = NotebookClient(
                made,
                timeout=SECONDS,
                kernel_name="python3",
                resources={"metadata": {"path": folder}},
            )
            client.execute(env=dict(variables))
            sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")


@contextmanager
def environment() -> Iterator[Mapping[str, str]]:
    """Variables of kernels, which share a cluster of one worker: `Client()` and commands find it."""
    from distributed import LocalCluster  # noqa: PLC0415 (a site without outputs needs none)

    root = str(Path(__file__).parents[2])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    python = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    own = {"PATH": path, "PYTHONPATH": python, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        address = {"DASK_SCHEDULER_ADDRESS": cluster.scheduler_address}
        yield os.environ | own | address


def _joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Outputs of a cell; pieces of one stream, which may end within a line, become one."""
    whole: list[NotebookNode] = []
    for output in outputs:
        is_stream = output.output_type == "stream"
        if is_stream and whole and whole[-1].get("name") == output.name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def for_site(made: NotebookNode) -> NotebookNode:
    """A notebook as the site shows it: shell commands as one types them, what they print below."""
    cells = []
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
        if cell.cell_type == "code" and cell.source.startswith("%%sh\n"):
            commands = cell.source.removeprefix("%%sh\n")
            cells.append(nb.new_markdown_cell(f"```sh\n{commands}\n```"))
            shown = nb.new_code_cell(cell.source, outputs=cell.outputs)
            shown.metadata.tags = ["remove-input"]
            cells.append(shown)
        else:
            cells.append(cell)
    return nb.new_notebook(cells=cells, metadata=made.metadata)


def document(made: NotebookNode) -> str:
    """A notebook as it stands in its file."""
    return str(nbformat.writes(made)) + "\n"
