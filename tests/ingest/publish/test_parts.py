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
from tests.ingest.publish.test_staging import TOD, Fake, group_at, note, published, stage, step


@pytest.fixture(params=["folder", "s3"])
def group(request, tmp_path) -> TargetStore:
    return group_at(
        str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_root")
    )


@pytest.fixture
def local(tmp_path) -> TargetStore:
    return group_at(str(tmp_path))


def blocks(of: TargetStore) -> list[slice]:
    found = order.superblocks(of.domain.pixels, of.domain.layout)
    assert len(found) > 2
    assert found[-1].stop - found[-1].start < of.domain.layout.superblock, "the last one is short"
    return found


@pytest.mark.parametrize("form", [parts.OBSERVATIONS, parts.MOMENTS])
def test_what_was_written_comes_back(group, form):
    steps = step(1), step(2), step(3)
    part, wanted = stage(group, *steps, form=form), Fake(form, steps, group.domain)
    for number, pixels in enumerate(blocks(group)):
        if form == parts.MOMENTS:
            found = parts.read_moments(group.objects, part.path, "night-2km", pixels)
            assert_array_equal(found, wanted.moments("night-2km", number))
            continue
        seen = parts.read_observations(group.objects, part.path, "night-2km", pixels)
        of = wanted.observations("night-2km", number)
        for name in ("valid", "counts", "tables"):
            assert_array_equal(getattr(seen, name), getattr(of, name))
            assert getattr(seen, name).dtype == getattr(of, name).dtype


def test_zarr_reads_a_part(group):
    steps = step(1), step(2)
    whole = Fake(parts.OBSERVATIONS, steps, group.domain)
    for form in (parts.OBSERVATIONS, parts.MOMENTS):
        part = stage(group, *steps, form=form)
        there = zarr.open_group(group.objects.zarr(part.path, read_only=True), mode="r")
        if form == parts.MOMENTS:
            pieces = [whole.moments("", number) for number in range(len(blocks(group)))]
            assert_array_equal(there["night-2km/moments"][...], np.concatenate(pieces, axis=2))
            continue
        assert_array_equal(there["valid"][...], whole.seen.valid)
        assert_array_equal(there["night-2km/counts"][...], whole.seen.counts)
        assert_array_equal(there["night-2km/tables"][...], whole.seen.tables)


class Cloudy(Fake):
    """Nothing was seen."""

    def __init__(self, form, steps, domain):
        super().__init__(form, steps, domain)
        nothing = np.zeros_like
        valid, counts = nothing(self.seen.valid), nothing(self.seen.counts)
        self.seen = replace(self.seen, valid=valid, counts=counts)


def objects_of(objects: Objects, part: parts.Part, of: str) -> list[str]:
    return objects.list(f"{part.path}/{of}/c")


@pytest.mark.parametrize("of", ["valid", "night-2km/counts", "night-2km/tables"])
def test_all_objects_of_a_cloudy_part_are_there_and_none_may_be_lost(local, of):
    part = parts.Part(parts.name("cloudy"), "", parts.OBSERVATIONS, 1, TOD, ("night-2km",), ())
    content, domain = Cloudy(parts.OBSERVATIONS, (step(1),), local.domain), local.domain
    part = parts.write(local.objects, part, content, domain.pixels, domain.layout)
    there = objects_of(local.objects, part, of)
    assert len(there) == (1 if of.endswith("tables") else len(blocks(local)))
    first = blocks(local)[0]
    local.objects.delete([there[0]])
    with pytest.raises(MissingError, match=rf"{there[0]}; it belongs to a staged part: restore"):
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
    wanted = MissingError if damage in ("lost", "no metadata") else FormatError
    with pytest.raises(wanted, match=f"{array}.*it belongs to a staged part: restore it") as raised:
        published(client, local)
    assert isinstance(raised.value, LakeError)
    assert part.name in newest(local).body["parts"], "it still waits"
