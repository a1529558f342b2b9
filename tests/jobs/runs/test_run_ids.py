"""Ids of runs stay as they were: goldens by the code of commit 99e07e9.

Those of maps are newer, since they take `run`; so are those of embeddings, whose settings `inputs` and
`hard_negatives` are newer, and of what builds on embeddings.

A store's generation and place and a file's URL are replaced by fixed ones, in the specs that the jobs
give, and in those of the runs that these build on.
"""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from jobs.classes import classify, cluster
from jobs.embedding import embed
from jobs.embedding.encoder_inputs import InputSettings
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.recipe import Recipe
from jobs.evaluation import evaluate
from jobs.linear import mnf, passes, pca, transform
from jobs.report import map as maps
from jobs.runs import outputs, records
from jobs.runs.spec import FinishedRun, Input, Spec
from jobs.sampling import sample
from jobs.sampling.hierarchy import Hierarchy
from jobs.sampling.strata import Strata
from lake.format.moments import METRICS
from tests.jobs import small

STORES = tuple(Input(str(small.KEY), f"0000000{n}-golden", f"ledgers/{n}.parquet") for n in (1, 2))
LABELS, SECOND = "file:///labels.npy", "file:///second"


class Goldens:
    """A lake with a store, a store of another period outside it, and finished runs made up."""

    def __init__(self, folder):
        self.root = small.build(folder / "lake").root
        self.second = f"{small.build(folder / 'second').root}/{small.KEY}"
        self.store = records.open_store(self.root, str(small.KEY))
        self.labels = str(folder / "labels.npy")
        np.save(self.labels, np.arange(self.store.domain.pixels) % 3)
        self._ids = {}

    def id(self, job, settings):
        """Of the run that these settings ask for, on stores and files with fixed names."""
        for spec in job.specs(self.root, self.store, settings):
            golden = self.fixed(spec)
        return golden

    def finished(self, job, settings, array="", width=4):
        """A run that is done, as are those it builds on, with an array (pixel, ...) of zeros."""
        for spec in job.specs(self.root, self.store, settings):
            self.fixed(spec)
            done = FinishedRun(spec.id, (), 1.0, records.now())
            records.write_spec(self.root, spec)
            records.folder(self.root, spec.id).put("done.json", records.as_json(asdict(done)))
        dims = {"column": width} if width else {}
        arrays = [outputs.pixel_array(array, self.store, dims, "float32", 0.0)] if array else []
        outputs.create(records.folder(self.root, spec.id), spec, arrays, "")
        return spec.id

    def fixed(self, spec: Spec) -> str:
        """The id of this spec on stores and files with fixed names."""
        for name in spec.inputs.values():
            if name not in self._ids:
                self.fixed(records.read_spec(self.root, name))
        inputs = {name: self._ids[run] for name, run in spec.inputs.items()}
        first = records.open_store(self.root, str(small.KEY)).generation
        stores = tuple(STORES[of.url != "" or of.generation != first] for of in spec.stores)
        text = json.dumps(dict(spec.settings))
        fixed = self._ids | {self.labels: LABELS, self.second: SECOND}
        for name, golden in fixed.items():
            text = text.replace(name, golden)
        golden = replace(spec, settings=json.loads(text), stores=stores, inputs=inputs).id
        self._ids[spec.id] = golden
        return golden


@pytest.fixture(scope="module")
def goldens(tmp_path_factory) -> Goldens:
    return Goldens(tmp_path_factory.mktemp("goldens"))


def test_ids_of_samples(goldens):
    def named(**settings):
        return goldens.id(sample, sample.Settings(**settings))

    classes = goldens.finished(cluster, cluster.Settings(), "labels", 0)
    scores = goldens.finished(pca, pca.Settings(), "scores")
    fine = sample.FeatureSelection(tods=(64800,), statistics=METRICS, subpixels="separate")
    ids = {
        "default": named(),
        "phases": named(phase=1, phases=2),
        "random": named(design="random", pixels=50, seed=3),
        "stratified": named(design="stratified", pixels=50, strata=Strata("lat", bins=4)),
        "by a run": named(design="stratified", pixels=50, strata=Strata(classes)),
        "by a file": named(design="stratified", pixels=50, strata=Strata(goldens.labels)),
        "hierarchical": named(design="hierarchical", hierarchy=Hierarchy(scores, (9, 3))),
        "features": named(features=fine, suspect=True, max_missing=0.1),
    }
    assert ids == SAMPLES


def test_ids_of_linear_models(goldens):
    drawn = goldens.finished(sample, sample.Settings(phase=1, phases=2))
    ids = {
        "default": goldens.id(pca, pca.Settings()),
        "of a sample": goldens.id(pca, pca.Settings(drawn)),
        "fit": goldens.id(pca, pca.Settings(drawn, whiten=True, fit=passes.Fit(10, refills=0))),
    }
    assert ids == PCA
    ids = {
        "default": goldens.id(mnf, mnf.Settings(second=goldens.second)),
        "of a sample": goldens.id(mnf, mnf.Settings(goldens.second, drawn, floor=1e-3)),
    }
    assert ids == MNF


def test_ids_of_embeddings_and_clusters(goldens):
    scores = goldens.finished(pca, pca.Settings(), "scores")
    features = InputSettings("features")
    embedding = goldens.finished(embed, embed.Settings(features, int8=True), "embedding")
    ids = {
        "default": goldens.id(embed, embed.Settings()),
        "of features": goldens.id(embed, embed.Settings(features)),
        "of scores": goldens.id(embed, embed.Settings(InputSettings(run=scores))),
        "two periods": goldens.id(embed, embed.Settings(InputSettings("mnf", goldens.second))),
        "two periods as before linear parts": goldens.id(
            embed,
            embed.Settings(
                InputSettings("mnf", goldens.second), Recipe(Architecture(linear_part="none"))
            ),
        ),
    }
    assert ids == EMBED
    ids = {
        "default": goldens.id(cluster, cluster.Settings()),
        "of an embedding": goldens.id(cluster, cluster.Settings(embedding, k=3)),
    }
    assert ids == CLUSTER


def test_id_of_scores_by_a_model(goldens):
    model = records.read_spec(goldens.root, goldens.finished(pca, pca.Settings(), "scores"))
    spec = transform.spec(goldens.root, goldens.store, model)
    assert goldens.fixed(spec) == TRANSFORM


def test_ids_of_maps_since_their_setting_is_run(goldens):
    clusters = goldens.finished(cluster, cluster.Settings(), "labels", 0)
    ids = {
        "default": goldens.id(maps, maps.Settings()),
        "of clusters": goldens.id(maps, maps.Settings(run=clusters)),
        "of the store": goldens.id(maps, maps.Settings(pictures=("domain", "mean"), month=7)),
    }
    assert ids == MAP


def test_ids_of_what_rests_on_labels(goldens):
    scores = goldens.finished(pca, pca.Settings(), "scores")
    named = {"run": scores, "labels": goldens.labels}
    ids = {
        "default": goldens.id(classify, classify.Settings(**named)),
        "fewer": goldens.id(classify, classify.Settings(**named, most=100, seed=2)),
    }
    assert ids == CLASSIFY
    ids = {
        "default": goldens.id(evaluate, evaluate.Settings(**named)),
        "two periods": goldens.id(evaluate, evaluate.Settings(**named, other=scores, seeds=1)),
    }
    assert ids == EVALUATE


SAMPLES = {
    "default": "sample-c8687a78ebfd",
    "phases": "sample-4a56b2768a55",
    "random": "sample-44369fe6bfbc",
    "stratified": "sample-c3e3ddc5953f",
    "by a run": "sample-caf108939ce1",
    "by a file": "sample-4a2964f24d0e",
    "hierarchical": "sample-bc6d3e07cf73",
    "features": "sample-a94b77db0629",
}
PCA = {"default": "pca-274558510412", "of a sample": "pca-2acb053599c2", "fit": "pca-943995607e3e"}
MNF = {"default": "mnf-e7791127129a", "of a sample": "mnf-c7ab9daa3807"}
EMBED = {
    "default": "embed-1a900b0ccc60",
    "of features": "embed-2979a10518eb",
    "of scores": "embed-3cc490c014a5",
    "two periods": "embed-3de4426a6829",
    "two periods as before linear parts": "embed-0f91344d0d5c",
}
CLUSTER = {"default": "cluster-16af0a4e22ff", "of an embedding": "cluster-7ed747586f1d"}
CLASSIFY = {"default": "classify-aca4f2c8bf86", "fewer": "classify-1fd21e84d2b4"}
EVALUATE = {"default": "evaluate-58634a027608", "two periods": "evaluate-800a4b1c730f"}
TRANSFORM = "transform-d660f0756286"
MAP = {
    "default": "map-7de556d63267",
    "of clusters": "map-7de556d63267",
    "of the store": "map-6537e2a656a6",
}
