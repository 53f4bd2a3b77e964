"""Best step size and alpha from costs: the quadratic of the nearest points, by plain least squares; edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from experiments.statistics.optimum import best, of_means, seed_mean
from experiments.statistics.quantities import interpolated

RNG = np.random.default_rng(0)


def slow_line(costs: np.ndarray, logs: np.ndarray) -> tuple[float, float]:
    """One cell, one axis: numpy's polynomial through three points, searched on a fine grid between the neighbours."""
    k = int(np.argmin(costs))
    start = min(max(k - 1, 0), len(logs) - 3)
    powers = np.polyfit(logs[start : start + 3], costs[start : start + 3], 2)
    low, high = logs[max(k - 1, 0)], logs[min(k + 1, len(logs) - 1)]
    t = np.linspace(low, high, 200_001)
    heights = np.polyval(powers, t)
    return float(t[heights.argmin()]), float(heights.min())


def slow_plane(costs: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """One cell, two axes: least squares of six monomials on nine points, minimised by scipy in the box."""
    i, j = np.unravel_index(costs.argmin(), costs.shape)
    a, b = (min(max(k - 1, 0), len(t) - 3) for k, t in ((i, x), (j, y)))
    u, v = np.meshgrid(x[a : a + 3], y[b : b + 3], indexing="ij")

    def monomials(s, t):
        return np.stack([np.ones_like(s), s, t, s * s, s * t, t * t], -1)

    powers = np.linalg.lstsq(monomials(u.ravel(), v.ravel()), costs[a : a + 3, b : b + 3].ravel(), rcond=None)[0]
    box = [(t[max(k - 1, 0)], t[min(k + 1, len(t) - 1)]) for k, t in ((i, x), (j, y))]
    starts = [np.array([x[i], y[j]]), np.array([np.mean(box[0]), np.mean(box[1])])]
    found = [minimize(lambda p: float(monomials(*p) @ powers), s, bounds=box, tol=1e-14) for s in starts]
    first = min(found, key=lambda f: f.fun)
    return first.x, float(first.fun)


def test_a_line_of_points_against_polyfit() -> None:
    """Uneven grids per cell, minima inside and at both ends."""
    logs = np.sort(RNG.uniform(-5, 0, (40, 7)), axis=-1) + 0.2 * np.arange(7)
    centre = RNG.uniform(-6, 2, 40)
    costs = 2 + 0.1 * (logs - centre[:, None]) ** 2 + 0.01 * RNG.uniform(size=logs.shape)
    found = best(costs[..., None], logs)
    assert {-1, 0, 1} == set(found.edge.ravel())
    for k in np.flatnonzero(found.refined):
        at, value = slow_line(costs[k], logs[k])
        assert found.log_point[k, 0] == pytest.approx(at, abs=1e-4)
        assert found.value[k] == pytest.approx(value, rel=1e-9)
    assert found.refined.sum() >= 30


def test_a_plane_of_points_against_least_squares() -> None:
    x, y = np.sort(RNG.uniform(-4, 0, 5)) + 0.3 * np.arange(5), np.sort(RNG.uniform(-3, 0, 4)) + 0.3 * np.arange(4)
    centre = RNG.uniform(-4, 1, (30, 2))
    u, v = x[None, :, None] - centre[:, :1, None], y[None, None, :] - centre[:, 1:, None]
    costs = 2 + 0.1 * (u**2 + 0.7 * u * v + v**2) + 0.02 * RNG.uniform(size=(30, 5, 4))
    found = best(costs[..., None], (x, y))
    for k in np.flatnonzero(found.refined):
        at, value = slow_plane(costs[k], x, y)
        assert found.value[k] == pytest.approx(value, rel=1e-9)
        assert found.log_point[k] == pytest.approx(at, abs=1e-4)
    assert found.refined.sum() >= 20 and (found.edge != 0).any(0).all()


@pytest.mark.parametrize("axes", [1, 2])
def test_a_quadratic_is_found_exactly(axes: int) -> None:
    logs = tuple(np.linspace(-3, 0, 7) for _ in range(axes))
    grid = np.stack(np.meshgrid(*logs, indexing="ij"), -1)
    centre, hessian = np.array([-1.23, -0.77])[:axes], np.array([[3.0, 1.0], [1.0, 2.0]])[:axes, :axes]
    away = grid - centre
    costs = 5 + np.einsum("...i,ij,...j->...", away, hessian, away) / 2
    found = best(costs[..., None], logs)
    assert found.log_point == pytest.approx(centre, abs=1e-12)
    assert float(found.value) == pytest.approx(5, rel=1e-12) and bool(found.refined)
    assert found.hessian == pytest.approx(hessian, rel=1e-9)
    assert found.point == pytest.approx(np.exp(centre))


def test_shifts_and_scales() -> None:
    """Another unit of the step size moves its logarithm alone; a factor of the cost is a factor of the value alone."""
    logs, costs = np.linspace(-3, 0, 7), RNG.uniform(1, 2, (20, 7, 3))
    plain, moved = best(costs, logs), best(7 * costs, logs + 2)
    assert moved.log_point == pytest.approx(plain.log_point + 2, abs=1e-9)
    assert moved.value == pytest.approx(7 * plain.value)
    turned = best(costs[:, ::-1], -logs[::-1])  # in 1/step_size
    assert turned.log_point == pytest.approx(-plain.log_point, abs=1e-9)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_run_that_diverged_is_infinitely_bad(bad: float) -> None:
    logs = np.arange(5.0)
    costs = np.array([5.0, 4, 3, 2, 1])[:, None] * np.ones(4)
    costs[4, 2] = bad  # one seed of the best point
    found = best(costs, logs)
    assert found.index[0] == 3 and found.value == 2 and found.log_point[0] == 3 and not found.refined
    assert np.isinf(seed_mean(costs)[4])
    whole = best(np.full((2, 5, 4), bad), logs)
    assert np.isnan(whole.log_point).all() and np.isinf(whole.value).all() and not whole.refined.any()


def test_an_end_of_the_grid_is_said_and_fixed_axes_have_none() -> None:
    logs = np.arange(4.0)
    falling, rising = 4 - logs, 1 + logs
    found = of_means(np.stack([falling, rising, 1 + (logs - 1.4) ** 2]), logs)
    assert found.edge[:, 0].tolist() == [1, -1, 0] and found.at_edge.tolist() == [True, True, False]
    fixed = of_means((1 + (logs - 1.4) ** 2)[:, None], (logs, np.array([0.0])))  # alpha = 1 alone
    assert fixed.edge.tolist() == [0, 0] and fixed.log_point == pytest.approx([1.4, 0]) and bool(fixed.refined)


def test_padding_does_not_matter() -> None:
    logs, costs = np.linspace(-3, 0, 6), RNG.uniform(1, 2, (6, 3))
    for used in (3, 4, 6):
        alone = best(costs[:used], logs[:used])
        cut = np.where(np.arange(6) < used, logs, np.nan)
        padded = best(np.where(np.arange(6)[:, None] < used, costs, 0.0), cut)
        for name in ("log_point", "value", "edge", "index", "refined"):
            assert np.array_equal(getattr(alone, name), getattr(padded, name)), name


def test_a_steep_neighbour_is_not_extrapolated() -> None:
    """The parabola through (0.5, 0.3, 10⁶) has its minimum at −10⁵: the point of the grid stands instead."""
    found = best(np.array([0.5, 0.3, 1e6])[:, None], np.arange(3.0))
    assert not found.refined and found.value == 0.3 and found.log_point[0] == 1.0


@pytest.mark.parametrize(
    ("values", "logs", "error", "says"),
    [
        (np.ones((4, 2)), np.arange(5.0), ValueError, "must be"),
        (np.ones((4, 2)), np.array([1.0, 2, 2, 3]), ValueError, "increase"),
        (np.ones((4, 2)), np.array([1.0, 2, np.nan, 3]), ValueError, "NaN only as padding"),
        (np.ones((4, 2)), np.array([0.0, -1, -2, -3]), ValueError, "increase"),
        (np.ones(4), np.arange(4.0), ValueError, "at least 2 dimensions"),
        (np.ones((4, 0)), np.arange(4.0), ValueError, "empty"),
        (np.array([["a"] * 2] * 4), np.arange(4.0), TypeError, "real numbers"),
        (np.ones((4, 4, 2)), (np.arange(4.0),) * 3, ValueError, "1 axis"),
    ],
)
def test_refusals(values, logs, error, says) -> None:
    with pytest.raises(error, match=says):
        best(values, logs)


def test_a_saddle_is_no_optimum_to_refine() -> None:
    """Both diagonal curvatures are positive, the determinant is not: the point of the grid stays."""
    u, v = np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], indexing="ij")
    logs = np.array([-1.0, 0.0, 1.0])
    for twist, refined in ((3.0, False), (1.0, True)):
        found = best((5 + u**2 + v**2 + twist * u * v)[..., None], (logs, logs))
        assert bool(found.refined) == refined
    assert best((5 + u**2 + v**2 + 3 * u * v)[..., None], (logs, logs)).value == 4.0  # at (1, −1) and (−1, 1)


def test_a_value_on_the_grid_does_not_see_a_neighbour_that_diverged() -> None:
    means, axis = np.array([[1.0, 2.0, np.inf]]), np.array([0.0, 1.0, 2.0])
    for at, value in ((1.0, 2.0), (0.0, 1.0), (1.5, np.inf), (2.0, np.inf)):
        assert interpolated(means, (axis,), np.array([[at]]))[0] == value
