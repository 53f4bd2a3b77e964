"""What a statement assumes, as objects that say whether a setting meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Setting:
    """What is known of a run before it starts: everything that an assumption can ask.

    known: code names of the constants that the problem declares for the ball beyond Δ, L, L̄ and σ.
    error_model: "exact", "additive" (‖d̂ − lmo‖ ≤ δ promised), "measured" (ε, η read off the run) or "none".
    """

    hilbert: bool
    stochastic: bool
    momentum: str
    start: str
    step: str
    decay: bool
    smooth: bool = True
    bounded_below: bool = True
    noise_bounded: bool = True
    mean_smooth: bool = False
    smooth_by_layer: bool = False
    convex_in_ball: bool = False
    known: frozenset[str] = frozenset()
    error_model: str = "additive"


class Assumption(Protocol):
    """Something a theorem needs; `needs` lists the code names of its constants."""

    @property
    def needs(self) -> tuple[str, ...]: ...

    def holds_for(self, setting: Setting) -> str | None:
        """None where the setting meets the assumption, else why it does not."""
        ...

    def words(self) -> str: ...


RestsOn = tuple[type[Any], ...]  # classes of assumptions: what a part of a proof needs; () where it holds always


@dataclass(frozen=True)
class BoundedBelow:
    """f ≥ inf f > −∞, and Δ = f(x_0) − inf f: what every sum over the steps ends with. Smoothness below includes it."""

    needs: tuple[str, ...] = ("initial_gap",)

    def holds_for(self, setting: Setting) -> str | None:
        return None if setting.bounded_below else "the problem is not bounded below"

    def words(self) -> str:
        return "f is bounded below"


@dataclass(frozen=True)
class Smooth(BoundedBelow):
    """‖∇f(x) − ∇f(y)‖_* ≤ L‖x − y‖ and f bounded below."""

    needs: tuple[str, ...] = ("initial_gap", "smoothness")

    def holds_for(self, setting: Setting) -> str | None:
        if not setting.smooth:
            return "the problem declares no smoothness constant for this norm"
        return super().holds_for(setting)

    def words(self) -> str:
        return "f is bounded below and L-smooth in the norm of the ball"


@dataclass(frozen=True)
class SmoothByLayer(BoundedBelow):
    """f(x + d) ≤ f(x) + ⟨∇f, d⟩ + ½Σ L_i‖d_i‖_i² jointly (enough: L_i = Σ_j L_ij of the Hessian's blocks)."""

    needs: tuple[str, ...] = ("initial_gap", "smoothness")

    def holds_for(self, setting: Setting) -> str | None:
        if not setting.smooth_by_layer:
            return "the problem declares no smoothness constants per layer for this norm"
        return super().holds_for(setting)

    def words(self) -> str:
        return "f is bounded below, and f(x + d) ≤ f(x) + ⟨∇f, d⟩ + ½Σ L_i‖d_i‖² for all layers at once"


@dataclass(frozen=True)
class OracleByLayer:
    """⟨m_i, d̂_i⟩ ≤ −(1−ε_i)‖m_i‖_* and ‖d̂_i‖ ≤ 1+η_i in every layer, at every step, as promised."""

    needs: tuple[str, ...] = ("epsilon", "eta")

    def holds_for(self, setting: Setting) -> str | None:
        promised = setting.error_model in ("exact", "additive")
        return None if promised else "the oracle promises no error of single layers"

    def words(self) -> str:
        return "every layer's oracle keeps its ε_i and η_i at every step"


@dataclass(frozen=True)
class OracleWithin:
    """⟨m, d̂⟩ ≤ −(1−ε)‖m‖_* and ‖d̂‖ ≤ 1+η at every step; an additive δ implies ε = η = δ."""

    needs: tuple[str, ...] = ("epsilon", "eta")

    def holds_for(self, setting: Setting) -> str | None:
        return "nothing bounds the oracle's error" if setting.error_model == "none" else None

    def words(self) -> str:
        return "the oracle keeps its ε and η (additive model: ε = η = δ) at every step"


@dataclass(frozen=True)
class AdditiveError(OracleWithin):
    """‖d̂ − lmo(∇f)‖ ≤ δ at every step, in the norm of the ball, for some exact minimiser; ε = η = δ follows."""

    needs: tuple[str, ...] = ("delta",)

    def holds_for(self, setting: Setting) -> str | None:
        additive = setting.error_model in ("exact", "additive")
        return None if additive else "the oracle promises no additive error δ"

    def words(self) -> str:
        return "‖d̂ − lmo‖ ≤ δ at every step, for some exact minimiser"


@dataclass(frozen=True)
class HilbertAdditive(AdditiveError):
    """A Hilbert norm (ℓ2, Frobenius) and ‖d̂ − lmo(∇f)‖₂ ≤ δ at every step."""

    def holds_for(self, setting: Setting) -> str | None:
        return super().holds_for(setting) if setting.hilbert else "the norm is not a Hilbert norm"

    def words(self) -> str:
        return "the norm is a Hilbert norm and ‖d̂ − lmo‖₂ ≤ δ at every step"


@dataclass(frozen=True)
class ExactGradients:
    """The oracle is fed the true gradient."""

    needs: tuple[str, ...] = ()

    def holds_for(self, setting: Setting) -> str | None:
        return "the gradients are stochastic" if setting.stochastic else None

    def words(self) -> str:
        return "gradients are exact"


@dataclass(frozen=True)
class UnbiasedNoise:
    """Unbiased gradients with E‖ξ‖₂² ≤ σ² given the past, and ‖v‖_* ≤ ρ‖v‖₂."""

    needs: tuple[str, ...] = ("noise_std", "norm_ratio")

    def holds_for(self, setting: Setting) -> str | None:
        if not setting.stochastic:
            return "the gradients are exact (use the deterministic statements)"
        return None if setting.noise_bounded else "no bound on the variance is known"

    def words(self) -> str:
        return "stochastic gradients are unbiased with E‖ξ‖₂² ≤ σ² given the past"


@dataclass(frozen=True)
class MeanSmooth:
    """E‖g(x, ξ) − g(y, ξ)‖₂² ≤ L̄²‖x − y‖² for the gradients of one sample at two points."""

    needs: tuple[str, ...] = ("mean_smoothness",)

    def holds_for(self, setting: Setting) -> str | None:
        return None if setting.mean_smooth else "no mean smoothness of the stochastic gradients is known"

    def words(self) -> str:
        return "E‖g(x, ξ) − g(y, ξ)‖₂² ≤ L̄²‖x − y‖²: one sample's gradients change little, in mean square"


@dataclass(frozen=True)
class StartInside:
    """‖x_0‖ ≤ b/λ, and λγ ≤ 1: then every iterate is there, a convex combination of x_0 and of answers over λ."""

    needs: tuple[str, ...] = ("weight_decay",)

    def holds_for(self, setting: Setting) -> str | None:
        return None if setting.decay else "there is no weight decay"

    def words(self) -> str:
        return "x_0 lies in the ball of radius b/λ, and λγ ≤ 1"


@dataclass(frozen=True)
class StaysWithin:
    """‖x_k‖ ≤ X at every step: of X = max(‖x_0‖, b/λ) where λγ_k ≤ 1, as x_k is a mean of x_0 and of answers over λ."""

    needs: tuple[str, ...] = ("weight_decay", "iterate_bound")

    def holds_for(self, setting: Setting) -> str | None:
        return None if setting.decay else "there is no weight decay"

    def words(self) -> str:
        return "‖x_k‖ ≤ X at every step (enough: X = max(‖x_0‖, b/λ), as λγ_k ≤ 1); anything where λ = 0"


@dataclass(frozen=True)
class Describes:
    """The method that a statement is about, as data that experiments match to an `lmo.Method`."""

    momentum: str  # none | ema | nesterov | storm
    start: str = "first gradient"  # first gradient | zero
    step: str = "fixed"  # fixed | adaptive | layer-fixed | layer-adaptive | open-loop
    decay: bool = False

    def differs_from(self, setting: Setting) -> str | None:
        """None where the setting runs this method, else what differs."""
        mine = (("momentum", self.momentum), ("step", self.step), ("decay", self.decay))
        for name, value in mine:
            if getattr(setting, name) != value:
                return f"the method's {name} is {getattr(setting, name)!r}, the statement's {value!r}"
        if self.momentum != "none" and setting.start != self.start:
            return f"the momentum starts at {setting.start!r}, the statement's at {self.start!r}"
        return None
