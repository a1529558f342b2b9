"""A generation that was collected is not called damaged, and a refusal is not called a missing store."""

import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import lake
from lake.errors import ConfigError, LakeError, MissingError
from lake.storage.connect import connect
from lake.store import commits
from tests.lake.small_store import KEY, MONTHS, small_domain, write


@pytest.fixture
def collected(tmp_path) -> lake.Store:
    """A store held open while a newer generation was published and its own deleted."""
    root, domain = str(tmp_path / KEY), small_domain()
    write(root, domain)
    store = lake.open(root)
    write(root, domain, commits.head(connect(root)))
    shutil.rmtree(Path(store.url))
    return store


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.block("day-2km", slice(0, 32), MONTHS[0]),
        lambda store: store.metrics("day-2km")["mean"].isel(pixel=5, month=0).values,
        lambda store: store.coordinate("lat"),
        lambda store: store.results("day-1km").sel(month=MONTHS[1]).values,
        lambda store: lake.open(store.url),
    ],
)
def test_collected_generation_says_which_is_the_newest(collected, read):
    newest = lake.open(Path(collected.url).parents[1]).generation
    with pytest.raises(
        MissingError, match=rf"is not kept any more, {newest}.* open the store again"
    ):
        read(collected)
    assert np.isfinite(
        lake.open(Path(collected.url).parents[1]).block("day-2km", slice(0, 4), 1)
    ).any()


def test_lost_object_of_a_generation_that_is_kept_is_damage(tmp_path):
    write(str(tmp_path / KEY), small_domain())
    store = lake.open(tmp_path / KEY)
    shutil.rmtree(Path(store.url) / "day-2km" / "results" / "c")
    with pytest.raises(MissingError, match="damaged; 'lake verify'"):
        store.block("day-2km", slice(0, 32), MONTHS[0])


def test_generation_that_never_was_is_said_to_be_none(tmp_path):
    write(str(tmp_path / KEY), small_domain())
    with pytest.raises(MissingError, match="there is no generation"):
        lake.open(tmp_path / "nowhere" / "v" / "00000001-a.zarr")


@pytest.fixture(params=[401, 403])
def refusing(request):
    """The URL of a web server that refuses everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield request.param, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["a/b/20200101_20201231/c", "a/b/20200101_20201231/c/v/1.zarr"])
def test_refusal_is_the_same_error_for_a_store_and_its_generations(refusing, path):
    status, url = refusing
    # a public bucket that forbids to list answers 403 for what is not there
    expected = ConfigError if status == 401 else LakeError
    with pytest.raises(expected) as error:
        lake.open(f"{url}/{path}")
    assert type(error.value) in {ConfigError, MissingError}
