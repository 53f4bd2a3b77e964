"""Layer-wise statements: sums over the last axis, their weights on runs, and what blockwise constants do not give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch
from command_line import lmo, strict_json

import bounds
from bounds import certificate, evaluate
from bounds.chain import BrokenChain
from bounds.layered_chain import LayeredTelescope
from bounds.layers import OverLayers, identical, over_layers, symbols_of_layers
from bounds.symbols import COLUMNS, CONSTANTS, LAYER_COLUMNS, Delta, K, L, b, c, gamma
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.run import run
from experiments.studies.theorems import Scale, run_table
from lmo.balls import Frobenius, Product, Spectral
from lmo.method import Method
from lmo.oracles import Exact, Inflate, PerLayer, Perturbed, Shrink
from lmo.step_rules import Adaptive, LayerAdaptive

NAMES = ["layer-wise", "layer-wise-fixed"]
LW, LW_FIXED = (bounds.theorems[name] for name in NAMES)
LAYERS = {"smoothness": [0.5, 2.0, 8.0], "epsilon": [0.1, 0.6, -0.2], "eta": [0.3, -0.4, 0.2]}


def by_hand(initial_gap: float, steps: float, smoothness, epsilon, eta, step_size: float | None = None) -> float:
    cost = 0.0
    for i in range(len(smoothness)):
        cost += smoothness[i] * (1 + eta[i]) ** 2 / (1 - epsilon[i]) ** 2
    if step_size is None:
        return (2 * initial_gap * cost / steps) ** 0.5
    return initial_gap / (step_size * steps) + step_size * cost / 2


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_the_last_axis_is_the_layer() -> None:
    assert float(LW.bound(initial_gap=4.5, steps=40, **LAYERS)) == pytest.approx(by_hand(4.5, 40, **LAYERS), rel=1e-14)
    got = LW_FIXED.bound(initial_gap=4.5, steps=40, step_size=0.1, **LAYERS)
    assert float(got) == pytest.approx(by_hand(4.5, 40, step_size=0.1, **LAYERS), rel=1e-14)


def test_other_axes_broadcast() -> None:
    gaps, steps = np.array([[1.0], [2.0]]), np.array([10.0, 20.0, 40.0, 80.0])
    noisy = np.linspace(0, 0.5, 4)[:, None] + np.array([0.0, 0.1, 0.2])  # (4 oracles, 3 layers)
    table = LW.bound(initial_gap=gaps, steps=steps, smoothness=LAYERS["smoothness"], epsilon=noisy, eta=0.1)
    assert table.shape == (2, 4)
    for i, gap in enumerate(gaps[:, 0]):
        for j in range(4):
            alone = by_hand(gap, steps[j], LAYERS["smoothness"], noisy[j], [0.1] * 3)
            assert table[i, j] == pytest.approx(alone, rel=1e-14)


def test_one_number_stands_for_every_layer_and_alone_for_one_layer() -> None:
    three = LW.bound(initial_gap=1, steps=9, smoothness=[2.0, 2.0, 2.0], delta=0.3)
    assert float(three) == pytest.approx(3**0.5 * float(LW.bound(initial_gap=1, steps=9, smoothness=2.0, delta=0.3)))
    d2 = bounds.theorems["D2"].bound(initial_gap=1, steps=9, smoothness=2.0, delta=0.3)
    assert float(LW.bound(initial_gap=1, steps=9, smoothness=2.0, delta=0.3)) == pytest.approx(float(d2), rel=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_layers_that_do_not_fit_are_refused(name: str) -> None:
    theorem = bounds.theorems[name]
    given = {"initial_gap": 1.0, "steps": 9, "smoothness": [1.0, 2.0, 3.0], "delta": [0.1, 0.2]}
    with pytest.raises(ValueError, match="the layer, as long in each of them; got smoothness: 3, epsilon: 2"):
        theorem.bound(**given, **({"step_size": 0.1} if name == "layer-wise-fixed" else {}))
    with pytest.raises(ValueError, match="OverLayers has no JavaScript form"):
        theorem.javascript()


def test_a_symbol_inside_and_outside_of_the_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="L stands inside over_layers and outside"):
        evaluate.value(L * over_layers(L), {"smoothness": np.array([1.0, 2.0])})
    assert symbols_of_layers(Delta * over_layers(L * b)) == {L, b}


def test_sympys_sum_would_add_up_the_wrong_axis() -> None:
    """Why `OverLayers` is a function of its own: the same numbers through sympy's lambdified Sum."""
    i, n = sp.Symbol("i", integer=True), sp.Symbol("n", integer=True)
    indexed = sp.lambdify([sp.IndexedBase("x"), n], sp.Sum(sp.IndexedBase("x")[i], (i, 0, n - 1)))
    values = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(indexed(values, 2), values.sum(0))
    assert np.array_equal(evaluate.value(over_layers(L), {"smoothness": values}), values.sum(-1))


def test_tunings() -> None:
    tuned = LW.tune(initial_gap=4.5, steps=40, **LAYERS)
    epsilon, eta = np.array(LAYERS["epsilon"]), np.array(LAYERS["eta"])
    assert tuned.step_size == pytest.approx((1 - epsilon) / (np.array(LAYERS["smoothness"]) * (1 + eta) ** 2))
    fixed = LW_FIXED.tune(initial_gap=4.5, steps=40, **LAYERS)
    assert float(fixed.value) == pytest.approx(float(tuned.value))
    at = [
        float(LW_FIXED.bound(initial_gap=4.5, steps=40, step_size=float(fixed.step_size) * f, **LAYERS))
        for f in (0.9, 1.0, 1.1)
    ]
    assert at[1] == pytest.approx(float(fixed.value)) and at[1] < min(at[0], at[2])


def test_better_than_one_pair_for_all_layers() -> None:
    """Against D2 with the worst ε and η of the layers and L = Σ L_i, which is what the product ball alone gives."""
    worst = {"epsilon": max(LAYERS["epsilon"]), "eta": max(LAYERS["eta"]), "smoothness": sum(LAYERS["smoothness"])}
    together = float(bounds.theorems["D2"].bound(initial_gap=1, steps=9, **worst))
    assert float(LW.bound(initial_gap=1, steps=9, **LAYERS)) < 0.5 * together


def test_the_command_takes_one_number_per_layer() -> None:
    words = ["smoothness=0.5,2,8", "epsilon=0.1,0.6,-0.2", "eta=0.3,-0.4,0.2", "initial_gap=4.5", "steps=40"]
    (row,) = strict_json(lmo("bound", "layer-wise", *words, "--json").out)
    assert row["bound"] == pytest.approx(by_hand(4.5, 40, **LAYERS)) and row["epsilon"] == LAYERS["epsilon"]
    (tuned,) = strict_json(lmo("tune", "Lw", *words, "--json").out)
    assert tuned["step_size"] == pytest.approx(list(LW.tune(initial_gap=4.5, steps=40, **LAYERS).step_size))
    assert "0.1, 0.6, -0.2" in lmo("tune", "layer-wise-fixed", *words).out
    for bad in ("smoothness=1,,2", "smoothness=1,x"):
        assert "a list with one number per layer" in lmo("bound", "layer-wise", bad).err


def test_no_two_names_are_one_symbol() -> None:
    """Two symbols of one name and sign are ONE symbol to sympy: constants and columns must all differ."""
    columns = {s for name, s in {**COLUMNS, **LAYER_COLUMNS}.items() if name != "step_size"}
    names = [str(s) for s in (*(constant.symbol for constant in CONSTANTS.values()), *columns)]
    assert len(set(names)) == len(CONSTANTS) + len(columns)


# --- proofs -----------------------------------------------------------------------------------------------------------


def test_the_chains_yield_the_weights_of_the_statement() -> None:
    weight, rest = LW.proof.closing.weighted(LW.proof.step)
    assert sp.simplify(weight - c**2 / (2 * b**2 * L)) == 0 and rest == 0
    weight, rest = LW_FIXED.proof.closing.weighted(LW_FIXED.proof.step)
    assert weight == gamma and sp.simplify(rest - L * gamma**2 * b**2 / (2 * c**2)) == 0


@pytest.mark.parametrize(
    ("wrong", "inequality"),
    [(L * b / c**2, "size"), (L * b**2 / c, "alignment"), (L / c**2, "size"), (2 * L * b**2 / c**2, "alignment")],
)
def test_a_wrong_weight_in_the_claim_is_refused(wrong: sp.Expr, inequality: str) -> None:
    mutant = replace(LW_FIXED, claim=Delta / (gamma * K) + gamma * OverLayers(wrong) / 2)
    chain = next(one for one in mutant.check() if one.name == "chain yields the claim")
    assert not chain.passed
    assert not next(o for o in replace(LW, claim=sp.sqrt(2 * Delta * OverLayers(wrong) / K)).check()).passed


def test_identities_are_asked_of_several_layers() -> None:
    """(Σ x)² and Σ x² agree for one layer, and only there."""
    assert not identical(OverLayers(L) ** 2, OverLayers(L**2))
    assert identical(OverLayers(L * b + L), OverLayers(L * b) + OverLayers(L))


def test_layers_of_different_weight_have_no_plain_sum() -> None:
    with pytest.raises(BrokenChain, match="only their weighted sum is bounded"):
        replace(LW_FIXED.proof, step=_equal_steps(), closing=LayeredTelescope()).derive()


def _equal_steps():
    from bounds.layered_chain import alignment_by_layer, size_by_layer, smoothness_by_layer

    return smoothness_by_layer(gamma), alignment_by_layer(gamma), size_by_layer(L * gamma**2 / 2)


# --- runs -------------------------------------------------------------------------------------------------------------


def decoupled(size: int = 4) -> LayeredQuadratic:
    """Layers a_i‖X_i‖²/2 from multiples of the identity: the step of the statement ends at 0, so nothing is lost."""
    start = torch.stack([s * torch.eye(size, dtype=torch.float64) for s in (1.0, 3.0)])
    return LayeredQuadratic(torch.diag(torch.tensor([0.5, 0.125], dtype=torch.float64)), start)


def weighted_run(weight, steps: int = 2) -> tuple[float, float]:
    """avg_k Σ weight(c, b, L)·g² on a run of the statement's own method, and Δ/K."""
    problem = decoupled()
    oracle = PerLayer([Perturbed(Exact(Spectral()), Shrink(0.5)), Perturbed(Exact(Spectral()), Inflate(0.25))])
    smoothness = np.array([known.value for known in problem.layer_smoothness(oracle.ball)])
    promises = oracle.layer_promises()
    align, size = (np.array([float(f(p)) for p in promises]) for f in (lambda p: 1 - p.epsilon, lambda p: 1 + p.eta))
    sizes = LW.tune(initial_gap=1, steps=1, smoothness=smoothness, epsilon=1 - align, eta=size - 1).step_size
    data = run(problem, Method(oracle, step_rule=LayerAdaptive()), steps=steps, step_size=tuple(sizes.tolist()))
    squares = data["layer_gradient_norm"].values[0] ** 2
    return float((weight(align, size, smoothness) * squares).sum(-1).mean()), problem.initial_gap().value / steps


def test_the_weighted_metric_is_attained() -> None:
    measured, bound = weighted_run(lambda c, b, L: c**2 / (2 * b**2 * L))
    assert measured == pytest.approx(bound, rel=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c, b, L: c**2 / (b**2 * L),
        lambda c, b, L: 1 / (2 * b**2 * L),
        lambda c, b, L: c**2 / (2 * L),
        lambda c, b, L: c**2 / (2 * b**2 * L[::-1]),
    ],
    ids=["no half", "c dropped", "b dropped", "the other layer's L"],
)
def test_a_planted_wrong_weighting_is_refuted_by_the_run(wrong) -> None:
    measured, bound = weighted_run(wrong)
    assert measured > 1.05 * bound


def test_any_fixed_steps_obey_the_weighted_bound() -> None:
    """avg Σ γ_i c_i g_i ≤ Δ/K + ½Σ L_iγ_i²b_i² for steps of layers that the tuning would not choose."""
    problem = LayeredQuadratic.shipped()[0]
    ball = Product([Spectral(), Spectral(), Frobenius()], [1.0, 2.0, 0.5])
    smoothness = np.array([known.value for known in problem.layer_smoothness(ball)])
    oracle = PerLayer(
        [Perturbed(Exact(b), Shrink(d)) for b, d in zip(ball.balls, (0.0, 0.4, 0.7), strict=True)], ball.radii
    )
    scale, lengths = np.array([1.0, 0.6, 0.3]), np.array([0.3, 0.02, 0.1])
    data = run(problem, Method(oracle), steps=60, step_size=tuple(lengths.tolist()))
    measured = float((lengths * scale * data["layer_gradient_norm"].values[0]).sum(-1).mean())
    bound = problem.initial_gap().value / 60 + 0.5 * float((smoothness * lengths**2 * scale**2).sum())
    assert 0.3 * bound < measured <= bound


def test_the_table_runs_both_and_errors_per_layer_are_charged_per_layer() -> None:
    scale = Scale(steps=40, seeds=2, deltas=(0.7,))
    chosen = [LW, LW_FIXED, bounds.theorems["D1"]]
    verdicts = run_table(chosen, LayeredQuadratic.shipped(), scale).verdicts
    assert {v.theorem for v in verdicts} == {*NAMES, "fixed-step"} and all(v.status == "holds" for v in verdicts)
    ratio = {
        name: min(v.ratio for v in verdicts if v.theorem == name and v.oracle == "other error per layer")
        for name in ("layer-wise-fixed", "fixed-step")
    }
    assert ratio["layer-wise-fixed"] > 0.9 > 0.6 > ratio["fixed-step"]
    alone = run_table(chosen, MatrixQuadratic.shipped(), Scale(steps=4, seeds=1, deltas=(0.5,))).skipped
    assert "no smoothness constants per layer" in next(iter(alone["layer-wise"]))


def test_blockwise_constants_are_not_enough() -> None:
    """f = ½(x₁ + x₂)² has L₁ = L₂ = 1 block by block, and violates what the statement assumes and what it claims."""
    ones = torch.ones(2, 2, dtype=torch.float64)
    problem = LayeredQuadratic(ones, torch.ones(2, 1, 1))
    ball = Product([Frobenius(), Frobenius()])
    joint = [known.value for known in problem.layer_smoothness(ball)]
    assert joint == [2.0, 2.0]  # Σ_j L_ij, not the diagonal blocks' 1, 1
    method = Method(Exact(ball), step_rule=LayerAdaptive())
    for smoothness, fine in ((joint, True), ([1.0, 1.0], False)):
        constants = {"initial_gap": problem.initial_gap().value, "steps": 20.0, "smoothness": smoothness}
        exact = constants | {"epsilon": 0.0, "eta": 0.0}
        sizes = LW.tune(**constants).step_size
        data = run(problem, method, steps=20, step_size=tuple(np.broadcast_to(sizes, 2).tolist()))
        columns = {str(name): column.values for name, column in data.data_vars.items()}
        broken = certificate.first_violation(LW, columns, exact)
        below = float(data["gradient_norm"].min()) <= float(LW.bound(**constants))
        assert (broken is None, below) == (fine, fine)
        assert fine or broken.inequality == "smoothness"


def test_the_declared_layers_withstand_a_search() -> None:
    """f(x + d) ≤ f(x) + ⟨∇f, d⟩ + ½Σ L_i‖d_i‖² for random d, reached by multiples of the identity where `exact`."""
    problem = LayeredQuadratic.shipped()[0]
    source = torch.Generator().manual_seed(0)
    eye = torch.eye(4, dtype=torch.float64)
    for ball in problem.balls()[:2]:
        constants = torch.tensor([known.value for known in problem.layer_smoothness(ball)], dtype=torch.float64)
        random = tuple(torch.randn(500, *shape, generator=source, dtype=torch.float64) for shape in problem.shape)
        aligned = tuple((r * eye).unsqueeze(0) for r in ball.radii)
        for d, reached in ((random, False), (aligned, problem.layer_smoothness(ball)[0].kind == "exact")):
            share = problem.value(d) / (0.5 * (constants * ball.layer_norms(d) ** 2).sum(-1))
            assert float(share.max()) <= 1 + 1e-12 and (not reached or float(share.max()) > 1 - 1e-12)


def test_one_ball_is_one_layer_and_wrong_shapes_are_refused() -> None:
    problem = MatrixQuadratic.shipped()[0]
    one, other = (
        run(problem, Method(Exact(Spectral()), step_rule=rule), steps=3, step_size=0.1)["objective"].values
        for rule in (LayerAdaptive(), Adaptive())
    )
    assert np.array_equal(one, other)
    with pytest.raises(ValueError, match="must have shape"):
        LayeredQuadratic(np.eye(2), np.ones((3, 2, 2)))
    assert set(LAYERS) <= set(CONSTANTS)
