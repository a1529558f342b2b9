"""The loss of UMAP and the term of densMAP against plain NumPy, and the graph's tables."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from jobs.manifold import edge_loss, graph
from jobs.manifold.graph import Graph

A, B = 1.577, 0.895


def near(squares):
    return 1 / (1 + A * squares**B)


def test_attraction_and_repulsion_are_the_cross_entropy_of_the_curve():
    squares = np.random.default_rng(0).uniform(0.2, 30, 50)
    tensor = torch.from_numpy(squares)
    attraction = edge_loss.attraction(tensor, A, B).item()
    repulsion = edge_loss.repulsion(tensor, A, B).item()
    assert attraction == pytest.approx(-np.log(near(squares)).mean(), rel=1e-5)
    assert repulsion == pytest.approx(-np.log(1 - near(squares)).mean(), rel=3e-3)


def test_gradients_are_finite_where_pixels_meet():
    for term in (edge_loss.attraction, edge_loss.repulsion):
        places = torch.zeros(3, 2, requires_grad=True)
        term((places - places.roll(1, 0)).square().sum(1), A, B).backward()
        assert places.grad.isfinite().all()


def test_density_is_minus_the_correlation_of_the_radii():
    random = np.random.default_rng(1)
    squares, weight = random.uniform(0.1, 9, (40, 5)), random.uniform(0.1, 1, (40, 5))
    weight[:, 3:] = 0
    q = near(squares) * (weight > 0)
    radii = np.log((q * squares).sum(1) / q.sum(1))
    found = edge_loss.radius(torch.from_numpy(squares), torch.from_numpy(weight), A, B)
    assert_allclose(found, radii, rtol=1e-4)
    reference = radii + random.normal(size=40)
    expected = np.cov(radii, reference, bias=True)[0, 1] / (
        np.sqrt(radii.var() + 0.1) * reference.std()
    )
    value = edge_loss.density(found, torch.from_numpy(reference)).item()
    assert value == pytest.approx(-expected, rel=1e-3)


def test_radius_of_a_pixel_is_the_mean_squared_length_of_its_edges():
    head, weight, length = (
        np.array([0, 0, 1, 2]),
        np.array([1.0, 0.5, 1, 1]),
        np.array([2.0, 4, 1, 3]),
    )
    log_radius = np.log([(4 + 8) / 1.5, 1, 9])
    expected = (log_radius - log_radius.mean()) / log_radius.std()
    assert_allclose(graph.standard_radius(head, weight, length, 3), expected, rtol=1e-6)


def test_strongest_edges_are_those_of_highest_probability():
    head, tail = np.array([0, 1, 0, 0, 2]), np.array([1, 0, 2, 3, 0])
    edges = Graph(head, tail, np.array([0.2, 0.2, 0.9, 0.5, 0.9]), np.empty(0))
    ends, weight = graph.strongest(edges, 4, 2)
    assert ends.tolist() == [[2, 3], [0, 0], [0, 0], [0, 0]]
    assert_allclose(weight, [[0.9, 0.5], [0.2, 0], [0.9, 0], [0, 0]])
