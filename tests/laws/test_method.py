"""`Method.step`: pure, batched without a loop, its step rules and decay against their formulas, its refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from samples import MOMENTA, ORACLES, elements, name_of

import lmo.step_rules
from lmo import Draw, Method
from lmo.balls import Frobenius, LInf, Nuclear, Product, Spectral
from lmo.elements import map_layers
from lmo.momentum import Ema, HeavyBall, Nesterov, NoMomentum
from lmo.oracles import Exact, Mixed, PerRun, Perturbed, Random, Scripted, TorchNewtonSchulz, Worst
from lmo.step_rules import Adaptive, Fixed, GradientRatio, LayerAdaptive, ShapeScaled, StepRule
from lmo.testing.subject import gap

RULES = [Fixed(), Adaptive(), LayerAdaptive(), ShapeScaled(1.7), GradientRatio(0.7, 0.4)]
WITH_DRAWS = [(Perturbed(Exact(ball), Random(0.4)), shape) for ball, shape in ((Spectral(), (3, 4)), (LInf(), (5,)))]
LAYERS = (Exact(Product((Spectral(), LInf()), (0.5, 2.0))), ((2, 3), (4,)))
ALL = [*ORACLES, *WITH_DRAWS, LAYERS]
RUNS = 3


def go(method: Method, shape: tuple, steps: int = 4, step_size=0.1, alpha=0.3, run: int | None = None) -> list:
    """(state, move) of every step of the runs 0, 1, 2, or of one of them alone."""
    pick = (lambda x: x) if run is None else (lambda x: map_layers(lambda a: a[run], x))
    state, out = method.init(pick(elements(shape, 0, RUNS))), []
    for k in range(steps):
        state, move = method.step(
            state,
            pick(elements(shape, 1 + k, RUNS)),
            step_size=step_size,
            alpha=alpha if method.momentum.needs_alpha else None,
            draw=Draw(np.arange(RUNS) if run is None else run, k),
        )
        out.append((state, move))
    return out


def copied(x):
    """A deep copy of tensors, tuples and dicts of them, everything else as it is."""
    if isinstance(x, torch.Tensor):
        return x.clone()
    if isinstance(x, dict):
        return {key: copied(value) for key, value in x.items()}
    return tuple(copied(a) for a in x) if isinstance(x, tuple) else x


def same(x, y) -> bool:
    """Equal to the bit."""
    if isinstance(x, dict):
        x, y = tuple(x.items()), tuple(y.items())
    if isinstance(x, tuple):
        return len(x) == len(y) and all(same(a, b) for a, b in zip(x, y, strict=True))
    return torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y


def test_every_step_rule_is_here() -> None:
    found = {k for k in vars(lmo.step_rules).values() if isinstance(k, type) and issubclass(k, StepRule)} - {StepRule}
    assert found == {type(rule) for rule in RULES}


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
@pytest.mark.parametrize(("oracle", "shape"), ALL, ids=name_of)
def test_a_step_is_pure(oracle, shape, momentum) -> None:
    for rule in RULES:
        method = Method(oracle, momentum, rule, 0.2)
        state, gradient = go(method, shape, 2)[-1][0], elements(shape, 9, RUNS)
        before = copied((*state, gradient))
        options = {"step_size": 0.1, "alpha": 0.3 if momentum.needs_alpha else None, "draw": Draw(np.arange(RUNS), 7)}
        first, again = (method.step(state, gradient, **options) for _ in range(2))
        assert same(tuple(map(tuple, first)), tuple(map(tuple, again)))
        assert same((*state, gradient), before)
        assert gap(first[0].x, state.x) > 0


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
@pytest.mark.parametrize(("oracle", "shape"), ALL, ids=name_of)
def test_a_batch_is_a_loop(oracle, shape, momentum) -> None:
    """With one step size and one α per run; what is drawn belongs to the seed, not to the place in the batch."""
    gammas, alphas = (torch.tensor(v, dtype=torch.float64) for v in ([0.0, 0.1, 1.0], [0.05, 0.5, 1.0]))
    tolerance = 0.1 if isinstance(oracle, TorchNewtonSchulz) else 1e-9  # bfloat16 kernels differ in a batch
    for rule in RULES:
        method = Method(oracle, momentum, rule, 0.2)
        whole = go(method, shape, step_size=gammas, alpha=alphas)
        for r in range(RUNS):
            alone = go(method, shape, step_size=float(gammas[r]), alpha=float(alphas[r]), run=r)
            for (state, move), (own, moved) in zip(whole, alone, strict=True):
                for a, b in ((state.x, own.x), (move.fed, moved.fed), (move.direction, moved.direction)):
                    assert gap(map_layers(lambda layer, r=r: layer[r], a), b) < tolerance


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_batch_dimensions_are_only_a_shape(rule) -> None:
    x, g = elements((2, 3), 0, 2, 3), elements((2, 3), 1, 2, 3)
    gammas = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=torch.float64)
    method = Method(Exact(Nuclear()), Ema(), rule, 0.3)
    deep, _ = method.step(method.init(x), g, step_size=gammas, alpha=0.5)
    flat, _ = method.step(method.init(x.flatten(0, 1)), g.flatten(0, 1), step_size=gammas.flatten(), alpha=0.5)
    torch.testing.assert_close(deep.x.flatten(0, 1), flat.x, rtol=0, atol=1e-12)


def test_the_dtype_is_kept() -> None:
    for oracle, shape in ALL:
        method = Method(oracle, Nesterov("zero"), Adaptive(), 0.1)
        x, g = (map_layers(lambda a: a.float(), elements(shape, i, RUNS)) for i in (0, 1))
        options = {"alpha": torch.full((RUNS,), 0.5, dtype=torch.float64), "draw": Draw(np.arange(RUNS), 0)}
        state, _ = method.step(method.init(x), g, step_size=torch.full((RUNS,), 0.1, dtype=torch.float64), **options)
        for layer in state.x if isinstance(state.x, tuple) else (state.x,):
            assert layer.dtype == torch.float32


def nuclear_norm(m: np.ndarray) -> np.ndarray:
    return np.linalg.svd(m, compute_uv=False).sum(-1)


@pytest.mark.parametrize(
    ("rule", "moves", "decays"),
    [
        (Fixed(), lambda s, m: s, lambda s, m: s),
        (Adaptive(), lambda s, m: s * nuclear_norm(m), lambda s, m: s * nuclear_norm(m)),
        (ShapeScaled(0.2 * 6**0.5), lambda s, m: 0.2 * 6**0.5 * s, lambda s, m: s),
    ],
    ids=["fixed", "adaptive", "shape-scaled"],
)
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_a_step_written_out_with_numpy(rule, moves, decays, decay) -> None:
    """x⁺ = (1 − λ·decay size)x + γ·lmo(m), m the EMA; Muon's rule decays with the unadjusted step size."""
    size, alpha = np.array([0.05, 0.4, 1.0]), 0.3
    states = go(Method(Exact(Spectral()), Ema(), rule, decay), (6, 4), 3, torch.from_numpy(size), alpha)
    x, m = elements((6, 4), 0, RUNS).numpy(), None
    for k, (state, move) in enumerate(states):
        g = elements((6, 4), 1 + k, RUNS).numpy()
        m = g if m is None else (1 - alpha) * m + alpha * g
        u, _, vh = np.linalg.svd(m, full_matrices=False)
        gamma, shrink = moves(size, m), 1 - decay * decays(size, m)
        x = shrink[:, None, None] * x - gamma[:, None, None] * (u @ vh)
        np.testing.assert_allclose(state.x.numpy(), x, atol=1e-12)
        np.testing.assert_allclose(move.fed.numpy(), m, atol=1e-14)
        np.testing.assert_allclose(move.step.numpy(), gamma, rtol=1e-12)
        np.testing.assert_allclose(move.direction.numpy(), -u @ vh, atol=1e-12)


@pytest.mark.parametrize(("rule", "radius"), [(Fixed(), 1 / 0.5), (ShapeScaled(1.7), 1.7 / 0.5)], ids=name_of)
def test_decay_keeps_the_iterates_in_a_ball(rule, radius) -> None:
    """Of radius 1/λ, or factor/λ where decay uses the unadjusted step size; a constant gradient goes to its surface."""
    method = Method(Exact(Spectral()), step_rule=rule, weight_decay=0.5)
    state = method.init(torch.zeros(2, 3, dtype=torch.float64))
    for k in range(60):
        state, _ = method.step(state, elements((2, 3), k), step_size=0.4)
        assert float(Spectral().norm(state.x)) <= radius + 1e-12
    for _ in range(120):
        state, _ = method.step(state, elements((2, 3), 0), step_size=0.4)
    torch.testing.assert_close(state.x, radius * Spectral().lmo(elements((2, 3), 0)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
@pytest.mark.parametrize("momentum", [Ema(), HeavyBall(), Nesterov("zero")], ids=name_of)
def test_a_tuple_of_step_sizes_moves_each_layer_by_its_own(rule, momentum) -> None:
    """In the maximum product the layers are independent, but for the rules that measure ‖m‖_* over all of them."""
    oracle, shapes = LAYERS
    gammas = (0.1, torch.tensor([0.2, 0.3, 0.4], dtype=torch.float64))
    alphas = (torch.tensor([0.3, 0.5, 1.0], dtype=torch.float64), 0.6)
    whole = go(Method(oracle, momentum, rule, 0.2), shapes, step_size=gammas, alpha=alphas)
    xs, buffers = elements(shapes, 0, RUNS), [None, None]
    for k, (state, _) in enumerate(whole):
        fed, pair = [], elements(shapes, 1 + k, RUNS)
        for i, n in enumerate((2, 1)):
            buffers[i], m = momentum.step(buffers[i], pair[i], alphas[i], n)
            fed.append(m)
        duals = [r * b.dual_norm(m) for r, b, m in zip((0.5, 2.0), oracle.ball.balls, fed, strict=True)]
        ratio = sum(duals) / (0.7 + 0.4 * sum(duals))
        by_rule = {Adaptive: [sum(duals)] * 2, GradientRatio: [ratio] * 2, LayerAdaptive: duals}
        factors = by_rule.get(type(rule), [1, 1])
        after = []
        layers = zip(xs, fed, oracle.ball.balls, (0.5, 2.0), gammas, factors, (2, 1), strict=True)
        for x, m, ball, r, gamma, factor, n in layers:
            size = torch.as_tensor(gamma * factor, dtype=x.dtype)
            size = size.expand(RUNS).reshape(RUNS, *[1] * n)
            move = size * (1.7 if isinstance(rule, ShapeScaled) else 1)
            after.append((1 - 0.2 * size) * x + move * r * ball.lmo(m))
        xs = tuple(after)
        assert gap(state.x, xs) < 1e-12


def test_the_objective_is_asked_at_the_iterate_after_decay() -> None:
    """`Worst` tries its candidates where the step would end: (1 − λγ)x + γd."""
    target, gamma, decay = elements((3, 3), 18), 0.7, 0.9
    method = Method(Perturbed(Exact(Spectral()), Worst(0.5)), weight_decay=decay)
    x, g = elements((3, 3), 0), elements((3, 3), 1)
    state, _ = method.step(method.init(x), g, step_size=gamma, objective=lambda y: ((y - target) ** 2).sum((-2, -1)))
    u, _, vh = np.linalg.svd(g.numpy())
    ends = [(1 - decay * gamma) * x.numpy() - gamma * u @ np.diag([0.5] * j + [1.5] * (3 - j)) @ vh for j in range(4)]
    values = [((end - target.numpy()) ** 2).sum() for end in ends]
    np.testing.assert_allclose(state.x.numpy(), ends[int(np.argmax(values))], atol=1e-12)
    before = [((end + decay * gamma * x.numpy() - target.numpy()) ** 2).sum() for end in ends]
    assert int(np.argmax(before)) != int(np.argmax(values))  # else the place would not matter here


def test_the_memory_of_an_oracle_is_carried() -> None:
    factors = torch.tensor([[[1.0], [0.5]]], dtype=torch.float64)
    method = Method(Scripted(LInf(), factors, torch.tensor([2])))
    state, seen = method.init(torch.zeros(1, 1, dtype=torch.float64)), []
    for _ in range(4):
        state, move = method.step(state, torch.ones(1, 1, dtype=torch.float64), step_size=1.0)
        seen.append(float(-move.direction))
    assert seen == [1.0, 0.5, 1.0, 0.5] and state.memory == 4
    batch = PerRun([Scripted(LInf(), factors, torch.tensor([2])), Exact(LInf())], [0, 1])
    state = Method(batch).init(torch.zeros(2, 1, dtype=torch.float64))
    for _ in range(3):
        state, _ = Method(batch).step(state, torch.ones(2, 1, dtype=torch.float64), step_size=1.0)
    assert state.x.flatten().tolist() == [-2.5, -3.0] and state.memory == [3, None]


EMA = Method(Exact(Spectral()), Ema())
NAN, INFINITE = (torch.full((3, 2, 2), v, dtype=torch.float64) for v in (float("nan"), float("inf")))


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        (lambda: Method(Spectral()), TypeError, r"`oracle` must be of type Oracle, got Spectral"),
        (lambda: Method(Exact(Spectral()), 0.9), TypeError, "`momentum` must be of type Momentum, got 0.9"),
        (lambda: Method(Exact(Spectral()), step_rule=0.1), TypeError, "`step_rule` must be of type StepRule, got 0.1"),
        (lambda: Method(Exact(Spectral()), weight_decay=-0.1), ValueError, "`weight_decay` must be .* >= 0.0"),
        (lambda: ShapeScaled(0.0), ValueError, "`factor` must be a finite number > 0.0, got 0.0"),
        (lambda: EMA.init(NAN), ValueError, "`x` has entries that are NaN or infinite"),
        (lambda: EMA.init(torch.zeros(3)), ValueError, r"`x` needs at least 2 dimension\(s\)"),
        (lambda: EMA.init([[1.0]]), TypeError, "`x` must be a torch.Tensor"),
    ],
)  # fmt: skip
def test_refusals_of_parts(method, error, message) -> None:
    with pytest.raises(error, match=message):
        method()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"gradient": NAN}, ValueError, "`gradient` has entries that are NaN or infinite"),
        ({"gradient": INFINITE}, ValueError, "`gradient` has entries that are NaN or infinite"),
        ({"gradient": elements((2, 3), 0, 3)}, ValueError, r"must have one shape, got \(3, 2, 2\) and \(3, 2, 3\)"),
        ({"gradient": torch.ones(3, 2, 2, dtype=torch.int64)}, TypeError, "`gradient` must have a floating"),
        ({"gradient_before": elements((2, 2), 0, 3)}, ValueError, "`gradient_before` is not used by .* 'ema'"),
        ({"step_size": -0.1}, ValueError, "`step_size` must be a finite number >= 0.0, got -0.1"),
        ({"step_size": float("nan")}, ValueError, "`step_size` must be a finite number"),
        ({"step_size": torch.tensor([0.1, float("inf"), 0.1])}, ValueError, "`step_size` must be a finite number"),
        ({"alpha": None}, ValueError, r"`alpha`, .* in \(0, 1\], is required \(it is 1 − beta\)"),
        ({"alpha": 0.0}, ValueError, "`alpha` must be a finite number > 0.0"),
        ({"alpha": 1.01}, ValueError, "`alpha` must be <= 1: it is the weight of the new gradient"),
        ({"alpha": torch.tensor([0.1, 0.2, 1.5])}, ValueError, "`alpha` must be <= 1"),
        # per-run numbers that do not fit the runs must not change the shape of the iterate, or pass in silence
        ({"step_size": torch.full((3, 1), 0.1).double()}, ValueError, r"`step_size` .* \(3, 1\)"),
        ({"step_size": torch.full((2,), 0.1).double()}, ValueError, r"`step_size` .* \(2,\)"),
        ({"alpha": torch.full((3, 1), 0.1).double()}, ValueError, r"`alpha` .* \(3, 1\)"),
        ({"step_size": (0.1, 0.2)}, ValueError, "`step_size` .* one per layer"),
        ({"alpha": (0.1, 0.2)}, ValueError, "`alpha` .* one per layer"),
    ],
)  # fmt: skip
def test_refusals_of_a_step(changes, error, message) -> None:
    arguments = {"gradient": elements((2, 2), 1, 3), "step_size": 0.1, "alpha": 0.5} | changes
    with pytest.raises(error, match=message):
        EMA.step(EMA.init(elements((2, 2), 0, 3)), arguments.pop("gradient"), **arguments)


def test_further_refusals() -> None:
    method = Method(Exact(Frobenius()), NoMomentum())
    x = elements((2, 2), 0)
    with pytest.raises(ValueError, match="`alpha` was given, but the method has no momentum; leave it out"):
        method.step(method.init(x), x, step_size=0.1, alpha=0.5)
    with pytest.raises(ValueError, match="the error Random needs `draw`"):
        noisy = Method(Perturbed(Exact(Frobenius()), Random(0.1)))
        noisy.step(noisy.init(x), x, step_size=0.1)
    with pytest.raises(ValueError, match="not a maximum over parts"):
        Method(Perturbed(Exact(Frobenius()), Mixed(0.1)))
    layers = Method(LAYERS[0])
    pair = elements(LAYERS[1], 0)
    with pytest.raises(TypeError, match=r"`gradient` must be a tuple of 2 tensors, one per layer; got 1 layers"):
        layers.step(layers.init(pair), pair[:1], step_size=0.1)
    with pytest.raises(ValueError, match=r"`step_size` .* one per layer"):
        layers.step(layers.init(pair), pair, step_size=(0.1, 0.2, 0.3))
