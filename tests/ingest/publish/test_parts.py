"""Staged parts: what is written comes back, Zarr reads it too, and nothing lost is taken for empty."""

from dataclasses import replace

import numpy as np
import pytest
import zarr
from numpy.testing import assert_array_equal

from ingest.publish import parts
from ingest.publish.target import TargetStore, newest
from lake.errors import FormatError, LakeError, MissingError
from lake.format import order
from lake.storage.objects import Objects
from tests.ingest.publish.staged import TOD, Fake, note, published, stage, step, target_at


@pytest.fixture(params=["folder", "s3"])
def target(request, tmp_path) -> TargetStore:
    return target_at(
        str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_root")
    )


@pytest.fixture
def local(tmp_path) -> TargetStore:
    return target_at(str(tmp_path))


def blocks(target: TargetStore) -> list[slice]:
    superblocks = order.superblocks(target.domain.pixels, target.domain.layout)
    assert len(superblocks) > 2
    last = superblocks[-1]
    assert last.stop - last.start < target.domain.layout.superblock, "the last one is short"
    return superblocks


@pytest.mark.parametrize("form", [parts.OBSERVATIONS, parts.MOMENTS])
def test_what_was_written_comes_back(target, form):
    steps = step(1), step(2), step(3)
    part, content = stage(target, *steps, form=form), Fake(form, steps, target.domain)
    for number, pixels in enumerate(blocks(target)):
        if form == parts.MOMENTS:
            block = parts.read_moments(target.objects, part.path, "night-2km", pixels)
            assert_array_equal(block, content.moments("night-2km", number))
            continue
        observed = parts.read_observations(target.objects, part.path, "night-2km", pixels)
        expected = content.observations("night-2km", number)
        for name in ("valid", "counts", "tables"):
            assert_array_equal(getattr(observed, name), getattr(expected, name))
            assert getattr(observed, name).dtype == getattr(expected, name).dtype


def test_zarr_reads_a_part(target):
    steps = step(1), step(2)
    whole = Fake(parts.OBSERVATIONS, steps, target.domain)
    for form in (parts.OBSERVATIONS, parts.MOMENTS):
        part = stage(target, *steps, form=form)
        arrays = zarr.open_group(target.objects.zarr(part.path, read_only=True), mode="r")
        if form == parts.MOMENTS:
            pieces = [whole.moments("", number) for number in range(len(blocks(target)))]
            assert_array_equal(arrays["night-2km/moments"][...], np.concatenate(pieces, axis=2))
            continue
        assert_array_equal(arrays["valid"][...], whole.seen.valid)
        assert_array_equal(arrays["night-2km/counts"][...], whole.seen.counts)
        assert_array_equal(arrays["night-2km/tables"][...], whole.seen.tables)


class Cloudy(Fake):
    """Nothing was seen."""

    def __init__(self, form, steps, domain):
        super().__init__(form, steps, domain)
        nothing = np.zeros_like
        valid, counts = nothing(self.seen.valid), nothing(self.seen.counts)
        self.seen = replace(self.seen, valid=valid, counts=counts)


def objects_of(objects: Objects, part: parts.Part, array: str) -> list[str]:
    return objects.list(f"{part.path}/{array}/c")


@pytest.mark.parametrize("array", ["valid", "night-2km/counts", "night-2km/tables"])
def test_all_objects_of_a_cloudy_part_are_there_and_none_may_be_lost(local, array):
    part = parts.Part(parts.name("cloudy"), "", parts.OBSERVATIONS, 1, TOD, ("night-2km",), ())
    content, domain = Cloudy(parts.OBSERVATIONS, (step(1),), local.domain), local.domain
    part = parts.write(local.objects, part, content, domain.pixels, domain.layout)
    paths = objects_of(local.objects, part, array)
    assert len(paths) == (1 if array.endswith("tables") else len(blocks(local)))
    first = blocks(local)[0]
    local.objects.delete([paths[0]])
    with pytest.raises(MissingError, match=rf"{paths[0]}; it belongs to a staged part: restore"):
        parts.read_observations(local.objects, part.path, "night-2km", first)


@pytest.mark.parametrize("damage", ["lost", "truncated", "overwritten", "no metadata"])
@pytest.mark.parametrize("form", [parts.OBSERVATIONS, parts.MOMENTS])
def test_a_damaged_part_publishes_nothing(client, local, form, damage):
    part = stage(local, step(1), form=form)
    note(local, part)
    array = "night-2km/moments" if form == parts.MOMENTS else "valid"
    path = objects_of(local.objects, part, array)[1]
    if damage == "lost":
        local.objects.delete([path])
    elif damage == "no metadata":
        local.objects.delete([f"{part.path}/{array}/zarr.json"])
    else:
        data = local.objects.get(path)
        local.objects.put(path, data[:-1] if damage == "truncated" else bytes(len(data)))
    expected = MissingError if damage in ("lost", "no metadata") else FormatError
    with pytest.raises(
        expected, match=f"{array}.*it belongs to a staged part: restore it"
    ) as raised:
        published(client, local)
    assert isinstance(raised.value, LakeError)
    assert part.name in newest(local).body["parts"], "it still waits"
