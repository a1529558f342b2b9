"""Vectors smoothed pixel by pixel in float64: the oracle of `jobs.embedding.smoothing` and `prototypes`."""

import numpy as np

from jobs.runs import outputs, records
from lake.format import order


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


def read(root, run, array):
    return outputs.dataset(root, run)[array].values


def noise_of(root, run):
    """(step,) the noise before each step of the smoothing."""
    noise = np.atleast_1d(read(root, run, "noise"))
    return noise[np.isfinite(noise)]


def of_run(root, run, x):
    """The vectors of all pixels, smoothed by the noise and the prototypes of a run."""
    domain = records.store_of(root, run).domain
    noise, known = noise_of(root, run), read(root, run, "prototype_share") > 0
    for distance in noise[:-1] if known.any() else noise:
        x = averaged(x, domain.row, domain.column, distance)
    if not known.any():
        return x
    mean, share = (read(root, run, name)[known] for name in ("prototype_mean", "prototype_share"))
    scatter = float(read(root, run, "scatter"))
    return denoised(x, mean, share, scatter, noise[-1])


def noise_left(root, run, one, other, share=1.0):
    """(3,) the noise of vectors in two views before each step, where every superblock is smoothed alone."""
    domain = records.store_of(root, run).domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    views, found = [one, other], []
    for _ in range(3):
        noise = np.nanmean(np.square(views[0] - views[1]).sum(axis=1))
        found.append(noise * share)
        parts = [[(x[b], domain.row[b], domain.column[b]) for b in blocks] for x in views]
        views = [np.concatenate([averaged(*part, noise) for part in of_view]) for of_view in parts]
    return found
