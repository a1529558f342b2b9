import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

import lake
from lake.catalogue import catalogue
from lake.commands import demo
from lake.storage.connect import connect
from lake.store import ledger

MARK = "LAKE_TEST_DEMO"


@pytest.fixture
def environment():
    """Of one demo; no Dask cluster is given, and its processes can be told by the mark."""
    inherited = {k: v for k, v in os.environ.items() if k != "DASK_SCHEDULER_ADDRESS"}
    return inherited | {MARK: uuid4().hex}


def command(*arguments):
    return [sys.executable, "-m", "lake", "demo", *map(str, arguments)]


def left_over(environment):
    """Command lines of processes that carry the mark of this test."""
    mark = f"{MARK}={environment[MARK]}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it ended in the meantime, or is another user's
    return found


def test_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path, environment):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        command(tmp_path), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert f"error: {tmp_path} is not empty (it holds 'thesis.txt')" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_failing_command_ends_the_demo_with_its_exit_code_and_its_message(tmp_path, environment):
    done = subprocess.run(
        command(tmp_path / "demo", "--shape", 4, 4),
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert "a landscape of 4 x 4 coarse pixels cannot be made" in done.stderr
    assert "the demo stopped, because 'lake ingest synthetic" in done.stderr
    assert done.stdout == ""
    assert left_over(environment) == []


@pytest.mark.parametrize("how", ["interrupt", "terminate"])
def test_demo_that_is_stopped_leaves_no_process(tmp_path, environment, how):
    with subprocess.Popen(
        command(tmp_path / "demo"),
        env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Dask cluster at"):  # the first command has begun to work
                break
        assert any("spawn_main" in line for line in left_over(environment))
        if how == "interrupt":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        else:
            process.terminate()
        process.stderr.read()
    assert process.returncode == {"interrupt": 1, "terminate": 128 + signal.SIGTERM}[how]
    assert left_over(environment) == []


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A demo of a small country, two days of two months of both years."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    small = ["--shape", 36, 48, "--months", "1,7", "--days", "5,20"]
    done = subprocess.run(
        command(folder, *small, "--json"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_demo_makes_a_report_with_every_picture_and_the_hidden_classes(shown):
    folder, told, _ = shown
    assert told["report"] == str(folder / "report.html")
    html = (folder / "report.html").read_text("utf-8")
    pictures = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,', html)
    assert pictures == [
        "Domain", "Clear-sky observations", "Mean brightness temperature", "Pixel order",
        "Principal components", "Clusters", "Embedding",
        "Components, embedding and clusters", "Hidden land classes",
    ]  # fmt: skip
    assert "adjusted Rand index" in html
    assert "1 x no C05 for start" in html


@pytest.mark.slow
def test_demo_merges_two_years_into_one_store(shown):
    folder, told, _ = shown
    rows = {row.key: row for row in catalogue.rows(connect(folder / demo.LAKE))}
    assert len(rows) == 3
    merged = rows.pop(told["store"])
    assert (merged.t0, merged.tf) == ("2020-01-01", "2022-12-31")
    assert merged.merged == sum(row.merged for row in rows.values()) == 2 * 2 * 2 * 8 - 1
    assert lake.open(f"{folder}/{demo.LAKE}/{told['store']}").months == (1, 7)


@pytest.mark.slow
def test_demo_leaves_no_folder_that_hides_a_package(shown):
    folder, *_ = shown
    assert not {path.name for path in folder.iterdir()} & {"lake", "ingest", "jobs"}


@pytest.mark.slow
def test_demo_shows_the_commands_that_it_runs_and_keeps_them(shown):
    folder, told, stderr = shown
    lines = (folder / "demo.sh").read_text("utf-8").splitlines()
    assert [line for line in stderr.splitlines() if line.startswith("$ ")] == [
        f"$ {line.partition('  #')[0]}" for line in lines
    ]
    words = [shlex.split(line, comments=True) for line in lines]
    assert [line[1] for line in words] == [
        "ingest", "ingest", "ingest", "merge", "ls", "info",
        "sample", "pca", "embed", "transform", "cluster", "map", "report",
    ]  # fmt: skip
    assert told["run"] == words[-1][2]


@pytest.mark.slow
def test_a_command_of_the_demo_given_again_finds_its_work_done(shown):
    folder, _, _ = shown
    lines = (folder / "demo.sh").read_text("utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("lake cluster"))
    again = [sys.executable, "-m", *shlex.split(line, comments=True), "--json"]
    done = subprocess.run(again, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["already_done"] is True


@pytest.mark.slow
def test_missing_file_of_the_demo_is_in_the_ledger(shown):
    folder, told, _ = shown
    store = connect(f"{folder}/{demo.LAKE}/{told['store']}")
    (path,) = store.list("ledgers")[-1:]
    reasons = [e.reason for e in ledger.read(store, path) if e.status == ledger.MISSING]
    assert sum("no C05" in reason for reason in reasons) == 1
