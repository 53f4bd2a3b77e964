"""Assumptions on the shape of the objective beyond smoothness: what the statements on the last iterate need."""

from __future__ import annotations

from dataclasses import dataclass

from bounds.assumptions import BoundedBelow, Setting


@dataclass(frozen=True)
class PolyakLojasiewicz:
    """‖∇f(x)‖_*² ≥ 2μ(f(x) − inf f), in the dual norm of the ball."""

    needs: tuple[str, ...] = ("mu",)

    def holds_for(self, setting: Setting) -> str | None:
        return None if "mu" in setting.known else "the problem declares no Polyak–Łojasiewicz constant for this norm"

    def words(self) -> str:
        return "‖∇f(x)‖_*² ≥ 2μ(f(x) − inf f) along the run"


@dataclass(frozen=True)
class StarConvex:
    """f(x) − inf f ≤ ⟨∇f(x), x − x*⟩ and ‖x − x*‖ ≤ R on the level set of x_0."""

    needs: tuple[str, ...] = ("diameter",)

    def holds_for(self, setting: Setting) -> str | None:
        known = "diameter" in setting.known
        return None if known else "the problem declares no radius of its level set in this norm"

    def words(self) -> str:
        return "f is star-convex about a minimiser x*, with ‖x − x*‖ ≤ R where f(x) ≤ f(x_0)"


@dataclass(frozen=True)
class Convex:
    """f is convex, and a point of low value in the ball of radius c/λ is known to compare with."""

    needs: tuple[str, ...] = ("weight_decay",)

    def holds_for(self, setting: Setting) -> str | None:
        return None if setting.convex_in_ball else "the problem is not known to be convex, or names no ball to stay in"

    def words(self) -> str:
        return "f is convex"


@dataclass(frozen=True)
class GeneralizedSmooth(BoundedBelow):
    """‖∇f(x) − ∇f(y)‖_* ≤ (L0 + L1‖∇f(x)‖_*)‖x − y‖ for ‖x − y‖ ≤ 1/L1, and f bounded below."""

    needs: tuple[str, ...] = ("initial_gap", "l0", "l1")

    def holds_for(self, setting: Setting) -> str | None:
        if not {"l0", "l1"} <= setting.known:
            return "the problem declares no (L0, L1) for this norm"
        return super().holds_for(setting)

    def words(self) -> str:
        return "f is bounded below and (L0, L1)-smooth in the norm of the ball, for points up to 1/L1 apart"
