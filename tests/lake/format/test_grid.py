"""Geometry against PROJ, the worked example of the users' guide, and the axes of real files."""

import re
from dataclasses import replace

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pyproj import CRS, Transformer

from lake.errors import ConfigError, GeometryError
from lake.format import grid
from lake.format.grid import Grid, Projection

EAST = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
WEST = replace(EAST, longitude_of_projection_origin=-137.0)
TEST_SLOT = replace(EAST, longitude_of_projection_origin=-89.5)
SLOTS = pytest.mark.parametrize("projection", [EAST, WEST, TEST_SLOT])


def full_disk(projection):
    """Every fourth pixel of the 2 km full disk, both ways, through and beyond the limb."""
    angles = np.arange(-151844, 151845, 56 * 4) / 1e6
    return Grid(projection, angles[::-1].copy(), angles)


def conus(step, x_offset, y_offset, shape):
    y = grid.axis(np.arange(shape[0]), np.float32(-step), np.float32(y_offset))
    x = grid.axis(np.arange(shape[1]), np.float32(step), np.float32(x_offset))
    return y, x


def proj_geos(projection):
    """PROJ's own projection and its ellipsoid's longitude and latitude; no word of ours."""
    geos = CRS.from_dict(
        {
            "proj": "geos",
            "h": projection.perspective_point_height,
            "lon_0": projection.longitude_of_projection_origin,
            "sweep": "x",
            "a": projection.semi_major_axis,
            "b": projection.semi_minor_axis,
        }
    )
    return Transformer.from_crs(geos, geos.geodetic_crs, always_xy=True)


def degrees_apart(a, b):
    return np.abs((a - b + 180) % 360 - 180)


class TestNavigation:
    def test_scan_angles_of_the_users_guide_give_its_position(self):
        # PUG volume 5, section 4.2.8.1: GOES East, to the printed digits
        lon, lat = grid.lonlat(EAST, 0.095340, -0.024052)
        assert f"{lat:.6f}" == "33.846162"
        assert f"{lon:.6f}" == "-84.690932"

    def test_line_of_sight_of_the_users_guide_has_its_printed_parts(self):
        sight = grid._sight(EAST, np.float64(0.095340), np.float64(-0.024052))
        assert f"{np.linalg.norm(sight):.2f}" == "37116295.87"
        assert [f"{part:.{n}f}" for part, n in zip(sight, (2, 4, 3), strict=True)] == [
            "36937048.73",
            "892635.0779",
            "3532287.213",
        ]

    def test_position_of_the_users_guide_gives_its_scan_angles(self):
        # PUG volume 5, section 4.2.8.2
        y, x = grid.scan_angles(EAST, -84.690932, 33.846162)
        assert f"{y:.6f} {x:.6f}" == "0.095340 -0.024052"
        parts = grid._from_satellite(EAST, -84.690932, 33.846162)
        assert [f"{part:.{n}f}" for part, n in zip(parts, (2, 2, 3), strict=True)] == [
            "36937048.71",
            "892635.07",
            "3532287.186",
        ]

    @SLOTS
    def test_positions_over_the_full_disk_equal_proj(self, projection):
        disk = full_disk(projection)
        lon, lat = grid.lonlat(projection, disk.y[:, None], disk.x)
        height = projection.perspective_point_height
        y, x = np.meshgrid(disk.y * height, disk.x * height, indexing="ij")
        wanted_lon, wanted_lat = proj_geos(projection).transform(x, y)
        on_earth = np.isfinite(wanted_lon)
        assert 0.7 < on_earth.mean() < 0.8  # pi / 4, less the margin around the disk
        assert_array_equal(np.isfinite(lon), on_earth)
        assert_array_equal(np.isfinite(lat), on_earth)
        assert degrees_apart(lon, wanted_lon)[on_earth].max() < 1e-7
        assert np.abs(lat - wanted_lat)[on_earth].max() < 1e-7
        assert np.abs(lon[on_earth]).max() <= 180

    @SLOTS
    def test_scan_angles_of_the_whole_earth_equal_proj(self, projection):
        lon, lat = np.meshgrid(np.arange(-180, 180, 0.5), np.arange(-90, 90.1, 0.5))
        y, x = grid.scan_angles(projection, lon, lat)
        wanted_x, wanted_y = proj_geos(projection).transform(lon, lat, direction="INVERSE")
        seen = np.isfinite(wanted_x)
        assert 0.3 < seen.mean() < 0.4
        assert_array_equal(np.isfinite(y), seen)
        assert_array_equal(np.isfinite(x), seen)
        height = projection.perspective_point_height
        # 1e-7 degrees of the Earth seen from above are 3.1e-10 rad
        assert np.abs(y - wanted_y / height)[seen].max() < 3e-11
        assert np.abs(x - wanted_x / height)[seen].max() < 3e-11

    @given(st.floats(-0.16, 0.16), st.floats(-0.16, 0.16))
    def test_scan_angles_of_a_position_are_those_it_was_found_by(self, y, x):
        lon, lat = grid.lonlat(EAST, y, x)
        found_y, found_x = grid.scan_angles(EAST, lon, lat)
        assert np.isnan(lon) == np.isnan(lat)
        if np.isfinite(found_y):
            assert abs(found_y - y) < 1e-12
            assert abs(found_x - x) < 1e-12
        else:  # beyond the limb, or on it to the last digits
            assert np.isnan(lon) or grid.view_zenith(EAST, lon - 1e-6 * np.sign(x), lat) > 89.99

    def test_point_below_the_satellite_is_straight_ahead(self):
        assert_allclose(grid.lonlat(WEST, 0.0, 0.0), (-137, 0), atol=1e-12)
        assert_allclose(grid.scan_angles(WEST, -137, 0), (0, 0), atol=1e-15)

    def test_point_across_the_antimeridian_is_found_from_either_longitude(self):
        lon, lat = grid.lonlat(WEST, 0.07, -0.12)
        assert 150 < lon < 180
        assert_allclose(grid.scan_angles(WEST, lon - 360, lat), (0.07, -0.12), atol=1e-12)

    def test_angles_broadcast_and_nan_stays_nan(self):
        lon, lat = grid.lonlat(EAST, np.array([[0.1], [np.nan]]), np.array([0.0, 0.01, 0.02]))
        assert lon.shape == lat.shape == (2, 3)
        assert np.isfinite(lon[0]).all()
        assert np.isnan(lon[1]).all()
        y, x = grid.scan_angles(EAST, np.nan, 10.0)
        assert np.isnan(y)
        assert np.isnan(x)


class TestViewZenith:
    @staticmethod
    def by_vectors(projection, lon, lat):
        """From PROJ's geocentric positions of the point, of one above it, and of the satellite."""
        geocentric = pyproj.Proj(
            proj="geocent", a=projection.semi_major_axis, b=projection.semi_minor_axis
        )
        lonlat = pyproj.Proj(
            proj="longlat", a=projection.semi_major_axis, b=projection.semi_minor_axis
        )
        to_geocentric = Transformer.from_proj(lonlat, geocentric, always_xy=True).transform
        point, above = (
            np.stack(to_geocentric(lon, lat, np.full(lon.shape, height))) for height in (0.0, 1e6)
        )
        satellite = to_geocentric(
            projection.longitude_of_projection_origin, 0.0, projection.perspective_point_height
        )
        up, away = above - point, np.reshape(satellite, (3, 1)) - point
        cosine = (up * away).sum(0) / np.linalg.norm(up, axis=0) / np.linalg.norm(away, axis=0)
        return np.rad2deg(np.arccos(cosine))

    @SLOTS
    def test_view_zenith_equals_the_angle_between_vectors(self, projection):
        rng = np.random.default_rng(3)
        lon, lat = rng.uniform(-180, 180, 20000), rng.uniform(-90, 90, 20000)
        wanted = self.by_vectors(projection, lon, lat)
        found = grid.view_zenith(projection, lon, lat)
        assert_array_equal(np.isnan(found), wanted > 90)
        assert_allclose(found[wanted <= 90], wanted[wanted <= 90], atol=1e-6)

    def test_view_zenith_is_zero_below_the_satellite_and_ninety_at_the_limb(self):
        assert grid.view_zenith(EAST, -75.0, 0.0) == 0
        limb = np.rad2deg(np.arccos(6378137.0 / 42164160.0))
        assert_allclose(grid.view_zenith(EAST, -75 + limb - 1e-9, 0.0), 90, atol=1e-6)

    def test_view_zenith_agrees_with_the_quality_bit_of_a_real_file(self, shared_data):
        h5py = pytest.importorskip("h5py")
        path = min((shared_data / "abi" / "lstf").glob("*.nc"))
        with h5py.File(path) as file:
            y, x = (file_axis(file, name) for name in "yx")
            quality = file["PQI"][...].view(np.uint16)
            nominal = float(file["nominal_satellite_subpoint_lon"][...])
        lon, lat = grid.lonlat(EAST, y[:, None], x)
        # the product reckons from the satellite's nominal place, 0.2 degrees beside the projection's
        station = replace(EAST, longitude_of_projection_origin=round(nominal, 3))
        zenith = grid.view_zenith(station, lon, lat)
        # a pixel of 10 km spans up to 0.22 degrees of zenith there
        clear_cut = (quality != 65535) & (np.abs(zenith - 55) > 0.22)
        assert clear_cut.sum() > 500_000
        assert_array_equal((quality[clear_cut] & 2048) > 0, zenith[clear_cut] > 55)


class TestProjection:
    @SLOTS
    def test_crs_wkt_is_read_back_as_the_same_projection(self, projection):
        found = CRS.from_wkt(projection.cf_attributes()["crs_wkt"]).to_cf()
        for name, value in projection.cf_attributes().items():
            if isinstance(value, float):
                assert found[name] == pytest.approx(value, rel=1e-14), name
            elif name != "crs_wkt":
                assert found[name] == value, name

    @SLOTS
    def test_crs_wkt_transforms_as_proj_itself(self, projection):
        parsed = CRS.from_wkt(projection.cf_attributes()["crs_wkt"])
        ours = Transformer.from_crs(parsed, parsed.geodetic_crs, always_xy=True)
        points = np.array([-2.5e6, 0.0, 3.1e6]), np.array([4.1e6, 0.0, -1.2e6])
        assert_allclose(
            ours.transform(*points), proj_geos(projection).transform(*points), rtol=0, atol=1e-9
        )

    def test_cf_attributes_alone_describe_the_same_projection(self):
        attributes = EAST.cf_attributes()
        wkt = CRS.from_wkt(attributes.pop("crs_wkt"))
        cf = CRS.from_cf(attributes)
        assert cf.ellipsoid.semi_major_metre == wkt.ellipsoid.semi_major_metre
        assert cf.ellipsoid.semi_minor_metre == wkt.ellipsoid.semi_minor_metre
        wanted = {p.name.lower(): p.value for p in wkt.coordinate_operation.params}
        found = {p.name.lower(): p.value for p in cf.coordinate_operation.params}
        assert found == wanted | {"latitude of natural origin": 0}
        assert cf.coordinate_operation.method_name == wkt.coordinate_operation.method_name

    def test_cf_attributes_give_the_projection_back(self):
        attributes = EAST.cf_attributes()
        assert Projection(**{name: attributes[name] for name in Projection.__slots__}) == EAST
        assert attributes["inverse_flattening"] == pytest.approx(298.2572221, abs=5e-8)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("sweep_angle_axis", "y"),
            ("latitude_of_projection_origin", 1.0),
            ("perspective_point_height", 0.0),
            ("perspective_point_height", float("nan")),
            ("semi_minor_axis", 6378138.0),
            ("semi_major_axis", float("inf")),
            ("longitude_of_projection_origin", 285.0),
            ("longitude_of_projection_origin", float("nan")),
        ],
    )
    def test_projection_of_no_goes_imager_is_refused(self, name, value):
        with pytest.raises(ConfigError, match="wanted"):
            replace(EAST, **{name: value})

    @pytest.mark.parametrize(
        ("lon", "name"),
        [
            (-75.0, "geom-goes-conus-0"),
            (-137.0, "geom-goes-conus-1"),
            (-89.5, "geom-goes-conus-2"),
            (-105.0, "geom-goes-conus-lon1050w"),
            (-75.2, "geom-goes-conus-lon752w"),
            (140.7, "geom-goes-conus-lon1407e"),
        ],
    )
    def test_geometry_is_named_by_its_slot(self, lon, name):
        at = replace(EAST, longitude_of_projection_origin=lon)
        assert grid.geom_name(at, "conus") == name

    @pytest.mark.parametrize(
        "other",
        [
            {"perspective_point_height": 35786000.0},
            {"semi_major_axis": 6378137.5},
            {"semi_minor_axis": 6356752.3},
            {"longitude_of_projection_origin": -75.04},
        ],
        ids=str,
    )
    def test_other_projection_has_another_name_that_is_always_the_same(self, other):
        found = [grid.geom_name(replace(EAST, **other), "conus") for _ in range(2)]
        assert found[0] == found[1]
        assert re.fullmatch(r"geom-goes-conus-0-[0-9a-f]{8}", found[0])
        assert found[0] != grid.geom_name(replace(EAST, semi_major_axis=6378138.0), "conus")


class TestAxes:
    # step, x offset East, y offset, shape: the fixed grid's table
    @pytest.mark.parametrize(
        ("refinement", "step", "east", "west", "y_offset"),
        [
            (2, 2.8e-5, -0.101346, -0.069986, 0.128226),
            (4, 1.4e-5, -0.101353, -0.069993, 0.128233),
        ],
    )
    def test_refined_conus_has_the_axes_of_the_finer_images(
        self, refinement, step, east, west, y_offset
    ):
        for coarse_offset, offset in ((-0.101332, east), (-0.069972, west)):
            coarse = Grid(EAST, *conus(5.6e-5, coarse_offset, 0.128212, (1500, 2500)))
            fine = grid.refine(coarse, refinement)
            shape = 1500 * refinement, 2500 * refinement
            y = y_offset - step * np.arange(shape[0])
            x = offset + step * np.arange(shape[1])
            assert fine.shape == shape
            assert_allclose(fine.y, y, rtol=0, atol=1e-12)
            assert_allclose(fine.x, x, rtol=0, atol=1e-12)
            # what the reader makes of a file's own axis: the same, to the last bit
            assert fine.same_as(Grid(EAST, *conus(step, offset, y_offset, shape)))

    @pytest.mark.parametrize(("band", "refinement"), [("C03", 2), ("C02", 4)])
    def test_refined_grid_of_a_file_is_that_of_its_finer_bands(self, shared_data, band, refinement):
        h5py = pytest.importorskip("h5py")
        folder = shared_data / "legacy" / "netcdf"
        grids = []
        for name in ("C13", band):
            with h5py.File(min(folder.glob(f"OR_ABI-L1b-RadC-M6{name}_*.nc"))) as file:
                grids.append(Grid(EAST, *(file_axis(file, axis) for axis in "yx")))
        assert grid.refine(grids[0], refinement).same_as(grids[1])

    def test_axes_of_a_real_conus_file_are_those_of_the_test_slot(self, shared_data):
        h5py = pytest.importorskip("h5py")
        (path,) = (shared_data / "abi" / "l1b").glob("*.nc")
        with h5py.File(path) as file:
            y, x = (file_axis(file, axis) for axis in "yx")
            projection = file["goes_imager_projection"].attrs
            fields = {name: projection[name] for name in Projection.__slots__}
        wanted = conus(5.6e-5, -0.075012, 0.126532, (1500, 2500))
        assert_array_equal(y, wanted[0])
        assert_array_equal(x, wanted[1])
        assert_allclose(y, 0.126532 - 5.6e-5 * np.arange(1500), rtol=0, atol=1e-15)
        assert fields.pop("sweep_angle_axis") == b"x"
        assert Projection(**{name: float(value[0]) for name, value in fields.items()}) == TEST_SLOT

    @pytest.mark.parametrize("first", [0, 7, 1234])
    def test_crop_of_an_image_has_the_angles_of_the_whole(self, first):
        whole = grid.axis(np.arange(2500, dtype=np.int16), np.float32(5.6e-5), -0.101332)
        own_offset = np.float32(-0.101332 + first * 5.6e-5)
        crop = grid.axis(np.arange(60), np.float32(5.6e-5), own_offset)
        assert_array_equal(crop, whole[first : first + 60])
        y = grid.axis(np.arange(60), -5.6e-5, 0.128212)
        fine_crop = grid.refine(Grid(EAST, y, crop), 4).x
        fine = grid.refine(Grid(EAST, y, whole), 4).x
        assert_array_equal(fine_crop, fine[first * 4 : (first + 60) * 4])

    @given(st.integers(1, 5), st.integers(1, 400), st.integers(-150000, 150000))
    def test_fine_pixels_tile_their_coarse_pixel(self, refinement, step, first):
        x = grid.axis(np.arange(9), step * 1e-6, first * 1e-6)
        fine = grid.refine(Grid(EAST, x[::-1].copy(), x), refinement)
        centres = fine.x.reshape(9, refinement)
        assert_allclose(centres.mean(axis=1), x, rtol=0, atol=2e-12)
        assert_allclose(np.diff(fine.x), step * 1e-6 / refinement, rtol=0, atol=2e-12)
        assert_array_equal(fine.y, fine.x[::-1])

    def test_grid_refined_by_one_is_itself(self):
        disk = full_disk(EAST)
        assert grid.refine(disk, 1).same_as(disk)

    def test_refinement_below_one_is_refused(self):
        with pytest.raises(ConfigError, match="refinement is 0"):
            grid.refine(full_disk(EAST), 0)


class TestGrid:
    def test_grids_differ_by_one_bit_of_one_angle_or_by_projection(self):
        disk = full_disk(EAST)
        moved = disk.x.copy()
        moved[5] = np.nextafter(moved[5], 1)
        assert disk.same_as(Grid(EAST, disk.y.copy(), disk.x.copy()))
        assert not disk.same_as(Grid(EAST, disk.y, moved))
        assert not disk.same_as(Grid(WEST, disk.y, disk.x))
        assert not disk.same_as(Grid(EAST, disk.y, disk.x[:-1].copy()))
        assert disk.shape == (disk.y.size, disk.x.size)

    @pytest.mark.parametrize(
        "y",
        [
            np.array([0.1, 0.2]),
            np.array([0.3, 0.2, 0.0]),
            np.array([0.1]),
            np.array([[0.2], [0.1]]),
            np.array([0.2, np.nan, 0.1]),
            np.array([0.2, 0.1], np.float32),
        ],
        ids=["south to north", "uneven", "one", "two dimensions", "nan", "float32"],
    )
    def test_grid_whose_axis_is_no_axis_is_refused(self, y):
        with pytest.raises(GeometryError, match="axis y of the grid"):
            Grid(EAST, y, np.array([0.0, 0.1]))


def file_axis(file, name):
    attributes = file[name].attrs
    scale, offset = (attributes[key][0] for key in ("scale_factor", "add_offset"))
    return grid.axis(file[name][...], scale, offset)


def test_areas_of_pixels_are_those_of_geodesic_polygons():
    """Oracle: Karney's areas of polygons on the ellipsoid, by pyproj."""
    step = 5.6e-5
    angles = np.arange(-2000, 2001) * step
    full = Grid(EAST, angles[::-1].copy(), angles)
    row, column = np.array([2000, 700, 300, 2000, 3300]), np.array([2000, 1500, 1900, 4000, 700])
    areas = grid.pixel_areas(full, row, column)
    assert np.isfinite(areas).all()
    geod = pyproj.Geod(a=EAST.semi_major_axis, b=EAST.semi_minor_axis)
    for area, i, j in zip(areas, row, column, strict=True):
        y, x = full.y[i], full.x[j]
        corners = [(1, -1), (1, 1), (-1, 1), (-1, -1)]
        lon, lat = grid.lonlat(
            EAST, *np.transpose([(y + a * step / 2, x + b * step / 2) for a, b in corners])
        )
        exact, _ = geod.polygon_area_perimeter(lon, lat)
        assert area == pytest.approx(abs(exact), rel=2e-6)
    assert areas[0] == pytest.approx(2004**2, rel=2e-3)  # 56 microradians from 35 786 km
    assert areas[2] > 1.3 * areas[0]
    assert np.isnan(grid.pixel_areas(full, [0], [0]))[0]
