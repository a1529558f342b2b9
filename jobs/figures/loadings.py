"""What the components of a linear model say of its features: correlations of scores and features. Pure.

The directions of minimum noise are no such thing: a feature that only takes noise away has a weight, too.
Source: Haufe et al., "On the interpretation of weight vectors of linear models in multivariate neuroimaging",
NeuroImage 87 (2014), equation 6.
"""

import numpy as np

from lake.format.arrays import Floats


def correlations(directions: Floats, components: Floats, variance: Floats, total: float) -> Floats:
    """(component, feature) correlation of each feature with the scores along directions, -1 to 1.

    The covariance of the features is that of the model: its principal components, and for all other
    directions one variance.

    Args:
        directions: (component, feature) that give scores.
        components: (principal, feature) orthonormal.
        variance: (principal,) of the features along these.
        total: variance of all features together.
    """
    others = components.shape[1] - len(components)
    floor = max(total - float(variance.sum()), 0.0) / others if others else 0.0
    beyond = np.maximum(variance - floor, 0)
    pattern = (directions @ components.T * beyond) @ components + floor * directions
    score_variance = (pattern * directions).sum(axis=1)
    feature_variance = (components**2 * beyond[:, None]).sum(axis=0) + floor
    scale = np.sqrt(np.maximum(score_variance[:, None] * feature_variance, np.finfo(float).tiny))
    correlation: Floats = np.clip(pattern / scale, -1, 1)
    return correlation
