"""Granules of the real layout, of an invented country whose truth is known."""
