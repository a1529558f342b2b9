"""The bias field against its formula, and on land whose field is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from jobs.embedding import bias_field
from jobs.embedding.bias_field import FieldCells, FieldSums
from lake.errors import ConfigError
from tests.jobs.embedding import field_by_formula

ROWS, COLUMNS, CLASSES, DIMENSIONS = 60, 70, 12, 8


@pytest.fixture(scope="module")
def scattered():
    """Some pixels of a grid in no order, their scores, clusters and the clusters' means."""
    rng = np.random.default_rng(0)
    place = rng.permutation(900)[:500]
    x = rng.normal(size=(500, 3)).astype(np.float32)
    x[[4, 9]] = np.nan
    cluster = rng.integers(0, 5, 500)
    cluster[7] = bias_field.NO_CLUSTER
    return x, cluster, rng.normal(size=(5, 3)), place // 30 + 3, place % 30 + 8


def added(x, cluster, cells, parts):
    """The sums of pixels that are added in so many parts."""
    sums = FieldSums.zeros(cells.count, x.shape[1], int(cluster.max()) + 1)
    for part in np.array_split(np.arange(len(x)), parts):
        sums.add(x[part], cluster[part], cells.of_pixel[part])
    return sums


@pytest.mark.parametrize("parts", [1, 7])
def test_field_is_that_of_the_formula(scattered, parts):
    x, cluster, means, row, column = scattered
    cells = FieldCells.of(row, column)
    field = added(x, cluster, cells, parts).field(cells, means)
    expected = field_by_formula.field(x, cluster, means, row, column)
    assert field.dtype == np.float32
    assert_allclose(field[cells.of_pixel], expected, atol=2e-6)  # float32 sums of a hundred pixels


def test_means_are_those_of_the_pixels_less_the_field(scattered):
    x, cluster, means, row, column = scattered
    cells = FieldCells.of(row, column)
    sums = added(x, cluster, cells, 3)
    field = sums.field(cells, means)
    rest = x - field[cells.of_pixel]
    known = np.isfinite(x).all(axis=1)
    expected = [rest[known & (cluster == number)].mean(axis=0) for number in range(5)]
    assert_allclose(sums.means(field), expected, atol=1e-5)


def test_cells_are_of_four_pixels_and_numbered_in_the_order_of_the_pixels():
    row, column = np.array([5, 5, 0, 1, 4]), np.array([1, 2, 7, 8, 2])
    cells = FieldCells.of(row, column)
    assert cells.of_pixel.tolist() == [0, 0, 1, 1, 0]
    assert cells.number.tolist() == [[-1, -1, -1, 1], [-1] * 4, [0, -1, -1, -1]]
    assert cells.count == 2


def test_lone_pixel_keeps_nearly_all_of_its_scores():
    """One pixel weighs as one of eleven, where the other ten have no field."""
    cells = FieldCells.of(np.array([0, 400]), np.array([0, 400]))
    x = np.array([[3.0], [5.0]], np.float32)
    sums = added(x, np.array([0, 0]), cells, 1)
    weight = field_by_formula.kernel(np.array(0.0)) ** 2
    share = weight / (weight + field_by_formula.HALF)
    assert share < 0.2
    assert_allclose(sums.field(cells, np.zeros((1, 1)))[:, 0], share * x[:, 0], rtol=1e-5)


@pytest.fixture(scope="module")
def land():
    """Two views of patches of classes under a field as strong as they are; which classes, and the field."""
    rng = np.random.default_rng(1)
    grids = [gaussian_filter(rng.normal(size=(ROWS, COLUMNS)), 2.5) for _ in range(CLASSES)]
    classes = np.argmax(grids, axis=0).ravel()
    smooth = [gaussian_filter(rng.normal(size=(ROWS, COLUMNS)), 9) for _ in range(DIMENSIONS)]
    field = np.stack([(x / x.std()).ravel() for x in smooth], axis=1)
    pure = rng.normal(size=(CLASSES, DIMENSIONS))[classes]
    views = [(pure + field + 0.2 * rng.normal(size=field.shape)).astype(np.float32) for _ in "ab"]
    row, column = np.divmod(np.arange(ROWS * COLUMNS), COLUMNS)
    return views, classes, field, FieldCells.of(row, column)


def kmeans(vectors):
    return KMeans(CLASSES, n_init=3, random_state=0).fit_predict(vectors)


def found_in(x, cluster, cells):
    """(pixel, input) the field by these clusters."""
    sums = FieldSums.zeros(cells.count, DIMENSIONS, int(cluster.max()) + 1)
    sums.add(x, cluster, cells.of_pixel)
    return sums.field(cells, bias_field.cluster_means(sums, cells))[cells.of_pixel]


def correlation(found, field):
    return np.mean([np.corrcoef(found[:, n], field[:, n])[0, 1] for n in range(DIMENSIONS)])


def test_field_that_lies_over_the_land_is_found_and_classes_are_what_is_left(land):
    """Better than by the mean of the pixels around, which takes patches of a class for the field."""
    (first, second), classes, field, cells = land
    cluster = bias_field.clusters(first, second, cells, cells.of_pixel, 0)
    found = found_in(first, cluster, cells)
    around = found_in(first, np.zeros_like(cluster), cells)
    assert correlation(found, field) > 0.94 > correlation(around, field)
    scores = [
        adjusted_rand_score(classes, kmeans(x)) for x in (first, first - around, first - found)
    ]
    assert scores[0] < 0.5
    assert scores[2] > scores[1] + 0.05
    assert scores[2] > 0.9


def test_clusters_are_the_same_again(land):
    (first, second), _, _, cells = land
    one, other = (
        bias_field.clusters(first.copy(), second, cells, cells.of_pixel, 3) for _ in range(2)
    )
    assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("asked", "linear_part", "expected"),
    [("", "auto", "removed"), ("", "local", "removed"), ("", "noise", ""), ("", "none", ""),
     ("kept", "auto", "kept"), ("removed", "local", "removed"), ("kept", "none", "kept")],
)  # fmt: skip
def test_field_is_removed_where_the_linear_part_may_be_filtered(asked, linear_part, expected):
    assert bias_field.resolve(asked, linear_part, ("local", "auto")) == expected


def test_field_cannot_be_removed_beside_another_linear_part():
    with pytest.raises(ConfigError, match="needs linear_part=local or auto"):
        bias_field.resolve("removed", "noise", ("local", "auto"))
