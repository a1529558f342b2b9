import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from lake.errors import ConfigError, GeometryError
from lake.format import grid as geometry
from lake.format.domain import Domain, from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout

EAST = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
WEST = Projection(35786023.0, 6378137.0, 6356752.31414, -137.0)
LAYOUT = Layout(chunk=4, phases=3)


def grid_of(shape, projection=EAST, x0=-0.017332, y0=0.092372, step=5.6e-5):
    y = geometry.axis(np.arange(shape[0]), -step, y0)
    return Grid(projection, y, geometry.axis(np.arange(shape[1]), step, x0))


@st.composite
def domains(draw):
    shape = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    mask = draw(hnp.arrays(bool, shape))
    mask[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return from_mask(mask, grid_of(shape), LAYOUT), mask


@pytest.fixture(scope="module")
def american():
    """GOES East at 10 km: every second pixel of what it sees of the Earth."""
    everywhere = grid_of((1086, 1086), x0=-0.1519, y0=0.1519, step=2.8e-4)
    row, column = np.indices(everywhere.shape)
    return from_mask((row + column) % 2 == 0, everywhere, Layout())


@given(domains())
def test_domain_of_a_mask_has_its_pixels_in_store_order(made):
    domain, mask = made
    assert_array_equal(domain.mask, mask)
    assert domain.pixels == mask.sum()
    assert (domain.row.dtype, domain.column.dtype) == (np.int32, np.int32)
    # rebuilt from what a store keeps of it
    again = Domain(domain.grid, domain.layout, domain.row, domain.column)
    assert_array_equal(again.mask, mask)


def test_domain_leaves_out_pixels_whose_line_of_sight_misses_the_earth():
    limb = grid_of((40, 40), x0=-0.1519, y0=0.03, step=2.8e-4)
    domain = from_mask(np.ones((40, 40), bool), limb, LAYOUT)
    lon, lat = geometry.lonlat(EAST, limb.y[:, None], limb.x)
    assert 0 < domain.pixels < 1600
    assert_array_equal(domain.mask, np.isfinite(lon) & np.isfinite(lat))
    assert np.isfinite(domain.lonlat()).all()


def test_domain_without_a_pixel_is_refused():
    with pytest.raises(ConfigError, match="none of 30 pixels"):
        from_mask(np.zeros((5, 6), bool), grid_of((5, 6)), LAYOUT)
    with pytest.raises(ConfigError, match="none of 30 pixels"):
        from_mask(np.ones((5, 6), bool), grid_of((5, 6), x0=0.17), LAYOUT)


def test_mask_of_another_shape_than_its_grid_is_refused():
    with pytest.raises(GeometryError, match=r"mask of shape \(6, 5\) on a grid of \(5, 6\)"):
        from_mask(np.ones((6, 5), bool), grid_of((5, 6)), LAYOUT)


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [([0, 3], [0, 0], "rows of pixels go from 0 to 3: wanted 0 to 2"),
     ([0, 0], [-1, 0], "columns of pixels go from -1 to 0: wanted 0 to 3")],
)  # fmt: skip
def test_pixels_beside_the_grid_are_refused(row, column, message):
    with pytest.raises(GeometryError, match=message):
        Domain(grid_of((3, 4)), LAYOUT, np.array(row, np.int32), np.array(column, np.int32))


def test_domain_of_rows_without_their_columns_is_refused():
    with pytest.raises(GeometryError, match="one of each"):
        Domain(grid_of((5, 6)), LAYOUT, np.arange(3, dtype=np.int32), np.arange(2, dtype=np.int32))


@given(domains(), st.sampled_from([1, 2, 4]))
def test_fine_mask_is_the_coarse_mask_in_blocks(made, refinement):
    domain, mask = made
    wanted = np.kron(mask, np.ones((refinement, refinement), bool))
    assert_array_equal(domain.m_domain(refinement), wanted)


@given(domains(), st.sampled_from([1, 2, 4]), st.sampled_from(["uint16", "float32", "bool"]))
def test_gathered_values_are_those_of_the_subpixels(made, refinement, dtype):
    domain, mask = made
    shape = np.multiply(mask.shape, refinement)
    image = np.random.default_rng(0).integers(0, 60000, shape).astype(dtype)
    found = domain.gather(image, refinement)
    assert (found.shape, found.dtype) == ((domain.pixels, refinement**2), image.dtype)
    for pixel, (row, column) in enumerate(zip(domain.row, domain.column, strict=True)):
        for subpixel in range(refinement**2):
            down, right = divmod(subpixel, refinement)
            at = row * refinement + down, column * refinement + right
            assert found[pixel, subpixel] == image[at]


@given(domains(), st.sampled_from([1, 2, 3, 4]))
def test_values_put_on_the_grid_and_gathered_are_the_same(made, refinement):
    domain, _ = made
    values = np.random.default_rng(1).normal(size=(domain.pixels, refinement**2))
    image = domain.to_grid(values)
    assert_array_equal(domain.gather(image, refinement), values)
    assert_array_equal(np.isfinite(image), domain.m_domain(refinement))
    if refinement == 1:
        assert_array_equal(domain.to_grid(values[:, 0]), image)


@pytest.mark.parametrize(
    ("dtype", "fill", "wanted"),
    [
        ("float32", np.nan, "float32"),
        ("float64", np.nan, "float64"),
        ("int16", -1, "int16"),
        ("int32", np.nan, "float64"),
        ("bool", False, "bool"),
        ("uint8", -1, "int16"),
    ],
)
def test_image_has_a_type_that_holds_values_and_fill(dtype, fill, wanted):
    mask = np.eye(3, dtype=bool)
    image = from_mask(mask, grid_of((3, 3)), LAYOUT).to_grid(np.ones(3, dtype), fill)
    assert image.dtype == wanted
    assert_array_equal(image[mask], 1)
    assert_array_equal(image[~mask], fill)


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 2), (3, 4, 1), ()])
def test_values_that_do_not_fit_the_pixels_are_refused(shape):
    domain = from_mask(np.eye(3, dtype=bool), grid_of((3, 3)), LAYOUT)
    with pytest.raises(GeometryError, match="for 3 pixels"):
        domain.to_grid(np.zeros(shape))


@pytest.mark.parametrize("shape", [(3, 3), (6, 8), (6,)])
def test_image_of_another_shape_is_refused(shape):
    domain = from_mask(np.eye(3, dtype=bool), grid_of((3, 3)), LAYOUT)
    with pytest.raises(GeometryError, match=r"wanted \(6, 6\)"):
        domain.gather(np.zeros(shape), 2)


def test_positions_are_those_of_the_pixels_on_the_grid(american):
    lon, lat = geometry.lonlat(EAST, american.grid.y[:, None], american.grid.x)
    found_lon, found_lat = american.lonlat()
    assert_array_equal(american.to_grid(found_lon)[american.mask], lon[american.mask])
    assert_array_equal(american.to_grid(found_lat)[american.mask], lat[american.mask])


@pytest.mark.parametrize(
    "bbox", [(-110, 25, -80, 45), (-180, -90, 180, 90), (-75, -1, -75, 1), (-60.5, -30, -40, 0)]
)
def test_pixels_in_a_box_are_those_whose_centres_lie_in_it(american, bbox):
    west, south, east, north = bbox
    lon, lat = american.lonlat()
    wanted = [
        i
        for i, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
        if west <= x <= east and south <= y <= north
    ]
    found = american.pixels_in(bbox)
    assert found.dtype == np.int64
    assert found.tolist() == wanted
    assert bool(wanted) == (west != east)


def test_box_across_the_antimeridian_holds_both_its_sides():
    pacific = grid_of((1086, 1086), projection=WEST, x0=-0.1519, y0=0.1519, step=2.8e-4)
    domain = from_mask(np.ones(pacific.shape, bool), pacific, LAYOUT)
    lon, lat = domain.lonlat()
    found = domain.pixels_in((170, -20, -170, 20))
    wanted = ((lon >= 170) | (lon <= -170)) & (np.abs(lat) <= 20)
    assert_array_equal(found, np.flatnonzero(wanted))
    assert lon[found].min() < -170
    assert lon[found].max() > 170
    assert_array_equal(domain.pixels_in((170, -20, 190, 20)), found)


@pytest.mark.parametrize(
    "bbox",
    [(-110, 45, -80, 25), (-110, 25, np.nan, 45), (-200, 0, 300, 10), (0, -91, 10, 0)],
    ids=["north below south", "nan", "wider than the Earth", "beyond the pole"],
)
def test_box_that_is_none_is_refused(american, bbox):
    with pytest.raises(ConfigError, match="wanted \\(west, south, east, north\\)"):
        american.pixels_in(bbox)


def test_nearest_pixel_of_every_centre_is_the_pixel_itself(american):
    lon, lat = american.lonlat()
    seen = geometry.view_zenith(EAST, lon, lat) < 89
    assert seen.sum() > 450_000
    assert_array_equal(american.locate(lon, lat)[0][seen], np.flatnonzero(seen))


@given(st.floats(-0.49, 0.49), st.floats(-0.49, 0.49), st.data())
def test_nearest_pixel_of_a_point_is_the_one_around_it(down, right, data):
    mask = np.indices((20, 30)).sum(axis=0) % 3 > 0
    domain = from_mask(mask, grid_of((20, 30)), LAYOUT)
    row, column = data.draw(st.integers(0, 19)), data.draw(st.integers(0, 29))
    lon, lat = geometry.lonlat(
        EAST, domain.grid.y[row] - down * 5.6e-5, domain.grid.x[column] + right * 5.6e-5
    )
    (found,) = domain.locate([lon], [lat])[0]
    if mask[row, column]:
        assert (domain.row[found], domain.column[found]) == (row, column)
    else:
        assert found == -1


def test_nearest_pixel_of_points_just_outside_the_image_is_none():
    domain = from_mask(np.ones((20, 30), bool), grid_of((20, 30)), LAYOUT)
    (north, south), (west, east) = domain.grid.y[[0, -1]], domain.grid.x[[0, -1]]
    y = np.array([north + 3e-5, south - 3e-5, north, south, north + 2.7e-5, south - 2.7e-5])
    x = np.array([west, east, west - 3e-5, east + 3e-5, west - 2.7e-5, east + 2.7e-5])
    found = domain.locate(*geometry.lonlat(EAST, y, x))[0]
    assert_array_equal(found[:4], -1)
    assert_array_equal(domain.row[found[4:]], [0, 19])
    assert_array_equal(domain.column[found[4:]], [0, 29])


def test_nearest_pixel_of_places_the_satellite_does_not_see_is_none():
    domain = from_mask(np.ones((20, 30), bool), grid_of((20, 30)), LAYOUT)
    found = domain.locate([0.0, 105.0, np.nan], [0.0, 0.0, 0.0])[0]
    assert found.dtype == np.int64
    assert_array_equal(found, [-1, -1, -1])


def test_nearest_pixel_of_a_real_place_lies_within_a_pixel_of_it(american):
    lon, lat = -84.690932, 33.846162
    found = american.locate(np.array([lon, lon + 0.11]), np.array([lat, lat]))[0]
    held = found[found >= 0]
    assert held.size  # of two neighbouring pixels every second is held
    assert_allclose(american.lonlat()[0][held], lon, atol=0.25)
    assert_allclose(american.lonlat()[1][held], lat, atol=0.1)


def test_domain_has_the_masks_and_angles_of_the_original_study_at_every_resolution(shared_data):
    path = shared_data / "legacy" / "domains" / "geom-goes-conus-0.pkl"
    study = pickle.loads(path.read_bytes())
    (rows, columns), (_, mask) = next(iter(study.items()))
    domain = from_mask(np.asarray(mask, bool), grid_of((rows, columns)), Layout(256, 4))
    assert domain.pixels == mask.sum()
    assert sorted(shape[0] // rows for shape in study) == [1, 2, 4]
    for shape, (angles, fine_mask) in study.items():
        refinement = shape[0] // rows
        fine = geometry.refine(domain.grid, refinement)
        assert_array_equal(domain.m_domain(refinement), fine_mask)
        # the study kept float32 angles
        assert_allclose(angles["n_s_scan_angles"][:, 0], fine.y, rtol=0, atol=2e-8)
        assert_allclose(angles["e_w_scan_angles"][0], fine.x, rtol=0, atol=2e-8)


def test_domain_is_the_same_as_one_of_the_same_pixels_in_the_same_order():
    mask = np.ones((6, 8), bool)
    one = from_mask(mask, grid_of((6, 8)), Layout(4, 2))
    assert one.same_as(from_mask(mask.copy(), grid_of((6, 8)), Layout(4, 2)))
    assert not one.same_as(from_mask(mask, grid_of((6, 8)), Layout(8, 1)))
    mask[2, 3] = False
    assert not one.same_as(from_mask(mask, grid_of((6, 8)), Layout(4, 2)))


def test_point_on_an_edge_is_in_nested_pixels_at_every_refinement(american):
    """Edges of pixels, exact and beside by roundings of an angle."""
    grid = american.grid
    step = grid.x[1] - grid.x[0]
    places = grid.x[0] + step * (np.arange(0, 40, 0.125) - 0.5)
    x = np.concatenate([places, np.nextafter(places, 1), np.nextafter(places, -1)])
    y = np.full(x.size, grid.y[grid.y.size // 2])
    lon, lat = geometry.lonlat(grid.projection, y, x)
    pixel, _ = american.locate(lon, lat)
    coarser = np.zeros(pixel.size, np.int64)
    for refinement in (2, 4, 8):
        same, subpixel = american.locate(lon, lat, refinement)
        np.testing.assert_array_equal(same, pixel)
        row, column = np.divmod(subpixel, refinement)
        inside = pixel >= 0
        nested = row // 2 * (refinement // 2) + column // 2
        np.testing.assert_array_equal(nested[inside], coarser[inside])
        coarser = subpixel
