"""Reading by every kind of URL: the same numbers, counted requests, and damage that is named."""

import os
import pickle
import shutil

import boto3
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

import lake
from lake.errors import ConfigError, FormatError, MissingError
from lake.storage.connect import connect
from lake.store import generations, shards
from tests import s3, web
from tests.faults.proxy import Faults
from tests.lake.small_store import CUBES, KEY, LAYOUT, MONTHS, small_domain, values, write

OPENING = 4
"""The hint, the commit it names, the one after that, which is not there, and the metadata."""
PIXEL = 200
CHAINS = ("simplecache", "filecache", "blockcache")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A lake in a folder."""
    root = tmp_path_factory.mktemp("remote")
    write(str(root / KEY), small_domain())
    return root


@pytest.fixture
def site(root):
    """The same on a plain web server."""
    with web.server(root) as running:
        yield running


def upload(root, to: str) -> None:
    objects, source = connect(to), connect(root)
    for path in source.list():
        objects.put(path, source.get(path))


def wanted_of_series(there: lake.Store) -> tuple[int, int]:
    """Requests and bytes of one pixel's series: an index and an inner chunk a cube and month."""
    objects, superblock = connect(there.url), PIXEL // LAYOUT.superblock
    number = PIXEL % LAYOUT.superblock // LAYOUT.chunk
    found = []
    for cube in CUBES:
        for month in MONTHS:
            path = generations.shard_path(cube.name, month, superblock)
            size = shards.index(objects.get(path), LAYOUT, path)[number][1]
            found += [shards.index_bytes(LAYOUT), size]
    return len(found), sum(found)


def assert_holds_the_values(there: lake.Store) -> None:
    domain = small_domain()
    for cube in CUBES:
        found = there.cube(cube.name)["results"].sel(month=7).isel(pixel=slice(50, 150))
        wanted = values(domain, cube, 7).transpose(3, 4, 0, 1, 2)[50:150]
        assert_array_equal(found.values, wanted)
    assert_array_equal(there.cube("day-2km")["row"].values, domain.row)
    assert_array_equal(there.pixels_at(*(a[[3, 9]] for a in domain.lonlat())), [3, 9])


def test_opening_on_a_web_server_asks_four_times_and_datasets_for_nothing(site):
    there = lake.open(f"{site.url}/{KEY}")
    assert len(site.asked) == OPENING
    names = [there.metrics(cube.name) for cube in CUBES], there.tree(), repr(there)
    assert len(names) == 3
    assert len(site.asked) == OPENING


def test_opening_and_a_series_on_s3_ask_for_what_they_need_and_nothing_else(
    root, s3_root, break_s3
):
    upload(root, s3_root)
    requests, size = wanted_of_series(lake.open(root / KEY))
    proxy = break_s3(Faults())
    there = lake.open(f"{s3_root}/{KEY}")
    assert proxy.requests == OPENING
    opened = proxy.sent.total()
    found = there.series(PIXEL)
    assert (proxy.requests - OPENING, proxy.sent.total() - opened) == (requests, size)
    for cube in CUBES:
        wanted = values(small_domain(), cube, 7)[:, :, :, PIXEL].transpose(3, 0, 1, 2)
        assert_array_equal(found[cube.name]["results"].sel(month=7), wanted)
    there.series(PIXEL + 1)  # of the same inner chunk, which is remembered
    assert (PIXEL + 1) // LAYOUT.chunk == PIXEL // LAYOUT.chunk
    assert proxy.requests - OPENING == requests


def test_a_series_on_a_web_server_asks_for_ranges_alone(site, root):
    requests, size = wanted_of_series(lake.open(root / KEY))
    there = lake.open(f"{site.url}/{KEY}")
    site.asked.clear()
    there.series(PIXEL)
    assert (len(site.asked), sum(n for _, _, n in site.asked)) == (requests, size)


def test_map_of_one_month_reads_the_shards_of_that_month_whole(site):
    there = lake.open(f"{site.url}/{KEY}")
    site.asked.clear()
    there.cube("day-1km")["results"].sel(month=7, tod=0, metric="m1").load()
    there.cube("day-2km")["results"].sel(month=12).load()  # coordinates are remembered, too
    paths = [path.rpartition(f"{there.generation}.zarr/")[2] for _, path, _ in site.asked]
    shards_asked = [path for path in paths if "results" in path]
    assert len(paths) - len(shards_asked) == len(("row", "column", "lat", "lon"))
    blocks = range(-(-there.pixels // LAYOUT.superblock))
    whole = {generations.shard_path("day-1km", 7, n) for n in blocks}
    assert set(shards_asked) == whole
    assert len(shards_asked) <= len(whole) + 2  # the last, short one by its index


def test_web_server_that_forbids_to_list_is_read_like_others(site):
    site.absent = 403
    assert_holds_the_values(lake.open(f"{site.url}/{KEY}"))


def test_options_make_https_go_through_fsspec(site):
    there = lake.open(f"{site.url}/{KEY}", encoded=True)
    assert_holds_the_values(there)


# fsspec leaves the files of its block cache to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("chain", "kind"),
    [*((chain, "web") for chain in CHAINS), ("simplecache", "s3"), ("simplecache", "file")],
)
def test_chains_of_caches_read_the_same_and_the_second_time_less(
    chain, kind, site, root, request, tmp_path
):
    url = {"web": site.url, "file": f"file://{root}"}.get(kind)
    if url is None:
        url = request.getfixturevalue("s3_root")
        upload(root, url)
    options = {chain: {"cache_storage": str(tmp_path / "cache")}}
    assert_holds_the_values(lake.open(f"{chain}::{url}/{KEY}", **options))
    site.asked.clear()
    there = lake.open(f"{chain}::{url}/{KEY}", **options)
    assert_holds_the_values(there)
    assert there.plain_url == f"{url}/{KEY}/v/{there.generation}.zarr"
    if kind == "web":
        assert not [path for method, path, _ in site.asked if method == "GET" and "/c/" in path]


def test_public_bucket_is_read_without_credentials(root, s3_root, monkeypatch):
    upload(root, s3_root)
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    allowed = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", '
        f'"Action": ["s3:*"], "Resource": ["arn:aws:s3:::{s3.BUCKET}/*"]}}]}}'
    )
    client.put_bucket_policy(Bucket=s3.BUCKET, Policy=allowed)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    try:
        assert_holds_the_values(lake.open(f"{s3_root}/{KEY}", anon=True, endpoint_url=endpoint))
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        assert_holds_the_values(lake.open(f"{s3_root}/{KEY}"))
    finally:
        client.delete_bucket_policy(Bucket=s3.BUCKET)
        client.close()


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("gs://bucket", {"GOOGLE_BASE_URL": "SITE", "GOOGLE_SKIP_SIGNATURE": "true"}),
        (
            "abfs://bucket",
            {
                "AZURE_STORAGE_ENDPOINT": "SITE",
                "AZURE_STORAGE_ACCOUNT_NAME": "account",
                "AZURE_SKIP_SIGNATURE": "true",
            },
        ),
    ],
)
def test_google_and_azure_urls_are_read(url, environment, root, tmp_path, monkeypatch):
    (tmp_path / "bucket").symlink_to(root)
    with web.server(tmp_path) as running:
        for name, value in environment.items():
            monkeypatch.setenv(name, running.url if value == "SITE" else value)
        assert_holds_the_values(lake.open(f"{url}/{KEY}"))


def test_key_is_found_below_the_root_given_or_in_the_environment(root, monkeypatch):
    by_url = lake.open(root / KEY)
    assert lake.open(KEY, root=root).url == by_url.url
    with pytest.raises(MissingError, match="a key needs root=, or LAKE_ROOT"):
        lake.open(KEY)
    monkeypatch.setenv("LAKE_ROOT", str(root))
    assert lake.open(KEY).url == by_url.url
    with pytest.raises(ConfigError, match="no key below"):
        lake.open("elsewhere", root=root)


@pytest.fixture
def damaged(root, tmp_path):
    shutil.copytree(root / KEY, tmp_path / KEY)
    opened = lake.open(tmp_path / KEY)
    return connect(opened.url), opened


def test_lost_shard_is_an_error_in_every_lazy_array(damaged):
    objects, there = damaged
    path = generations.shard_path("day-2km", 7, 1)
    objects.delete([path])
    pixel = LAYOUT.superblock + 3
    said = f"{path}, which should be part of the store.*lake verify"
    lon, lat = (a[[pixel]] for a in there.domain.lonlat())
    for read in (
        lambda: there.results("day-2km").isel(pixel=pixel).load(),
        lambda: there.results("day-2km").sel(month=7, metric="m1").load(),
        lambda: there.metrics("day-2km")["stddev"].isel(pixel=[pixel]).load(),
        lambda: there.sel_lonlat("day-2km", lon, lat).load(),
        lambda: there.series(pixel),
    ):
        with pytest.raises(MissingError, match=said):
            read()
    assert not np.isnan(there.results("day-2km").isel(pixel=pixel, month=0)).any()


def test_damaged_index_is_an_error_naming_it(damaged):
    objects, there = damaged
    path = generations.shard_path("day-1km", 1, 0)
    data = bytearray(objects.get(path))
    data[-10] ^= 255
    objects.put(path, bytes(data))
    with pytest.raises(FormatError, match=f"{path} is no shard"):
        there.results("day-1km").isel(pixel=5).load()


def test_damaged_chunk_is_an_error_naming_it(damaged):
    objects, there = damaged
    path = generations.shard_path("day-1km", 1, 0)
    data = objects.get(path)
    objects.put(path, bytes(200) + data[200:])
    with pytest.raises(FormatError, match=f"{path}, chunk 0"):
        there.results("day-1km").isel(pixel=5).load()


@pytest.mark.parametrize("name", ["row", "column", "lat", "lon", "geom/2km/m_domain"])
def test_lost_or_damaged_coordinates_are_errors_naming_them(damaged, name):
    objects, _ = damaged
    (path,) = [path for path in objects.list(name) if "/c/" in path]
    read = {
        "row": lambda there: there.domain,
        "column": lambda there: there.region((-180, -90, 180, 90)),
        "lat": lambda there: there.cube("day-2km")["lat"].load(),
        "lon": lambda there: there.cube("day-1km")["lon"].load(),
    }.get(name, lambda there: there.m_domain("2km"))
    objects.put(path, bytes(100))
    with pytest.raises(FormatError, match=f"{name} cannot be decoded"):
        read(lake.open(objects.url()))
    objects.delete([path])
    with pytest.raises(MissingError, match=f"{path}, which should be part of the store"):
        read(lake.open(objects.url()))


def test_pickled_datasets_hold_a_url_and_no_numbers_or_secrets(root, s3_root, s3_environment):
    upload(root, s3_root)
    there = lake.open(f"{s3_root}/{KEY}")
    lazy = there.metrics("day-2km").drop_vars(["pixel"])
    pickled = pickle.dumps(lazy)
    assert len(pickled) < 20_000
    assert s3_environment["AWS_SECRET_ACCESS_KEY"].encode() not in pickled
    part = {"month": 6, "tod": 1}
    xr.testing.assert_identical(pickle.loads(pickled).isel(part).load(), lazy.isel(part).load())
    secret = {"key": s3_environment["AWS_ACCESS_KEY_ID"], "secret": "?"}
    with pytest.raises(ConfigError, match="options key, secret, which may be secrets"):
        pickle.dumps(lake.reading.store.Store(connect(there.url), secret))


def test_dask_computes_in_parts_what_is_read_at_once(root):
    there = lake.open(root / KEY)
    whole = there.metrics("day-1km")["stddev"].isel(month=[0, 6])
    in_parts = whole.chunk(pixel=100).mean("pixel").compute(scheduler="threads")
    np.testing.assert_allclose(in_parts, whole.values.mean(0), rtol=1e-4)
