"""Writes granules of the real layout that show an invented country, whose truth is known."""
