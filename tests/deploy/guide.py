"""The commands of docs/deploy.md: the lines of its blocks, and what its sentences name in backticks.

Tests take a command from here by how it begins, so that what they run is what the page says.
`test_guide` looks for a command that no test takes.
"""

import ast
import re
from functools import cache

from tests.deploy.manifests import ROOT

PAGE = ROOT / "docs" / "deploy.md"
PROGRAMS = (
    "aws", "cosign", "docker", "gcloud", "helm", "k3d", "kind", "kubectl", "kustomize", "lake",
    "make", "pip", "pytest",
)  # fmt: skip
"""A name in backticks with an argument is a command if it begins with one of these."""
_BLOCK = re.compile(r"^ {4,}(\S.*)$", re.MULTILINE)
_NAMED = re.compile(rf"`((?:{'|'.join(PROGRAMS)}) [^`\n]+)`")


def read(text: str) -> tuple[str, ...]:
    """Every command of a page, once, without the comment behind it.

    A sentence that names the beginning of a command in a block names that one.
    """
    lines = [line.partition("  #")[0].rstrip() for line in _BLOCK.findall(text)]
    named = _NAMED.findall(_BLOCK.sub("", text))
    return tuple(
        dict.fromkeys(lines + [of for of in named if not any(of in line for line in lines)])
    )


@cache
def commands() -> tuple[str, ...]:
    """Those of the page."""
    return read(PAGE.read_text())


def documented(beginning: str) -> str:
    """The one command of the page that is this, or begins so."""
    if beginning in commands():
        return beginning
    (command,) = [of for of in commands() if of.startswith(beginning)]
    return command


@cache
def taken() -> frozenset[str]:
    """The beginnings by which tests take commands: what `documented` is called with, anywhere in tests."""
    calls = [
        node
        for path in (ROOT / "tests").rglob("test_*.py")
        if "documented(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "documented"
    ]
    return frozenset(ast.literal_eval(argument) for call in calls for argument in call.args)
