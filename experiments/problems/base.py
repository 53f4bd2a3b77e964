"""The contract of a problem: an objective with a gradient, and constants that say how they are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from lmo.balls import NormBall
from lmo.balls import catalogue as ball_classes
from lmo.elements import CoreNdim, Element, norm2, subtract
from lmo.randomness import Draw


class Known(NamedTuple):
    """A constant and how it is known.

    kind: "exact"; "upper" (proved, may be loose; for an infimum: a proved lower bound, so that the gap is an upper
    bound); "estimate" (measured, nothing proved). source: where it comes from, in words or a formula.
    """

    value: float
    kind: Literal["exact", "upper", "estimate"]
    source: str


class Problem(ABC):
    """min f(x) over elements of core shape `shape`. All methods take x of shape (*batch, *shape) and return per run.

    Laws (tests/laws/test_problems.py): the gradient is that of `value` (finite differences) and the mean of the
    stochastic ones; no pair of points found by random search has a larger Lipschitz ratio than `smoothness` says
    (exact values are approached); f never falls below `infimum`; the noise has the declared standard deviation.

    A new problem fills in `value`, `true_gradient`, `start` and `euclidean_smoothness`; everything else has a default.
    """

    name: str
    shape: tuple
    core_ndim: CoreNdim
    infimum: Known
    noise_std: Known | None = None  # None: gradients are exact
    convex: bool = False  # proved to be
    heavy: bool = False  # a gradient costs milliseconds: `lmo verify` runs fewer oracles, steps and seeds

    @classmethod
    def shipped(cls) -> list[Problem]:
        """The instances that `lmo verify` runs and the laws are tested on."""
        return []

    @abstractmethod
    def value(self, x: Any) -> Tensor:
        """f(x)."""

    @abstractmethod
    def true_gradient(self, x: Any) -> Any:
        """∇f(x), shaped like x."""

    @abstractmethod
    def start(self, runs: int) -> Element:
        """The starting point, repeated for every run: (runs, *shape), float64."""

    @abstractmethod
    def euclidean_smoothness(self) -> Known:
        """L₂: the Lipschitz constant of ∇f in ℓ2 (Frobenius)."""

    def gradient(self, x: Any, sample: Any = None) -> Any:
        """The gradient on a sample from `sample`; the true one for None."""
        if sample is None:
            return self.true_gradient(x)
        raise ValueError(f"the problem {self.name!r} has exact gradients only; wrap it in Noisy to add noise")

    def sample(self, draw: Draw) -> Any:
        """The sample of one step; None where gradients are exact."""
        return None

    def noise_std_at(self, x: Any) -> Tensor | None:
        """The exact standard deviation (E‖ξ‖₂² given x)^½ of the stochastic gradient at x; None: no noise."""
        return None

    def smoothness(self, ball: NormBall) -> Known:
        """L with ‖∇f(x) − ∇f(y)‖_* ≤ L‖x − y‖ in the ball's norm; by default ρ²L₂ (‖·‖_* ≤ ρ‖·‖₂ ≤ ρ²‖·‖).

        Raises:
            ValueError: a ball for elements of another number of dimensions.
        """
        self.check_ball(ball)
        special = self.special_smoothness(ball)
        euclidean = self.euclidean_smoothness()
        ratio = ball.norm_ratio(self.shape)
        general = Known(ratio**2 * euclidean.value, "upper", f"ρ²L₂ with ρ = {ratio:.4g}; L₂: {euclidean.source}")
        if euclidean.kind == "estimate" or (ratio == 1 and ball.is_hilbert):
            general = general._replace(kind=euclidean.kind)
        loose = special is not None and special.kind != "exact" and general.value < special.value
        if special is None or (loose and (special.kind == "estimate" or general.kind != "estimate")):
            return general
        return special

    def check_ball(self, ball: NormBall) -> None:
        """Refuses (`ValueError`) a ball for elements of another number of dimensions."""
        if ball.core_ndim != self.core_ndim:
            raise ValueError(
                f"the ball {ball} is for elements with core_ndim = {ball.core_ndim}, those of the problem "
                f"{self.name!r} have {self.core_ndim}; `balls()` lists balls that fit"
            )

    def special_smoothness(self, ball: NormBall) -> Known | None:
        """A better L in this ball's norm, where one is known."""
        return None

    def mean_smoothness(self, ball: NormBall) -> Known | None:
        """L̄ with E‖g(x, ξ) − g(y, ξ)‖₂² ≤ L̄²‖x − y‖², the norm that of the ball; None where nothing is known.

        By default ρL̄₂, where L̄₂ is `euclidean_mean_smoothness` (‖·‖₂ ≤ ρ‖·‖).

        Raises:
            ValueError: a ball for elements of another number of dimensions.
        """
        self.check_ball(ball)
        euclidean = self.euclidean_mean_smoothness()
        if euclidean is None:
            return None
        ratio = ball.norm_ratio(self.shape)
        if ratio == 1 and ball.is_hilbert:
            return euclidean
        kind: Literal["upper", "estimate"] = "estimate" if euclidean.kind == "estimate" else "upper"
        return Known(ratio * euclidean.value, kind, f"ρL̄₂ with ρ = {ratio:.4g}; L̄₂: {euclidean.source}")

    def euclidean_mean_smoothness(self) -> Known | None:
        """L̄₂, the same in ℓ2: L₂ where gradients are exact, None (unknown) where they are not."""
        return None if self.noise_std is not None else self.euclidean_smoothness()

    def layer_smoothness(self, ball: NormBall) -> tuple[Known, ...] | None:
        """L_i with f(x + d) ≤ f(x) + ⟨∇f, d⟩ + ½Σ L_i‖d_i‖², ‖·‖ of layer i in units of its radius; None: not known."""
        return None

    def mu(self, ball: NormBall) -> Known | None:
        """μ with ‖∇f(x)‖_*² ≥ 2μ(f(x) − inf f) for all x, in the dual norm of the ball; None: none is known."""
        return None

    def diameter(self, ball: NormBall) -> Known | None:
        """R ≥ ‖x − x*‖ for a minimiser x* about which f is star-convex, wherever f(x) ≤ f(x₀); None: none is known."""
        return None

    def l0_l1(self, ball: NormBall) -> tuple[Known, Known] | None:
        """(L0, L1) with ‖∇f(x) − ∇f(y)‖_* ≤ (L0 + L1‖∇f(x)‖_*)‖x − y‖ for ‖x − y‖ ≤ 1/L1; None: none is known."""
        return None

    def domain(self, ball: NormBall) -> float | None:
        """The radius of the ball that constrained statements run in, its centre 0; None: none is made for them."""
        return None

    def low_point(self, ball: NormBall, radius: float) -> Element | None:
        """A point v, ‖v‖ ≤ radius, of a low value, for runs in that ball to be compared with; None: none is known."""
        return None

    def balls(self) -> list[NormBall]:
        """The balls that elements of this shape fit: one of each class, found by walking `lmo.balls`."""
        fitting = []
        for ball_class in ball_classes().values():
            for ball, shape in ball_class.examples():
                if ball.core_ndim == self.core_ndim and len(shape) == len(self.shape):
                    fitting.append(ball)
                    break
        return fitting

    def initial_gap(self) -> Known:
        """Δ = f(x₀) − inf f."""
        gap = float(self.value(self.start(1))[0]) - self.infimum.value
        return Known(gap, self.infimum.kind, f"f(x₀) − inf f; inf f: {self.infimum.source}")


def lipschitz_ratio(problem: Problem, ball: NormBall, x: Any, y: Any) -> Tensor:
    """‖∇f(x) − ∇f(y)‖_*/‖x − y‖ per pair: a lower bound on the smoothness constant."""
    change = subtract(problem.true_gradient(x), problem.true_gradient(y))
    return ball.dual_norm(change) / ball.norm(subtract(x, y))


def repeated(x: Tensor, runs: int) -> Tensor:
    """x with a leading dimension of `runs`; `ValueError` unless runs ≥ 1."""
    if runs < 1:
        raise ValueError(f"`runs` must be at least 1, got {runs}")
    return x.unsqueeze(0).expand(runs, *x.shape).clone()


def noise_norm(problem: Problem, x: Any, sample: Any) -> Tensor:
    """‖g(x, sample) − ∇f(x)‖₂ per run."""
    return norm2(subtract(problem.gradient(x, sample), problem.true_gradient(x)), problem.core_ndim)


def as_float64(values: Any, name: str) -> Tensor:
    """A finite float64 tensor, or `ValueError`."""
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"`{name}` must be numbers, got {values!r}") from None
    if tensor.is_complex():
        raise TypeError(f"`{name}` must be real numbers, got {tensor.dtype}")
    tensor = torch.as_tensor(values, dtype=torch.float64)
    if tensor.numel() == 0 or not torch.isfinite(tensor).all():
        raise ValueError(f"`{name}` must be non-empty and finite")
    return tensor


def quadratic_mu(dual_form: Known | None) -> Known | None:
    """μ of ½⟨x, Hx⟩: 1/μ is the largest ⟨g, H⁻¹g⟩ over ‖g‖_* ≤ 1, that is, L of the inverse form in the dual norm."""
    if dual_form is None:
        return None
    return Known(1 / dual_form.value, dual_form.kind, f"1/L of ½⟨g, H⁻¹g⟩ in the dual norm: {dual_form.source}")


def quadratic_diameter(problem: Problem, ball: NormBall) -> Known | None:
    """R = √(2Δ/μ), the largest ‖x‖ where ½⟨x, Hx⟩ ≤ Δ: by duality max ‖x‖²/⟨x, Hx⟩ = max ⟨g, H⁻¹g⟩/‖g‖_*² = 1/μ."""
    mu = problem.mu(ball)
    if mu is None:
        return None
    radius = (2 * problem.initial_gap().value / mu.value) ** 0.5
    return mu._replace(value=float(radius), source=f"√(2Δ/μ), μ: {mu.source}")
