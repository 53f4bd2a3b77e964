"""Conventions that silently change results, each pinned: of momentum, the sign, and what δ and σ are measured in."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import BALLS, MOMENTA, MOMENTUM_CLASSES, elements, name_of
from torch import nn

from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from lmo import Draw, Method, measure
from lmo.balls import Frobenius, LInf, Product, Scaled, Spectral
from lmo.elements import inner, map_layers, norm2, subtract
from lmo.momentum import Ema, HeavyBall, Momentum, Nesterov, NoMomentum, complement
from lmo.oracles import Exact, NewtonSchulz
from lmo.testing.subject import gap

AVERAGING = [momentum for momentum in MOMENTA if momentum.needs_alpha]


def feed(momentum: Momentum, gradients, alpha, core_ndim=2) -> list:
    """What the oracle is fed at every step."""
    buffer, fed = None, []
    for gradient in gradients:
        buffer, m = momentum.step(buffer, gradient, alpha if momentum.needs_alpha else None, core_ndim)
        fed.append(m)
    return fed


def weights(momentum: Momentum, alpha: Fraction, k: int) -> list[Fraction]:
    """How much of g_0, …, g_k is in what the oracle is fed at step k, from the sums written out."""
    keep = 1 - alpha
    new = [alpha * keep ** (k - i) for i in range(k + 1)]
    first = [keep**k, *new[1:]]
    match momentum:
        case NoMomentum():
            return [Fraction(i == k) for i in range(k + 1)]
        case Ema():
            return first if momentum.start == "first gradient" else new
        case Nesterov():
            mean = first if momentum.start == "first gradient" else new
            return [keep * w + alpha * (i == k) for i, w in enumerate(mean)]
        case HeavyBall():
            return [keep ** (k - i) for i in range(k + 1)]
    raise AssertionError(f"add the weights of {momentum!r} here")


def test_every_momentum_is_here() -> None:
    assert {kind.name for kind in MOMENTUM_CLASSES} >= {"none", "ema", "nesterov", "heavy-ball"} and len(MOMENTA) >= 6


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
@pytest.mark.parametrize("alpha", [Fraction(1, 10), Fraction(3, 4), Fraction(1)], ids=str)
def test_the_weights_of_all_gradients(momentum: Momentum, alpha: Fraction) -> None:
    """Fed unit vectors e_0, e_1, …, the oracle gets the weights themselves."""
    steps = 9
    fed = feed(momentum, list(torch.eye(steps, dtype=torch.float64)), float(alpha), core_ndim=1)
    for k in range(steps):
        expected = [float(w) for w in weights(momentum, alpha, k)] + [0.0] * (steps - 1 - k)
        assert fed[k].tolist() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
def test_how_much_the_weights_add_up_to(momentum: Momentum) -> None:
    """1 from the first gradient; 1 − (1 − α)^(k+1) from zero, so a constant gradient is underestimated at first."""
    g, alpha = elements((2, 3), 0), 0.2
    for k, m in enumerate(feed(momentum, [g] * 7, alpha)):
        missing = {"none": 0, "ema": 0.8 ** (k + 1), "nesterov": 0.8 ** (k + 2), "heavy-ball": 0.8 ** (k + 1)}
        share = 1 - missing[momentum.name] * (momentum.start == "zero")
        torch.testing.assert_close(m, g * share / (alpha if momentum.name == "heavy-ball" else 1), rtol=1e-14, atol=0)


def test_alpha_is_the_weight_of_the_new_gradient() -> None:
    """α = 0.9 is little memory; the usual β is 1 − α."""
    old, new = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    assert feed(Ema(), [old, new], 0.9, 1)[1].tolist() == pytest.approx([0.9] * 3)
    assert feed(Nesterov(), [old, new], 0.9, 1)[1].tolist() == pytest.approx([0.1 * 0.9 + 0.9] * 3)
    assert feed(HeavyBall(), [new, old], 0.9, 1)[1].tolist() == pytest.approx([0.1] * 3)
    assert complement(0.25) == 0.75 and complement((0.25, 1.0)) == (0.75, 0.0)


@pytest.mark.parametrize("momentum", AVERAGING, ids=name_of)
def test_alpha_one_is_no_momentum(momentum: Momentum) -> None:
    gradients = [elements((2, 3), k) for k in range(4)]
    assert all(torch.equal(m, g) for m, g in zip(feed(momentum, gradients, 1.0), gradients, strict=True))


@pytest.mark.parametrize(("ball", "shape"), BALLS, ids=name_of)
@pytest.mark.parametrize("kind", [Ema, Nesterov])
def test_the_zero_start_is_the_bias_corrected_form_and_not_the_first_gradient_start(ball, shape, kind) -> None:
    """Dividing by 1 − (1 − α)^(k+1) is not seen by a 0-homogeneous oracle; a start at g_0 is."""
    gradients, alpha, n = [elements(shape, k) for k in range(6)], 0.1, ball.core_ndim
    first = feed(kind("first gradient"), gradients, alpha, n)
    differ = 0.0
    for k, m in enumerate(feed(kind("zero"), gradients, alpha, n)):
        corrected = map_layers(lambda a, k=k: a / (1 - (1 - alpha) ** (k + 1)), m)
        assert gap(ball.lmo(m), ball.lmo(corrected)) < 1e-12
        differ = max(differ, gap(ball.lmo(m), ball.lmo(first[k])))
    assert differ > 0.01


@pytest.mark.parametrize("oracle", [Exact(Spectral()), Exact(LInf(2)), NewtonSchulz()], ids=name_of)
def test_heavy_ball_is_the_average_from_zero_divided_by_alpha(oracle) -> None:
    """A factor that a 0-homogeneous oracle removes: the same directions."""
    gradients, alpha = [elements((3, 4), k, 2) for k in range(8)], 0.3
    for heavy, mean in zip(feed(HeavyBall(), gradients, alpha), feed(Ema("zero"), gradients, alpha), strict=True):
        torch.testing.assert_close(heavy, mean / alpha, rtol=1e-12, atol=1e-14)
        assert float((heavy - mean).abs().max()) > 0.1
        torch.testing.assert_close(oracle(heavy)[0], oracle(mean)[0], rtol=0, atol=1e-11)


@pytest.mark.parametrize(("nesterov", "momentum"), [(True, Nesterov("zero")), (False, Ema("zero"))], ids=str)
@pytest.mark.parametrize("beta", [0.5, 0.9, 0.95])
def test_what_torchs_muon_orthogonalises_to_the_bit(monkeypatch, nesterov, momentum, beta) -> None:
    """The input of its Newton–Schulz, caught on the way; and its buffer."""
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(
        torch.optim._muon, "_zeropower_via_newtonschulz", lambda m, *_: seen.append(m.clone()) or torch.zeros_like(m)
    )
    gradients = [elements((3, 4), k).float() for k in range(6)]
    parameter = nn.Parameter(torch.zeros(3, 4))
    optimizer = torch.optim.Muon([parameter], momentum=beta, nesterov=nesterov)
    buffer = None
    for k, gradient in enumerate(gradients):
        parameter.grad = gradient.clone()
        optimizer.step()
        buffer, fed = momentum.step(buffer, gradient, 1 - beta, 2)
        assert torch.equal(fed, seen[k])
        assert torch.equal(buffer, optimizer.state[parameter]["momentum_buffer"])


@pytest.mark.parametrize("beta", [0.3, 0.9])
def test_torchs_sgd_is_heavy_ball(beta: float) -> None:
    """Its buffer is HeavyBall's; its Nesterov step is ours from zero, divided by α."""
    alpha, gradients = 1 - beta, [elements((3, 4), k) for k in range(6)]
    plain, _ = _torch_sgd(gradients, momentum=beta)
    nesterov, buffers = _torch_sgd(gradients, momentum=beta, nesterov=True)
    for k, heavy in enumerate(feed(HeavyBall(), gradients, alpha)):
        torch.testing.assert_close(heavy, plain[k], rtol=0, atol=1e-13)
        torch.testing.assert_close(heavy, buffers[k], rtol=0, atol=1e-13)
    for k, fed in enumerate(feed(Nesterov("zero"), gradients, alpha)):
        torch.testing.assert_close(fed / alpha, nesterov[k], rtol=0, atol=1e-13)


@pytest.mark.parametrize("beta", [0.3, 0.9])
def test_the_two_starts_in_torch(beta: float) -> None:
    """SGD with dampening = momentum averages from the first gradient, Adam's first moment from zero."""
    alpha, gradients = 1 - beta, [elements((3, 4), k) for k in range(6)]
    moved, _ = _torch_sgd(gradients, momentum=beta, dampening=beta)
    for k, fed in enumerate(feed(Ema("first gradient"), gradients, alpha)):
        torch.testing.assert_close(fed, moved[k], rtol=0, atol=1e-13)
    parameter = nn.Parameter(torch.zeros(3, 4, dtype=torch.float64))
    adam = torch.optim.Adam([parameter], betas=(beta, 0.99))
    for fed, gradient in zip(feed(Ema("zero"), gradients, alpha), gradients, strict=True):
        parameter.grad = gradient.clone()
        adam.step()
        torch.testing.assert_close(fed, adam.state[parameter]["exp_avg"], rtol=0, atol=1e-13)


def _torch_sgd(gradients, **options) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """How far torch.optim.SGD with lr = 1 moves down at every step, and its buffer after it."""
    parameter = nn.Parameter(torch.zeros_like(gradients[0]))
    optimizer, moved, buffers = torch.optim.SGD([parameter], lr=1.0, **options), [], []
    for gradient in gradients:
        parameter.data.zero_()
        parameter.grad = gradient.clone()
        optimizer.step()
        moved.append(-parameter.detach().clone())
        buffers.append(optimizer.state[parameter]["momentum_buffer"].clone())
    return moved, buffers


numbers = st.floats(-100, 100, allow_nan=False)


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12), numbers, numbers, st.floats(1e-3, 1))
def test_linear_in_the_gradients(momentum: Momentum, pairs, a: float, b: float, alpha: float) -> None:
    """So m − ∇f splits into drift and noise: each part is fed alone, with the same weights."""
    signal, noise = torch.tensor(pairs, dtype=torch.float64).T.unsqueeze(-1)
    whole, s, n = (torch.cat(feed(momentum, list(g), alpha, 1)) for g in (a * signal + b * noise, signal, noise))
    torch.testing.assert_close(whole, a * s + b * n, rtol=1e-12, atol=1e-9)  # sums of up to 12 numbers of size 2e4


@pytest.mark.parametrize("momentum", AVERAGING, ids=name_of)
def test_the_forms_of_alpha_agree(momentum: Momentum) -> None:
    """One number, one per run, and a tuple of either, one per layer."""
    runs, alphas = 3, torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    pairs = [elements(((2, 3), (4,)), k, runs) for k in range(5)]
    per_run = feed(momentum, pairs, alphas, (2, 1))
    per_layer = feed(momentum, pairs, (alphas, 0.7), (2, 1))
    for r in range(runs):
        alpha = float(alphas[r])
        alone = feed(momentum, [tuple(a[r] for a in pair) for pair in pairs], alpha, (2, 1))
        first = feed(momentum, [pair[0][r] for pair in pairs], alpha, 2)
        second = feed(momentum, [pair[1][r] for pair in pairs], 0.7, 1)
        for k in range(len(pairs)):
            assert gap(tuple(a[r] for a in per_run[k]), alone[k]) < 1e-14
            assert gap(per_run[k][0][r], first[k]) < 1e-14
            assert gap(tuple(a[r] for a in per_layer[k]), (first[k], second[k])) < 1e-14


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
def test_a_step_changes_neither_gradient_nor_buffer(momentum: Momentum) -> None:
    gradients = [elements((2, 3), k) for k in range(3)]
    buffer, kept = None, [g.clone() for g in gradients]
    for gradient in gradients:
        before = None if buffer is None else buffer.clone()
        after, _ = momentum.step(buffer, gradient, 0.3 if momentum.needs_alpha else None, 2)
        assert buffer is None or torch.equal(buffer, before)
        buffer = after
    assert all(torch.equal(a, b) for a, b in zip(gradients, kept, strict=True))


@pytest.mark.parametrize("kind", [Ema, Nesterov])
def test_an_unknown_start_is_refused(kind) -> None:
    with pytest.raises(ValueError, match=r"unknown momentum start 'first'; did you mean 'first gradient'\?"):
        kind("first")
    assert kind().start == "first gradient" and HeavyBall().start == "zero"


@pytest.mark.parametrize(("ball", "shape"), BALLS, ids=name_of)
def test_the_direction_is_added(ball, shape) -> None:
    """x⁺ = x + γ lmo(g), and it goes down: ⟨g, x⁺ − x⟩ = −γ‖g‖_*."""
    x, g, gamma = elements(shape, 1, 4), elements(shape, 2, 4), 0.3
    method = Method(Exact(ball))
    after, move = method.step(method.init(x), g, step_size=gamma)
    torch.testing.assert_close(inner(g, subtract(after.x, x), ball.core_ndim), -gamma * ball.dual_norm(g))
    assert gap(move.direction, ball.lmo(g)) == 0


def test_delta_is_measured_in_the_norm_of_the_ball() -> None:
    """An error of 0.3 on r singular values: δ = 0.3 in the spectral norm, 0.3 √r in Frobenius'."""
    m = elements((4, 6), 3)
    u, _, vh = torch.linalg.svd(m, full_matrices=False)
    d = Spectral().lmo(m) + 0.3 * u @ vh
    assert float(measure(Spectral(), m, d).delta) == pytest.approx(0.3)
    assert float(norm2(d - Spectral().lmo(m), 2)) == pytest.approx(0.3 * math.sqrt(4))
    in_frobenius = Frobenius().lmo(m) + 0.3 * u @ vh
    assert float(measure(Frobenius(), m, in_frobenius).delta) == pytest.approx(0.3 * math.sqrt(4))


@pytest.mark.parametrize("r", [0.01, 1.0, 50.0])
def test_delta_is_relative_to_the_radius(r: float) -> None:
    """In the ball of radius r an error of norm r · 0.3 is δ = 0.3; ε and η do not see r."""
    m = elements((3, 4), 5, 6)
    d = 0.7 * Spectral().lmo(m)
    base, scaled = measure(Spectral(), m, d), measure(Scaled(Spectral(), r), m, r * d)
    assert scaled.delta.tolist() == pytest.approx([0.3] * 6)
    for ours, one in zip(scaled[:3], base[:3], strict=True):
        torch.testing.assert_close(ours, one, rtol=1e-9, atol=1e-12)
    layers = Product((Spectral(), LInf()), (r, 1.0))
    off = measure(layers, (m, elements((2,), 6, 6)), (r * d, LInf().lmo(elements((2,), 6, 6))))
    assert off.delta.tolist() == pytest.approx([0.3] * 6)


def test_sigma_is_measured_in_l2_and_rho_turns_it_into_the_dual_norm() -> None:
    """E‖ξ‖₂² = σ², while E‖ξ‖_*² lies strictly between σ² and ρ²σ², ρ = √min(a, b)."""
    sigma, samples = 0.3, 4000
    noisy = Noisy(MatrixQuadratic.shipped()[0], sigma)
    noise = noisy.sample(Draw(np.arange(samples), 0))
    rho = Spectral().norm_ratio(noisy.shape)
    assert rho == pytest.approx(math.sqrt(min(noisy.shape)))
    in_l2 = float((norm2(noise, 2) ** 2).mean())
    assert in_l2 == pytest.approx(sigma**2, rel=0.05)
    dual = Spectral().dual_norm(noise)
    assert 1.5 * sigma**2 < float((dual**2).mean()) < (rho * sigma) ** 2
    assert bool((dual <= rho * norm2(noise, 2) * (1 + 1e-12)).all())


@pytest.mark.parametrize("momentum", AVERAGING, ids=name_of)
def test_how_much_noise_is_left_in_l2(momentum: Momentum) -> None:
    """E‖Σ w_i ξ_i‖₂² = σ² Σ w_i² with the weights written out (independent noise)."""
    alpha, steps, sigma, samples = Fraction(1, 4), 6, 0.5, 4000
    noisy = Noisy(MatrixQuadratic.shipped()[0], sigma)
    noise = [noisy.sample(Draw(np.arange(samples), k)) for k in range(steps)]
    left = float((norm2(feed(momentum, noise, float(alpha))[-1], 2) ** 2).mean())
    squares = sum(w**2 for w in weights(momentum, alpha, steps - 1))
    assert left == pytest.approx(sigma**2 * float(squares), rel=0.05)
