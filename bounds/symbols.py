"""The one table of constants and run columns: code name, symbol, unit, rule. Everything else takes them from here.

Units are powers (F, X): F is the unit of the objective, X that of the primal norm.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class Constant:
    """A constant of a statement: how users pass it (`code`), its symbol, unit and allowed values."""

    code: str
    symbol: sp.Symbol
    unit: tuple[int, int]
    meaning: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    @property
    def rule(self) -> str:
        """The allowed values in words."""
        limits = ((">", self.above), (">=", self.at_least), ("<", self.below), ("<=", self.at_most))
        return " and ".join(f"{sign} {limit:g}" for sign, limit in limits if limit is not None)


def _positive(name: str) -> sp.Symbol:
    return sp.Symbol(name, positive=True)


Delta = _positive("Delta")
L = _positive("L")
K = _positive("K")
gamma = _positive("gamma")
alpha = _positive("alpha")
sigma = _positive("sigma")
rho = _positive("rho")
L0 = _positive("L0")
L1 = _positive("L1")
Lbar = _positive("Lbar")
mu = _positive("mu")
R = _positive("R")
lam = _positive("lambda")
B = _positive("B")
target = _positive("target")
nu = _positive("nu")
peak = _positive("peak")
X = _positive("X")
order = _positive("kappa")
iterations = sp.Symbol("N", nonnegative=True)
s_min = _positive("s_min")
delta = sp.Symbol("delta", nonnegative=True)
epsilon = sp.Symbol("epsilon", real=True)
eta = sp.Symbol("eta", real=True)
b = _positive("b")  # 1 + eta
c = _positive("c")  # 1 - epsilon
q = b + c

CONSTANTS: dict[str, Constant] = {
    constant.code: constant
    for constant in (
        Constant("initial_gap", Delta, (1, 0), "f(x_0) − inf f", at_least=0),
        Constant("smoothness", L, (1, -2), "‖∇f(x) − ∇f(y)‖_* ≤ L‖x − y‖", above=0),
        Constant("l0", L0, (1, -2), "‖∇f(x) − ∇f(y)‖_* ≤ (L0 + L1‖∇f(x)‖_*)‖x − y‖ for ‖x − y‖ ≤ 1/L1", above=0),
        Constant("l1", L1, (0, -1), "see l0", above=0),
        Constant("mean_smoothness", Lbar, (1, -2), "E‖g(x, ξ) − g(y, ξ)‖₂² ≤ L̄²‖x − y‖²", above=0),
        Constant("mu", mu, (1, -2), "‖∇f(x)‖_*² ≥ 2μ(f(x) − inf f)", above=0),
        Constant("diameter", R, (0, 1), "R ≥ ‖x_k − x*‖ on the level set of x_0", above=0),
        Constant("weight_decay", lam, (0, -1), "λ of x⁺ = (1 − λγ)x + γd̂", at_least=0),
        Constant("batch_size", B, (0, 0), "gradients averaged a step: σ²/B for σ²", at_least=1),
        Constant("target", target, (1, -1), "the dual gradient norm to reach", above=0),
        Constant("order", order, (0, 0), "κ of a classical Newton–Schulz step", at_least=1),
        Constant("iterations", iterations, (0, 0), "Newton–Schulz steps of one answer", at_least=0),
        Constant("s_min", s_min, (0, 0), "smallest singular value over the scale", above=0, at_most=1),
        Constant("steps", K, (0, 0), "number of steps", at_least=1),
        Constant("step_size", gamma, (0, 1), "γ of x + γd̂", above=0),
        Constant("variation", nu, (0, 0), "avg γ_k²/γ² of steps γ_k of mean γ: 1 for a fixed step", at_least=1),
        Constant("peak", peak, (0, 0), "max γ_k/γ of steps γ_k of mean γ: 1 for a fixed step", at_least=1),
        Constant("iterate_bound", X, (0, 1), "‖x_k‖ ≤ X at every step; with decay, max(‖x_0‖, b/λ) is one", above=0),
        Constant("alpha", alpha, (0, 0), "weight of the new gradient, 1 − β", above=0, at_most=1),
        Constant("noise_std", sigma, (1, -1), "E‖ξ‖₂² ≤ σ² given the past", at_least=0),
        Constant("norm_ratio", rho, (0, 0), "‖v‖_* ≤ ρ‖v‖₂", above=0),
        Constant("delta", delta, (0, 0), "‖d̂ − lmo(m)‖ ≤ δ; stands for epsilon = eta = delta", at_least=0, below=1),
        Constant("epsilon", epsilon, (0, 0), "⟨m, d̂⟩ ≤ −(1 − ε)‖m‖_*", below=1),
        Constant("eta", eta, (0, 0), "‖d̂‖ ≤ 1 + η", above=-1),
    )
}
BY_SYMBOL = {constant.symbol: constant for constant in CONSTANTS.values()}
ERROR_OF = {c: 1 - epsilon, b: 1 + eta}

# Columns of a trajectory, one number per run and step, as symbols of the step inequalities.
COLUMNS: dict[str, sp.Symbol] = {
    "objective": sp.Symbol("f_k", real=True),
    "objective_next": sp.Symbol("f_{k+1}", real=True),
    "step_size": sp.Symbol("gamma_k", positive=True),  # of this step; `gamma` is one for all steps, or their mean
    "gradient_norm": sp.Symbol("g", positive=True),
    "gradient_norm_next": sp.Symbol("g_{k+1}", nonnegative=True),
    "fed_norm": sp.Symbol("m", nonnegative=True),
    "fed_alignment": sp.Symbol("a_m", real=True),
    "gradient_alignment": sp.Symbol("a_g", real=True),
    "direction_norm": sp.Symbol("n", nonnegative=True),
    "error_norm": sp.Symbol("e", nonnegative=True),
    "iterate_alignment": sp.Symbol("a_x", real=True),
    "iterate_norm": sp.Symbol("s", nonnegative=True),
    "net_norm": sp.Symbol("u", nonnegative=True),
    # worked out from the others, not recorded (bounds.certificate.column):
    "index": sp.Symbol("k", integer=True, nonnegative=True),
    "gap": sp.Symbol("h", nonnegative=True),  # f(x_k) − inf f
    "next_gap": sp.Symbol("h_{k+1}", nonnegative=True),  # f(x_{k+1}) − inf f
    "ball_gap": sp.Symbol("h_v", real=True),  # f(x_k) − min over ‖v‖ ≤ c/λ of f(v)
    "next_ball_gap": sp.Symbol("h_{v,k+1}", real=True),
}
# The same of one layer (a product of balls), with a last axis of layers: (run, step, layer).
LAYER_COLUMNS: dict[str, sp.Symbol] = {
    "layer_gradient_norm": sp.Symbol("g_i", positive=True),
    "layer_alignment": sp.Symbol("a_i", real=True),
    "layer_direction_norm": sp.Symbol("n_i", nonnegative=True),
}
STEP_VARIABLES = set(COLUMNS.values())
