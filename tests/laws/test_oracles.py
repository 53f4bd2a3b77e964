"""The contract over all oracles and error models, found by walking; slow references for each."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import BALLS, ORACLES, elements, name_of

from lmo import Draw, measure
from lmo.balls import L1, L2, Frobenius, LInf, Lp, MaxRow, Nuclear, RmsToRms, Scaled, Spectral
from lmo.elements import inner, subtract
from lmo.oracles import (
    Exact,
    MomentTuned,
    NewtonSchulz,
    PerRun,
    Perturbed,
    TorchNewtonSchulz,
    catalogue,
)
from lmo.oracles.errors import Inflate, Mixed, Random, Shrink, Worst
from lmo.oracles.errors import catalogue as error_models
from lmo.oracles.errors.worst import counts
from lmo.polynomials import schedule
from lmo.testing import ORACLE_LAWS, ContractError, check_oracle, run_checks

OF_A_PROMISE = {"feasible", "aligned", "distance"}
EXEMPT = {"torch-newton-schulz": {"homogeneous"}}
LAWS = [
    pytest.param(oracle, shape, law, id=f"{law}-{name_of(oracle)}-{shape}")
    for oracle, shape in ORACLES
    for law in ORACLE_LAWS
    if law not in EXEMPT.get(oracle.name, ()) and (oracle.promise() or law not in OF_A_PROMISE)
]


@pytest.mark.parametrize(("oracle", "shape", "law"), LAWS)
def test_law(oracle, shape, law) -> None:
    (check,) = run_checks(oracle, shape, only=[law])
    assert check.passed, check.message


def test_laws_of_a_promise_are_asked_where_there_is_one() -> None:
    exact, torchs = (run_checks(oracle, (2, 2)) for oracle in (Exact(Spectral()), TorchNewtonSchulz()))
    assert [check.law for check in exact] == list(ORACLE_LAWS)
    assert [check.law for check in torchs] == [law for law in ORACLE_LAWS if law not in OF_A_PROMISE]
    assert {"shape", "finite", "zero", "sign", "homogeneous", "batch", "untouched"} | OF_A_PROMISE <= set(ORACLE_LAWS)


def test_every_oracle_gives_examples_or_is_tested_by_name() -> None:
    assert set(catalogue()) - {oracle.name for oracle, _ in ORACLES} == {"per-run", "scripted"}


CASES = [
    pytest.param(ball, shape, model, id=f"{model.name}-{name_of(ball)}")
    for ball, shape in BALLS
    for model in error_models().values()
    if ball.has_parts or not model(0.1).needs_parts()
]


@pytest.mark.parametrize(("ball", "shape", "model"), CASES)
@pytest.mark.parametrize("delta", [0.0, 0.3, 0.95])
def test_controlled_errors_have_exactly_their_size_and_keep_their_promise(ball, shape, model, delta) -> None:
    m = elements(shape, 1, 8)
    oracle = Perturbed(Exact(ball), model(delta))
    d, _ = oracle(m, draw=Draw(np.arange(8), 2))
    size = ball.norm(subtract(d, ball.lmo(m)))
    assert size.numpy() == pytest.approx(np.full(8, delta), abs=1e-9)
    error, promise = measure(ball, m, d), oracle.promise()
    assert promise is not None
    assert float((error.epsilon - promise.epsilon).max()) < 1e-9 and float((error.eta - promise.eta).max()) < 1e-9
    assert bool((error.delta <= delta + 1e-9).all())


@pytest.mark.parametrize("model", [Shrink, Inflate, Mixed, Random, Worst])
def test_delta_per_run(model) -> None:
    m, deltas = elements((3, 4), 5, 8), torch.linspace(0, 0.9, 8, dtype=torch.float64)
    draw = Draw(np.arange(8), 0)
    whole, _ = Perturbed(Exact(Spectral()), model(deltas))(m, draw=draw)
    for i in range(8):
        one, _ = Perturbed(Exact(Spectral()), model(float(deltas[i])))(m[i : i + 1], draw=draw.rows(np.array([i])))
        torch.testing.assert_close(one[0], whole[i], rtol=0, atol=1e-12)


def test_mixed_is_written_out_with_numpy() -> None:
    m = elements((3, 5), 2, 8)
    d, _ = Perturbed(Exact(Spectral()), Mixed(0.4))(m[:1])
    u, _, vt = np.linalg.svd(m[0].numpy(), full_matrices=False)
    np.testing.assert_allclose(d[0].numpy(), -u @ np.diag([0.6, 0.6, 1.4]) @ vt, atol=1e-12)


def test_worst_is_the_worst_of_all_its_candidates() -> None:
    m = elements((4, 5), 2, 8)[:3]
    d, _ = Perturbed(Exact(Spectral()), Worst(0.5))(m)
    for i in range(3):
        u, _, vt = np.linalg.svd(m[i].numpy(), full_matrices=False)
        harms = []
        for j in range(5):
            candidate = -u @ np.diag([0.5] * j + [1.5] * (4 - j)) @ vt
            harms.append((m[i].numpy() * candidate).sum() / np.linalg.norm(candidate, 2))
        assert (m[i].numpy() * d[i].numpy()).sum() / np.linalg.norm(d[i].numpy(), 2) == pytest.approx(max(harms))


def test_worst_listens_to_the_objective() -> None:
    m = elements((3, 3), 4, 8)
    longest, _ = Perturbed(Exact(Spectral()), Worst(0.5))(
        m, harm=lambda d: Spectral().norm(d) + 1e-3 * (d**2).sum((-2, -1))
    )
    torch.testing.assert_close(longest, 1.5 * Spectral().lmo(m), rtol=0, atol=1e-12)
    shortest, _ = Perturbed(Exact(Spectral()), Worst(0.5))(m, harm=lambda d: -(d**2).sum((-2, -1)))
    torch.testing.assert_close(shortest, 0.5 * Spectral().lmo(m), rtol=0, atol=1e-12)


def test_how_many_parts_worst_tries() -> None:
    assert counts(3) == [0, 1, 2, 3] and counts(16) == list(range(17))
    many = counts(640)
    assert {0, 320, 640} <= set(many) and len(many) <= 18
    assert {0, 9, 17} <= set(counts(17))


def test_random_errors_belong_to_seed_and_step() -> None:
    m, oracle = elements((4,), 0, 8), Perturbed(Exact(LInf()), Random(0.5))
    first, again = (oracle(m, draw=Draw(np.arange(8), 3))[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, oracle(m, draw=Draw(np.arange(8), 4))[0])
    with pytest.raises(ValueError, match="needs `draw`"):
        oracle(m)


@pytest.mark.parametrize("ball", [L1(), L2(), Lp(3.0), Nuclear(), Frobenius()], ids=lambda b: b.name)
def test_mixed_refuses_balls_without_parts(ball) -> None:
    with pytest.raises(ValueError, match="balls that can: LInf, Spectral"):
        Perturbed(Exact(ball), Mixed(0.5))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_classical_coefficients_are_the_binomials(order: int) -> None:
    """p(s) = s Σ_j C(2j, j) 4^−j (1 − s²)^j, evaluated in rationals; and its law 0 ≤ 1 − p² ≤ (1 − s²)^(κ+1)."""

    def poly(s: float) -> float:
        return schedule(f"classical-{order}")(s, 1)

    for k in range(0, 41):
        s = Fraction(k, 40)
        exact = s * sum(Fraction(comb(2 * j, j), 4**j) * (1 - s * s) ** j for j in range(order + 1))
        assert poly(float(s)) == pytest.approx(float(exact), abs=1e-13)
        assert 0 <= 1 - exact**2 <= (1 - s * s) ** (order + 1)


def test_classical_steps_obey_the_double_exponential_law() -> None:
    for order, steps in ((1, 4), (2, 3)):
        for s0 in np.linspace(0.01, 1, 50):
            s = s0
            for _ in range(steps):
                s = schedule(f"classical-{order}")(s, 1)
            assert -1e-12 <= 1 - s * s <= (1 - s0 * s0) ** ((order + 1) ** steps) + 1e-12


def test_what_jordans_polynomial_does() -> None:
    """It does not converge: p(1) = 0.701, range [0.682, 1.134] on [0.01, 1], and 1.202 on inputs from 0.003."""

    def poly(s):
        return schedule("jordan")(s, 1)

    assert poly(1.0) == pytest.approx(0.701, abs=1e-12)

    def after(s: np.ndarray, steps: int) -> np.ndarray:
        for _ in range(steps):
            s = poly(s)
        return s

    usual = after(np.linspace(0.01, 1, 400_000), 5)
    assert usual.min() == pytest.approx(0.6818, abs=1e-4) and usual.max() == pytest.approx(1.1344, abs=1e-4)
    assert after(np.linspace(0.003, 1, 400_000), 5).max() == pytest.approx(1.202, abs=1e-3)
    assert after(np.linspace(0.001, 1, 400_000), 5).min() == pytest.approx(0.471, abs=1e-3)
    many = after(np.linspace(0.01, 1, 4000), 40)
    assert np.abs(many - 1).max() > 0.3  # more steps do not help


@pytest.mark.parametrize("name", ["jordan", "classical-1", "classical-2", "classical-3"])
@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_newton_schulz_acts_on_singular_values_alone(name, shape, steps) -> None:
    m = elements(shape, 1, 8)
    d, _ = NewtonSchulz(name, steps)(m)
    for i in range(8):
        u, s, vt = np.linalg.svd(m[i].numpy(), full_matrices=False)
        s = s / np.linalg.norm(s)
        for _ in range(steps):
            s = schedule(name)(s, 1)
        np.testing.assert_allclose(d[i].numpy(), -u @ np.diag(s) @ vt, atol=1e-10)


def test_newton_schulz_for_other_radii_and_unbatched() -> None:
    m = elements((6, 3), 0)
    base, _ = NewtonSchulz("classical-2", 3)(m)
    rms, _ = NewtonSchulz("classical-2", 3, ball=RmsToRms())(m)
    small, _ = NewtonSchulz("classical-2", 3, ball=Scaled(Spectral(), 0.1))(m)
    torch.testing.assert_close(rms, base * 2**0.5)
    torch.testing.assert_close(small, base * 0.1)
    with pytest.raises(TypeError, match="NewtonSchulz answers for Spectral"):
        NewtonSchulz(ball=MaxRow())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.08), (torch.float16, 0.01)])
def test_newton_schulz_in_low_precision(dtype, tolerance) -> None:
    m = elements((8, 12), 0, 5)
    exact, _ = NewtonSchulz("jordan", 5)(m)
    low, _ = NewtonSchulz("jordan", 5, dtype)(m)
    assert low.dtype == torch.float64 and float((low - exact).abs().max()) < tolerance


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-6, 1e6, 1e12])
def test_ours_is_homogeneous_where_torchs_is_not(scale: float) -> None:
    m = elements((32, 32), 0)
    ours, _ = NewtonSchulz("jordan", 5)(m * scale)
    torch.testing.assert_close(ours, NewtonSchulz("jordan", 5)(m)[0], rtol=0, atol=1e-9)
    theirs, base = TorchNewtonSchulz()(m * scale)[0], TorchNewtonSchulz()(m)[0]
    gone = float((theirs - base).abs().max()) > 0.05
    assert gone == (scale <= 1e-9)  # the clamp at 1e-7 shows for small gradients, and is pinned here


@pytest.mark.parametrize(
    "oracle", [NewtonSchulz("jordan", 2), MomentTuned(), MomentTuned(look_first=False)], ids=name_of
)
@pytest.mark.parametrize("shape", [(24, 32), (512, 520)])
def test_a_leaf_of_autograd_gets_the_same_answer_and_a_gradient(oracle, shape) -> None:
    m, at = elements(shape, 0), elements(shape, 1)
    answer, _ = oracle(m.requires_grad_(True))
    torch.testing.assert_close(answer.detach(), oracle(m.detach())[0])
    (answer * at).sum().backward()
    assert m.grad is not None and bool(m.grad.isfinite().all()) and float(m.grad.abs().max()) > 0
    if isinstance(oracle, NewtonSchulz):  # one whose scale is differentiated too
        way, h = elements(shape, 2), 1e-6
        above, below = (oracle(m.detach() + sign * h * way)[0] for sign in (1, -1))
        slope = float(((above - below) * at).sum()) / (2 * h)
        assert float((m.grad * way).sum()) == pytest.approx(slope, rel=1e-5)


def test_torchs_path_is_torchs_function() -> None:
    from torch.optim._muon import _zeropower_via_newtonschulz

    for shape in ((8, 8), (5, 12), (12, 5)):
        m = elements(shape, 0).float()
        theirs = _zeropower_via_newtonschulz(m, (3.4445, -4.7750, 2.0315), 5, 1e-7)
        assert torch.equal(TorchNewtonSchulz()(m)[0], -theirs.float())
        batched = TorchNewtonSchulz()(torch.stack([m, m]))[0]
        torch.testing.assert_close(batched[0], -theirs.float(), rtol=0, atol=0.03)


def test_per_run_equals_its_parts() -> None:
    m, which = elements((3, 4), 6, 8), [0, 1, 1, 2, 0, 2, 1, 0]
    oracles = [Exact(Spectral()), Perturbed(Exact(Spectral()), Random(torch.tensor([0.1, 0.2, 0.3]))), NewtonSchulz()]
    whole, memory = PerRun(oracles, which)(m, draw=Draw(np.arange(8), 1))
    assert len(memory) == 3
    for i, oracle in enumerate(oracles):
        rows = np.flatnonzero(np.array(which) == i)
        alone, _ = oracle(m[rows], draw=Draw(np.arange(8), 1).rows(rows))
        torch.testing.assert_close(whole[rows], alone, rtol=0, atol=1e-12)
    assert PerRun(oracles, which).promise() is None
    promise = PerRun(oracles[:2], [0, 1, 1, 1]).promise()
    assert promise is not None and promise.delta.tolist() == pytest.approx([0, 0.1, 0.2, 0.3])


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0, 0.99), st.integers(-12, 12))
def test_promises_are_kept_on_any_spectrum(spectrum: list[float], delta: float, power: int) -> None:
    u, _ = torch.linalg.qr(elements((4, 4), 0))
    v, _ = torch.linalg.qr(elements((6, 6), 1))
    m = 10.0**power * (u * torch.tensor(spectrum, dtype=torch.float64)) @ v[:4]
    for model in (Shrink, Inflate, Mixed, Worst):
        oracle = Perturbed(Exact(Spectral()), model(delta))
        error, promise = measure(Spectral(), m, oracle(m)[0]), oracle.promise()
        assert float(error.epsilon) <= promise.epsilon + 1e-7
        if float(m.abs().max()) > 0:
            assert float(error.eta) <= promise.eta + 1e-7


def test_the_one_known_exception_is_found() -> None:
    checks = run_checks(TorchNewtonSchulz(), (6, 6))
    assert [check.law for check in checks if not check.passed] == ["homogeneous"]
    check_oracle(TorchNewtonSchulz(), (6, 6), exempt={"homogeneous"})
    with pytest.raises(ContractError, match=r"breaks 1 of 7 laws\nhomogeneous: lmo\(9.1e-13 m\) differs from lmo\(m\)"):
        check_oracle(TorchNewtonSchulz(), (6, 6))


def test_measured_errors_are_consistent() -> None:
    m, d = elements((3, 4), 1, 8), elements((3, 4), 2, 8)
    error = measure(Spectral(), m, d)
    dual = torch.linalg.svdvals(m).sum(-1)
    np.testing.assert_allclose(error.epsilon, 1 + inner(m, d, 2) / dual, atol=1e-12)
    np.testing.assert_allclose(error.eta, torch.linalg.svdvals(d)[..., 0] - 1, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 8.0])
@pytest.mark.parametrize("ball", [L2(core_ndim=2), LInf(core_ndim=2), L1(2), Spectral(), Nuclear()], ids=name_of)
def test_half_precisions_are_measured_in_float64(ball, dtype: torch.dtype, scale: float) -> None:
    """Products and sums of halves: ε came out at 0.4 for small entries of float16, and large ones overflowed."""
    m = (scale * elements((40, 70), 0)).to(dtype)
    d = Exact(ball)(m)[0]
    mine, truth = measure(ball, m, d), measure(ball, m.double(), d.double())
    assert all(torch.equal(one, other) for one, other in zip(mine, truth, strict=True))
    mixed = measure(ball, m.float(), d.double())
    assert float(mixed.epsilon) == pytest.approx(float(truth.epsilon), abs=1e-12)
