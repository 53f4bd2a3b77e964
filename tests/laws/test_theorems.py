"""Laws of every theorem, found by walking `bounds.theorems`; and independent second readings of each formula."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

import bounds
from bounds import evaluate
from bounds.memory import AveragingMemory, StartFactor, finite_sums, zero_start
from bounds.symbols import CONSTANTS

NAMES = list(bounds.theorems)
LAYERED = {"layer-wise", "layer-wise-fixed"}  # per-layer constants: tests/laws/test_layers.py
USUAL = {
    "initial_gap": 4.5, "smoothness": 1.0, "steps": 400, "step_size": 0.1, "alpha": 0.1, "noise_std": 0.2,
    "norm_ratio": 3.0, "delta": 0.3, "mean_smoothness": 0.8,
    "weight_decay": 0.25, "mu": 0.002, "diameter": 2.0, "l0": 1.2, "l1": 0.7,
    "variation": 1.4, "peak": 1.9, "iterate_bound": 6.0,
}  # fmt: skip


def constants_of(name: str, **changes: float) -> dict[str, float]:
    theorem = bounds.theorems[name]
    needs = [n for n in theorem.constants if n not in ("epsilon", "eta", "delta")] + ["delta"]
    return {n: changes.get(n, USUAL[n]) for n in needs}


# The second reading: each formula again, in plain Python, from paper_notes.md.
def d1(Δ, L, K, γ, c, b):
    return Δ / (c * γ * K) + L * γ * b * b / (2 * c)


def s1(Δ, L, K, γ, α, σ, ρ, c, b, start=True, factor=1.0):
    noise = ρ * σ * (α / (2 - α)) ** 0.5 * factor
    bracket = (ρ * σ / (α * K) if start else 0) + L * γ * b * (1 - α) / α + noise
    return (Δ / (γ * K) + L * γ * b * b / 2 + (b + c) * bracket) / c


def nesterov(Δ, L, K, γ, α, σ, ρ, c, b, zero):
    """Nesterov's weights squared and summed one by one; of those older than 20/α nothing is left in 16 digits."""
    β = 1 - α
    v = (α + α * β) ** 2 + sum((α * β ** (j + 1)) ** 2 for j in range(1, int(20 / α) + 2))
    noise, start = v**0.5, β * ρ * σ / (α * K)
    if zero:
        p = [1 - β ** (k + 2) for k in range(K)]  # what the weights sum to
        squares = [v - α / (2 - α) * β ** (2 * k + 4) for k in range(K)]
        noise, start = sum(s**0.5 / w for s, w in zip(squares, p, strict=True)) / K, 0.0
    bracket = start + L * γ * b * β * β / α + ρ * σ * noise
    return (Δ / (γ * K) + L * γ * b * b / 2 + (b + c) * bracket) / c


def slow(
    name: str, Δ=4.5, L=1.0, K=400, γ=0.1, α=0.1, σ=0.2, ρ=3.0, c=0.7, b=1.3, L̄=0.8, λ=0.25, μ=0.002, R=2.0,
    ν=1.4, π=1.9, X=6.0, L0=1.2, L1=0.7,
):  # fmt: skip
    match name:
        case "fixed-step":
            return d1(Δ, L, K, γ, c, b)
        case "varying-step":
            return d1(Δ, L * ν, K, γ, c, b)
        case "ema-varying":  # by linearity in the steps' own constants: L for νL, the start on its own
            return s1(Δ, L * ν, K, γ, α, σ, ρ, c, b) + (b + c) / c * (π - 1) * ρ * σ / (α * K)
        case "muon":
            a = b + λ * X
            memoryless = nesterov(0, 0, K, γ, α, σ, ρ, c, b, zero=True)  # q/c times the noise of S3-0
            late = (b + c) / c * ρ * σ * ((α + α * (1 - α)) ** 2 + α * (1 - α) ** 4 / (2 - α)) ** 0.5
            drift = (b + c) * L * ν * γ * a * (1 - α) ** 2 / α
            return (Δ / (γ * K) + L * ν * γ * a * a / 2 + drift) / c + (1 - π) * late + π * memoryless
        case "additive-error":  # a step costs ∫₀¹(1 − δ)ρt + 2δ·(3/8)ρ, ρ = Lγb; the last gradient Lw²/2, w = γδ/2
            δ, ρ = b - 1, L * γ * b
            return (Δ / (γ * K) + ρ * ((1 - δ) / 2 + 2 * δ * 3 / 8) + L * (γ * δ / 2) ** 2 / (2 * γ * K)) / (1 - δ)
        case "adaptive-step":
            return (2 * L * Δ / K) ** 0.5 * b / c
        case "star-convex":  # 1/Δ + K·c²/(2LR²b²), added step by step
            return 1 / (1 / Δ + math.fsum([c * c / (2 * L * R * R * b * b)] * int(K)))
        case "l0-l1":  # the g with g²/(L0 + L1 g) = 2Δb²/(c²K), by bisection
            level, low, high = 2 * Δ * b * b / (c * c * K), 0.0, 1e9
            for _ in range(200):
                g = (low + high) / 2
                low, high = (g, high) if g * g < level * (L0 + L1 * g) else (low, g)
            return g
        case "frank-wolfe":
            D = 2 * b / λ
            return 2 * L * D * D / (K + 2)
        case "polyak-lojasiewicz":
            gap = Δ
            for _ in range(int(K)):
                gap -= μ * c * c / (L * b * b) * gap
            return gap
        case "hilbert":
            δ = 1 - c
            return max(L * γ, Δ / (γ * (1 - δ) * K) + L * γ * (1 - δ) / 2)
        case "no-momentum":
            return (Δ / (γ * K) + L * γ * b * b / 2 + (b + c) * ρ * σ) / c
        case "ema":
            return s1(Δ, L, K, γ, α, σ, ρ, c, b)
        case "ema-zero":
            u = [(1 - α) ** (k + 1) for k in range(K)]
            factor = sum(((1 + x) / (1 - x)) ** 0.5 for x in u) / K
            return s1(Δ, L, K, γ, α, σ, ρ, c, b, start=False, factor=factor)
        case "nesterov" | "nesterov-zero":
            return nesterov(Δ, L, K, γ, α, σ, ρ, c, b, zero=name == "nesterov-zero")
        case "storm":
            bracket = σ / (α * K) + σ * (α / (2 - α)) ** 0.5 + (1 - α) * L̄ * γ * b / (α * (2 - α)) ** 0.5
            return (Δ / (γ * K) + L * γ * b * b / 2 + (b + c) * ρ * bracket) / c
        case "layer-wise":  # one layer; several are in test_layers.py
            return (2 * Δ * (L * b**2 / c**2) / K) ** 0.5
        case "layer-wise-fixed":
            return Δ / (γ * K) + γ * (L * b**2 / c**2) / 2
        case "decay":
            τ, D = λ * γ, 2 * b / λ
            memory = ρ * σ / (α * K) + L * τ * D * (1 - α) / α + ρ * σ * (α / (2 - α)) ** 0.5
            return Δ / (τ * K) + L * τ * D * D / 2 + (b + c) / λ * memory
    raise AssertionError(f"{name} has no second reading: add one")


@pytest.mark.parametrize("name", NAMES)
def test_every_check_passes(name: str) -> None:
    assert [c for c in bounds.theorems[name].check() if not c.passed] == []


def test_all_checks_of_all_theorems_take_less_than_a_minute() -> None:
    start = time.perf_counter()
    assert all(c.passed for t in bounds.theorems.values() for c in t.check())
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_is_the_formula(name: str) -> None:
    got = float(bounds.theorems[name].bound(**constants_of(name)))
    assert got == pytest.approx(slow(name), rel=1e-13)


@given(
    Δ=st.floats(0.01, 100), L=st.floats(0.01, 100), K=st.integers(1, 300), γ=st.floats(1e-3, 10),
    α=st.floats(1e-3, 1), σ=st.floats(0, 10), ρ=st.floats(0.1, 30), δ=st.floats(0, 0.99), L̄=st.floats(0.01, 100),
    λ=st.floats(1e-3, 0.05), μ=st.floats(1e-4, 1), R=st.floats(0.01, 100),
)  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_the_bound_is_the_formula_everywhere(name, Δ, L, K, γ, α, σ, ρ, δ, L̄, λ, μ, R) -> None:
    changed = dict(initial_gap=Δ, smoothness=L, steps=K, step_size=γ, alpha=α, noise_std=σ, norm_ratio=ρ, delta=δ)
    changed |= {"mean_smoothness": L̄, "weight_decay": λ, "mu": μ * L, "diameter": R}
    got = float(bounds.theorems[name].bound(**constants_of(name, **changed)))
    assert got == pytest.approx(slow(name, Δ, L, K, γ, α, σ, ρ, 1 - δ, 1 + δ, L̄, λ, μ * L, R), rel=1e-11)


def test_d1_in_exact_rationals() -> None:
    third, point = Fraction(1, 3), dict(Δ=Fraction(9, 2), L=Fraction(1), K=400, γ=Fraction(1, 7))
    exact = d1(**point, c=1 - third, b=1 + third)
    claim = evaluate.at_rational(
        bounds.theorems["D1"].claim,
        {
            CONSTANTS["initial_gap"].symbol: sp.Rational(9, 2),
            CONSTANTS["smoothness"].symbol: sp.Integer(1),
            CONSTANTS["steps"].symbol: sp.Integer(400),
            CONSTANTS["step_size"].symbol: sp.Rational(1, 7),
            CONSTANTS["epsilon"].symbol: sp.Rational(1, 3),
            CONSTANTS["eta"].symbol: sp.Rational(1, 3),
        },
    )
    assert claim == sp.Rational(exact.numerator, exact.denominator)


def of_one_layer(name: str, values: np.ndarray) -> np.ndarray:
    """Values of a constant, with the last axis of layers that a statement about layers reads."""
    return values[..., None] if name in LAYERED else values


@pytest.mark.parametrize("name", NAMES)
def test_constants_broadcast(name: str) -> None:
    theorem = bounds.theorems[name]
    other = "initial_gap" if "initial_gap" in theorem.constants else "smoothness"
    deltas, sizes = np.linspace(0, 0.8, 5), np.array([[1.0], [2.0], [3.0]])
    table = theorem.bound(**{**constants_of(name), "delta": of_one_layer(name, deltas), other: sizes})
    assert table.shape == (3, 5)
    for i, size in enumerate(sizes[:, 0]):
        for j, delta in enumerate(deltas):
            assert table[i, j] == float(theorem.bound(**constants_of(name, **{"delta": delta, other: size})))


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith("-zero")])
def test_a_million_points_take_less_than_a_second(name: str) -> None:
    theorem = bounds.theorems[name]
    theorem.bound(**constants_of(name))
    many = {**constants_of(name), "delta": of_one_layer(name, np.linspace(0, 0.9, 1_000_000))}
    start = time.perf_counter()
    assert theorem.bound(**many).shape == (1_000_000,)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_delta_is_the_view_epsilon_equals_eta_equals_delta(name: str) -> None:
    theorem = bounds.theorems[name]
    if "epsilon" not in theorem.constants:
        pytest.skip("this statement is about δ itself")
    given_delta = constants_of(name)
    both = {n: v for n, v in given_delta.items() if n != "delta"} | {"epsilon": 0.3, "eta": 0.3}
    assert float(theorem.bound(**given_delta)) == float(theorem.bound(**both))
    assert float(theorem.bound(**{**both, "eta": -0.3})) < float(theorem.bound(**both))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("delta", [0.0, 0.3, 0.8])
def test_the_tuning_is_the_minimum_of_the_bound(name: str, delta: float) -> None:
    theorem = bounds.theorems[name]
    fixed = {n: v for n, v in constants_of(name, delta=delta).items() if n not in ("step_size", "alpha")}
    tuned = theorem.tune(**fixed)
    free = [n for n in ("step_size", "alpha") if n in theorem.constants]
    if not free:
        assert float(tuned.value) == float(theorem.bound(**fixed))
        return
    at_tuned = dict(
        zip(free, (float(tuned.step_size), float(tuned.alpha) if tuned.alpha is not None else 0), strict=False)
    )
    assert float(tuned.value) == pytest.approx(float(theorem.bound(**fixed, **at_tuned)), rel=1e-9)

    def cost(logs: np.ndarray) -> float:
        trial = {n: float(np.exp(v)) for n, v in zip(free, logs, strict=True)}
        trial = {n: min(v, 1.0) if n == "alpha" else v for n, v in trial.items()}
        return float(theorem.bound(**fixed, **trial))

    starts = [np.log([g, a][: len(free)]) for g in (0.01, 0.3) for a in (0.02, 0.3, 0.99)]
    best = min(minimize(cost, s, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}).fun for s in starts)
    assert float(tuned.value) <= best * (1 + 1e-7)
    assert float(tuned.value) == pytest.approx(best, rel=1e-5)


def test_published_tunings() -> None:
    """The closed forms and exact optima that paper_notes.md quotes."""
    d1_ = bounds.theorems["D1"].tune(initial_gap=4.5, smoothness=1, steps=400, delta=0.5)
    assert float(d1_.step_size) == pytest.approx(0.1) and float(d1_.value) == pytest.approx(0.45)
    signed = bounds.theorems["D1"].tune(initial_gap=4.5, smoothness=1, steps=400, epsilon=0.5, eta=-0.5)
    assert float(signed.step_size) == pytest.approx(0.3) and float(signed.value) == pytest.approx(0.15)
    h = bounds.theorems["D1-H"].tune(initial_gap=4.5, smoothness=1, steps=400, delta=0.6)
    assert float(h.value) == pytest.approx(0.15 / 0.8) and float(h.step_size) == pytest.approx(0.15 / 0.8)
    for noise, values, weights in (
        (0.02, (0.48, 0.87, 2.8), (0.18, 0.20, 0.22)),
        (0.1, (1.27, 2.24, 7.0), (0.062, 0.067, 0.071)),
    ):
        tuned = bounds.theorems["S1"].tune(
            initial_gap=0.5, smoothness=1, steps=400, noise_std=noise * 20**0.5, norm_ratio=20**0.5, delta=[0, 0.4, 0.8]
        )
        assert tuned.value == pytest.approx(values, rel=0.011) and tuned.alpha == pytest.approx(weights, rel=0.03)
    lead = (
        bounds.theorems["S1"]
        .tune(initial_gap=0.5, smoothness=1, steps=400, noise_std=0.02 * 20**0.5, norm_ratio=20**0.5)
        .leading
    )
    assert float(lead.step_size) == pytest.approx(0.0105, abs=1e-4) and float(lead.alpha) == pytest.approx(
        0.177, abs=1e-3
    )


def test_coupling_exponents_of_the_leading_terms() -> None:
    """Additive model: α* ∝ (1+δ)^½, γ* ∝ (1+δ)^−¼, value ∝ (1+δ)^¼/(1−δ) — as α is the weight of the NEW gradient."""
    k = dict(initial_gap=1.0, smoothness=1.0, steps=10**9, noise_std=1.0, norm_ratio=1.0)
    one, two = (bounds.theorems["S1"].tune(**k, delta=d).leading for d in (0.0, 0.5))
    assert float(two.alpha / one.alpha) == pytest.approx(1.5**0.5)
    assert float(two.step_size / one.step_size) == pytest.approx(1.5**-0.25)
    assert float(two.value / one.value) == pytest.approx(1.5**0.25 / 0.5)


@pytest.mark.parametrize("start", ["first gradient", "zero"])
@given(α=st.floats(0.01, 1.0), K=st.integers(1, 60))
def test_momentum_parts_bound_the_exact_sums(start: str, α: float, K: int) -> None:
    parts = dict(AveragingMemory(start=start).parts())
    at = {"alpha": α, "steps": K, "noise_std": 1.0, "norm_ratio": 1.0, "smoothness": 1.0, "step_size": 1.0, "eta": 0.0}
    for name, exact in finite_sums("ema", start, α, K).items():
        assert float(evaluate.value(parts[name], at)) >= exact * (1 - 1e-12)


def test_zero_start_factor_against_a_loop() -> None:
    got = zero_start(np.array([[0.5, 0.98]]), np.array([[3], [400]]))
    for i, K in enumerate((3, 400)):
        for j, keep in enumerate((0.5, 0.98)):
            u = [keep ** (k + 1) for k in range(K)]
            assert got[i, j] == pytest.approx(sum(((1 + x) / (1 - x)) ** 0.5 for x in u) / K, rel=1e-13)


def test_names_labels_and_iteration() -> None:
    by_label = [bounds.theorems[name].label for name in NAMES]
    assert by_label == sorted(by_label) and {"D1", "D1-H", "D2", "Lw", "Lw-f", "S1", "S1-0", "S2"} <= set(by_label)
    for theorem in bounds.theorems.values():
        assert bounds.theorems[theorem.label] is theorem and theorem.label in bounds.theorems
        assert theorem.label not in list(bounds.theorems)
    with pytest.raises(KeyError, match="did you mean 'fixed-step'"):
        bounds.theorems["fixd-step"]


@pytest.mark.parametrize("name", NAMES)
def test_statements_print(name: str) -> None:
    theorem = bounds.theorems[name]
    assert theorem.latex().startswith((r"\frac", r"\min", r"\mathbb{E}", "f(x_K)"))
    assert all(i.name in theorem.explain() for i in theorem.proof.step)
    if theorem.claim.has(StartFactor) or name in LAYERED:
        with pytest.raises(ValueError, match="no JavaScript form"):
            theorem.javascript()
    else:
        assert "Math." in theorem.javascript() or "/" in theorem.javascript()
