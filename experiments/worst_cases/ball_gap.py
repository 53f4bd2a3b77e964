"""C1 by performance estimation: the largest final gap of Frank–Wolfe in the ℓ2 ball, from below and from above.

Units: L = λ = 1, so the ball has radius 1; ε = η = δ, c = 1 − δ, b = 1 + δ; x⁺ = (1 − τ)x + τd̂, τ = 2/(k + 2). A convex
L-smooth function through f_i, g_i, x_i exists if and only if f_i ≥ f_j + ⟨g_j, x_i − x_j⟩ + ½‖g_i − g_j‖² for all i, j
(Taylor, Hendrickx & Glineur, Mathematical Programming 2017, Theorem 4). The oracle's promise ⟨g, d̂⟩ ≤ −c‖g‖ is not
convex in the Gram matrix. From below the norms ‖g_k‖ are fixed, which makes it linear, and searched; from above it is
replaced by what follows of it for points z of the run, scaled into the ball of radius c: ⟨g, d̂⟩ ≤ ⟨g, z⟩.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from experiments.worst_cases.base import Clock
from experiments.worst_cases.gram import forms, load, solve
from lmo.checks import check_integer, check_number

LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # common norms of the gradients to begin with, over (1 + δ)/((1 − δ)√K)
FAR = 1e3  # a loss that no norms have: the gap is at most 2LD²/(K + 2), D = 2b/λ < 4


class Worst(NamedTuple):
    """The largest f(x_K) − min f over the ball of radius c/λ, in units of L/λ².

    lower: attained by a convex L-smooth function and an oracle of errors ε = η = δ. upper: no function and oracle have
    more. Both to the accuracy of the solver.
    """

    lower: float
    upper: float


def worst(delta: float, steps: int, clock: Clock) -> Worst:
    """The worst final gap of so many steps of Frank–Wolfe in ℓ2; the lower side is searched until the clock is over."""
    upper = largest(delta, steps)
    return Worst(Attained(delta, steps).search(clock).value, upper)


class Vectors:
    """The vectors of a run as rows over a basis: x_0, v, ∇f(v), ∇f(x_K), the directions of ∇f(x_k) and the answers.

    v: the point of the ball of radius c that x_K is compared with. free: whether answers are vectors of their own; else
    they are minus the directions.
    """

    def __init__(self, delta: float, steps: int, free: bool) -> None:
        self.delta = check_number("delta", delta, at_least=0.0, below=1.0)
        self.steps = check_integer("steps", steps, 1)
        self.narrow, self.wide = 1 - self.delta, 1 + self.delta
        rows = np.eye(4 + steps * (1 + free))
        self.start, self.compared, self.last_gradients = rows[0], rows[1], rows[2:4]
        self.directions = rows[4 : 4 + steps]
        self.answers = rows[4 + steps :] if free else -self.directions
        x = [self.start]
        for k, answer in enumerate(self.answers):
            share = 2 / (k + 2)
            x.append((1 - share) * x[-1] + share * answer)
        self.points = np.stack([*x, self.compared])  # x_0 … x_K, v
        self.i, self.j = np.array(list(itertools.permutations(range(steps + 2), 2))).T

    def gradients(self, norms: np.ndarray) -> np.ndarray:
        """∇f at `points`, those of x_0 … x_{K−1} being `norms` times the directions."""
        return np.concatenate([norms[:, None] * self.directions, self.last_gradients])

    def convexity(self, norms: np.ndarray) -> Any:
        """The forms of what f_i − f_j is at least, for all ordered pairs i, j of points."""
        x, g = self.points, self.gradients(norms)
        apart = g[self.i] - g[self.j]
        return forms(g[self.j], x[self.i] - x[self.j]) + forms(apart, apart) / 2


class Programme:
    """A semidefinite programme for the gap f(x_K) − f(v): its variables, and what holds for every oracle."""

    def __init__(self, vectors: Vectors) -> None:
        cp, self.vectors = load(), vectors
        self.gram = cp.Variable((vectors.points.shape[1],) * 2, PSD=True)
        self.values = cp.Variable(vectors.steps + 2)  # f at the points
        self.flat = cp.vec(self.gram, order="C")
        self.gap = self.values[vectors.steps] - self.values[vectors.steps + 1]
        self.inside = [
            self.squares(vectors.start[None]) <= vectors.wide**2,
            self.squares(vectors.compared[None]) <= vectors.narrow**2,
        ]

    def squares(self, rows: np.ndarray) -> Any:
        """‖·‖² of rows."""
        return forms(rows, rows) @ self.flat

    def products(self, a: np.ndarray, b: np.ndarray) -> Any:
        """⟨·, ·⟩ of rows."""
        return forms(a, b) @ self.flat

    def convex(self, norms: np.ndarray) -> Any:
        """That a convex L-smooth function goes through the points, values and gradients."""
        of = self.vectors
        return self.values[of.j] - self.values[of.i] + of.convexity(norms) @ self.flat <= 0


def largest(delta: float, steps: int) -> float:
    """The programme from above, its directions the gradients themselves; `RuntimeError` if the solver fails."""
    of = Vectors(delta, steps, free=True)
    programme, g = Programme(of), of.directions
    inner = np.concatenate([of.compared[None], of.narrow / of.wide * np.concatenate([of.answers, of.points[:-1]])])
    inner = np.concatenate([inner, -inner])  # points of the ball of radius c, as x_0 … x_K and d̂ lie in that of b
    each = np.repeat(np.arange(steps), len(inner))
    answered = programme.products(g[each], of.answers[each] - np.tile(inner, (steps, 1))) <= 0
    constraints = [*programme.inside, programme.convex(np.ones(steps)), answered]
    constraints.append(programme.squares(of.answers) <= of.wide**2)
    cp = load()
    found = solve(cp.Problem(cp.Maximize(programme.gap), constraints))
    if math.isnan(found):
        raise RuntimeError(f"the semidefinite programme at δ = {delta:g}, K = {steps} was not solved")
    return found


@dataclass(frozen=True)
class Found:
    """What is attained with gradients of these `norms` at x_0 … x_{K−1}.

    slope: its derivative by the norms. gram: of the vectors. values: f at the points.
    """

    value: float
    norms: np.ndarray
    slope: np.ndarray
    gram: np.ndarray
    values: np.ndarray


class Attained:
    """The programme from below: exact for given norms of the gradients."""

    def __init__(self, delta: float, steps: int) -> None:
        of = self.vectors = Vectors(delta, steps, free=delta > 0)
        self.programme = Programme(of)
        self.constraints = [*self.programme.inside, self.programme.squares(of.directions) == 1]
        if delta > 0:
            self.constraints.append(self.programme.squares(of.answers) <= of.wide**2)
            self.constraints.append(self.programme.products(of.directions, of.answers) <= -of.narrow)

    def at(self, norms: np.ndarray) -> Found | None:
        """What these norms attain; None where no function has them, or the solver fails."""
        cp, programme = load(), self.programme
        convex = programme.convex(norms)
        value = solve(cp.Problem(cp.Maximize(programme.gap), [*self.constraints, convex]))
        if math.isnan(value):
            return None
        gram, values = programme.gram.value, programme.values.value
        return Found(value, norms, self._slope(norms, gram, convex.dual_value), gram, values)

    def _slope(self, norms: np.ndarray, gram: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """By the envelope theorem: minus what the multipliers of `convex` make of its derivatives by the norms."""
        of = self.vectors
        weight = np.zeros((of.steps + 2,) * 2)
        weight[of.i, of.j] = multipliers
        along = of.points @ gram @ of.directions.T  # ⟨x_i, u_k⟩
        steep = of.gradients(norms) @ gram @ of.directions.T  # ⟨g_i, u_k⟩
        both = (weight + weight.T)[:, : of.steps]
        of_products = (weight[:, : of.steps] * (along - along.diagonal())).sum(0)
        return -of_products - (both * (steep.diagonal() - steep)).sum(0)

    def search(self, clock: Clock) -> Found:
        """The best that ascent over the norms finds from the best of a few common norms, then from the others."""
        scale = self.vectors.wide / (self.vectors.narrow * self.vectors.steps**0.5)
        begun = [self.at(np.full(self.vectors.steps, level * scale)) for level in LEVELS]
        starts = sorted((one for one in begun if one is not None), key=lambda one: -one.value)
        if not starts:
            raise RuntimeError(
                f"the programmes at δ = {self.vectors.delta:g}, K = {self.vectors.steps} were not solved"
            )
        best = starts[0]
        for start in starts:
            best = max(best, self._ascend(start, clock), key=lambda one: one.value)
            if clock.over(f"semidefinite programmes · K = {self.vectors.steps}"):
                break
        return best

    def _ascend(self, start: Found, clock: Clock) -> Found:
        from scipy.optimize import minimize

        best = start

        def loss(norms: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal best
            found = self.at(norms)
            if found is None:
                return FAR, np.zeros_like(norms)  # no function has these norms: the line search comes back
            best = max(best, found, key=lambda one: one.value)
            return -found.value, -found.slope

        def stop(norms: np.ndarray) -> None:
            if clock.over(f"semidefinite programmes · K = {self.vectors.steps}"):
                raise StopIteration

        bounds = [(0.0, None)] * self.vectors.steps
        options = {"ftol": 1e-6, "maxiter": 100}
        minimize(loss, start.norms, jac=True, method="L-BFGS-B", bounds=bounds, callback=stop, options=options)
        return best
