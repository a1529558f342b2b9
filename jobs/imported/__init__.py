"""Vectors of pixels that others made, from files."""
