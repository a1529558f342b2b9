"""Staged parts become known to the store, each time step exactly once.

A stage commit names the same generation as the one before it, the new ledger and the parts that
wait. Whoever loses a race reads the new head and takes only what that lacks: a part that holds a
time step which another writer has taken is dropped, and its other time steps are staged anew.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingest.publish.parts import Part
from ingest.publish.target import Group, commit, newest
from lake.errors import ConflictError
from lake.store import generations, ledger
from lake.store.commits import Commit
from lake.store.generations import State
from lake.store.ledger import MERGED, STAGED, Entry

TRIES = 100

FRESH_S = 12 * 3600
"""A part is committed within this time of being found or made: garbage collection leaves it alone for
twice as long at least."""


def note(
    group: Group, made: Sequence[Part], missing: Iterable[Entry], since: float
) -> Commit | None:
    """Note finished parts and missing time steps in the store's ledger; returns its newest commit.

    Args:
        group: the store.
        made: finished parts of different time steps.
        missing: time steps that could not be had; those that the store has are left as they are.
        since: when the first of the parts was made or found, seconds since the epoch.

    Raises:
        ConflictError: other writers were faster, too often, or the process stood still too long.
    """
    objects, missing = group.objects, list(missing)
    for _ in range(TRIES):
        head = newest(group)
        held = generations.entries(objects, head)
        taken = held.taken
        ours = [part for part in made if not part.steps & taken]
        known = held.updated(entry for entry in missing if entry.step not in taken)
        known = known.updated(entry for part in ours for entry in _entries(part))
        if known == held:
            return head
        if time.time() - since > FRESH_S:
            raise ConflictError(
                f"this run of {group.key} stood still for {(time.time() - since) / 3600:.0f} hours, in "
                "which its parts may have been collected: run it again"
            )
        before = State.of(head) if head else group.empty_state()
        state = replace(
            before,
            ledger=ledger.write(objects, known),
            parts=(*before.parts, *(part.name for part in ours)),
        )
        try:
            return commit(group, head, state)
        except FileExistsError:
            continue
    raise ConflictError(
        f"other writers of {group.objects.url()} were faster {TRIES} times: run it again"
    )


def _entries(part: Part) -> Iterable[Entry]:
    """As they stand in the ledger while the part waits."""
    for entry in part.entries:
        if entry.status == MERGED:
            yield replace(entry, status=STAGED, part=part.name)
