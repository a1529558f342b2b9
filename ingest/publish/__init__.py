"""Merges staged parts into the next generation of a store, each time step exactly once."""
