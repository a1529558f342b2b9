"""What docs/reading.md shows works as it stands, on a lake whose numbers are known."""

import json
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
import xarray as xr

import lake
from lake.catalogue import catalogue, rebuild
from lake.commands import main
from lake.storage.connect import connect
from tests.lake.small_store import CUBES, KEY, small_domain, values, write

PAGE = (Path(__file__).parents[1] / "docs" / "reading.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (lake .*)$", PAGE, re.MULTILINE)


# fsspec leaves the files of its block cache to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_blocks_run_from_top_to_bottom(tmp_path, s3_root, monkeypatch, capsys):
    domain = small_domain()
    catalogue.claim(connect(s3_root))
    write(f"{s3_root}/{KEY}", domain, maps=True)
    made = rebuild.row_of(s3_root, lake.open(f"{s3_root}/{KEY}").key)
    catalogue.upsert(connect(s3_root), made)
    write_run(f"{s3_root}/runs/pca-0123456789ab")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block.replace("s3://bucket/lake", s3_root), names)  # noqa: S102 (our own page)
    assert KEY in capsys.readouterr().out
    wanted = values(domain, CUBES[0], 7)[1, 1, 3, :, 0]
    image = names["image"].values
    np.testing.assert_array_equal(image[domain.row, domain.column], wanted)
    assert names["coarse"]["mean"].sizes == {"month": 12, "tod": 3, "band": 2, "y": 24, "x": 30}
    assert names["run"].scores.shape == (3, 2)
    assert names["fine"].shape == (96, 120)
    assert names["triangle"].size > 10
    assert set(names["triangle"]) < set(names["box"])
    assert names["at"]["mean"].sel(month=7, tod=64800).notnull().any()
    assert (tmp_path / "region.nc").stat().st_size > 0


def write_run(url):
    """A finished run with scores, as docs/reading.md opens it."""
    objects = connect(url)
    source = {"key": KEY, "generation": "", "ledger": "", "url": ""}
    spec = {"job": "pca", "settings": {}, "inputs": {}, "stores": [source]}
    objects.put("spec.json", json.dumps(spec).encode())
    scores = xr.Dataset({"scores": (("pixel", "component"), np.zeros((3, 2)))})
    scores.to_zarr(objects.zarr("pca.zarr"), zarr_format=3, consolidated=True)
    objects.put("done.json", json.dumps({"outputs": ["pca.zarr"], "seconds": 1.0}).encode())


@pytest.mark.parametrize("line", COMMANDS)
def test_command_is_understood(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "region.geojson").write_text("{}")
    command, arguments = main.lake, shlex.split(line)[1:]
    context = click.Context(main.lake, info_name="lake")
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.get_command(context, name)
    made = command.make_context(command.name, arguments)
    assert made.command is command
    assert not made.args


def test_every_kind_of_command_is_shown():
    assert {line.split(" --format ")[1].split()[0] for line in COMMANDS if "--format" in line} == {
        "geotiff", "netcdf", "parquet",
    }  # fmt: skip
    assert any("catalog stac" in line for line in COMMANDS)
