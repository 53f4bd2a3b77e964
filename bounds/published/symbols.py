"""The symbols of published statements that our own do not have, and where every symbol of a comparison lives."""

from __future__ import annotations

import sympy as sp

from bounds.symbols import K, alpha, b, c, delta, epsilon, eta


def _positive(name: str) -> sp.Symbol:
    return sp.Symbol(name, positive=True)


# The papers' own symbols. A letter that two papers use differently has two names here.
D = _positive("D")  # f(W_0) − f*
T = _positive("T")  # number of steps
n = _positive("n")  # number of steps (Scion)
r = _positive("r")  # rank: min(rows, columns)
beta = sp.Symbol("beta", nonnegative=True)  # weight of the OLD average, 1 − α
step = _positive("eta_step")  # the papers' η
accuracy = _positive("epsilon_target")  # the papers' target ε
error = sp.Symbol("e_q", nonnegative=True)  # Kim & Oh's ε_q, our δ
batch = _positive("B")
radius = _positive("rho_ball")  # Scion's ρ: the radius of the ball
rho2 = _positive("rho_2")  # max ‖x‖₂ on the ball
D2 = _positive("D_2")  # Euclidean diameter of the ball
zeta = _positive("zeta")  # max ‖x‖_*/‖x‖₂, our ρ
L2 = _positive("L_2")  # Euclidean smoothness
curvature = _positive("C_f")  # Jaggi's
quality = sp.Symbol("delta_J", nonnegative=True)  # Jaggi's δ
Y = _positive("Y")  # Sato et al.: the coefficient of 1/√b
excess = sp.Symbol("excess", nonnegative=True)  # how much larger the paper's constant is than the one it stands for

RANGES: dict[sp.Symbol, str] = {
    alpha: "(0, 1]",
    K: "1, 2, …",
    T: "1, 2, …",
    n: "1, 2, …",
    r: "1, 2, …",
    batch: "1, 2, …",
    beta: "[0, 1)",
    error: "[0, 1)",
    delta: "[0, 1)",
    excess: "≥ 0",
    quality: "≥ 0",
    **dict.fromkeys((D, step, accuracy, radius, rho2, D2, zeta, L2, curvature, Y), "> 0"),
}  # our own constants that are not here: > 0
OF_ERRORS = {b: 1 + eta, c: 1 - epsilon}
EXACT = {b: sp.Integer(1), c: sp.Integer(1)}  # an exact oracle, ε = η = 0
