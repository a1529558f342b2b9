"""What shells complete, asked of the shells themselves where they are installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.commands.job_options import complete
from jobs.commands.jobs import command
from lake.commands.main import lake

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    """A PATH on which `lake` is the code of this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "lake"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m lake "$@"\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def offered(job, incomplete):
    context = command(job).make_context(job, ["KEY", "--lake", "memory://x"])
    return [item.value for item in complete(context, None, incomplete)]


def test_names_of_settings_are_offered_with_what_they_are():
    assert offered("pca", "c") == ["components=", "clip="]
    context = command("pca").make_context("pca", ["KEY", "--lake", "memory://x"])
    (item,) = complete(context, None, "comp")
    assert item.help.startswith("Number of components")


def test_values_are_offered_where_they_can_be_listed():
    assert offered("sample", "design=r") == ["design=random", "design=region"]
    assert offered("pca", "whiten=") == ["whiten=true", "whiten=false"]
    assert offered("pca", "components=") == []
    assert offered("pca", "nonesuch=") == []


def test_of_several_values_the_last_is_completed():
    assert offered("embed", "loss=infonce,de") == ["loss=infonce,decorrelation"]
    assert offered("sample", "design=phase,r") == []


def ask(shell: str, script: str, path: str) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    done = subprocess.run(
        [shell, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": path},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("lake emb", ["embed"]),
        ("lake sample KEY --set des", ["design="]),
        ("lake sample KEY --set design=r", ["random", "region"]),
        ("lake embed KEY --set loss=infonce,de", ["infonce,decorrelation"]),
        ("lake pca KEY --set whiten=t --js", ["--json"]),
    ],
)
def test_bash_completes(path, line, replies):
    script = f"""
        eval "$(lake completion bash)"
        compopt() {{ :; }}
        COMP_LINE={line!r} COMP_POINT={len(line)}
        _lake_completion lake
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert ask("bash", script, path) == replies


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("lake emb", ["embed"]),
        ("lake sample KEY --set des", ["design="]),
        ("lake sample KEY --set design=r", ["design=random", "design=region"]),
    ],
)
def test_fish_completes(path, line, replies):
    found = ask("fish", f"lake completion fish | source; complete -C {line!r}", path)
    assert [reply.partition("\t")[0] for reply in found] == replies


def test_zsh_takes_the_script(path):
    assert (
        ask("zsh", 'autoload -Uz compinit; compinit -u; eval "$(lake completion zsh)"', path) == []
    )


def test_script_of_zsh_puts_nothing_behind_the_name_of_a_setting():
    said = CliRunner().invoke(lake, ["completion", "zsh"]).output
    assert "_describe -V unsorted open -U -S ''" in said
    assert 'if [[ "$key" == *= ]]; then' in said
    assert "local -a open" in said
