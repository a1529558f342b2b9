"""Build the site from the pages of the repository: HTML that a browser reads from a folder.

python -m docs.site.build build/site              # executes the tutorials, minutes
python -m docs.site.build build/site --no-run     # shows their cells alone, seconds

A warning of Sphinx fails. Beside OUT lies `OUT-source`, the pages as Sphinx reads them.
"""

import argparse
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.site import diagram, notebooks, pages, reference

SITE = Path(__file__).parent
EXTRA = "extra"
"""The folder of files that are taken over as they are."""
DOWNLOAD = '<p><a href="../notebooks/{name}" download>This page as a notebook</a></p>'


def stage(source: Path, *, run: bool) -> None:
    """Write the pages of the site, with the notebooks that the tutorials are."""
    shutil.copytree(pages.DOCS / "images", source / "images")
    tutorials = {}
    for page, place in pages.pages().items():
        if place.endswith(".ipynb"):
            tutorials[place] = page
            continue
        text = diagram.draw(reference.fill(pages.text(page)))
        if place == "index.md":
            text += pages.navigation()
        _write(source / place, text)
    _stage_tutorials(source, tutorials, run=run)


def _stage_tutorials(source: Path, tutorials: dict[str, Path], *, run: bool) -> None:
    """Write each tutorial twice: with what its cells showed, and as a notebook to take away."""
    made = {}
    for place in pages.kinds()["Tutorials"]:
        page, name = tutorials[place], Path(place).name
        apart = notebooks.notebook(pages.text(page, apart=True))
        _write(source / EXTRA / "notebooks" / name, notebooks.document(apart))
        title, _, text = pages.text(page).partition("\n")
        made[place] = notebooks.notebook(f"{title}\n\n{DOWNLOAD.format(name=name)}\n{text}")
    if run:
        notebooks.execute_all(made)
    for place, notebook in made.items():
        _write(source / place, notebooks.document(notebooks.for_site(notebook)))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def build(out: Path, *, run: bool = True) -> int:
    """Build the site into a folder, which is emptied; the exit code of Sphinx, not 0 after any warning."""
    source = out.with_name(f"{out.name}-source")
    for folder in (source, out):
        shutil.rmtree(folder, ignore_errors=True)
    stage(source, run=run)
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(source / ".doctrees")]
    extra = f"html_extra_path={source / EXTRA}"
    return build_main([*options, "-c", str(SITE), "-D", extra, str(source), str(out)])


def main() -> None:
    """Build the site; ends with the exit code of Sphinx."""
    parser = argparse.ArgumentParser(description="Build the site from the pages of the repository.")
    parser.add_argument("out", type=Path, help="folder of the site")
    parser.add_argument("--no-run", action="store_true", help="do not execute the tutorials")
    arguments = parser.parse_args()
    sys.exit(build(arguments.out.resolve(), run=not arguments.no_run))


if __name__ == "__main__":
    main()
