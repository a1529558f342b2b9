"""The linear part on two invented lands: classes under a field of haze, and classes that are plain."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from jobs.embedding import linear_part, recipe, vectors
from jobs.embedding.columns import Columns
from jobs.embedding.linear_part import AUTO, LOCAL, NOISE
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import Training
from jobs.linear import spatial
from jobs.synthetic.country import smooth
from lake.errors import ConfigError

SHAPE, CLASSES = (70, 70), 8
PLACES = tuple(index.ravel() for index in np.indices(SHAPE))


def land(haze, seed=0):
    """Two periods (P, score) in units of noise, and the classes, which lie in patches.

    Every score has a mean of each class, and haze: fields that stay and are smooth over the land.
    """
    rng = np.random.default_rng(seed)
    classes = np.stack([smooth(rng, SHAPE, 2.5).ravel() for _ in range(CLASSES)]).argmax(axis=0)
    fields = np.stack([smooth(rng, SHAPE, 14).ravel() for _ in range(3)], axis=1)
    means, through = rng.normal(size=(CLASSES, 12)) * 4, rng.normal(size=(3, 12)) * haze
    signal = means[classes] + fields @ through
    x = [signal + rng.normal(size=signal.shape) for _ in range(2)]
    rotation = spatial.principal(np.eye(12), np.cov(x[0].T))
    return [(period @ rotation).astype(np.float32) for period in x], classes


@pytest.fixture(scope="module")
def hazy():
    return land(haze=12)


@pytest.fixture(scope="module")
def plain():
    return land(haze=0)


def separation(vectors, classes, count=20_000):
    """AUC by which the cosine tells far pairs of one class from others."""
    one, other = np.random.default_rng(1).integers(0, len(vectors), (2, count))
    far = np.max([abs(place[one] - place[other]) for place in PLACES], axis=0) > 25
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = (unit[one] * unit[other]).sum(axis=1)
    return roc_auc_score((classes[one] == classes[other])[far], cosine[far])


def fitted(periods, choice, count=6):
    return linear_part.fit(*periods, *PLACES, choice, count, seed=0)


def test_filter_finds_the_classes_that_haze_hides(hazy):
    periods, classes = hazy
    auc = {
        choice: separation(periods[0] @ fitted(periods, choice).linear, classes)
        for choice in (NOISE, LOCAL)
    }
    assert auc[LOCAL] > auc[NOISE] + 0.1


def test_filter_is_no_gain_where_classes_are_the_strong_components(plain):
    periods, classes = plain
    auc = {
        choice: separation(periods[0] @ fitted(periods, choice).linear, classes)
        for choice in (NOISE, LOCAL)
    }
    assert auc[NOISE] > auc[LOCAL] - 0.02


def test_choice_is_by_clumping_and_says_so(hazy, plain):
    chosen = {name: fitted(of[0], AUTO).facts for name, of in (("hazy", hazy), ("plain", plain))}
    assert (chosen["hazy"]["chosen"], chosen["plain"]["chosen"]) == (LOCAL, NOISE)
    assert chosen["hazy"]["clumping"] < linear_part.CLUMPED < chosen["plain"]["clumping"]
    said = linear_part.reason(chosen["hazy"])
    assert f"clumping {chosen['hazy']['clumping']}" in said
    assert f"range of {chosen['hazy']['range_pixels']} pixels" in said
    assert "units of noise" in linear_part.reason(chosen["plain"])
    assert linear_part.reason(fitted(plain[0], NOISE).facts).endswith("units of noise")


def test_land_that_varies_slowly_is_not_filtered():
    """Its classes are patches a third as long as the land: a filter would take them, not only haze."""
    rng = np.random.default_rng(5)
    signal = np.stack([smooth(rng, SHAPE, 14).ravel() for _ in range(6)], axis=1) * 4
    x = [(signal + rng.normal(size=signal.shape)).astype(np.float32) for _ in range(2)]
    facts = fitted(x, AUTO).facts
    assert facts["chosen"] == NOISE
    assert facts["clumping"] < linear_part.CLUMPED
    assert facts["range_pixels"] > linear_part.LONGEST * facts["extent_pixels"]
    assert fitted(x, LOCAL).facts["chosen"] == LOCAL


def test_range_of_more_than_some_tens_of_pixels_is_that_of_climates():
    rng = np.random.default_rng(6)
    rows, columns = (index.ravel() for index in np.indices((24, 600)))
    slow = np.stack([smooth(rng, (24, 600), 40).ravel() for _ in range(6)], axis=1) * 4
    x = [(slow + rng.normal(size=slow.shape)).astype(np.float32) for _ in range(2)]
    facts = linear_part.fit(*x, rows, columns, AUTO, 6, seed=0).facts
    assert linear_part.LONGEST_PIXELS < facts["range_pixels"] < linear_part.LONGEST * 600
    assert facts["clumping"] < linear_part.CLUMPED
    assert facts["chosen"] == NOISE
    assert linear_part.reason(facts).endswith("48 pixels")


def test_choice_that_is_made_is_the_one_asked_for(hazy):
    periods, _ = hazy
    by_itself, asked = (fitted(periods, choice) for choice in (AUTO, LOCAL))
    assert_array_equal(by_itself.linear, asked.linear)
    assert_array_equal(by_itself.inputs, asked.inputs)


def test_normal_vectors_do_not_clump_and_clusters_do():
    rng = np.random.default_rng(2)
    normal = rng.normal(size=(5000, 10)) * np.linspace(5, 1, 10)
    clusters = normal * 0.1 + 3 * rng.normal(size=(8, 10))[rng.integers(0, 8, 5000)]
    assert linear_part.clumping(normal, 0) == pytest.approx(0, abs=0.03)
    assert linear_part.clumping(clusters, 0) > 0.8


def test_land_without_pixels_side_by_side_is_not_filtered():
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(400, 5)) * 4
    x = [(signal + rng.normal(size=signal.shape)).astype(np.float32) for _ in range(2)]
    row = np.arange(400) * 9
    axes = linear_part.fit(*x, row, row * 0, LOCAL, 5, seed=0)
    assert axes.facts == {"chosen": NOISE, "range_pixels": 0}


def test_large_domain_gives_some_pixels_and_their_partners():
    row, column = (index.ravel() for index in np.indices((600, 500)))
    needed = linear_part.needed_pixels(row, column, seed=0)
    assert len(needed) < len(row) / 2
    assert_array_equal(needed, np.unique(needed))
    for one, _ in spatial.partners(row[needed], column[needed], (1, 32, 192)):
        assert len(one) > 2000
    assert linear_part.needed_pixels(row[:1000], column[:1000], seed=0) is None


@pytest.fixture(scope="module")
def trained(hazy):
    periods, _ = hazy
    settings = recipe.resolve(
        Recipe(Architecture(latent=8, hidden=32, linear=6), training=Training(steps=40, threads=1)),
        2, features=False, with_noise=True,
    )  # fmt: skip
    x = tuple(torch.from_numpy(period) for period in periods)
    return recipe.fit(settings, x, Columns(components=12), places=PLACES).model


def test_vector_is_the_linear_part_then_the_learnt_one_of_half_its_length(hazy, trained):
    x = hazy[0][0]
    z = vectors.embed(trained, x)
    assert z.shape == (len(x), 6 + 8)
    assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-5)
    assert_allclose(np.linalg.norm(z[:, :6], axis=1), 1.25**-0.5, rtol=1e-5)
    scale = x.std(axis=0)
    linear = (x / scale) @ fitted([period / scale for period in hazy[0]], AUTO).linear
    unit = linear / np.linalg.norm(linear, axis=1, keepdims=True)
    assert_allclose(z[:, :6] * 1.25**0.5, unit, atol=1e-3)


def test_trained_vectors_tell_classes_where_scores_do_not(hazy, trained):
    periods, classes = hazy
    noise = separation(periods[0], classes)
    assert separation(vectors.embed(trained, periods[0]), classes) > noise + 0.1


@pytest.mark.parametrize(
    ("settings", "periods", "with_noise"),
    [
        (Architecture(linear_part="local"), 1, True),
        (Architecture(linear_part="noise"), 2, False),
    ],
)
def test_linear_part_needs_noise_of_two_periods(settings, periods, with_noise):
    with pytest.raises(ConfigError, match="needs inputs=gcca, or inputs=mnf and a second"):
        recipe.resolve(Recipe(settings), periods, features=False, with_noise=with_noise)


@pytest.mark.parametrize(
    "settings",
    [{"linear_part": "filtered"}, {"linear": 0}, {"linear_part": "local", "unit": False},
     {"linear_part": "auto", "nested": (8,)}, {"input_scale": "noise"}],
)  # fmt: skip
def test_settings_that_make_no_vector_are_refused(settings):
    with pytest.raises(ConfigError):
        Architecture(**settings)


def test_inputs_of_a_common_scale_keep_their_proportions():
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 3, 1])
    common = recipe.scale_of(x, Columns(components=3), "common")
    assert_allclose(common, np.full(3, np.sqrt((x.numpy().var(axis=0)).mean())), rtol=1e-5)
    assert_allclose(
        (x / recipe.scale_of(x, Columns(components=3))).std(0, correction=0), 1, rtol=1e-5
    )
