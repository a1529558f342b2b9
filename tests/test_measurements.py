"""The tables of docs/measurements are those of the records, and benchmarks write such records."""

import argparse
import json
import re
import sys
from datetime import date
from io import StringIO
from pathlib import Path

import pytest

from tests import benchmarks, measurements

SCRIPTS = sorted(path for path in benchmarks.FOLDER.glob("*.py") if path.stem != "record")
FIGURES = {
    "pixels": 12_500,
    "demo": {"mnf": {"knn": {"mean": 0.79749, "spread": 0.0421, "values": [1]}, "seeds": [0, 1]}},
    "truth": {"mnf": {"knn": {"mean": -0.5, "spread": 0.25}, "seeds": [2]}},
    "raw": {"seconds": 0.012345},
    "late": {"mnf": {"knn": {"mean": -1.0, "spread": None}, "seeds": []}},
}


@pytest.fixture
def record():
    with benchmarks.loaded("record") as module:
        yield module


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder of pages and records that is not the documentation's."""
    (tmp_path / "records").mkdir()
    monkeypatch.setattr(measurements, "FOLDER", tmp_path)
    return tmp_path


def test_pages_show_the_records_as_they_are():
    for path in measurements.PAGES:
        text = path.read_text("utf-8")
        assert measurements.page(text) == text, f"run python -m tests.measurements ({path.name})"


def test_every_record_is_shown_once_and_every_table_is_of_a_record():
    pages = {path.name: path.read_text("utf-8") for path in measurements.PAGES}
    names = [name for text in pages.values() for _, name, _ in measurements.MARKED.findall(text)]
    assert sorted(names) == sorted(path.stem for path in measurements.RECORDS)
    for name, text in pages.items():
        rest = measurements.MARKED.sub("", text)
        assert not re.search(r"^\|", rest, re.MULTILINE), name


@pytest.mark.parametrize("path", measurements.RECORDS, ids=lambda path: path.stem)
def test_record_is_whole(path):
    found = json.loads(path.read_text("utf-8"))
    assert set(found) == {"date", "machine", "commands", "tables"}
    assert found["date"] is None or date.fromisoformat(found["date"])
    for command in found["commands"]:
        for script in re.findall(r"benchmarks/\w+\.py", command):
            assert (benchmarks.FOLDER.parent / script).is_file(), command
    assert found["tables"]
    for table in found["tables"]:
        assert table["rows"]
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}


def test_every_benchmark_writes_a_record():
    mains = [path for path in SCRIPTS if "def main()" in path.read_text("utf-8")]
    assert len(mains) > 20
    for path in mains:
        text = path.read_text("utf-8")
        assert re.search(r"\brecord\.add_option\(parser\)", text), path.name
        assert re.search(r"\brecord\.write\(\w+\.record, ", text), path.name


def test_figures_become_tables_of_rows_with_the_same_columns(record):
    assert record.of_figures(FIGURES) == [
        {"title": "", "columns": ["", "value"], "rows": [["pixels", 12_500]]},
        {
            "title": "",
            "columns": ["", "knn", "seeds"],
            "rows": [
                ["demo, mnf", {"mean": 0.79749, "spread": 0.0421}, [0, 1]],
                ["truth, mnf", {"mean": -0.5, "spread": 0.25}, [2]],
                ["late, mnf", {"mean": -1.0, "spread": None}, []],
            ],
        },
        {"title": "", "columns": ["", "seconds"], "rows": [["raw", 0.012345]]},
    ]


def test_benchmark_writes_where_and_how_it_measured_and_a_page_shows_it(
    record, folder, monkeypatch
):
    file = folder / "records" / "new.json"
    words = ["--seeds", "3", "--json", "--record", str(file), "--lands", "a b"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/embedding.py", *words])
    parser = argparse.ArgumentParser()
    record.add_option(parser)
    record.write(parser.parse_known_args()[0].record, record.of_figures(FIGURES))
    written = json.loads(file.read_text("utf-8"))
    assert written["commands"] == ["python benchmarks/embedding.py --seeds 3 --lands 'a b'"]
    assert date.fromisoformat(written["date"])
    about = written["machine"]
    assert about["cores"] >= 1
    assert about["memory_gb"] > 0
    assert about["processor"]
    assert about["packages"]["numpy"]
    page = measurements.page("a\n\n<!-- record: new -->\nold\n<!-- /record -->\n\nb\n")
    assert "| demo, mnf | .797 (.042) | 0, 1 |\n| truth, mnf | -.500 (.250) | 2 |\n" in page
    assert "| pixels | 12 500 |\n" in page
    assert "| late, mnf | -1.000 |  |\n" in page
    assert "| raw | 0.0123 |\n" in page
    assert f"*{written['date']}; {about['processor']}, {about['cores']} cores, " in page
    assert (
        "`python benchmarks/embedding.py --seeds 3 --lands 'a b'`. [Record](records/new.json)"
        in page
    )
    assert "old" not in page
    assert page.startswith("a\n\n<!-- record: new -->\n")
    assert page.endswith("<!-- /record -->\n\nb\n")
    assert measurements.page(page) == page


def test_without_a_file_no_record_is_written(record):
    record.write(None, record.of_figures(FIGURES))


def test_folder_that_is_not_there_is_said_before_anything_is_measured(record, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    record.add_option(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--record", str(tmp_path / "lost" / "a.json")])
    assert f"{tmp_path / 'lost'} is no folder" in capsys.readouterr().err


def test_table_in_markdown_becomes_a_record_and_a_page_says_what_is_not_known(
    record, folder, monkeypatch, capsys
):
    table = "A text.\n\n`truth`:\n\n| | a |\n|---|--:|\n| `x` | **.5** |\n| y | |\n"
    file = folder / "records" / "old.json"
    monkeypatch.setattr(sys, "stdin", StringIO(table))
    words = [str(file), "--command", "make faults", "--machine", "two quiet cores"]
    monkeypatch.setattr(sys, "argv", ["record.py", *words])
    record.main()
    found = json.loads(file.read_text("utf-8"))
    assert found["tables"] == [
        {"title": "`truth`", "columns": ["", "a"], "rows": [["`x`", "**.5**"], ["y", ""]]}
    ]
    assert found["machine"] == {"described": "two quiet cores"}
    file.write_text(record.document(None, None, [], found["tables"]), "utf-8")
    shown = measurements.page("<!-- record: old -->\n<!-- /record -->")
    assert "`truth`:\n\n|  | a |\n|---|---|\n| `x` | **.5** |\n| y |  |\n" in shown
    assert "*Not recorded: date, machine, command. [Record](records/old.json).*" in shown
    monkeypatch.setattr(sys, "stdin", StringIO(json.dumps(FIGURES)))
    record.main()
    assert json.loads(file.read_text("utf-8"))["tables"] == record.of_figures(FIGURES)
    monkeypatch.setattr(sys, "stdin", StringIO("no table"))
    with pytest.raises(SystemExit):
        record.main()
    assert "no table on standard input" in capsys.readouterr().err


def test_help_is_measured_into_a_record(monkeypatch, tmp_path, capsys):
    with benchmarks.loaded("help") as module:
        monkeypatch.setattr(module, "seconds", lambda *words: 0.5 if words == module.BASE else 1.0)
        monkeypatch.setattr(sys, "argv", ["help.py", "--record", str(tmp_path / "help.json")])
        module.main()
    (table,) = json.loads(Path(tmp_path / "help.json").read_text("utf-8"))["tables"]
    assert table["columns"] == ["command", "CPU", "ratio"]
    assert table["rows"][1] == ["`lake --help`", "1.00 s", "2.0"]
    assert "| `lake --help` | 1.00 s | 2.0 |" in capsys.readouterr().out
