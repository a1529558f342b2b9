"""Samples of pixels by design, with the probability of each pixel."""
