"""Factors of pixels, months, times of day, bands and metrics: CP and Tucker decompositions of a store."""
