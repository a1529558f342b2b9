import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import OverlapError
from lake.storage.connect import connect
from lake.store import ledger
from lake.store.ledger import MERGED, MISSING, STAGED, Ledger, LedgerEntry, SourceFile


def merged(step, **known):
    return LedgerEntry(step, MERGED, **known)


def missing(step, reason="lost"):
    return LedgerEntry(step, MISSING, reason=reason)


def test_ledger_comes_back_as_written(tmp_path):
    objects = connect(tmp_path)
    files = SourceFile("a.nc", 7, '"etag"', 0xFFFFFFFF), SourceFile("b.nc", 1 << 40)
    entry = merged("20180103-54000", start="20180031501172", version="v01", files=files)
    staged = LedgerEntry("20180105-0", STAGED, part="0123")
    written = Ledger((entry, missing("20180104-54000"), staged))
    assert ledger.read(objects, ledger.write(objects, written)) == written


def test_two_writers_of_one_ledger_have_an_object_each(tmp_path):
    objects = connect(tmp_path)
    assert ledger.write(objects, Ledger()) != ledger.write(objects, Ledger())


def test_updated_entry_replaces_that_of_its_step_alone():
    held = Ledger((merged("a"), missing("b"), missing("c")))
    entries = held.with_entries([LedgerEntry("b", STAGED, part="p")])
    assert entries == Ledger((merged("a"), LedgerEntry("b", STAGED, part="p"), missing("c")))
    assert entries.entered_steps == {"a", "b"}
    assert [e.step for e in entries.pending] == ["b"]


def test_empty_ledger_comes_back_empty(tmp_path):
    objects = connect(tmp_path)
    assert ledger.read(objects, ledger.write(objects, Ledger())) == Ledger()


def test_union_of_overlapping_ledgers_is_refused_naming_the_step():
    ledgers = [Ledger((merged("a"), merged("b"))), Ledger((merged("b"), merged("c")))]
    with pytest.raises(OverlapError, match=r"1 time steps .*: b;"):
        ledger.union(ledgers)


def test_step_missing_in_one_and_merged_in_another_is_merged():
    union = ledger.union([Ledger((missing("a"), missing("b"))), Ledger((merged("a"),))])
    assert union.steps(MERGED) == {"a"}
    assert union.steps(MISSING) == {"b"}


@given(st.lists(st.sets(st.integers(0, 30)), max_size=5))
def test_union_holds_every_step_once_or_refuses(groups):
    ledgers = [Ledger(tuple(merged(str(i)) for i in group)) for group in groups]
    everything = [i for group in groups for i in group]
    if len(set(everything)) < len(everything):
        with pytest.raises(OverlapError):
            ledger.union(ledgers)
    else:
        assert ledger.union(ledgers).steps(MERGED) == set(map(str, everything))
