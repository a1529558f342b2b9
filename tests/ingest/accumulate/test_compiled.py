"""Where compiled loops come from when an image has them."""

import pytest

from ingest.accumulate import compiled


@pytest.fixture
def folders(tmp_path, monkeypatch):
    shipped, target = tmp_path / "shipped", tmp_path / "scratch" / "numba"
    (shipped / "module_1").mkdir(parents=True)
    monkeypatch.setenv(compiled.SHIPPED, str(shipped))
    monkeypatch.setenv(compiled.CACHE, str(target))
    return shipped, target


def copied() -> None:
    compiled._copy_shipped.__wrapped__()


def test_code_of_an_image_is_copied_and_its_index_last(folders, monkeypatch):
    shipped, target = folders
    for name in ("f.nbi", "f.1.nbc", "f.2.nbc", "notes.txt"):
        (shipped / "module_1" / name).write_bytes(name.encode())
    order = []
    copyfile = compiled.shutil.copyfile
    monkeypatch.setattr(
        compiled.shutil, "copyfile", lambda a, b: (order.append(a.name), copyfile(a, b))
    )
    copied()
    found = {path.name: path.read_bytes() for path in (target / "module_1").iterdir()}
    assert found == {name: name.encode() for name in ("f.nbi", "f.1.nbc", "f.2.nbc")}
    assert order[-1] == "f.nbi"


def test_what_is_there_already_stays(folders):
    shipped, target = folders
    (shipped / "module_1" / "f.nbi").write_text("of the image")
    (target / "module_1").mkdir(parents=True)
    (target / "module_1" / "f.nbi").write_text("of this pod")
    copied()
    assert (target / "module_1" / "f.nbi").read_text() == "of this pod"


def test_without_an_image_nothing_is_copied(folders, monkeypatch):
    _, target = folders
    for name in (compiled.SHIPPED, compiled.CACHE):
        with monkeypatch.context() as patch:
            patch.delenv(name)
            copied()
    assert not target.exists()
