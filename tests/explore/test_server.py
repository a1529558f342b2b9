"""The server of `lake explore`: ranges, what it refuses, a lake on S3; the page for static hosts."""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from lake.explore import coast_lines, contents
from lake.explore.site import SiteContent
from lake.plot import coast_lines as figures
from lake.reading import classes
from lake.storage.connect import connect
from tests.explore.lakes import KEY, OLD
from tests.explore.serving import serving


def get(site: str, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of a path below the site, which begins by the token."""
    place = urlsplit(site)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.putrequest("GET", place.path.rstrip("/") + path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.getheaders())


@pytest.fixture
def shard(explored) -> str:
    """Path of an object of the lake."""
    path = connect(explored.root / KEY).list("v")
    return f"{KEY}/" + next(name for name in path if "day-2km/results/c/" in name)


@pytest.mark.parametrize(
    ("byte_range", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=7-7", slice(7, 8)), ("bytes=-20", slice(-20, None))],
)
def test_range_is_that_of_the_object(explored, site, shard, byte_range, part):
    whole = (explored.root / shard).read_bytes()
    status, body, headers = get(site, f"/lake/{shard}", Range=byte_range)
    assert (status, body) == (206, whole[part])
    first, last = range(len(whole))[part][0], range(len(whole))[part][-1]
    assert headers["Content-Range"].startswith(f"bytes {first}-{last}/")
    assert "immutable" in headers["Cache-Control"]


def test_whole_object_and_what_is_not_there(explored, site, shard):
    assert get(site, f"/lake/{shard}")[:2] == (200, (explored.root / shard).read_bytes())
    assert get(site, f"/lake/{shard}x")[0] == 404
    assert get(site, "/nothing.js")[0] == 404
    assert get(site, f"/lake/{shard}", Range="bytes=5-2,7-9")[0] == 416


@pytest.mark.parametrize(
    "path", ["../secret", "a/../../secret", "/etc/passwd", "a//b", "..\\secret", ""]
)
def test_paths_out_of_the_lake_are_refused(tmp_path, path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "lake" / "a").mkdir(parents=True)
    assert SiteContent(connect(tmp_path / "lake")).object(path).status == 400


def test_paths_out_of_the_lake_are_refused_however_they_are_spelt(site):
    for path in (
        "/lake/../pyproject.toml",
        "/lake/%2e%2e/x",
        "/lake/%2e%2e%2fx",
        "/lake//etc/passwd",
    ):
        assert get(site, path)[0] in (400, 404), path


def test_lines_are_those_of_the_figures():
    numbers, place = np.frombuffer(coast_lines.packed_lines(), "<i2"), 0
    lines = {kind: [] for kind in coast_lines.KINDS}
    while place < numbers.size:
        kind, size = numbers[place : place + 2]
        end = place + 2 + 2 * int(size)
        lines[coast_lines.KINDS[kind]].append(numbers[place + 2 : end].reshape(-1, 2))
        place = end
    for kind, pieces in lines.items():
        expected = figures.read(kind)
        joined = np.concatenate([[*line, [np.nan, np.nan]] for line in pieces])[:-1] / 100
        np.testing.assert_allclose(joined, expected, atol=1e-9)


def test_only_reading_is_known(site):
    place = urlsplit(site)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("PUT", "/lake/lake.json", body=b"{}")
    assert connection.getresponse().status == 501
    connection.close()


def test_offer_names_stores_and_complete_runs(site, explored):
    offer = json.loads(get(site, "/stores.json")[1])
    assert offer["lake"] == "lake/"
    assert {store["key"] for store in offer["stores"]} == {KEY, OLD}
    assert {run["id"]: run["arrays"] for run in offer["runs"]} == {
        explored.embed: ["embedding"], explored.cluster: ["labels"], explored.pca: ["scores"],
    }  # fmt: skip


def test_offer_has_the_names_and_colours_of_classes_as_they_are_now(site, explored):
    lake = connect(explored.root)

    def named():
        runs = json.loads(get(site, "/stores.json")[1])["runs"]
        return next(run["classes"] for run in runs if run["id"] == explored.cluster)

    assert named()[1] == {"number": 1, "name": "class 1", "colour": classes.PALETTE[1]}
    classes.write_given(lake, explored.cluster, {1: {"name": "city", "colour": "#ff0000"}})
    try:
        assert named()[1] == {"number": 1, "name": "city", "colour": "#ff0000"}
    finally:
        classes.write_given(lake, explored.cluster, {})


def test_scores_that_take_too_long_to_read_are_not_offered(explored, monkeypatch):
    monkeypatch.setattr(contents, "MOST_NUMBERS", 5 * explored.store.domain.pixels - 1)
    offer = contents.Offer(connect(explored.root)).document("lake/", is_live=True)
    assert {run["id"] for run in offer["runs"] if run["arrays"]} == {
        explored.embed,
        explored.cluster,
    }
    (left,) = (run for run in offer["runs"] if not run["arrays"])
    assert (left["id"], left["too_large"]) == (explored.pca, ["scores"])  # the page says why


def test_lake_on_s3_is_served_by_the_credentials_of_the_server(explored, shard, s3_root):
    objects = connect(s3_root)
    for path in ("lake.json", shard, *connect(explored.root).list("catalog")):
        name = (
            path if path.startswith((KEY, "lake.json")) else f"catalog/{path.split('catalog/')[-1]}"
        )
        objects.put(name, (explored.root / name).read_bytes())
    with serving(s3_root) as site:
        whole = (explored.root / shard).read_bytes()
        assert get(site, f"/lake/{shard}", Range="bytes=-20")[1] == whole[-20:]
        assert get(site, f"/lake/{shard}", Range="bytes=3-12")[1] == whole[3:13]
        assert get(site, f"/lake/{shard}.gone", Range="bytes=3-12")[0] == 404
        assert len(json.loads(get(site, "/stores.json")[1])["stores"]) == 2


def test_command_says_what_it_needs(run_lake, explored, tmp_path):
    code, _, err = run_lake(
        "explore", "--lake", str(explored.root), "--export", str(tmp_path / "out")
    )
    assert code == 64
    assert "--url" in err
    code, out, _ = run_lake(
        "explore", "--lake", str(explored.root), "--export", str(tmp_path / "out"), "--url", "lake/", "--json"
    )  # fmt: skip
    assert code == 0
    assert (
        sorted(path.name for path in Path(json.loads(out)["folder"]).iterdir())
        == json.loads(out)["files"]
    )
    code, _, err = run_lake("explore", "--lake", str(tmp_path / "nowhere"))
    assert code == 1
    assert "no lake" in err


def test_command_serves_until_it_is_interrupted(explored):
    command = [
        sys.executable,
        "-m",
        "lake",
        "explore",
        "--lake",
        str(explored.root),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        url = json.loads("".join(lines))["url"]
        assert get(url, "/")[0] == 200
        process.send_signal(2)
        assert process.wait(20) == 0
