"""How many clusters vectors have: as many as come again when other pixels are drawn. Pure.

Of two random halves of some pixels each is clustered by itself, and both say the cluster of every pixel.
Where they agree (adjusted Rand index), clusters are of the land; where not, of the pixels that were drawn.
Source: Lange, Roth, Braun and Buhmann, "Stability-based validation of clustering solutions", Neural
Computation 16 (2004), with agreement less that of chance by Hubert and Arabie (1985).
"""

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import adjusted_rand_score

from jobs.classes import partitions
from jobs.classes.partitions import NoClusterError
from lake.format.arrays import AnyFloats, Floats


def agreement(vectors: AnyFloats, method: str, count: int, starts: int, seed: int) -> float:
    """Adjusted Rand index of the clusters of two random halves; 0 also where a half has none.

    Args:
        vectors: (P, d); those with NaN are left out.
        method: a name of `partitions.METHODS`.
        count: number of clusters, or smallest size, as the method has it.
        starts: of both fits.
        seed: of the halves and of the starts.
    """
    known = vectors[~np.isnan(vectors).any(axis=1)]
    shuffled = np.random.default_rng(seed).permutation(len(known))
    try:
        one, other = (
            partitions.fit(known[half], method, count, starts, seed).labels(known)
            for half in np.array_split(shuffled, 2)
        )
    except NoClusterError:
        return 0.0
    return float(adjusted_rand_score(one, other))


def chosen(by_count: Mapping[int, Floats]) -> int:
    """The largest number of clusters as stable as the most stable one, within its standard error.

    Source: the rule of one standard error, Breiman et al., "Classification and regression trees" (1984).

    Args:
        by_count: number of clusters -> (draw,) agreements.
    """
    mean = {count: float(values.mean()) for count, values in by_count.items()}
    best = max(mean, key=lambda count: (mean[count], count))
    values = by_count[best]
    error = float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return max(count for count, value in mean.items() if value >= mean[best] - error)
