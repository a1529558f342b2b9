"""Records staged parts in the ledger of a store, each time step exactly once.

A stage commit names the same generation as the commit before it, the new ledger and the parts that
wait. A writer that loses a race reads the new head and records only time steps that it lacks: a part
with a time step that another writer has recorded is dropped, and its other time steps are staged again.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingest.publish.parts import Part
from ingest.publish.target import TargetStore, commit, newest
from lake.errors import ConflictError
from lake.store import generations, ledger
from lake.store.commits import Commit
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, STAGED, LedgerEntry

TRIES = 100
"""Number of attempts to commit before a writer gives up."""

FRESH_S = 12 * 3600
"""A part is committed within this time after it was found or written. Garbage collection leaves it alone
for at least twice as long."""


def note(
    target: TargetStore, finished: Sequence[Part], missing: Iterable[LedgerEntry], since: float
) -> Commit | None:
    """Record finished parts and missing time steps in the store's ledger; returns its newest commit.

    Args:
        target: the store.
        finished: finished parts of different time steps.
        missing: entries of time steps without data; those that the store has stay as they are.
        since: time at which the first of the parts was written or found, seconds since the epoch.

    Raises:
        ConflictError: other writers were faster, too often, or this process was suspended too long.
    """
    objects, missing = target.objects, list(missing)
    for _ in range(TRIES):
        head = newest(target)
        entries = generations.read_ledger(objects, head)
        taken_steps = entries.entered_steps
        new_parts = [part for part in finished if not part.steps & taken_steps]
        updated = entries.with_entries(entry for entry in missing if entry.step not in taken_steps)
        updated = updated.with_entries(entry for part in new_parts for entry in _entries(part))
        if updated == entries:
            return head
        if time.time() - since > FRESH_S:
            raise ConflictError(
                f"this run of {target.key} stood still for {(time.time() - since) / 3600:.0f} hours, in "
                "which its parts may have been collected: run it again"
            )
        before = StoreState.from_commit(head) if head else target.empty_state()
        state = replace(
            before,
            ledger=ledger.write(objects, updated),
            parts=(*before.parts, *(part.name for part in new_parts)),
        )
        try:
            return commit(target, head, state)
        except FileExistsError:
            continue
    raise ConflictError(
        f"other writers of {target.objects.url()} were faster {TRIES} times: run it again"
    )


def _entries(part: Part) -> Iterable[LedgerEntry]:
    """The part's entries as they stand in the ledger while the part waits."""
    for entry in part.entries:
        if entry.status == MERGED:
            yield replace(entry, status=STAGED, part=part.name)
