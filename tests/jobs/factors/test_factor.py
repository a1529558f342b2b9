"""The job on a store against the same fit in memory, and what people do with its run."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.classes import cluster
from jobs.factors import cells, factor, factor_model, in_memory, pixel_factors, small_factors
from jobs.factors.cells import CellGrid
from jobs.factors.factor import Settings
from jobs.factors.fit_settings import FactorFit
from jobs.factors.pixel_factors import Observed
from jobs.features import features
from jobs.figures import run_maps
from jobs.linear import transform
from jobs.runs import driver, outputs
from lake.errors import ConfigError
from tests.jobs import raw

FIT = FactorFit(
    components=3, starts=5, fitted_on=400, passes=2, scan=(2,), zero="nothing", clip=1e9
)
STATISTICS = ("mean", "min", "max")


def invented(seed, missing=0.2):
    """(pixel, feature) raw metrics whose means, minima and maxima are of three components and noise.

    Factors of bands and metrics are 1 or -1, so that channels have one scale: others would make of three
    components more.
    """
    random = np.random.default_rng(seed)
    shape = len(raw.MONTHS), len(raw.CUBE.tods), len(raw.CUBE.bands)
    small = [random.normal(size=(size, 3)) for size in shape[:2]]
    small += [np.array([[1, 1, -1], [1, -1, 1]]), np.array([[1, 1, 1], [1, -1, -1], [1, 1, -1]])]
    pixels = random.normal(size=(raw.PIXELS, 3)) * [3, 2, 1.5]
    chosen = np.einsum("pr,mr,tr,br,kr->pmtbk", pixels, *small)
    chosen += 0.1 * chosen.std() * random.normal(size=chosen.shape)
    values = np.full((raw.PIXELS, *shape, len(raw.METRICS)), 4.0)
    values[..., [raw.METRICS.index(name) for name in ("m1", "min", "max")]] = chosen
    values[random.random(values.shape[:4]) < missing] = np.nan
    values[7] = np.nan
    return values.reshape(raw.PIXELS, -1).astype(np.float32)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    there = raw.lake(tmp_path_factory.mktemp("factors") / "lake")
    return there.root, {
        "first": there.add(2018, invented(1)),
        "second": there.add(2019, invented(1, 0.4)),
    }


@pytest.fixture(scope="module")
def made(client, stores):
    root, keys = stores
    settings = Settings(FIT, statistics=STATISTICS)
    return driver.run(client, root, keys["first"], settings)


def values_of(root, key):
    """(feature, pixel) of a whole store, and its grid."""
    store = lake.open(f"{root}/{key}")
    selection = features.resolve(Settings(statistics=STATISTICS).selection, store)
    names = [str(name) for name in features.columns(selection, store.cubes.values())]
    return features.read(store, selection, slice(0, raw.PIXELS)), CellGrid.of(names), store


def test_run_equals_the_same_steps_in_memory(stores, made):
    """The pilot's fit, two passes, and pixels by least squares of their own, in float64."""
    root, keys = stores
    x, grid, store = values_of(root, keys["first"])
    found = outputs.dataset(root, made)
    size = -(-FIT.fitted_on // 3)
    superblock = store.domain.layout.superblock
    pilot = [pixel for n in range(3) for pixel in range(n * superblock, n * superblock + size)]
    scaling = cells.scaling(x[:, pilot], grid, "nothing", 1e9)
    assert_allclose(found["scale"], scaling.scale, rtol=1e-6)
    z = (x / scaling.scale[:, None]).astype(np.float64)
    starts = [
        factor_model.random_cp(
            grid.shape, 3, np.random.default_rng([0, 3, start]), nonnegative=False
        )
        for start in range(5)
    ]
    fits = [
        in_memory.fit([Observed.of(z[:, pilot])], grid, start, FIT.rule, 200, 1e-6)
        for start in starts
    ]
    model = max(fits, key=lambda fit: fit.fits[-1]).model
    for _ in range(2):
        loadings = grid.features(model.loadings())
        sums = pixel_factors.sums([Observed.of(z)], loadings, FIT.rule)
        model = small_factors.update(model, sums, grid, FIT.rule)
    for mode, values in zip(cells.MODES, model.factors, strict=True):
        assert_allclose(found[f"{mode}_factor"], values, atol=3e-3)
    loadings = found["loadings"].values
    embedding = found["embedding"].values
    for pixel in (0, 1500, 2999):
        known = np.isfinite(z[:, pixel])
        oracle = np.linalg.lstsq(loadings[:, known].T, z[known, pixel])[0]
        assert_allclose(embedding[pixel], oracle, rtol=1e-2, atol=1e-2)
    assert_array_equal(np.flatnonzero(np.isnan(embedding).any(axis=1)), [7])


def test_store_is_read_once_for_every_pass_and_once_for_the_pixel_factors(stores, made):
    parts = Path(stores[0]) / "runs" / made / "parts"
    readers = {"pilot", "sums0", "sums1", "solve"}
    assert {path.name for path in parts.iterdir()} == readers | {
        "scan",
        "update0",
        "update1",
        "model",
    }
    assert len(list((parts / "pilot").glob("*.json"))) == 1  # of FIT.fitted_on pixels


def test_document_says_how_much_is_explained(stores, made):
    root, keys = stores
    x, _, _ = values_of(root, keys["first"])
    found = outputs.dataset(root, made)
    document = json.loads((Path(root) / "runs" / made / "factor.json").read_text())
    modelled = (found["embedding"].values @ found["loadings"].values).T
    modelled *= found["scale"].values[:, None]
    scaled = [values / found["scale"].values[:, None] for values in (x, x - modelled)]
    known = np.isfinite(x)
    squares, left = (np.where(known, values**2, 0).astype(float) for values in scaled)
    assert document["fit"] == pytest.approx(1 - left.sum() / squares.sum(), abs=1e-5)
    assert document["fit"] > 0.98
    assert np.diff([*document["fit_before_passes"], document["fit"]]).min() > -1e-6
    seen = squares.sum(axis=0) > 0
    assert_allclose(
        found["unexplained"].values[seen], (left.sum(axis=0) / np.where(seen, squares.sum(axis=0), 1))[seen],
        atol=1e-3,
    )  # fmt: skip
    assert [row["components"] for row in document["scan"]] == [2, 3]
    two, three = document["scan"]
    assert three["fit"] > two["fit"] + 0.02
    assert three["core_consistency"] > 80
    assert 0.5 < three["stability"] <= 1 + 1e-9  # some starts end elsewhere
    assert "core consistency" in factor.summary(root, made)


def test_pictures_are_stored_with_their_captions(stores, made):
    root, _ = stores
    folder = Path(root) / "runs" / made
    listed = json.loads((folder / "pictures.json").read_text())
    names = [picture["name"] for picture in listed]
    assert names == ["profiles", "scan", "component-0", "component-1", "component-2", "unexplained"]
    for picture in listed:
        assert (folder / picture["file"]).stat().st_size > 5000
        assert picture["caption"].endswith(".")


def test_other_stores_are_solved_by_the_same_small_factors(client, stores, made):
    root, keys = stores
    run = driver.run(client, root, keys["second"], transform.Settings(made))
    found, model = outputs.dataset(root, run), outputs.dataset(root, made)
    x, _, _ = values_of(root, keys["second"])
    z = x / model["scale"].values[:, None]
    for pixel in (3, 2000):
        known = np.isfinite(z[:, pixel])
        oracle = np.linalg.lstsq(model["loadings"].values[:, known].T, z[known, pixel])[0]
        assert_allclose(found["embedding"].values[pixel], oracle, rtol=2e-2, atol=2e-2)


def test_vectors_are_drawn_as_colours_measured_and_clustered(client, stores, made):
    root, keys = stores
    assert "3-dimensional" in run_maps.draw(root, made).caption
    assert outputs.vectors_of(root, made, "") == "embedding"
    run = driver.run(client, root, keys["first"], cluster.Settings(made, k=3))
    labels = outputs.dataset(root, run)["labels"].values
    assert_array_equal(np.flatnonzero(labels < 0), [7])
    assert len(np.unique(labels)) == 4


def test_tucker_of_a_store_has_a_core_that_makes_its_loadings(client, stores):
    root, keys = stores
    fit = FactorFit("tucker", 4, (2, 2, 2, 2), starts=1, fitted_on=300, passes=1)
    run = driver.run(client, root, keys["first"], Settings(fit, statistics=STATISTICS))
    found = outputs.dataset(root, run)
    factors = [found[f"{mode}_factor"].values for mode in cells.MODES]
    loadings = np.einsum("mtbkr,im,jt,lb,nk->ijlnr", found["core"].values, *factors)
    names = list(found["feature"].values)
    rows = CellGrid.of(names).features(loadings.reshape(-1, 4))
    assert_allclose(found["loadings"].values, rows.T, atol=1e-9)


def test_expression_of_a_store_has_factors_that_make_its_loadings_and_vectors_of_any_store(
    client, stores
):
    root, keys = stores
    fit = FactorFit(
        "einsum", 3, starts=1, fitted_on=300, steps=150, zero="nothing", clip=1e9,
        expression="pr,mtr,br,sr", nonlinearity="asinh",
    )  # fmt: skip
    run = driver.run(client, root, keys["first"], Settings(fit, statistics=STATISTICS))
    found = outputs.dataset(root, run)
    assert found["factor_mtr"].dims == ("month", "tod", "component")
    small = (found[f"factor_{letters}"].values for letters in ("mtr", "br", "sr"))
    loadings = np.einsum("mtr,br,sr->mtbsr", *small).reshape(-1, 3)
    rows = CellGrid.of(list(found["feature"].values)).features(loadings)
    assert_allclose(found["loadings"].values, rows.T, atol=1e-9)
    for profile, letters in (("band", "br"), ("metric", "sr")):
        assert_allclose(found[f"{profile}_factor"], found[f"factor_{letters}"], atol=1e-6)
    transformed = driver.run(client, root, keys["second"], transform.Settings(run))
    assert "3-dimensional" in run_maps.draw(root, transformed).caption
    groups = driver.specs(root, keys["second"], cluster.Settings(transformed))[-1]
    assert groups.inputs == {"embed": transformed}
    second = outputs.dataset(root, transformed)
    for made, key in ((found, "first"), (second, "second")):
        embedding, z = made["embedding"].values, values_of(root, keys[key])[0]
        z = z / found["scale"].values[:, None]
        left = z - np.arcsinh(embedding @ found["loadings"].values).T
        known = np.isfinite(left).any(axis=0)
        share = np.nansum(left**2, axis=0)[known] / np.nansum(z**2, axis=0)[known]
        assert_allclose(made["unexplained"].values[known], share, atol=1e-3)
        assert_array_equal(np.flatnonzero(np.isnan(embedding).any(axis=1)), [7])
    document = json.loads((Path(root) / "runs" / run / "factor.json").read_text())
    assert document["fit"] > 0.8
    assert document["scan"][0]["core_consistency"] is None
    assert "fit of all pixels" in factor.summary(root, run)
    assert outputs.vectors_of(root, run, "") == "embedding"


def test_nonnegative_factors_of_a_store_are_0_or_more(client, stores):
    root, keys = stores
    fit = FactorFit(components=2, nonnegative=True, starts=1, fitted_on=300, passes=1)
    run = driver.run(client, root, keys["first"], Settings(fit, statistics=STATISTICS))
    found = outputs.dataset(root, run)
    for name in ("embedding", "loadings", *(f"{mode}_factor" for mode in cells.MODES)):
        assert np.nanmin(found[name].values) >= 0
    assert found.attrs["settings"]["fit"]["zero"] == "lowest"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "svd"}, "cp, tucker, einsum"),
        ({"components": 0}, "components"),
        ({"method": "tucker", "nonnegative": True}, "method=cp"),
        ({"ranks": (2, 2)}, "ranks"),
        ({"zero": "noon"}, "zero"),
        ({"ridge": 0.0}, "ridge"),
        ({"scan": (3, 0)}, "scan"),
        ({"starts": 0}, "starts"),
        ({"passes": -1}, "passes"),
    ],
)
def test_setting_out_of_range_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FactorFit(**wrong)


def test_too_few_ranks_for_the_components_are_refused(stores):
    root, keys = stores
    fit = FactorFit("tucker", 17, (2, 2, 2, 2))
    with pytest.raises(ConfigError, match="16 combinations"):
        driver.specs(root, keys["first"], Settings(fit))
