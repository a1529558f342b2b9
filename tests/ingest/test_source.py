import subprocess
import sys
from datetime import date
from pathlib import Path

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from ingest import source
from lake.errors import ConfigError, MissingError

RAD = "OR_ABI-L1b-RadC-M6C13_G16_s20180011801172_e20180011803543_c20180011804503.nc"
LST = "OR_ABI-L2-LSTC-M6_G16_s20180011801172_e20180011803545_c20180011805371.nc"
TREE = {
    f"ABI-L1b-RadC/2018/001/18/{RAD}": b"rad",
    f"ABI-L2-LSTC/2017/364/23/{LST}": b"two days before",
    f"ABI-L2-LSTC/2017/365/23/{LST}": b"the day before",
    f"ABI-L2-LSTC/2018/001/18/{LST}": b"lst",
    f"ABI-L2-LSTC/2018/001/18/{LST}.tmp": b"no netCDF",
    f"ABI-L2-LSTC/2018/002/00/{LST}": b"the day after",
    f"ABI-L2-LSTC/2018/003/00/{LST}": b"two days after",
    f"GLM-L2-LCFA/2018/001/18/{LST}": b"another instrument",
}
DAY = date(2018, 1, 1)


def grow(root: Path) -> None:
    for name, data in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def memory() -> str:
    files = fsspec.filesystem("memory")
    for name, data in TREE.items():
        files.pipe(f"/source-tree/{name}", data)
    yield "memory://source-tree"
    files.rm("/source-tree", recursive=True)


def test_flat_folder_lists_its_netcdf_files_sorted_and_absolute(tmp_path, monkeypatch):
    for name in (RAD, LST, "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / RAD).write_bytes(b"")
    monkeypatch.chdir(tmp_path.parent)
    for url in (str(tmp_path), f"{tmp_path}/", tmp_path.name, f"file://{tmp_path}"):
        found = source.list_files(url, products=["ABI-L2-LSTC"], t0=DAY, tf=DAY)
        assert found == [str(tmp_path / RAD), str(tmp_path / LST)]
    assert source.read_bytes(found[1]) == LST.encode()


def test_flat_folder_lists_files_of_another_suffix(tmp_path):
    for name in ("a.pkl", "b.nc"):
        (tmp_path / name).write_bytes(b"")
    assert source.list_files(str(tmp_path), suffix=".pkl") == [str(tmp_path / "a.pkl")]


def test_noaa_layout_lists_all_products_of_the_imager(tmp_path):
    grow(tmp_path)
    wanted = [name for name in TREE if name.startswith("ABI") and name.endswith(".nc")]
    assert source.list_files(str(tmp_path)) == sorted(str(tmp_path / name) for name in wanted)


def test_noaa_layout_lists_wanted_products_and_a_day_more_at_each_end(memory):
    found = source.list_files(memory, products=["ABI-L2-LSTC"], t0=DAY, tf=DAY)
    assert [source.read_bytes(path) for path in found] == [
        b"the day before",
        b"lst",
        b"the day after",
    ]
    assert all(path.startswith("memory://source-tree/ABI-L2-LSTC/") for path in found)


def test_mesoscale_products_share_a_folder(tmp_path):
    name = RAD.replace("RadC", "RadM2")
    path = tmp_path / "ABI-L1b-RadM/2018/001/18" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"meso")
    assert source.list_files(str(tmp_path), products=["ABI-L1b-RadM2"], t0=DAY, tf=DAY) == [
        str(path)
    ]


def test_file_that_arrives_later_is_listed(memory):
    before = source.list_files(memory, products=["ABI-L2-LSTC"], t0=DAY, tf=DAY)
    fsspec.filesystem("memory").pipe(f"/source-tree/ABI-L2-LSTC/2018/001/19/{LST}", b"new")
    after = source.list_files(memory, products=["ABI-L2-LSTC"], t0=DAY, tf=DAY)
    assert len(after) == len(before) + 1


def test_missing_source_is_an_error(tmp_path):
    with pytest.raises(MissingError, match=r"there is no source .*/nowhere: wanted a folder"):
        source.list_files(str(tmp_path / "nowhere"))


def test_source_without_netcdf_files_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ConfigError, match=r"holds no \.nc files of ABI-L2-LSTC from 2018-01-01"):
        source.list_files(str(tmp_path), products=["ABI-L2-LSTC"], t0=DAY, tf=DAY)


def test_scheme_that_nobody_serves_is_an_error():
    with pytest.raises(ConfigError, match=r"cannot open carrier-pigeon://coop.*wanted a folder"):
        source.list_files("carrier-pigeon://coop")


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(MissingError, match=r"there is no file .*gone\.nc"):
        source.read_bytes(str(tmp_path / "gone.nc"))


@pytest.fixture(scope="module")
def bucket():
    """A public bucket named like one of NOAA's, over loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106 - moto takes any
    )
    client.create_bucket(Bucket="noaa-goes16")
    for name, data in TREE.items():
        client.put_object(Bucket="noaa-goes16", Key=name, Body=data, ACL="public-read")
    client.put_object(Bucket="noaa-goes16", Key="secret", Body=b"not for all")
    yield endpoint
    server.stop()


def test_public_bucket_is_listed_and_read_without_credentials_in_any_process(bucket, tmp_path):
    script = (
        "from datetime import date\nfrom ingest import source\nday = date(2018, 1, 1)\n"
        "found = source.list_files('s3://noaa-goes16', ['ABI-L2-LSTC'], day, day)\n"
        "print(*found, sep='\\n')\nprint(source.read_bytes(found[1]).decode())"
    )
    environment = {"PATH": "", "HOME": str(tmp_path), "AWS_ENDPOINT_URL": bucket}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    *paths, data = done.stdout.split()
    assert paths == [
        f"s3://noaa-goes16/ABI-L2-LSTC/{day}/{LST}"
        for day in ("2017/365/23", "2018/001/18", "2018/002/00")
    ]
    assert data == "lst"


def test_file_that_may_not_be_read_is_an_error(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket)
    with pytest.raises(ConfigError, match=r"cannot read s3://noaa-goes16/secret"):
        source.read_bytes("s3://noaa-goes16/secret")


def test_bucket_without_credentials_is_an_error_that_says_what_to_set(bucket, tmp_path):
    script = (
        "from ingest import source\nfrom lake.errors import ConfigError\n"
        "try:\n    source.list_files('s3://private')\n"
        "except ConfigError as error:\n    print(error)"
    )
    environment = {
        "PATH": "",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": bucket,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "cannot list s3://private" in done.stdout
    assert "AWS_SKIP_SIGNATURE=true" in done.stdout
