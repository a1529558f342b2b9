"""Whether two stores hold the same statistics."""

import numpy as np

import lake
from lake.format.moments import METRICS

EPS = np.finfo(np.float32).eps


def assert_equal(found: lake.Store, wanted: lake.Store) -> None:
    """Counts and extremes exactly; mean and sums of k-th powers to float32 rounding of n s^k and
    of k n |mean| s^(k-1), as each store's numbers were rounded before they were merged."""
    assert found.domain.grid.same_as(wanted.domain.grid)
    for cube in wanted.cubes:
        a, b = (s.block(cube, slice(None)).astype(np.float64) for s in (found, wanted))
        a, b = (dict(zip(METRICS, np.moveaxis(x, 3, 0), strict=True)) for x in (a, b))
        for metric in ("count", "min", "max"):
            np.testing.assert_array_equal(a[metric], b[metric])
        n, size = b["count"], np.maximum(np.abs(b["min"]), np.abs(b["max"]))
        spread = b["max"] - b["min"]
        assert not (np.abs(a["m1"] - b["m1"]) > 2 * EPS * size).any()
        for k in (2, 3, 4):
            allowed = (
                4 * EPS * n * (spread**k + k * size * spread ** (k - 1)) + n * (2 * EPS * size) ** k
            )
            assert not (np.abs(a[f"m{k}"] - b[f"m{k}"]) > allowed).any(), (cube, k)
        assert np.nanmax(n) >= 2
    assert_same_maps(found, wanted)


def assert_same_maps(found: lake.Store, wanted: lake.Store) -> None:
    """Counts of overview maps exactly, means to their rounding; at night reflectances cancel to nearly 0."""
    for cube in wanted.cubes if wanted.has("overview") else ():
        a, b = (s.overview(cube).load() for s in (found, wanted))
        np.testing.assert_array_equal(a["count"], b["count"])
        np.testing.assert_allclose(a["mean"], b["mean"], rtol=2**-12, atol=1e-8)
