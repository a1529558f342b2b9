"""Vectors smoothed pixel by pixel in float64: the oracle of `jobs.embedding.smoothing` and `prototypes`."""

import numpy as np


def averaged(vectors, row, column, noise):
    """(P, d) each vector and those of the eight places around, by their weights, of length 1."""
    place = {(int(r), int(c)): n for n, (r, c) in enumerate(zip(row, column, strict=True))}
    result = np.full(vectors.shape, np.nan)
    for (r, c), n in place.items():
        total = vectors[n].astype(np.float64)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                other = place.get((r + down, c + right), n)
                if other != n and np.isfinite(vectors[other]).all():
                    distance = ((vectors[other].astype(np.float64) - vectors[n]) ** 2).sum()
                    total = total + np.exp(-distance / (2 * noise)) * vectors[other]
        result[n] = total / np.linalg.norm(total)
    return result


def expected(vectors, prototypes, share, noise):
    """(P, d) the mean of prototypes (k, d) of these shares (k,), by the weights that Bayes' rule gives."""
    result = np.full(vectors.shape, np.nan)
    for n, vector in enumerate(vectors.astype(np.float64)):
        distances = ((prototypes - vector) ** 2).sum(axis=1)
        weights = share * np.exp(-(distances - distances.min()) / (2 * noise))
        result[n] = weights @ prototypes / weights.sum()
    return result


def denoised(vectors, prototypes, share, scatter, noise):
    """(P, d) vectors drawn by the share of noise towards what is expected, the far ones less, of length 1."""
    difference = expected(vectors, prototypes, share, noise) - vectors
    squares = (difference**2).sum(axis=1, keepdims=True)
    share = min(1, noise / 2 / scatter) * np.minimum(1, 3 * scatter / squares)
    drawn = vectors + share * difference
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
