"""Invented land whose truth is hidden from every job, written as stores of this lake.

`lake evaluate` and `benchmarks/embedding.py` measure embeddings on it. `country` makes the land, `sky`
the weather and clouds above it, `bands` what the satellite measures, `stores` writes the lake. No job
imports it.
"""
