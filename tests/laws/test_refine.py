"""Refinement by asking and telling: finds the optimum, keeps to its domain, says its limit, and repeats on a resume."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.statistics import quantities
from experiments.statistics.bootstrap import interval
from experiments.statistics.lattice import Axis, alpha_axis, step_axis
from experiments.statistics.refine import Bracket

STEP = step_axis(0.01, 1.0, 5, resolution=1.05)
ALPHA = alpha_axis(0.05, 4, resolution=1.1)
NOISE = 0.05 * np.random.default_rng(0).normal(size=8)
Cost = Callable[[np.ndarray], np.ndarray]


def bowls(centres: np.ndarray, noise: np.ndarray = NOISE) -> Cost:
    """Costs (cells, points, seeds) with minima at centres (cells, axes) of log parameters, moved by the noise."""

    def cost(points: np.ndarray) -> np.ndarray:
        away = np.log(points) - centres[:, None]
        turned = away.sum(-1)[..., None] - noise
        return 1 + turned**2 + 0.5 * (away**2).sum(-1)[..., None] + 0.2 * np.abs(turned) ** 3

    return cost


def drive(search: Bracket, cost: Cost) -> list[tuple[np.ndarray, np.ndarray]]:
    """Asks and tells until it is done; what was asked and told."""
    rounds = []
    while not search.done:
        asked = search.ask()
        told = cost(asked)
        rounds.append((asked, told))
        search.tell(told)
        assert len(rounds) < 60
    return rounds


def test_one_axis_finds_minima_inside_and_outside_the_starting_grid() -> None:
    centres = np.array([[-2.0], [-6.0], [3.0], [0.0], [-4.6]])
    search = Bracket(5, [STEP])
    rounds = drive(search, bowls(centres, np.zeros(1)))
    found = search.optimum()
    assert found.log_point == pytest.approx(
        centres, abs=0.01
    )  # a quarter of the spacing; the cubic term is no quadratic
    assert not search.limit_hit.any() and not found.at_edge.any()
    logs = search.window().log_points[0]
    assert np.diff(logs, axis=-1) == pytest.approx(np.full((5, 4), STEP.coarse / 2**STEP.halvings))
    assert np.log(1.05) / 2 < np.diff(logs, axis=-1).max() <= np.log(1.05)
    asked = sum(np.isfinite(points).sum() for points, _ in rounds)
    assert asked < 5 * 22  # a grid as fine on the starting range alone: 5·95


def test_two_axes() -> None:
    centres = np.array([[-2.0, -1.0], [1.5, -0.3], [-6.0, -5.0]])
    search = Bracket(3, [STEP, ALPHA])
    drive(search, bowls(centres, np.zeros(1)))
    assert search.optimum().log_point == pytest.approx(centres, abs=0.02)
    points, values = search.known()
    assert points.shape[:2] == values.shape[:2] and np.isfinite(points[..., 0]).sum(1).max() < 140


def test_alpha_never_exceeds_one_and_one_is_exact() -> None:
    centres = np.array([[-2.0, 1.0], [-2.0, 0.0]])  # the best alpha would be e, and is 1
    search = Bracket(2, [STEP, ALPHA])
    rounds = drive(search, bowls(centres))
    alphas = np.concatenate([points[..., 1].ravel() for points, _ in rounds])
    assert np.nanmax(alphas) == 1.0
    found = search.optimum()
    assert found.log_point[0, 1] == 0 and found.edge[0, 1] == 1
    assert not search.limit_hit.any()  # an end of the domain is no limit of the search


def test_a_limit_is_said() -> None:
    centres = np.array([[-30.0], [-2.0], [30.0]])
    search = Bracket(3, [step_axis(0.01, 1.0, 5, extensions=2)])
    rounds = drive(search, bowls(centres))
    assert search.limit_hit[:, 0].tolist() == [True, False, True]
    points = np.concatenate([asked[..., 0] for asked, _ in rounds], axis=1)
    ratio = 100 ** (2 / 4)
    assert np.nanmin(points) == pytest.approx(0.01 / ratio) and np.nanmax(points) == pytest.approx(ratio)
    assert search.optimum().edge[:, 0].tolist() == [-1, 0, 1]


def test_divergence_is_avoided() -> None:
    """Costs are infinite above a step: the optimum just below is found; where all diverge smaller steps are tried."""
    fails = np.array([0.2, 1e-9])

    def cost(points: np.ndarray) -> np.ndarray:
        p = points[..., 0]
        return np.where(p < fails[:, None], 1 - 0.1 * np.log(p), np.nan)[..., None].repeat(3, -1)

    search = Bracket(2, [STEP])
    drive(search, cost)
    assert 0.2 / 1.06 < search.optimum().point[0, 0] < 0.2
    assert np.isnan(search.optimum().log_point[1, 0]) and search.limit_hit[:, 0].tolist() == [False, True]


@given(st.lists(st.tuples(st.floats(-7, 3), st.floats(-4, 1)), min_size=1, max_size=4), st.integers(0, 3))
def test_a_resume_reproduces_it_and_cells_do_not_matter_to_each_other(centres, cut) -> None:
    cost = bowls(np.array(centres))
    cells, axes = len(centres), (STEP, ALPHA)
    whole = Bracket(cells, axes)
    rounds = drive(whole, cost)
    again = Bracket.replay(cells, axes, [told for _, told in rounds[:cut]])
    assert np.array_equal(again.ask(), rounds[min(cut, len(rounds) - 1)][0], equal_nan=True)
    drive(again, cost)
    for name in ("log_point", "value"):
        assert np.array_equal(getattr(again.optimum(), name), getattr(whole.optimum(), name))
    alone = Bracket(1, axes)
    seen = drive(alone, bowls(np.array(centres[:1])))
    mine = np.concatenate([asked[0] for asked, _ in rounds])
    flat = np.concatenate([asked[0] for asked, _ in seen])
    assert np.array_equal(mine[np.isfinite(mine[:, 0])], flat)
    assert len(np.unique(flat, axis=0)) == len(flat)  # nothing is asked twice


def test_the_window_is_what_intervals_take() -> None:
    """The window's interval holds the optimum of the mean, whose noise is that of the seeds."""
    centres = np.array([[-2.0, -1.0], [1.5, -0.3], [-2.0, 0.5]])
    search = Bracket(3, [STEP, ALPHA], width=3)
    drive(search, bowls(centres))
    window = search.window()
    assert window.values.shape == (3, 7, 7, 8)
    found = interval(window.values, quantities.log_best(window.log_points), 200)
    assert np.isfinite(found.low).all() and (found.low <= found.estimate).all() and (found.estimate <= found.high).all()
    assert (found.high[:2] - found.low[:2] < 0.2).all()
    assert found.estimate == pytest.approx(search.optimum().log_point)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start": 2.0}, "below `stop`"),
        ({"start": -1.0}, "> 0"),
        ({"count": 2}, "integer >= 3"),
        ({"resolution": 1.0}, "ratio"),
        ({"highest": 0.5}, "domain"),
        ({"extensions": -1}, "integer >= 0"),
    ],
)
def test_axes_are_refused(change, says) -> None:
    with pytest.raises(ValueError, match=says):
        Axis(**({"start": 0.1, "stop": 1.0, "count": 4} | change))


def test_answers_are_refused() -> None:
    search = Bracket(2, [STEP])
    with pytest.raises(ValueError, match="not done"):
        search.window()
    with pytest.raises(ValueError, match="must have shape"):
        search.tell(np.ones((2, 4, 3)))
    search.tell(np.ones((2, 5, 3)) + np.arange(5)[:, None])
    with pytest.raises(ValueError, match="3 seeds as before"):
        search.tell(np.ones((2, search.ask().shape[1], 4)))
    with pytest.raises(ValueError, match="1 or 2"):
        Bracket(2, [])
