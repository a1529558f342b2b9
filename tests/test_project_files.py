"""The files by which people and services know the project agree with each other, and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
HOME = PROJECT["urls"]["Homepage"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
RECIPE = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text("utf-8"))
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
PAGES = ("CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "CHANGELOG.md")
CONDA = {"dask": "distributed", "torch": "pytorch", "prometheus-client": "prometheus_client"}
"""Packages that have another name on conda-forge; `distributed` brings the dask of its version."""
OWN_EXTRAS = ("dev", "docs", "all")
FIELDS = {
    "markdown": {"value"},
    "textarea": {"label", "description", "placeholder", "value", "render"},
    "input": {"label", "description", "placeholder", "value"},
    "dropdown": {"label", "description", "multiple", "options", "default"},
    "checkboxes": {"label", "description", "options"},
}
"""Attributes of each type of field: docs.github.com, "Syntax for GitHub's form schema"."""


def pinned(requirements) -> dict[str, SpecifierSet]:
    """Name on conda-forge -> versions, of requirements of PyPI that are no extra of our own."""
    parsed = [Requirement(text) for text in requirements if not text.startswith("goeslake[")]
    return {CONDA.get(of.name.lower(), of.name.lower()): of.specifier for of in parsed}


def conda(lines) -> dict[str, SpecifierSet]:
    split = (line.partition(" ") for line in lines)
    return {name: SpecifierSet(versions) for name, _, versions in split}


def test_citation_has_what_its_schema_requires_and_says_what_the_package_says():
    """Keys as of the schema of the Citation File Format, 1.2.0."""
    assert {"cff-version", "message", "authors", "title"} <= CITATION.keys()
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] in {"software", "dataset"}
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["repository-code"] == HOME
    assert CITATION["keywords"] == PROJECT["keywords"]
    assert [author["name"] for author in CITATION["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
    assert CITATION["title"].startswith(f"{PROJECT['name']}: ")


def test_recipe_needs_what_the_package_needs():
    host, run = RECIPE["requirements"]["host"], RECIPE["requirements"]["run"]
    python, *others = run
    assert conda(others) == pinned(PROJECT["dependencies"])
    minimum = RECIPE["context"]["python_min"]
    assert python == "python >=${{ python_min }}"
    assert SpecifierSet(f">={minimum}") == SpecifierSet(PROJECT["requires-python"])
    (build,) = pinned(PYPROJECT["build-system"]["requires"]).items()
    assert conda(line for line in host if not line.startswith("python "))[build[0]] == build[1]


def test_recipe_constrains_what_the_extras_bring():
    extras = PROJECT["optional-dependencies"]
    texts = [text for name, of in extras.items() if name not in OWN_EXTRAS for text in of]
    assert conda(RECIPE["requirements"]["run_constraints"]) == pinned(texts)


def test_recipe_says_what_the_package_says():
    assert RECIPE["context"]["version"] == PROJECT["version"]
    assert RECIPE["package"]["name"] == PROJECT["name"]
    assert RECIPE["about"]["license"] == PROJECT["license"]
    assert RECIPE["about"]["summary"] == PROJECT["description"]
    assert RECIPE["about"]["homepage"] == RECIPE["about"]["repository"] == HOME
    assert (ROOT / RECIPE["about"]["license_file"]).is_file()
    points = dict(line.split(" = ") for line in RECIPE["build"]["python"]["entry_points"])
    assert points == PROJECT["scripts"]
    assert RECIPE["build"]["noarch"] == "python"
    (imports,) = (test["python"]["imports"] for test in RECIPE["tests"] if "python" in test)
    assert [f"{name}*" for name in imports] == PYPROJECT["tool"]["setuptools"]["packages"]["find"][
        "include"
    ]


@pytest.mark.parametrize("path", sorted(FORMS.glob("[!c]*.yml")), ids=lambda path: path.stem)
def test_issue_form_is_one_that_github_takes(path):
    form = yaml.safe_load(path.read_text("utf-8"))
    assert {"name", "description", "body"} <= form.keys() <= {
        "name", "description", "body", "labels", "title", "assignees", "projects", "type",
    }  # fmt: skip
    ids = [field["id"] for field in form["body"] if "id" in field]
    assert len(ids) == len(set(ids))
    assert any(field["type"] != "markdown" for field in form["body"])
    for field in form["body"]:
        assert field.keys() <= {"type", "id", "attributes", "validations"}
        assert field["attributes"].keys() <= FIELDS[field["type"]]
        if field["type"] != "markdown":
            assert field["attributes"]["label"]
        assert field.get("validations", {}).keys() <= {"required"}
        if field["type"] in {"dropdown", "checkboxes"}:
            assert field["attributes"]["options"]


def test_links_of_the_issue_page_lead_to_the_project():
    config = yaml.safe_load((FORMS / "config.yml").read_text("utf-8"))
    assert config.keys() == {"blank_issues_enabled", "contact_links"}
    for link in config["contact_links"]:
        assert link.keys() == {"name", "url", "about"}
        assert link["url"].startswith(HOME)


@pytest.mark.parametrize("page", PAGES)
def test_pages_lead_to_the_project(page):
    text = (ROOT / page).read_text("utf-8")
    assert text.startswith("# ")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if link.startswith("https://github.com/"):
            assert link.startswith(HOME)


def test_commands_of_the_guide_for_contributors_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^    make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    for path in re.findall(r"pytest ([\w/.]+)", text):
        assert (ROOT / path).is_file(), path


def test_changelog_says_how_to_move_before_what_is_new():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    assert headings[:4] == [
        "Changelog", "Unreleased", f"To move from {PROJECT['version']}", "What is new",
    ]  # fmt: skip
    assert headings.count(PROJECT["version"]) == 1


def test_metadata_names_every_python_that_is_tested():
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    (versions,) = re.findall(r"^ {8}python: \[(.*)\]$", workflow, re.MULTILINE)
    tested = re.findall(r"[\d.]+", versions)
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: 3." in line]
    assert named == tested
    assert len(set(PROJECT["classifiers"])) == len(PROJECT["classifiers"])
    assert PROJECT["urls"].keys() >= {"Homepage", "Documentation", "Changelog", "Issues"}
    assert all(url.startswith(HOME) for url in PROJECT["urls"].values())
