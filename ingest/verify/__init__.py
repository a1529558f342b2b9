"""Checks a store: its objects, the invariants of its numbers, and numbers computed again from sources."""
