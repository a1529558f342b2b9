"""The benchmarks of embeddings run, on a country that is small enough for a test."""

import importlib
import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.stats import ttest_rel

from jobs.evaluation.cases import MeasureSettings
from tests import benchmarks

HOW = MeasureSettings(square=6, most=300, few=60, pairs=120, near=5)
LINEAR = ("raw", "pca-8", "white-16", "mnf-16", "reliable-16")
METHODS = (*LINEAR, "default", "default-one", "infonce-slots")
SMALL = {"classes": 4, "months": (1, 7), "tods": (57600, 64800), "days": 6}


@pytest.fixture(scope="module")
def embedding():
    with benchmarks.loaded("embedding") as module:
        yield module


@pytest.fixture
def structure(embedding):
    return importlib.import_module("structure")


@pytest.fixture
def small(embedding, monkeypatch, tmp_path):
    """Countries that are small enough for a test, in this process, and how the benchmark is asked."""
    lands, country = embedding.embedding_lands, embedding.embedding_lands.Country
    monkeypatch.setattr(
        lands, "Country", lambda twins, **more: country(**more | SMALL, twins=min(twins, 1))
    )
    monkeypatch.setattr(embedding, "MeasureSettings", lambda **_: HOW)
    monkeypatch.setattr(embedding, "each", lambda work, of, _: [work(one) for one in of])
    monkeypatch.setattr(
        embedding.embedding_methods, "COMMON", ("threads=1", "steps=3", "batch=64", "hidden=8")
    )

    def ask(*arguments):
        words = ["embedding.py", "--rows", "32", "--work", str(tmp_path), *arguments]
        monkeypatch.setattr(sys, "argv", words)
        embedding.main()

    return ask


@pytest.fixture(scope="module")
def data(embedding):
    rng = np.random.default_rng(0)
    land, noise = rng.normal(size=(3, 400)), 0.3 * rng.normal(size=(2, 12, 400))
    both = np.einsum("fk,kp->fp", rng.normal(size=(12, 3)), land) + noise
    both[0, 2, :40] = np.nan
    names = tuple(f"day-2km/C13/{month:02d}/64800/mean" for month in range(1, 13))
    place = np.divmod(np.arange(400), 20)
    return embedding.Data(*both.astype(np.float32), names, *place, 0)


def test_every_method_is_measured_with_what_other_tools_ask_for(small, capsys):
    small("--quick", "--json", "--seeds", "2", "--methods", ",".join(METHODS))
    found = json.loads(capsys.readouterr().out)
    assert tuple(found) == METHODS
    for values in found.values():
        for name in ("knn", "linear", "few_shot", "cross_period"):
            assert 0 < values[name]["mean"] <= 1
            assert values[name]["spread"] >= 0
        assert values["knn"] == values["knn_3"]
        assert values["few_shot"] == values["few_linear"]
        assert {"far_auc", "hdbscan_nmi", "coherence", "agreement"} <= set(values)
    assert found["raw"]["linear"]["mean"] > 0.5
    gained = found["default"]["over_best_linear"]
    assert {gain["best"] for gain in gained.values()} <= set(LINEAR)
    best = max(found[name]["linear"]["mean"] for name in LINEAR)
    assert_allclose(gained["linear"]["mean"], found["default"]["linear"]["mean"] - best, atol=1e-12)


def test_several_lands_give_a_table_each_and_one_sheet(small, capsys, tmp_path):
    small("--lands", "truth,persistent,twins", "--methods", "mnf-16,default", "--seeds", "1")
    printed = capsys.readouterr().out
    document = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert list(document) == ["truth", "persistent", "twins"]
    assert document["truth"] != document["persistent"] != document["twins"]
    for land in document:
        assert f"\n{land} " in printed
    with Image.open(tmp_path / "sheet.png") as sheet:
        colours = np.asarray(sheet.convert("RGB")).reshape(3, -1, sheet.width, 3)
    for row in colours:
        assert len(np.unique(row.reshape(-1, 3), axis=0)) > 100


def test_run_that_was_stopped_goes_on_with_what_it_lacks(small, embedding, monkeypatch, tmp_path):
    asked = "--quick", "--seeds", "1", "--json", "--methods"
    small(*asked, "mnf-16,raw")
    lines = (tmp_path / "results.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["method"] for line in lines] == ["mnf-16", "raw"]
    monkeypatch.setitem(embedding.METHODS, "raw", None)  # would fail, were it asked again
    small(*asked, "raw,pca-8")
    after = (tmp_path / "results.jsonl").read_text("utf-8").splitlines()
    assert after[:2] == lines
    assert [json.loads(line)["method"] for line in after[2:]] == ["pca-8"]


def test_clusters_of_every_method_are_measured_on_vectors_that_are_kept(
    small, monkeypatch, capsys, tmp_path
):
    del small  # its countries
    clustering = importlib.import_module("clustering")
    words = ["--rows", "32", "--seeds", "1", "--json", "--vectors", "mnf-16,pca-8", "--work"]
    monkeypatch.setattr(sys, "argv", ["clustering.py", *words, str(tmp_path)])
    clustering.main()
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["truth mnf-16", "truth pca-8"]
    for table in document.values():
        assert list(table) == list(clustering.partitions.METHODS)
        for method, summary in table.items():
            assert tuple(summary) == clustering.SHOWN
            assert method == "hdbscan" or summary["clusters"]["mean"] == 4
    assert document["truth mnf-16"]["kmeans"]["nmi"]["mean"] > 0.2
    lines = (tmp_path / "clusters.jsonl").read_text("utf-8").splitlines()
    monkeypatch.setattr(clustering, "measured", None)  # would fail, were it asked again
    clustering.main()
    assert json.loads(capsys.readouterr().out) == document
    assert (tmp_path / "clusters.jsonl").read_text("utf-8").splitlines() == lines


def test_land_that_was_kept_is_the_land_that_was_made(small, embedding, tmp_path):
    lands, size = embedding.embedding_lands, embedding.Size(32)
    made = lands.LANDS["truth"].make(1, size, tmp_path)
    lands.load("truth", 1, size, tmp_path)
    kept = lands.load("truth", 1, size, tmp_path)
    for name in ("first", "second", "names"):
        assert_array_equal(getattr(kept, name), getattr(made, name))
    for name in ("row", "column", "classes", "truth"):
        assert_array_equal(getattr(kept.truth, name), getattr(made.truth, name))
    assert set(kept.truth.quantities) == set(made.truth.quantities)


def test_study_of_structure_has_a_row_for_each_method_beside_its_base(
    small, structure, capsys, monkeypatch, tmp_path
):
    methods = (
        "mnf-16",
        "mnf-64",
        "deep",
        "subpixels",
        "blind",
        "slots",
        "slots-twice",
        "wasserstein",
    )
    words = ["structure.py", "--rows", "32", "--seeds", "2", "--work", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--methods", ",".join(methods)])
    structure.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == list(methods)
    assert {line.count("|") for line in lines} == {13}
    document = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert document["blind"]["r2_place"]["mean"] < document["deep"]["r2_place"]["mean"]
    for method, base in (("subpixels", "deep"), ("slots-twice", "slots")):
        found = document[method]["over_base"]["linear"]["mean"]
        of_seeds = (document[name]["linear"]["values"] for name in (method, base))
        assert_allclose(found, np.subtract(*of_seeds).mean(), atol=1e-12)
    assert "over_base" not in document["wasserstein"]  # its base was not asked for
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 2 * sheet.width / 7


def test_difference_counts_beyond_the_interval_of_students_t(structure):
    rng = np.random.default_rng(0)
    runs = [
        {"a": dict.fromkeys(structure.SHOWN, 0.5 + noise), "b": dict.fromkeys(structure.SHOWN, 0.4)}
        for noise in 0.02 * rng.normal(size=3)
    ]
    interval = ttest_rel(
        [run["a"]["nmi"] for run in runs], [run["b"]["nmi"] for run in runs]
    ).confidence_interval()
    found = structure.differences(runs, "a", "b")
    mean, half = found["nmi"]["mean"], found["nmi"]["half"]
    assert_allclose((mean - half, mean + half), interval)
    assert structure.verdict(found).startswith("+ kNN, linear")
    for name, mean in (("nmi", -1.0), ("knn_3", 0.0)):
        found[name] = {"mean": mean, "half": 0.1}
    assert structure.verdict(found).startswith("+ linear, few labels")
    assert structure.verdict(found).endswith("; - NMI")
    same = {name: {"mean": 0.0, "half": 0.1} for name in structure.SHOWN}
    assert structure.verdict(same) == "no difference"


def test_every_method_of_the_study_has_settings_that_go_together(embedding, structure):
    for name, overrides in structure.LEARNT.items():
        assert embedding.embedding_methods.settings_of(overrides, 0), name
    assert set(structure.BASES) | set(structure.BASES.values()) <= set(structure.METHODS)


def test_marked_pixels_lie_in_the_middle_of_the_largest_classes(embedding):
    row, column = (axis.ravel() for axis in np.mgrid[:12, :12])
    classes = np.where(column < 6, 0, np.where(row < 8, 1, 2))
    for pixel, number in zip(
        embedding.embedding_sheet.middles(row, column, classes), range(3), strict=True
    ):
        around = np.maximum(abs(row - row[pixel]), abs(column - column[pixel])) <= 1
        assert (classes[around] == number).all()


def test_components_are_those_of_the_covariance_and_white_ones_have_variance_1(embedding, data):
    filled = data.filled[0].astype(np.float64)
    assert np.isfinite(filled).all()
    scores, _ = embedding.METHODS["pca-8"](data)
    variance = np.linalg.eigvalsh(np.cov(filled.T))[::-1]
    assert_allclose(scores.var(axis=0, ddof=1)[:3], variance[:3], rtol=0.02)
    white, _ = embedding.embedding_methods.pca(data, 3, whiten=True)
    assert_allclose(white.var(axis=0), 1, rtol=0.03)


def test_minimum_noise_has_noise_of_variance_1_and_finds_what_years_share(embedding, data):
    one, other = embedding.embedding_methods.minimum_noise(data, 6)
    noise = np.cov((one - other).T) / 2
    assert_allclose(noise, np.eye(6), atol=0.1)
    ratio = one.var(axis=0)
    assert ratio[2] > 5 * ratio[3]  # three things are shared


def test_reliable_components_have_the_variance_of_their_reliability_squared(embedding, data):
    first, second = embedding.embedding_methods.reliable(data, 6)
    variance, noise = first.var(axis=0), (first - second).var(axis=0) / 2
    assert (variance[:3] > 0.7).all()  # three things are shared, and next to no noise in them
    assert (variance[3:] < 0.5).all()
    assert_allclose(variance[:3], (1 - noise[:3] / variance[:3]) ** 2, atol=0.15)
