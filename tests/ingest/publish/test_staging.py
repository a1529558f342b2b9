"""Staged parts and publishing on one small store, with parts whose numbers the tests make themselves."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import lake
from ingest.publish import parts, policy, publish, staging
from ingest.publish.target import TargetStore, load_target, newest, outcome
from lake.errors import ConfigError, ConflictError, MissingError
from lake.format import moments
from lake.store import commits
from lake.store.ledger import MERGED, MISSING, STAGED, LedgerEntry
from tests.ingest.publish.staged import (
    EPS,
    KEY,
    NOW,
    ledger_of,
    note,
    published,
    random_observations,
    stage,
    state,
    step,
    target_at,
    values,
)


@pytest.fixture(params=["folder", "s3"])
def target(request, tmp_path) -> TargetStore:
    root = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_root")
    return target_at(root)


@pytest.fixture
def local(tmp_path) -> TargetStore:
    return target_at(str(tmp_path))


def check(target: TargetStore, month: int, *steps: str) -> None:
    """The newest generation holds exactly these time steps of a month."""
    observed = random_observations(steps, target.domain)
    expected = moments.from_observations(values(observed), observed.valid[:, None, :, None])
    results = lake.open(target.objects.url()).block("night-2km", slice(None), month)[0, 0]
    results_moments = moments.from_results(results, axis=1)
    for metric in ("count", "min", "max"):
        np.testing.assert_array_equal(
            getattr(results_moments, metric), getattr(expected, metric).astype(np.float32)
        )
    np.testing.assert_allclose(results_moments.m1, expected.m1, rtol=2 * EPS)
    np.testing.assert_allclose(results_moments.m2, expected.m2, rtol=1e-5, atol=1e-3)


def test_staged_steps_are_known_before_they_are_published(target):
    part = stage(target, step(1), step(2))
    note(target, part, missing=[LedgerEntry(step(3), MISSING, reason="lost")])
    ledger = ledger_of(target)
    assert ledger.entered_steps == {step(1), step(2)}
    assert {e.part for e in ledger.pending} == {part.name}
    assert ledger.steps(MISSING) == {step(3)}
    assert state(target).parts == (part.name,)
    with pytest.raises(MissingError, match="1 staged parts wait"):
        lake.open(target.objects.url())
    reported = outcome(target, merged=0)
    assert (reported.url, reported.staged, reported.stored, reported.missing) == ("", 2, 0, 1)


def test_store_of_staged_parts_alone_is_found_again_with_its_listing(local):
    note(local, stage(local, step(1)))
    again = load_target(local.root, KEY)
    assert again.listing == local.listing
    assert again.empty_state() == local.empty_state()


def test_noting_the_same_again_writes_no_commit(local):
    part, lost = stage(local, step(1)), LedgerEntry(step(3), MISSING, reason="lost")
    first = note(local, part, missing=[lost])
    assert note(local, part, missing=[lost]) == first


def test_missing_step_that_came_is_no_longer_missing_and_never_the_other_way(local):
    note(local, missing=[LedgerEntry(step(1), MISSING, reason="late")])
    note(local, stage(local, step(1)))
    assert ledger_of(local).steps(STAGED) == {step(1)}
    note(local, missing=[LedgerEntry(step(1), MISSING, reason="gone")])
    assert ledger_of(local).steps(STAGED) == {step(1)}


def test_part_with_a_step_that_another_writer_took_is_dropped_whole(local):
    note(local, stage(local, step(1), step(2)))
    note(local, stage(local, step(2), step(3)), stage(local, step(4)))
    assert ledger_of(local).entered_steps == {step(1), step(2), step(4)}


def test_eight_writers_of_overlapping_parts_take_every_step_once(target):
    """As `ingest.ingestion` does: what was dropped is staged anew, without what others took."""
    all_steps = [step(day) for day in range(1, 25)]

    def write(seed: int) -> None:
        shuffled = random.Random(seed)  # noqa: S311 (an order, no secret)
        while remaining := [s for s in all_steps if s not in ledger_of(target).entered_steps]:
            shuffled.shuffle(remaining)
            finished = [
                stage(target, *sorted(remaining[i : i + 3])) for i in range(0, len(remaining), 3)
            ]
            note(target, *finished[:2])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    waiting = [parts.find(target.objects, name) for name in state(target).parts]
    steps = [s for part in waiting for s in part.steps]
    assert sorted(steps) == sorted(all_steps)
    assert {e.step: e.part for e in ledger_of(target)} == {
        s: p.name for p in waiting for s in p.steps
    }


def test_run_that_stood_still_notes_nothing(local):
    part = stage(local, step(1))
    with pytest.raises(ConflictError, match="stood still for 13 hours"):
        staging.note(local, [part], (), time.time() - 13 * 3600)
    assert newest(local) is None


def test_old_finished_part_is_not_used_again(local):
    part = stage(local, step(1))
    assert parts.find_fresh(local.objects, part.name, staging.FRESH_S) == part
    old = replace(part, staged=(datetime.now(UTC) - timedelta(hours=13)).isoformat())
    path = f"parts/{part.name}.json"
    text = local.objects.get(path).decode().replace(part.staged, old.staged)
    local.objects.put(path, text.encode())
    assert parts.find_fresh(local.objects, part.name, staging.FRESH_S) is None
    assert parts.find(local.objects, part.name) == old


def test_published_parts_of_both_forms_equal_one_pass(client, target):
    note(target, stage(target, step(1), step(2)), stage(target, step(5)))
    note(target, stage(target, step(3), step(4), form=parts.MOMENTS))
    assert published(client, target) == {step(day) for day in range(1, 6)}
    check(target, 1, *(step(day) for day in range(1, 6)))
    assert state(target).parts == ()
    assert ledger_of(target).steps(MERGED) == {step(day) for day in range(1, 6)}
    assert published(client, target) == set()


def test_later_parts_are_merged_into_the_generation_before(client, local):
    note(local, stage(local, step(1)), stage(local, step(1, month=3)))
    published(client, local)
    before = state(local)
    note(local, stage(local, step(2)))
    assert state(local).path == before.path
    published(client, local)
    check(local, 1, step(1), step(2))
    check(local, 3, step(1, month=3))
    assert state(local).months == (1, 3)


def test_months_that_are_not_due_go_on_waiting(client, local):
    late = datetime(2020, 2, 1, tzinfo=UTC)
    note(local, stage(local, step(1)), stage(local, step(1, month=2)))
    due = publish.publish(client, local, policy.parse("month-end"), lambda *_: None, late)
    assert due == {step(1)}
    assert ledger_of(local).steps(STAGED) == {step(1, month=2)}
    assert lake.open(local.objects.url()).months == (1,)


def test_stage_commit_during_publishing_is_kept_and_the_draft_still_counts(client, local):
    note(local, stage(local, step(1)))

    def interrupted(done: int, total: int) -> None:
        if done == total:
            note(local, stage(local, step(2)))

    assert publish.publish(client, local, policy.NOW, interrupted, NOW) == {step(1)}
    check(local, 1, step(1))
    assert ledger_of(local).steps(STAGED) == {step(2)}
    published(client, local)
    check(local, 1, step(1), step(2))


def test_loser_of_two_publishers_merges_only_what_still_lacks(client, local):
    note(local, stage(local, step(1)))
    chances = iter([True])

    def overtaken(done: int, total: int) -> None:
        if done == total and next(chances, False):
            note(local, stage(local, step(2)))
            published(client, local)
            note(local, stage(local, step(3)))

    assert publish.publish(client, local, policy.NOW, overtaken, NOW) == {step(3)}
    check(local, 1, step(1), step(2), step(3))


def test_lost_part_is_an_error_that_names_it(client, local):
    part = stage(local, step(1))
    note(local, part)
    (commits_before,) = [newest(local).number]
    local.objects.delete([f"parts/{part.name}.json"])
    with pytest.raises(MissingError, match=f"{part.name}.json is gone"):
        published(client, local)
    assert commits.head(local.objects).number == commits_before


def test_other_rules_are_refused(local):
    note(local, stage(local, step(1)))
    tolerant = replace(local, listing=replace(local.listing, tolerance_s=600))
    with pytest.raises(ConfigError, match="made by another listing"):
        note(tolerant, stage(tolerant, step(2)))
