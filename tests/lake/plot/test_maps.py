"""Maps, differences, films and cycles: every number drawn, and where, by other means."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from pyproj import Transformer

import lake
from lake import plot
from lake.errors import ConfigError, GeometryError
from lake.format.domain import from_mask
from lake.format.grid import Grid
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.plot import Layer, Look, colours, cycles, films, graticule, layers, maps, views
from lake.store import shards
from lake.store.generations import shard_path
from tests.lake import small_store
from tests.lake.small_store import CUBES, KEY, LAYOUT, small_domain, write

HEIGHT = 35786023.0
GEOS = f"+proj=geos +h={HEIGHT} +lon_0=-75 +sweep=x +ellps=GRS80 +units=m"
TO_SCAN = Transformer.from_crs("+proj=longlat +ellps=GRS80", GEOS, always_xy=True)
JULY = Layer(month=7, tod=64800, band="C13")
OTHER = "goes16/test/20210101_20211231/geom-goes-conus-0"


def statistics_of(domain, cube, month) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel): some pixels never, most often in July at 18 UTC."""
    rng = np.random.default_rng([month, cube.refinement])
    shape = (len(cube.tods), len(cube.bands), domain.pixels, cube.subpixels)
    count = rng.integers(0, 3, shape) + np.array([0, 2 * (month == 7), 0])[:, None, None, None]
    statistics = rng.normal(280 + month, 9, (len(METRICS), *shape))
    statistics[[4, 6]] = np.abs(statistics[[4, 6]])
    statistics[0] = count
    statistics[1:, count == 0] = np.nan
    return statistics.transpose(1, 2, 0, 3, 4).astype(np.float32)


@pytest.fixture(scope="module")
def domain():
    return small_domain()


@pytest.fixture(scope="module")
def root(tmp_path_factory, domain):
    """A lake of two periods; the second lacks some pixels, so that its order is another."""
    root = tmp_path_factory.mktemp("plot")
    write(str(root / KEY), domain, of=statistics_of)
    fewer = domain.mask & (np.arange(30) < 25)
    write(
        str(root / OTHER),
        from_mask(fewer, domain.grid, LAYOUT),
        of=lambda *arguments: statistics_of(*arguments) / 2,
    )
    return root


@pytest.fixture(scope="module")
def store(root):
    return lake.open(root / KEY)


@pytest.fixture(scope="module")
def later(root):
    return lake.open(root / OTHER)


def map_values(figure) -> np.ma.MaskedArray:
    """What the colours of a map stand for."""
    return figure.axes[0].images[-1].get_array()


def at_pixels(figure, domain, refinement=1) -> np.ndarray:
    """(p, subpixel) drawn where the scan angles of pixels say; NaN: masked."""
    image = map_values(figure).filled(np.nan)
    west, east, south, north = figure.axes[0].images[-1].get_extent()
    rows, columns = image.shape
    y, x = domain.grid.y[domain.row], domain.grid.x[domain.column]
    shares = (np.arange(refinement) + 0.5) / refinement - 0.5
    down, right = (a.ravel() for a in np.meshgrid(shares, shares, indexing="ij"))
    row = (north - (y[:, None] - 5.6e-5 * down)) / (north - south) * rows
    column = ((x[:, None] + 5.6e-5 * right) - west) / (east - west) * columns
    return image[row.astype(int), column.astype(int)]


@pytest.mark.parametrize("cube", [CUBES[0], CUBES[2]])
def test_map_shows_the_means_of_the_store_at_their_pixels(store, domain, cube):
    figure = plot.field(store, Layer(month=7, tod=64800, band=cube.bands[-1]))
    expected = statistics_of(domain, cube, 7)[1, len(cube.bands) - 1, METRICS.index("m1")]
    assert_array_equal(at_pixels(figure, domain, cube.refinement), expected)
    assert map_values(figure).count() == np.isfinite(expected).sum()
    low, high = np.nanpercentile(expected, (1, 99))
    assert figure.axes[0].images[-1].get_clim() == pytest.approx((low, high))


def test_computed_statistics_are_those_of_the_reader(store, domain):
    figure = plot.field(store, Layer("stddev", 7, 64800, "C13"))
    expected = store.metrics("day-2km")["stddev"].sel(month=7, tod=64800, band="C13").values
    assert np.isfinite(expected).any()
    assert_array_equal(at_pixels(figure, domain), expected)


def test_a_count_of_0_is_a_number_as_in_the_explorer(store, domain):
    layer = Layer("count", 1, 54000, "C13")
    figure = plot.field(store, layer)
    expected = statistics_of(domain, CUBES[0], 1)[0, 1, 0]
    assert (expected == 0).any()
    assert_array_equal(at_pixels(figure, domain), expected)
    assert layers.NONE not in {text.get_text() for text in figure.axes[0].texts}
    assert figure.axes[0].images[-1].get_clim()[0] == 0
    logarithmic = plot.field(store, layer, Look(log=True))
    said = {text.get_text() for text in logarithmic.axes[0].texts}
    assert layers.NO_LOGARITHM in said
    assert layers.NONE not in said


def test_a_count_that_is_not_there_is_no_observation(store, domain, monkeypatch):
    read = maps.read

    def with_gaps(frames) -> np.ndarray:
        values = read(frames)
        values[:, :9] = np.nan
        return values

    monkeypatch.setattr(maps, "read", with_gaps)
    figure = plot.field(store, Layer("count", 1, 54000, "C13"))
    assert np.isnan(at_pixels(figure, domain)[:9]).all()
    assert layers.NONE in {text.get_text() for text in figure.axes[0].texts}


def test_a_deviation_says_which_pixels_were_never_and_which_too_rarely_observed(store, domain):
    figure = plot.field(store, Layer("stddev", 1, 54000, "C13"))
    count = statistics_of(domain, CUBES[0], 1)[0, 1, 0, :, 0]
    greys = figure.axes[0].images[-2].get_array()
    west, east, south, north = figure.axes[0].images[-2].get_extent()
    row = (north - domain.grid.y[domain.row]) / (north - south) * greys.shape[0]
    column = (domain.grid.x[domain.column] - west) / (east - west) * greys.shape[1]
    drawn = greys[row.astype(int), column.astype(int)]
    assert {0, 1} <= set(count.tolist())
    assert_allclose(drawn[count == 0, :3], colours.ABSENT[0])
    assert_allclose(drawn[count == 1, :3], colours.FEW[0])
    assert {"no observation", "too few observations: 1"} <= {
        text.get_text() for text in figure.axes[0].texts
    }


def test_logarithmic_colours_name_what_has_no_logarithm(store, domain, monkeypatch):
    """Of pixels whose observations are all alike the deviation is 0."""
    read = maps.read

    def with_zeros(frames) -> np.ndarray:
        values = read(frames)
        values[:, :9] = 0
        return values

    monkeypatch.setattr(maps, "read", with_zeros)
    figure = plot.field(store, Layer("stddev", 7, 54000, "C13"), Look(log=True))
    grey, image = figure.axes[0].images[-2:]
    assert isinstance(image.norm, LogNorm)
    drawn, shown = at_pixels(figure, domain), image.to_rgba(image.get_array())
    west, east, south, north = grey.get_extent()
    rows, columns = shown.shape[:2]
    row = ((north - domain.grid.y[domain.row]) / (north - south) * rows).astype(int)
    column = ((domain.grid.x[domain.column] - west) / (east - west) * columns).astype(int)
    assert (shown[row[:9], column[:9], 3] == 0).all()
    assert_allclose(grey.get_array()[row[:9], column[:9], :3], colours.BELOW[0])
    positive = drawn[9:][np.isfinite(drawn[9:])]
    assert_allclose(image.get_clim(), np.percentile(positive, (1, 99)), rtol=1e-6)
    assert layers.NO_LOGARITHM in {text.get_text() for text in figure.axes[0].texts}
    plain = plot.field(store, Layer("stddev", 7, 54000, "C13"))
    assert layers.NO_LOGARITHM not in {text.get_text() for text in plain.axes[0].texts}


def test_words_of_grey_are_those_of_the_explorer():
    source = (Path(lake.__file__).parent / "explore/page/src/layers/layers.js").read_text()
    words = (layers.NONE, layers.NO_LOGARITHM, *layers.TOO_FEW.values())
    assert all(f'"{text}"' in source for text in words)


def test_plate_carree_shows_at_every_place_the_pixel_that_proj_finds_there(store, domain):
    figure = plot.field(store, JULY, Look(projection="platecarree"))
    image, (west, east, south, north) = map_values(figure), figure.axes[0].images[-1].get_extent()
    rng = np.random.default_rng(3)
    row, column = (rng.integers(0, n, 3000) for n in image.shape)
    lon = west + (column + 0.5) / image.shape[1] * (east - west)
    lat = north - (row + 0.5) / image.shape[0] * (north - south)
    x, y = (np.array(metres) / HEIGHT for metres in TO_SCAN.transform(lon, lat))
    j, i = (x - domain.grid.x[0]) / 5.6e-5, (domain.grid.y[0] - y) / 5.6e-5
    sure = (np.abs(i % 1 - 0.5) > 1e-6) & (np.abs(j % 1 - 0.5) > 1e-6)
    i, j = np.rint(i).astype(int), np.rint(j).astype(int)
    table = np.full((24, 30), np.nan)
    table[domain.row, domain.column] = statistics_of(domain, CUBES[0], 7)[1, 1, 3, :, 0]
    inside = (i >= 0) & (i < 24) & (j >= 0) & (j < 30)
    expected = np.where(inside, table[i.clip(0, 23), j.clip(0, 29)], np.nan)
    assert np.isfinite(expected).mean() > 0.2
    assert_array_equal(image.filled(np.nan)[row, column][sure], expected[sure])


def test_box_shows_its_pixels_and_reads_no_other_chunk(store, domain, monkeypatch):
    chunks_read = []
    decode = shards.decode_chunk
    monkeypatch.setattr(
        shards, "decode_chunk", lambda *arguments: chunks_read.append(arguments[-1]) or decode(*arguments)
    )  # fmt: skip
    lon, lat = domain.lonlat()
    box = lon.min(), np.median(lat), np.median(lon), lat.max()
    within = (domain.row >= 0) & (lat >= box[1]) & (lon <= box[2])
    figure = plot.field(store, JULY, Look(projection="platecarree", bbox=box))
    chunks = (
        np.flatnonzero(views.select(domain, "platecarree", box).contains(domain)) // LAYOUT.chunk
    )
    expected = {
        f"{store.url}/{shard_path('day-2km', 7, n // LAYOUT.phases)}, chunk {n % LAYOUT.phases}"
        for n in chunks.tolist()
    }
    assert set(chunks_read) == expected
    assert len(chunks_read) == len(expected) < domain.pixels // LAYOUT.chunk
    assert within.sum() > 10
    assert figure.axes[0].images[-1].get_extent() == pytest.approx(
        (box[0], box[2], box[1], box[3])
    )  # fmt: skip


def test_box_on_the_fixed_grid_is_the_rectangle_around_it(store, domain):
    lon, lat = domain.lonlat()
    inner = (domain.row > 8) & (domain.row < 14) & (domain.column > 6) & (domain.column < 20)
    box = lon[inner].min(), lat[inner].min(), lon[inner].max(), lat[inner].max()
    figure = plot.field(store, JULY, Look(bbox=box))
    assert map_values(figure).shape[0] < 12
    values = statistics_of(domain, CUBES[0], 7)[1, 1, 3]
    rows = slice(int(domain.row[inner].min()), int(domain.row[inner].max()) + 1)
    expected = values[(domain.row >= rows.start) & (domain.row < rows.stop), 0]
    assert set(values[inner, 0][np.isfinite(values[inner, 0])]) <= set(
        map_values(figure).compressed()
    )
    assert len(set(map_values(figure).compressed()) - set(expected)) < 60


def test_without_choice_the_most_observed_layer_of_the_clean_window_is_drawn(store):
    layer = layers.resolve(store, Layer(), np.arange(store.pixels))
    assert layer == Layer("mean", 7, 64800, "C13", "day-2km")


def test_sunlight_is_drawn_at_the_time_nearest_to_noon(store):
    assert layers.resolve(store, Layer(band="C02"), np.arange(store.pixels)).tod == 64800


def test_difference_is_centred_at_zero_and_equals_the_direct_one(store, domain):
    figure = plot.field(store, JULY, minus=Layer(month=1, tod=54000))
    expected = (
        statistics_of(domain, CUBES[0], 7)[1, 1, 3] - statistics_of(domain, CUBES[0], 1)[0, 1, 3]
    )
    assert_array_equal(at_pixels(figure, domain), expected)
    low, high = figure.axes[0].images[-1].get_clim()
    assert low == -high < 0
    assert figure.axes[1].get_ylabel() == "difference of brightness temperature (K)"


def test_difference_of_stores_joins_their_pixels_by_place(store, later, domain):
    figure = plot.field(store, JULY, minus_store=later)
    values = at_pixels(figure, domain)
    table = np.full((24, 30), np.nan, np.float32)
    half = (statistics_of(later.domain, CUBES[0], 7) / 2)[1, 1, 3, :, 0]
    table[later.domain.row, later.domain.column] = half
    expected = statistics_of(domain, CUBES[0], 7)[1, 1, 3, :, 0] - table[domain.row, domain.column]
    assert np.isfinite(expected).sum() > 100
    assert_array_equal(values[:, 0], expected)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert any(f"generation {store.generation} minus {later.generation}" in text for text in texts)


def test_colours_begin_and_end_where_they_are_told_to(store):
    figure = plot.field(store, JULY, Look(vmin=270, cmap="magma"))
    image = figure.axes[0].images[-1]
    assert image.get_clim()[0] == 270
    assert image.get_cmap().name == "magma"
    figure = plot.field(store, JULY, Look(vmax=5), minus=Layer(month=1))
    assert figure.axes[0].images[-1].get_clim() == (-5, 5)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: plot.field(s, Layer(month=5)), r"month is 5: .*1 \(January\), 7 \(July\)"),
        (lambda s: plot.field(s, Layer(tod=3600)), r"tod is 3600 \(01:00 UTC\).*54000 \(15:00 UTC\)"),
        (lambda s: plot.field(s, Layer(band="C05")), "band='C05': .*day-2km C06 C13; day-1km C01"),
        (lambda s: plot.field(s, Layer("median")), "'median': wanted one of count, min"),
        (lambda s: plot.field(s, JULY, minus=Layer(band="C06")), "C13 is in K .* C06 in 1"),
        (lambda s: plot.field(s, JULY, Look(cmap="jett")), "no colour map 'jett'"),
        (lambda s: plot.field(s, JULY, Look(vmin=3, vmax=2)), "wanted vmin below vmax"),
        (lambda s: plot.field(s, JULY, Look(log=True)), "mean can be 0 or less: .* count and stddev"),
        (
            lambda s: plot.field(s, Layer("stddev"), Look(log=True), minus=Layer(month=1)),
            "a difference can be 0 or less",
        ),
        (lambda s: plot.field(s, JULY, Look(vmin=0, log=True)), "vmin is 0: .* begin above 0"),
        (lambda s: plot.field(s, JULY, Look(vmin=900)), "900 .*; the values are about 2"),
        (lambda s: plot.field(s, JULY, Look(vmax=0), minus=Layer(month=1)), "from -?0 to 0: wanted"),
        (lambda s: plot.field(s, JULY, Look(bbox=(-82, 32, -82, 33))), "is a line"),
        (lambda s: plot.field(s, JULY, Look(bbox=(-82, 33, -81, 32))), "wanted .west, south, east"),
        (lambda s: plot.field(s, JULY, Look(bbox=(0, 0, 1, 1))), "outside the images"),
        (lambda s: plot.field(s, JULY, Look("platecarree", (0, 0, 1, 1))), "no pixel of the store"),
        (lambda s: plot.field(s, JULY, Look("mercator")), "'fixed' or 'platecarree'"),
        (lambda s: plot.film(s, "years"), "'years': wanted one of months, hours"),
        (lambda s: plot.cycle(s, []), "0 points: wanted 1 to 8"),
        (lambda s: plot.cycle(s, [(-81, 32)], "weekly"), "'annual' or 'diurnal'"),
        (lambda s: plot.cycle(s, [(-81, 32)], clock="solar"), "clock 'solar' of an annual cycle"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told_with_what_can(store, ask, message):
    with pytest.raises(ConfigError, match=message):
        ask(store)


def test_stores_of_two_grids_have_no_difference(store, tmp_path, domain):
    north = Grid(domain.grid.projection, domain.grid.y + 1e-3, domain.grid.x)
    moved = from_mask(domain.mask, north, LAYOUT)
    write(str(tmp_path / KEY), moved, of=statistics_of)
    with pytest.raises(GeometryError, match="wants two stores of one grid"):
        plot.field(store, JULY, minus_store=lake.open(tmp_path / KEY))


def spots_of(figure) -> list[Line2D]:
    """The observed slots of a chart, apart from the lines that join them."""
    return [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]


@pytest.mark.parametrize(("over", "cut"), [("annual", {"tod": 64800}), ("diurnal", {"month": 7})])
def test_cycle_equals_the_series_of_the_pixel(store, domain, over, cut):
    pixels = [3, 200]
    lon, lat = (axis[pixels] for axis in domain.lonlat())
    points = list(zip(lon.tolist(), lat.tolist(), strict=True))
    figure = plot.cycle(store, points, over, JULY)
    for line, pixel in zip(spots_of(figure), pixels, strict=True):
        series = store.series(pixel)["day-2km"]["mean"].sel(band="C13", **cut).isel(subpixel=0)
        assert_array_equal(line.get_ydata(), series.values)
    spots = figure.axes[1].lines[-2:]
    assert_allclose([spot.get_xdata()[0] for spot in spots], domain.grid.x[domain.column[pixels]])


def numbers(domain, cube, month) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel) of any number of times of day, all observed."""
    shape = (len(cube.tods), len(cube.bands), len(METRICS), domain.pixels, cube.subpixels)
    return np.random.default_rng([month, cube.tods[0]]).uniform(5, 300, shape).astype(np.float32)


def texts(figure) -> str:
    """All that a figure says."""
    return " ".join(text.get_text() for text in figure.findobj(Text))


NIGHT = Cube("night-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C13",), (21600, 32400))


def test_day_and_night_are_one_day_unless_a_cube_is_named(tmp_path, domain, monkeypatch):
    monkeypatch.setattr(small_store, "CUBES", (*CUBES, NIGHT))
    write(str(tmp_path / KEY), domain, of=numbers)
    store, pixel = lake.open(tmp_path / KEY), 3
    (lon,), (lat,) = (axis[[pixel]] for axis in domain.lonlat())
    series = store.series(pixel)
    day, night = (
        series[name]["mean"].sel(band="C13", month=7).isel(subpixel=0).values
        for name in ("day-2km", "night-2km")
    )
    figure = plot.cycle(store, [(lon, lat)], "diurnal", Layer(month=7, band="C13"))
    (line,) = spots_of(figure)
    assert_array_equal(line.get_xdata(), [15, 18, 24, 30, 33])
    assert_array_equal(line.get_ydata(), [*day, *night])
    assert "day-2km + night-2km" in texts(figure)
    alone = plot.cycle(store, [(lon, lat)], "diurnal", Layer(month=7, band="C13", cube="night-2km"))
    (line,) = spots_of(alone)
    assert_array_equal(line.get_ydata(), night)
    solar = plot.cycle(store, [(lon, lat)], "diurnal", Layer(month=7, band="C13"), clock="solar")
    (line,) = spots_of(solar)
    hour = (np.array([15, 18, 0, 6, 9]) + lon / 15) % 24
    assert_allclose(line.get_xdata(), np.sort(hour))
    assert_array_equal(line.get_ydata(), np.concatenate([day, night])[np.argsort(hour)])
    assert solar.axes[0].get_xlabel() == "local mean solar time"


def test_solar_time_is_noon_where_the_sun_is_highest():
    assert_allclose(cycles.solar_hours([64800, 0], -90.0), [12, 18])
    assert_allclose(cycles.solar_hours([64800], 135.0), [3])


def segments(x, y) -> list[list[tuple[float, float]]]:
    """The pieces of a line between its gaps."""
    pieces = [[]]
    for point in zip(x.tolist(), y.tolist(), strict=True):
        if np.isnan(point).any():
            pieces.append([])
        else:
            pieces[-1].append(point)
    return [piece for piece in pieces if piece]


@pytest.mark.parametrize(
    ("tods", "along", "pieces"),
    [
        ((43200, 54000, 64800, 75600, 0), (0, 12, 15, 18, 21), [(-3, 0), (12, 15, 18, 21, 24)]),
        ((43200, 54000), (12, 15), [(12, 15)]),
        ((0, 43200), (0, 12), [(-12, 0, 12, 24)]),  # half a day is the only step that there is
        ((0, 21600, 43200, 64800), (0, 6, 18), [(-6, 0, 6), (18, 24)]),  # one was not observed
    ],
)
def test_times_of_day_are_joined_with_their_neighbours_alone(tods, along, pieces):
    along = np.array(along, float)
    line = cycles.joined(along, along**2, cycles.Slots(cycles.step_hours(tods), 24))
    assert [tuple(x for x, _ in piece) for piece in segments(*line)] == pieces
    for x, y in (point for piece in segments(*line) for point in piece):
        assert y == (x % 24) ** 2


def test_a_month_without_observation_is_a_gap_and_the_year_does_not_close():
    months = np.arange(1.0, 13)
    values = np.where(np.isin(months, (3, 4, 5, 6, 7, 8, 9, 10, 11)), np.nan, months)
    assert segments(*cycles.joined(months, values, cycles.Slots(1, np.inf))) == [
        [(1, 1), (2, 2)], [(12, 12)],
    ]  # fmt: skip


def test_months_of_the_store_that_are_no_neighbours_are_not_joined(store, domain):
    (lon,), (lat,) = (axis[[3]] for axis in domain.lonlat())
    figure = plot.cycle(store, [(lon, lat)], "annual", JULY)
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() != "None"]
    drawn = [piece for line in lines[:1] for piece in segments(*map(np.array, line.get_data()))]
    assert [len(piece) for piece in drawn] == [1, 1]  # January and July
    assert all(line.get_linestyle() != ":" for line in lines)


def test_a_day_goes_on_beyond_midnight():
    assert_array_equal(cycles.hours([54000, 64800, 0]), [15, 18, 24])


def test_film_has_a_frame_for_each_month_in_one_scale(store, domain, tmp_path):
    film = plot.film(store, "months", JULY)
    scales = set()
    for number, month in enumerate((1, 7)):
        film.show(number)
        assert_array_equal(
            at_pixels(film.figure, domain), statistics_of(domain, CUBES[0], month)[1, 1, 3]
        )  # fmt: skip
        scales.add(film.figure.axes[0].images[-1].get_clim())
    assert len(scales) == 1
    plot.save_film(film, tmp_path / "year.gif", dpi=60)
    with Image.open(tmp_path / "year.gif") as gif:
        assert gif.n_frames == film.frames == 2


def test_film_of_hours_less_a_fixed_hour(store, domain):
    film = plot.film(store, "hours", JULY, minus=Layer(tod=54000))
    assert film.frames == 3
    film.show(1)
    expected = statistics_of(domain, CUBES[0], 7)
    assert_array_equal(at_pixels(film.figure, domain), expected[1, 1, 3] - expected[0, 1, 3])
    film.show(0)
    assert np.nanmax(np.abs(at_pixels(film.figure, domain))) == 0


def test_mp4_gets_every_frame_through_ffmpeg(store, tmp_path, monkeypatch):
    fake = tmp_path / "ffmpeg"
    fake.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "$0.args"\ncat > "$last"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    film = plot.film(store, "hours", JULY)
    plot.save_film(film, tmp_path / "day.mp4", dpi=50)
    size = (tmp_path / "ffmpeg.args").read_text().split(" -s ")[1].split()[0]
    wide, high = map(int, size.split("x"))
    assert wide % 2 == high % 2 == 0
    assert (tmp_path / "day.mp4").stat().st_size == 3 * wide * high * 3


def test_without_ffmpeg_an_mp4_is_refused_before_anything_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigError, match=r"an \.mp4 needs ffmpeg"):
        films.check(tmp_path / "day.mp4")
    with pytest.raises(ConfigError, match=r"ends in \.gif or \.mp4"):
        films.check(tmp_path / "day.avi")


def test_figures_are_files_of_every_kind_with_title_and_source(store, tmp_path):
    figure = plot.field(store, JULY, Look(title="July"))
    for ending in (".png", ".pdf", ".svg"):
        plot.save(figure, tmp_path / f"july{ending}", store.url)
    with Image.open(tmp_path / "july.png") as image:
        assert (image.text["Title"], image.text["Source"]) == ("July", store.url)
    assert (tmp_path / "july.pdf").read_bytes().startswith(b"%PDF-")
    assert ET.parse(tmp_path / "july.svg").getroot().tag.endswith("svg")  # noqa: S314 (ours)
    with pytest.raises(ConfigError, match=r"ends in \.png, \.pdf, \.svg"):
        plot.save(figure, tmp_path / "july.jpg", store.url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["july.pdf", "july.png", "july.svg"]


def test_all_that_is_drawn_lies_on_the_figure(store):
    for figure in (plot.field(store, JULY), plot.cycle(store, [(-81.6, 32.3)], layer=JULY)):
        figure.canvas.draw()
        box, (wide, high) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(box.x0, box.y0) > 0.05
        assert box.x1 < wide - 0.05
        assert box.y1 < high - 0.05


def test_drawing_and_its_command_load_neither_dask_nor_torch():
    program = (
        "import sys, lake; assert 'matplotlib' not in sys.modules; import jobs.commands.plot; "
        "print({'dask', 'distributed', 'torch', 'sklearn'} & {*sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert ran.stdout.strip() == "set()"


def test_meridians_and_parallels_of_plate_carree_are_straight(domain):
    plate_carree = views.select(domain, "platecarree")
    x, y = plate_carree.place(np.full(5, -81.5), np.linspace(32, 33, 5))
    assert_array_equal(x, -81.5)
    assert_array_equal(y, np.linspace(32, 33, 5))
    assert graticule.longitude(-81.5) == "81.5° W"
    assert maps.OVER == ("months", "hours")
