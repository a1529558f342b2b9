import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose
from PIL import Image

import lake
from jobs.commands import jobs
from jobs.evaluation import evaluate
from jobs.evaluation.cases import MeasureSettings
from jobs.evaluation.evaluate import Settings
from jobs.figures import charts, run_maps
from jobs.linear import mnf, pca, transform
from jobs.linear.passes import Fit
from jobs.runs import driver, outputs, records
from jobs.sampling import sample
from jobs.synthetic import stores
from jobs.synthetic.country import DYNAMICS, Country
from lake.errors import ConfigError, DataError, MissingError
from lake.format.order import Layout

COUNTRY = Country(rows=32, columns=32, classes=4, months=(1, 7), tods=(57600, 64800), days=6)
HOW = MeasureSettings(square=6, most=300, few=60, pairs=120, near=5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("invented")
    return stores.write(f"{folder}/lake", COUNTRY, Layout(64, 4), str(folder))


@pytest.fixture(scope="module")
def compared(client, written):
    """Runs: scores of the first year, those of the second by the same model, and by another."""
    root, (first_key, second_key) = written.root, written.keys
    fit = Fit(components=8)
    sample_run = driver.run(client, root, first_key, sample.Settings(pixels=400))
    first = driver.run(
        client, root, first_key, mnf.Settings(second=second_key, run=sample_run, fit=fit)
    )
    second = driver.run(client, root, second_key, transform.Settings(first))
    stranger = driver.run(client, root, first_key, pca.Settings(sample_run, fit=fit))
    return first, second, stranger


@pytest.fixture(scope="module")
def settings(written, compared):
    first, second, _ = compared
    return Settings(
        run=first, other=second, labels=written.truth, quantities=DYNAMICS, seeds=2, how=HOW
    )


@pytest.fixture(scope="module")
def run(client, written, settings):
    return driver.run(client, written.root, written.keys[0], settings)


def specs(written, settings):
    return evaluate.specs(written.root, records.open_store(written.root, written.keys[0]), settings)


def test_every_measure_is_told_with_mean_and_spread_over_seeds(written, run):
    results = evaluate.results(written.root, run)
    assert set(results["measures"]) == {
        "knn_1", "knn_3", "linear", "few_knn_1", "few_knn_3", "few_linear", "nmi", "ari",
        "cross_period", "cross_linear", "retrieval", "stability", "overlap", "trustworthiness",
        "continuity", "alignment", "uniformity", "rankme", "r2_patterns", "r2_textures",
        "hdbscan_nmi", "hdbscan_ari", "far_auc", "far_precision", "far_share", "coherence", "agreement",
        *(f"r2_{name}" for name in DYNAMICS),
    }  # fmt: skip
    for statistics in results["measures"].values():
        assert statistics["mean"] == pytest.approx(np.mean(statistics["values"]))
        assert statistics["spread"] == pytest.approx(np.std(statistics["values"], ddof=1))
    assert results["measures"]["knn_3"]["mean"] > 0.5


def test_coherence_is_that_of_the_map_of_the_vectors(written, settings, run):
    """By differences of a grid (row, column, d) instead of pairs of pixels; 120 pairs are drawn."""
    store = records.open_store(written.root, written.keys[0])
    scores = outputs.dataset(written.root, settings.run)["scores"].to_numpy()
    classes = pq.read_table(written.truth)["label"].to_numpy()
    domain, image = store.domain, np.full((32, 32, scores.shape[1]), np.nan)
    image[domain.row, domain.column] = scores
    kinds = np.full((32, 32), -1)
    kinds[domain.row, domain.column] = classes
    steps = []
    for axis in (0, 1):
        alike = (np.diff(kinds, axis=axis) == 0) & (kinds.take(range(31), axis) >= 0)
        steps.append((np.diff(image, axis=axis)[alike] ** 2).sum(axis=-1))
    expected = 1 - np.nanmean(np.concatenate(steps)) / (2 * np.nanvar(scores, axis=0).sum())
    found = evaluate.results(written.root, run)["measures"]["coherence"]["mean"]
    assert found == pytest.approx(expected, abs=0.1)


def test_table_has_a_row_a_measure_and_seed(written, run):
    objects = records.folder(written.root, run)
    table = pd.read_parquet(io.BytesIO(objects.get("evaluate.parquet")))
    assert sorted(table["seed"].unique()) == [0, 1]
    assert not table.duplicated(["measure", "seed"]).any()
    expected = evaluate.results(written.root, run)["measures"]
    assert table.groupby("measure")["value"].mean()["linear"] == pytest.approx(
        expected["linear"]["mean"]
    )


def test_accuracy_is_that_of_the_pixels_held_out_by_class(written, run):
    results = evaluate.results(written.root, run)
    held_out = np.array([row["held_out"] for row in results["classes"]])
    accuracy = np.array([row["accuracy"] for row in results["classes"]])
    share = np.array(results["measures"]["knn_3"]["values"])
    assert (held_out * accuracy).sum() / held_out.sum() == pytest.approx(share.mean(), abs=0.03)


def test_pictures_show_map_confusion_stability_and_neighbours(written, run):
    objects = records.folder(written.root, run)
    pictures = json.loads(objects.get("pictures.json"))
    names = [picture["name"] for picture in pictures]
    assert names[:3] == ["embedding", "confusion", "stability"]
    assert len(names) == 6
    assert all(name.startswith("neighbours-") for name in names[3:])
    for picture in pictures:
        with Image.open(io.BytesIO(objects.get(picture["file"]))) as image:
            assert min(image.size) > 300
            assert image.text["Title"] == f"{picture['title']}: {written.keys[0]}"


def test_confusion_is_drawn_with_the_names_of_the_classes_as_long_as_they_are_few():
    shared = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    names = ["rainforest", "steppe", "ice"]
    captioned = charts.confusion("KEY", shared, names)
    (axes,) = (axes for axes in captioned.figure.axes if axes.images)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == names
    share = np.asarray(axes.images[0].get_array())
    assert_allclose(share, [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])
    assert "75.0% of all pixels" in captioned.caption
    assert "A class has no pixel held out: its row is empty." in captioned.caption
    many = charts.confusion("KEY", np.eye(41, dtype=int), [f"name {n}" for n in range(41)])
    (axes,) = (axes for axes in many.figure.axes if axes.images)
    assert not any("name" in label.get_text() for label in axes.get_xticklabels())


def test_measures_are_drawn_with_their_numbers(written, run):
    captioned = run_maps.draw(written.root, run)
    axes = captioned.figure.axes[0]
    measures = evaluate.results(written.root, run)["measures"]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(measures)
    texts = {text.get_text() for text in axes.texts}
    assert f"{measures['knn_3']['mean']:.3f} ± {measures['knn_3']['spread']:.3f}" in texts


def test_command_tells_the_measures(client, written, settings, run):
    assignments = [
        f"run={settings.run}", f"other={settings.other}", f"labels={settings.labels}",
        f"quantities={','.join(DYNAMICS)}", "seeds=2", "square=6", "most=300", "few=60", "pairs=120",
        "near=5",
    ]  # fmt: skip
    arguments = [written.keys[0], "--lake", written.root]
    options = [word for assignment in assignments for word in ("--set", assignment)]
    result = CliRunner().invoke(
        jobs.command("evaluate"), [*arguments, *options], catch_exceptions=False
    )
    assert result.stdout.split()[0] == run
    measures = evaluate.results(written.root, run)["measures"]
    lines = [line.split() for line in result.stderr.splitlines()]
    assert [
        "knn_3",
        *(f"{measures['knn_3'][column]:.3f}" for column in ("mean", "spread")),
    ] in lines


def test_vectors_of_the_labels_themselves_tell_them_all(client, written, settings, tmp_path):
    """A truth that the scores show: its own sign."""
    scores = outputs.dataset(written.root, settings.run)["scores"].to_numpy()
    sign = np.where(np.isnan(scores[:, 0]), -1, scores[:, 0] > np.nanmedian(scores[:, 0]))
    np.save(tmp_path / "sign.npy", sign.astype(np.int8))
    own = Settings(
        run=settings.run, labels=f"{tmp_path}/sign.npy", first=1, patterns=False, seeds=1, how=HOW
    )
    name = driver.run(client, written.root, written.keys[0], own)
    measured = evaluate.results(written.root, name)["measures"]
    assert measured["knn_1"]["mean"] > 0.97
    assert measured["linear"]["mean"] > 0.97
    assert "cross_period" not in measured


def test_vectors_of_two_models_are_refused(written, settings, compared):
    *_, stranger = compared
    with pytest.raises(
        ConfigError, match=rf"two models.*{settings.run}.*{stranger}.*lake transform"
    ):
        specs(written, replace(settings, other=stranger))


def test_second_run_on_other_pixels_is_refused(client, written, settings, monkeypatch, tmp_path):
    smaller = stores.write(
        written.root, replace(COUNTRY, rows=24, years=(2019,)), Layout(64, 4), str(tmp_path)
    )
    moved = driver.run(client, written.root, smaller.keys[0], transform.Settings(settings.run))
    with pytest.raises(ConfigError, match="other pixels"):
        specs(written, replace(settings, other=moved))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"run": ""}, ConfigError, "--set run=RUN"),
        ({"labels": "truth.txt"}, ConfigError, r"must end in one of \.parquet"),
        ({"run": "mnf-0123456789ab"}, MissingError, "no run"),
        ({"column": "kind"}, ConfigError, "no column 'kind': it has pixel, row"),
        ({"quantities": ("speed",)}, ConfigError, "no column 'speed'"),
        ({"array": "embedding"}, ConfigError, r"no array 'embedding'.*it has scores"),
        ({"chosen": (10**6,)}, ConfigError, "chosen must be 0 to"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_runs(
    written, settings, wrong, error, message
):
    with pytest.raises(error, match=message):
        specs(written, replace(settings, **wrong))


def test_label_table_of_other_pixels_is_bad_input(written, settings, tmp_path):
    table = pq.read_table(written.truth)
    pixels = lake.open(f"{written.root}/{written.keys[0]}").domain.pixels
    path = f"{tmp_path}/other.parquet"
    pq.write_table(pa.table({"pixel": [0, pixels + 3], "label": [1, 2]}), path)
    with pytest.raises(DataError, match=rf"1 of 2 rows.*of pixel {pixels + 3}.*0 to {pixels - 1}"):
        specs(written, replace(settings, labels=path, quantities=()))
    shifted = table.set_column(0, "pixel", pa.array(np.roll(table["pixel"].to_numpy(), 1)))
    pq.write_table(shifted, path)
    with pytest.raises(DataError, match="another order"):
        specs(written, replace(settings, labels=path))


def test_changed_labels_are_another_run(written, settings, tmp_path):
    table, path = pq.read_table(written.truth), f"{tmp_path}/labels.parquet"
    pq.write_table(table, path)
    (before,) = specs(written, replace(settings, labels=path))
    label = table["label"].to_numpy().copy()
    label[0] += 1
    pq.write_table(table.set_column(3, "label", pa.array(label)), path)
    (after,) = specs(written, replace(settings, labels=path))
    assert before.id != after.id


def test_too_few_pixels_with_vectors_and_classes_are_told(client, written, settings, tmp_path):
    path = f"{tmp_path}/few.parquet"
    pq.write_table(pa.table({"pixel": [0, 1, 2], "label": ["a", "b", None]}), path)
    sparse = replace(settings, labels=path, quantities=(), patterns=False)
    with pytest.raises(DataError, match=r"2 pixels of 2 classes.*more than 10"):
        driver.run(client, written.root, written.keys[0], sparse)
