"""Invented land whose truth is hidden from every job, written as stores of this lake.

What `lake evaluate` and `benchmarks/embedding.py` measure embeddings on. `country` is what the land
is, `sky` what lies between it and the satellite, `bands` what is seen, `stores` how it is written.
Nothing of it is in the way of real data: no job imports it.
"""
