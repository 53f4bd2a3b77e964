"""Claims and doubts in print, settled in exact numbers: certificates, simple quadratics, constants of other papers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp
import torch

import bounds
from bounds.published.li_hong_muon import descent
from bounds.published.scion_vanishing import recursion
from lmo.oracles import NewtonSchulz
from lmo.polynomials import schedule

A, B, C = F(34445, 10000), F(-47750, 10000), F(20315, 10000)


def jordan(s: F) -> F:
    """The quintic that torch, Scion and Muon ship, exactly."""
    return A * s + B * s**3 + C * s**5


def taylor(s: F) -> F:
    """Kim & Oh's p_2: the Taylor quintic (15s − 10s³ + 3s⁵)/8, exactly."""
    return F(15, 8) * s - F(10, 8) * s**3 + F(3, 8) * s**5


def iterated(step: Callable[[F], F], s: F, times: int) -> F:
    for _ in range(times):
        s = step(s)
    return s


# --- the finite certificates ------------------------------------------------------------------------------------------


def test_m1_the_decay_law_is_for_taylor_coefficients_only() -> None:
    """From δ = 0 one step of Jordan's quintic gives δ = 508599/10⁶; the law would keep 0, and does for Taylor's."""
    assert jordan(F(1)) == F(701, 1000) and 1 - jordan(F(1)) ** 2 == F(508599, 10**6)
    assert taylor(F(1)) == 1


def test_m2_no_number_of_steps_converges() -> None:
    """Every positive fixed point repels, and a residual below 1/20 is followed by one above 2/5, whatever q."""
    x = sp.Symbol("x", positive=True)
    p = sp.Rational(A) * x + sp.Rational(B) * x**3 + sp.Rational(C) * x**5
    fixed = [s for s in sp.solve(sp.cancel(p / x) - 1, x) if s.is_positive]
    assert len(fixed) == 2 and all(abs(sp.diff(p, x).subs(x, s)) > 1 for s in fixed)
    low, high = F(97, 100), F(103, 100)
    assert 1 - low**2 > F(1, 20) and high**2 - 1 > F(1, 20)  # |1 − s²| ≤ 1/20 only inside (low, high)
    falling = [A + 3 * B * s**2 + 5 * C * s**4 for s in (low, high)]
    assert max(falling) < 0  # p' is convex in s², so p falls from low to high
    assert jordan(high) > 0 and 1 - jordan(low) ** 2 > F(2, 5)


def test_m3_the_additive_error_is_near_one_where_the_alignment_is_kept() -> None:
    """diag(1/2, 10⁻⁸/2), five steps of either: δ > 0.9999; ε is that of the first value alone, to 10⁻⁷."""
    sigma = (F(1, 2), F(1, 2 * 10**8))
    for step in (jordan, taylor):
        first, second = (iterated(step, s, 5) for s in sigma)
        assert max(abs(1 - first), abs(1 - second)) > F(9999, 10000)
        alignment = (sigma[0] * first + sigma[1] * second) / sum(sigma)
        assert abs(alignment - first) < F(1, 10**7) and alignment > F(68, 100)


def test_m3_the_decay_law_needs_35_steps_there() -> None:
    """δ₀ = 1 − x, x = (ε/2)²: (1 − x)^n ≥ 1 − nx > 1/2 at n = 3³⁴, and (1 − x)^n ≤ 1/(1 + nx) < 1/2 at n = 3³⁵."""
    x = F(1, 2 * 10**8) ** 2
    assert 1 - 3**34 * x > F(1, 2) > 1 / (1 + 3**35 * x)


def test_l1_lion_has_an_exact_two_cycle() -> None:
    """f = θ²/2, β₁ = 0.9, β₂ = 0.99, step η: θ = ±η/2 and m = ∓η/398 for ever, so |f'| stays at η/2."""
    eta, b1, b2 = F(1, 10), F(9, 10), F(99, 100)
    theta, m = eta / 2, -eta / 398
    seen = []
    for _ in range(50):
        seen.append((theta, m))
        gradient = theta
        mixed = b1 * m + (1 - b1) * gradient
        theta, m = theta - eta * (1 if mixed > 0 else -1), b2 * m + (1 - b2) * gradient
    assert len(set(seen)) == 2 and {abs(t) for t, _ in seen} == {eta / 2}


# --- arXiv:2602.11948, simple quadratics: f = ‖W‖_F²/2, diagonal ------------------------------------------------------


def exact_polar(w: list[F], step: F) -> list[F]:
    return [x - step * ((x > 0) - (x < 0)) for x in w]


def test_exact_polar_steps_stay_on_a_grid() -> None:
    """w moves on w₀ + γZ: from γ/2 off the grid of 0 the loss never falls below nγ²/8, however many steps."""
    step = F(1, 10)
    w = [F(41, 20), F(-3, 20), F(1, 20)]  # odd multiples of γ/2
    losses = []
    for _ in range(60):
        losses.append(sum(x * x for x in w) / 2)
        w = exact_polar(w, step)
    assert min(losses) == losses[-1] == 3 * step**2 / 8


@pytest.mark.parametrize("target", [F(1, 800), F(1, 20000)])
def test_exact_polar_steps_need_one_over_root_epsilon(target: F) -> None:
    """Loss ε = γ²/8 from R = (N + ½)γ takes exactly N = R/√(8ε) − ½ steps, and no more steps give less."""
    step = {F(1, 800): F(1, 10), F(1, 20000): F(1, 50)}[target]
    assert step**2 / 8 == target
    start = F(3) + step / 2
    w, count = [start], 0
    while w[0] ** 2 / 2 > target:
        w, count = exact_polar(w, step), count + 1
    assert count == start / step - F(1, 2)


def test_a_newton_schulz_error_that_is_not_homogeneous_makes_it_converge() -> None:
    """X₀ = M/max{1, ‖M‖_F}, one Taylor step, γ = 8/15: w⁺ = 2w³/3 − w⁵/5, cubic, while the polar error tends to 1."""
    step, inexact, exact = F(8, 15), F(1, 2), [F(1, 2)]
    for _ in range(4):
        after = inexact - step * taylor(inexact)
        assert after == F(2, 3) * inexact**3 - F(1, 5) * inexact**5
        inexact, exact = after, exact_polar(exact, step)
    assert 0 < inexact < F(1, 10**30) and 1 - taylor(inexact) > F(99, 100)
    assert exact[0] == F(1, 2)  # the exact polar factor is back where it was: 1/2 → −1/30 → 1/2


@pytest.mark.parametrize("name", ["jordan", "you", "polar-express-1.02"])
def test_no_homogeneous_oracle_converges_with_a_fixed_step(name: str) -> None:
    """‖d̂‖ ≥ c gives max(‖x_k‖, ‖x_{k+1}‖) ≥ γc/2: errors may break the grid, the floor stays."""
    oracle, step = NewtonSchulz(name, steps=5), 0.05
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sizes, lengths = [], []
    for _ in range(400):
        direction, _ = oracle(x)
        sizes.append(float(torch.linalg.matrix_norm(x, 2)))
        lengths.append(float(torch.linalg.matrix_norm(direction, 2)))
        x = x + step * direction
    pairs = np.maximum(sizes[:-1], sizes[1:])
    assert (pairs >= step * np.array(lengths[:-1]) / 2 - 1e-12).all() and min(lengths) > 0.6
    assert pairs[200:].max() < 1.5 * step  # it did come down to the floor


def test_one_shorter_answer_reaches_what_exact_ones_never_do() -> None:
    """From γ/2 an answer of half the length hits 0, and lmo(0) = 0 stays there; exact answers jump between ±γ/2."""
    step = F(1, 10)
    w = [step / 2]
    assert exact_polar(exact_polar(w, step), step) == w
    hit = w[0] - step * F(1, 2)
    assert hit == 0 and exact_polar([hit], step) == [0]


def test_sign_steps_without_momentum_can_miss_a_convex_minimum_for_any_schedule() -> None:
    """f = |x + y|/2 + |x − y|, that is Muon on diagonals: signs are ±(1, −1), so x + y never changes."""
    x, y, least = F(1), F(1, 2), F(10)
    for k in range(1, 200):
        sum_sign, gap_sign = ((v > 0) - (v < 0) for v in (x + y, x - y))
        gradient = (F(sum_sign, 2) + gap_sign, F(sum_sign, 2) - gap_sign)
        step = F(1, 3 * k)  # falls to 0, with an infinite sum
        x, y = (v - step * ((g > 0) - (g < 0)) for v, g in zip((x, y), gradient, strict=True))
        assert x != y and x + y == F(3, 2)
        least = min(least, abs(x + y) / 2 + abs(x - y))
    assert least >= F(3, 4)


# --- Li & Hong, Scion, Kim & Oh, Peng, Wang & Yu ----------------------------------------------------------------------


def test_li_hongs_lemma_holds_up_to_rank_five_and_fails_from_six_on() -> None:
    """Random matrices and the worst direction found, against −‖G‖/4 + (5/2)‖G − B‖ in Frobenius norms."""
    source = np.random.default_rng(0)
    worst = {}
    for rank in (1, 3, 5, 6, 9):
        values = []
        for _ in range(300):
            gradient = source.standard_normal((rank, rank))
            average = source.standard_normal() * gradient + source.exponential() * source.standard_normal((rank, rank))
            u, _, v = np.linalg.svd(average)
            allowed = -np.linalg.norm(gradient) / 4 + 2.5 * np.linalg.norm(gradient - average)
            values.append((-np.sum(gradient * (u @ v)) - allowed) / np.linalg.norm(gradient))
        left, right = (float(e) for e in descent(rank, sp.Rational(1, 10**6), "frobenius"))
        worst[rank] = max(max(values), (left - right) / rank**0.5)
    assert all(worst[rank] <= 0 for rank in (1, 3, 5)) and all(worst[rank] > 0 for rank in (6, 9))


def test_scions_lemma_d10_against_a_plain_loop() -> None:
    u, largest = 4.0, 0.0
    for k in range(2, 2000):
        u = (1 - 1 / (2 * k**0.5)) * u + 1 / k
        largest = max(largest, u * k**0.5)
    assert largest == pytest.approx(4 * 1.0948, rel=1e-3)  # at k = 3
    *_, (k, exact) = recursion(sp.Integer(4), sp.Integer(1), 5)
    loop = 4.0
    for j in range(2, 6):
        loop = (1 - 1 / (2 * j**0.5)) * loop + 1 / j
    assert k == 5 and float(exact) == pytest.approx(loop)


def test_kim_ohs_gain_of_root_rank_over_sgd_uses_one_constant_for_two_norms() -> None:
    """(L/2r)‖X‖_F² is L-smooth from spectral to nuclear norm and L/r-smooth in Frobenius norms: √(rL_F) = √L there."""
    rank, smoothness = 12, F(3)
    per_entry = smoothness / rank  # ∇f = (L/r)X
    nuclear_over_spectral = rank * per_entry  # at X = I, the largest ratio
    frobenius = per_entry
    assert nuclear_over_spectral == smoothness and rank * frobenius == smoothness


def test_kim_ohs_start_and_the_scale() -> None:
    """δ₀ = 1 − σ_min²/‖M‖_F² is at least 1 − 1/r for any spectrum of r values, with equality for equal ones."""
    source = np.random.default_rng(3)
    for rank in (2, 12, 768):
        values = [F(int(x)) for x in source.integers(1, 1000, rank)]
        assert 1 - min(values) ** 2 / sum(v**2 for v in values) >= 1 - F(1, rank)
        assert 1 - F(1) / rank == 1 - F(7) ** 2 / (rank * F(7) ** 2)


def test_kim_ohs_bound_and_s1_0_at_their_own_tuning() -> None:
    """From (1 − β)T ≥ 4 on S1-0 is the smaller at their β and step, for exact oracles."""
    paper = bounds.papers["kim-oh"].translated()
    names = {symbol.name: symbol for symbol in paper.free_symbols}
    for noise, rank, steps in ((0.3, 12, 200), (1.0, 4, 1000), (0.1, 64, 5000), (5.0, 12, 50000)):
        alpha = min((1 / (rank * steps)) ** 0.5 / noise, 1.0)
        step = (alpha / steps) ** 0.5
        assert alpha * steps >= 4
        known = {"initial_gap": 1.0, "smoothness": 1.0, "steps": steps, "noise_std": noise, "norm_ratio": rank**0.5}
        ours = float(bounds.theorems["ema-zero"].bound(**known, step_size=step, alpha=alpha))
        values = {
            "Delta": 1,
            "L": 1,
            "K": steps,
            "gamma": step,
            "alpha": alpha,
            "sigma": noise,
            "r": rank,
            "B": 1,
            "e_q": 0,
        }
        assert ours < float(paper.subs({names[name]: value for name, value in values.items() if name in names}))


def test_peng_wang_and_yus_constants_for_jordans_polynomial() -> None:
    """φ_J(s)/s ≥ 17/25 on (0, 1] and φ_J ≤ 5/4 on [0, 5/4], with φ_J(s)/s ≤ 3.4445^J: on a fine grid, J ≤ 8."""
    s = np.concatenate([np.geomspace(1e-12, 1, 20001), np.linspace(1e-3, 1, 20001)])
    for steps in range(1, 9):
        ratio = schedule("jordan")(s, steps) / s
        assert ratio.min() >= 17 / 25 and ratio.max() <= 3.4445**steps * (1 + 1e-12)
    top = np.linspace(0, 1.25, 40001)
    assert schedule("jordan")(top, 1).max() <= 1.25
