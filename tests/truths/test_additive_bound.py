"""D1-A (paper_notes.md): a finer linear programme, runs, and random paths against its proof."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import linprog
from scipy.sparse import coo_array

import bounds
from bounds import certificate
from bounds.chain import BrokenChain
from bounds.inequalities import Inequality, f, f_next, g
from bounds.inequalities import n as length
from bounds.potential import PotentialTelescope, additive_path, g_next
from bounds.symbols import Delta, K, L, b, c, delta, gamma
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.run import run
from experiments.settings import batch, entries
from experiments.verdict import SLACK
from experiments.worst_cases.pattern_search import search
from experiments.worst_cases.patterns import Alphabet, Pattern
from experiments.worst_cases.relaxation import Relaxation
from lmo.balls import Spectral

D1_A, D1 = bounds.theorems["D1-A"], bounds.theorems["D1"]


def d1_a(error: float, factor: float, steps: int) -> float:
    """In units of √(2LΔ/K) at γ = factor·√(2Δ/(LK))."""
    first = 1 / (2 * (1 - error) * factor)
    return first + factor * ((1 + error) * (2 + error) / 4 + error**2 / (8 * steps)) / (1 - error)


def refined(relaxation: Relaxation, pattern: Pattern, parts: int) -> float:
    """The relaxation's value with `parts` − 1 more points on every step: what L-smoothness says inside a step, too."""
    steps, d, faces = pattern.steps, relaxation.alphabet.dimension, relaxation.alphabet.faces
    share = np.arange(1, parts + 1)[:, None] / parts
    x = pattern.points
    points = np.concatenate([x[:1], *[x[k] + share * (x[k + 1] - x[k]) for k in range(steps)]])
    count = len(points)
    at = [count + i * d + np.arange(d) for i in range(count)]
    rows: list[tuple[np.ndarray, np.ndarray, float]] = []
    inside = [itertools.combinations(range(k * parts, (k + 1) * parts + 1), 2) for k in range(steps)]
    for i, j in {*itertools.chain(*inside), *itertools.combinations(range(0, count, parts), 2)}:
        change = points[j] - points[i]
        reach = float(np.abs(change).max())
        rows += [(np.r_[at[i], at[j]], np.r_[v, -v], reach) for v in faces]
        for t in (-1.0, 0.0, 1.0):
            values = np.r_[1.0, -1.0, -(1 + t) / 2 * change, -(1 - t) / 2 * change]
            rows += [(np.r_[j, i, at[i], at[j]], sign * values, reach**2 / 4 * (1 + t * t)) for sign in (1, -1)]
    for i, v, t in itertools.product(range(0, count, parts), faces, relaxation.touching):
        rows.append((np.r_[at[i], i], np.r_[t * v, -1.0], t * t / 2))
    cost = np.zeros(count * (1 + d))
    for k in range(steps):
        face = faces[pattern.faces[k]]
        cost[at[k * parts]] = -face
        rows += [(at[k * parts][[m]], -face[[m]], 0.0) for m in range(d)]
    which = np.repeat(np.arange(len(rows)), [len(columns) for columns, _, _ in rows])
    columns, values = (np.concatenate([row[n] for row in rows]) for n in (0, 1))
    limits = [(0, None)] * count + [(None, None)] * (count * d)
    limits[0] = (relaxation.gap, relaxation.gap)
    matrix = coo_array((values, (which, columns)), shape=(len(rows), len(cost))).tocsr()
    return -linprog(cost, matrix, [row[2] for row in rows], bounds=limits).fun / steps * relaxation.factor


@pytest.mark.parametrize(("delta", "factor"), [(0.3, 1.0), (0.3, 1.4)])
def test_patterns_above_the_bound_fall_below_it_when_steps_are_looked_into(delta: float, factor: float) -> None:
    """The programme that sees the iterates alone exceeds D1-A; conditions inside the steps bring it below."""
    relaxation = Relaxation(Alphabet("linf", 3, delta), 12, factor, sharp=True)
    found = search(relaxation, lambda tried, best: tried >= 60)
    bound = d1_a(delta, factor, 12)
    assert found.solution.value > bound
    assert refined(relaxation, found.pattern, 1) == pytest.approx(found.solution.value, rel=2e-2)
    assert 0.9 * bound < refined(relaxation, found.pattern, 5) < bound


def test_the_heart_of_the_proof_on_random_paths() -> None:
    """∫N ≤ 3ρ/8 + (G₁ − G₀)/4 for piecewise linear paths of gradients in ℓ1 of speed at most ρ; and 3/8 is reached."""
    source, parts, largest = np.random.default_rng(3), 64, -np.inf
    for n in range(400):
        d = int(source.integers(2, 6))
        g = source.normal(size=d) * 10.0 ** source.uniform(-1, 1)
        if n == 0:  # grows on a new coordinate for half of the step, then shrinks on the old one
            d, g = 2, np.array([1.0, 0.0])
            moves = np.where(np.arange(parts)[:, None] < parts / 2, [0.0, -1.0], [-1.0, 0.0])
        else:
            moves = np.repeat(source.normal(size=(4, d)) * (source.random((4, d)) < 0.5), parts // 4, 0)
            moves /= np.maximum(np.abs(moves).sum(-1, keepdims=True), 1e-300)
        u = np.sign(g) + (g == 0)
        path = np.concatenate([g[None], g + np.cumsum(moves / parts, 0)])
        size = np.abs(path).sum(-1)
        wrong = (size - path @ u) / 2
        excess = np.trapezoid(wrong, dx=1 / parts) - 3 / 8 - (size[-1] - size[0]) / 4
        largest = max(largest, excess)
    assert -1e-9 <= largest <= 1e-3 / parts + 1 / parts**2


@pytest.mark.parametrize("delta", [0.1, 0.5, 0.9])
def test_the_tuned_value_is_below_r_by_the_stated_factor(delta: float) -> None:
    steps, grid = 10**9, np.linspace(0.1, 3, 200_001)
    values = d1_a(delta, grid, steps)  # type: ignore[arg-type]
    r = (1 + delta) / (1 - delta)
    assert values.min() == pytest.approx(r * ((2 + delta) / (2 + 2 * delta)) ** 0.5, rel=1e-6)
    assert grid[values.argmin()] == pytest.approx((2 / ((1 + delta) * (2 + delta))) ** 0.5, rel=1e-3)


def test_it_is_below_d1_by_this_much_at_every_number_of_steps() -> None:
    additive = D1.claim.subs({b: 1 + delta, c: 1 - delta})
    less = L * gamma * delta * (2 * K * (1 + delta) - delta) / (8 * K * (1 - delta))  # > 0 for K ≥ 1, 0 < δ < 1
    assert sp.simplify(additive - D1_A.claim - less) == 0


# The registered proof


def test_what_can_be_along_a_step_is_the_integral_of_the_proof() -> None:
    """The slack at numbers against a Riemann sum of −(1 − δ)(G − ρt) + 2δN, N the least of the two bounds."""
    source, parts = np.random.default_rng(0), 20_000
    t = (np.arange(parts) + 0.5) / parts
    inequality = additive_path()
    for _ in range(5):
        error, step, smooth, size, here, start, end = source.uniform(0.05, 0.95, 7)
        speed = smooth * step * size
        there = here + source.uniform(-1, 1) * speed  # what smoothness allows
        turned = np.where(t < 0.5, speed * t, (speed + there - here) / 2)
        largest = step * (-(1 - error) * (here - speed * t) + 2 * error * turned).mean()
        at = {delta: error, gamma: step, L: smooth, g: here, g_next: there, f: start, f_next: end, length: size}
        assert float(inequality.slack.subs(at)) == pytest.approx(start + largest - end, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_closing_rule_is_the_best_that_follows_from_its_steps(seed: int) -> None:
    """The largest average under the step inequalities and f_K ≥ g_K²/(2L), by linear programmes over g_K."""
    source, steps = np.random.default_rng(seed), 5
    rate, weight, rest, smooth, gap = source.uniform(0.2, 2, 5)
    step = (Inequality("all", f - f_next - rate * g + weight * (g_next - g) + rest, sp.Integer(1), "planted"),)
    derived = PotentialTelescope().close(step, None).value
    claimed = float(derived.subs({K: steps, L: smooth, Delta: gap}))
    rows, limits = [], []
    for k in range(steps):  # A·g_k ≤ f_k − f_{k+1} + w(g_{k+1} − g_k) + R; columns f_0 … f_K, g_0 … g_K
        row = np.zeros(2 * steps + 2)
        row[[k, k + 1, steps + 1 + k, steps + 2 + k]] = -1, 1, rate + weight, -weight
        rows.append(row)
        limits.append(rest)
    cost = np.r_[np.zeros(steps + 1), -np.full(steps, 1 / steps), 0.0]
    found = []
    for last in np.linspace(0, 4 * smooth * weight, 81):  # Lw among them
        box = [(None, gap), *[(None, None)] * (steps - 1), (last**2 / (2 * smooth), None)]
        best = linprog(cost, rows, limits, bounds=[*box, *[(0, None)] * steps, (last, last)])
        found += [best.fun] if best.status == 0 else []  # else: so large a last gradient cannot be reached
    assert -min(found) == pytest.approx(claimed, rel=1e-9)


@pytest.mark.parametrize(
    ("slack", "words"),
    [
        (f - f_next - g - gamma * (g_next - g), "not shown to be >= 0"),
        (f - f_next + gamma * (g_next - g), "no multiple of g remain"),
        (f - f_next - g + gamma * g_next**2, "do not cancel"),
    ],
)
def test_steps_that_the_rule_cannot_close_are_refused(slack: sp.Expr, words: str) -> None:
    with pytest.raises(BrokenChain, match=words):
        PotentialTelescope().close((Inequality("one", slack, sp.Integer(1), "planted"),), None)


def test_the_ends_of_a_run_give_away_what_they_must() -> None:
    """Shares of the two ends are ≥ 0, that of the first gradient is w·g_0; a wrong L is named."""
    ball, problem = Spectral(), MatrixQuadratic.of_the_table()
    chosen = [e for e in entries(ball, (0.5,)) if e.label in ("exact", "inflate", "mixed")]
    one = batch(D1_A, problem, ball, steps=40, seeds=1, chosen=chosen)
    data = run(problem, one.method, steps=40, step_size=one.step_size, seeds=one.seeds)
    for cell in one.cells:
        mine = {str(name): v.values[cell.rows] for name, v in data.data_vars.items()}
        constants, last = cell.constants, data["objective_last"].values[cell.rows]
        shares = certificate.budget(D1_A, mine, constants, last)
        assert shares["telescope"] >= -1e-12 and shares.get("last gradient", 0) >= 0 and "claim" not in shares
        error, step = constants["delta"], constants["step_size"]
        first = error * step / 2 * mine["gradient_norm"][0, 0] / (40 * step * (1 - error))
        assert shares.get("first gradient", 0.0) == pytest.approx(first, rel=1e-12)
        assert float(D1_A.metric.of(mine["gradient_norm"])[0]) <= float(D1_A.bound(**constants)) * (1 + SLACK)
        half = certificate.first_violation(D1_A, mine, {**constants, "smoothness": constants["smoothness"] / 2})
        assert (half is not None and half.inequality == "path") or cell.label != "exact"
