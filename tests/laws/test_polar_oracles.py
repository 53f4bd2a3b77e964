"""`Polar` keeps its δ, its proof never claims less than is true, and needs each of its parts."""

from __future__ import annotations

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import elements
from spectra import SPECTRA, matrix
from torch import Tensor

from lmo import measure
from lmo.balls import MaxRow, RmsToRms, Spectral
from lmo.oracles import Exact, Polar, polar, polar_proof, small_batches
from lmo.oracles.polar import SHARE, STEPS, nonics, quintics
from lmo.oracles.polar_proof import distance_bound
from lmo.polynomials.certify import certify

TIGHT, LOOSE = Polar(), Polar(1e-4, 1e-3)
SHAPES = [(8, 8), (5, 9), (11, 4)]


def with_values(values, columns: int = 8, seed: int = 0) -> Tensor:
    u, v = (torch.linalg.qr(elements((k, k), seed + i)).Q for i, k in enumerate((len(values), columns)))
    return (u * torch.as_tensor(values, dtype=torch.float64)) @ v[: len(values)]


def exact_polar(m: Tensor) -> Tensor:
    """UVᵀ of the stored entries, to 60 digits."""
    with mpmath.workdps(60):
        u, _, vt = mpmath.svd_r(mpmath.matrix(m.tolist()), full_matrices=False)
        return torch.tensor((u * vt).tolist(), dtype=torch.float64)


def counted_svds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []
    original = polar.by_svd
    monkeypatch.setattr(polar, "by_svd", lambda x: asked.append(len(x)) or original(x))
    return asked


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("shape", SHAPES)
def test_delta_on_every_spectrum_and_scale(name: str, shape: tuple[int, int], scale: float) -> None:
    m = matrix(shape, name)
    error = measure(Spectral(), m, TIGHT(scale * m)[0])
    assert float(error.delta) <= 1e-9 and float(error.eta) <= 1e-9 and abs(float(error.epsilon)) <= 1e-9


@given(
    st.lists(st.floats(0, 1), min_size=6, max_size=6), st.integers(-14, 0), st.integers(-12, 12), st.integers(6, 9),
    st.integers(0, 9), st.booleans(),
)  # fmt: skip
def test_delta_on_any_spectrum(values, tail: int, power: int, columns: int, seed: int, tall: bool) -> None:
    m = with_values(
        [max(values[0], 0.1), *(v * 10.0 ** (tail * i / 5) for i, v in enumerate(values[1:]))], columns, seed
    )
    m = (m.mT if tall else m) * 10.0**power
    d, exact = TIGHT(m)[0], Spectral().lmo(m)
    sigma = torch.linalg.svdvals(m)
    if sigma[-1] > 1e-6 * sigma[0]:  # else two SVDs differ by more than 1e-9 too
        assert float(Spectral().norm(d - exact)) <= 1e-9
    error = measure(Spectral(), m, d)
    assert float(error.epsilon) <= 1e-9 and float(error.eta) <= 1e-9


@pytest.mark.parametrize("small", [0.3, 1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("columns", [5, 7])
def test_delta_against_sixty_digits(small: float, columns: int) -> None:
    m = with_values([1.0, 0.9, 0.5, 3 * small, small], columns)
    assert float(Spectral().norm(TIGHT(m)[0] + exact_polar(m))) <= 1e-9


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 3e-7), (torch.bfloat16, 2e-2), (torch.float16, 3e-3)])
def test_lower_precisions_are_answered_to_their_rounding(dtype: torch.dtype, rounding: float) -> None:
    for oracle, more in ((TIGHT, 0.0), (LOOSE, 1e-4)):
        m = elements((6, 9), 3, 5).to(dtype)
        d, _ = oracle(m)
        assert (
            d.dtype == dtype
            and float(Spectral().norm(d.double() - Spectral().lmo(m.double())).max()) <= rounding + more
        )


def test_other_balls_and_refusals() -> None:
    m = elements((6, 3), 0, 4)
    torch.testing.assert_close(Polar(ball=RmsToRms())(m)[0], RmsToRms().lmo(m), rtol=0, atol=3e-9)
    with pytest.raises(TypeError, match="Polar answers for Spectral"):
        Polar(ball=MaxRow())
    with pytest.raises(ValueError, match=r"`delta` must be a finite number >= 9.09.*e-13 and < 1.0"):
        Polar(1e-13)
    with pytest.raises(ValueError, match="`s_min` must be a finite number"):
        Polar(s_min=1.0)
    with pytest.raises(ValueError, match=r"`delta` must be at least 5.7e-05 for s_min = 1e-09"):
        Polar(1e-5, 1e-9)


def test_an_answer_under_autograd_is_the_same_and_carries_no_gradient() -> None:
    m = elements((4, 4), 0, 3)
    d, _ = TIGHT(m.clone().requires_grad_(True))
    assert not d.requires_grad and torch.equal(d, TIGHT(m)[0])


# Batches


@pytest.mark.parametrize("oracle", [TIGHT, LOOSE], ids=["tight", "loose"])
@pytest.mark.parametrize("shape", [(8, 8), (3, 9)])
def test_an_answer_does_not_depend_on_its_batch(oracle: Polar, shape: tuple[int, int], monkeypatch) -> None:
    m = elements(shape, 1, 3000)
    m[7], m[11] = 0, m[11, :1]
    whole = oracle(m)[0]
    rounding = 2e-9 if oracle is TIGHT else 2e-4
    for i in (0, 7, 11, 512, 2999):
        assert float(Spectral().norm(whole[i] - oracle(m[i])[0])) <= rounding
    assert float(Spectral().norm(whole.flip(0) - oracle(m.flip(0))[0]).max()) <= rounding
    for threads in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert torch.equal(whole, oracle(m)[0])
    monkeypatch.setattr(small_batches, "GRAIN", 10**9)  # torch's products, in this thread
    assert float(Spectral().norm(whole - oracle(m)[0]).max()) <= rounding


def test_few_gaussian_matrices_need_an_svd(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = counted_svds(monkeypatch)
    for n, batch, most in ((8, 2000, 0.004), (32, 300, 0.04)):
        m = elements((n, n), n, batch)
        assert float(Spectral().norm(TIGHT(m)[0] - Spectral().lmo(m)).max()) <= 1e-9
        assert sum(asked) <= most * batch
        asked.clear()


@pytest.mark.parametrize("columns", [170, 400])
def test_large_wide_matrices_go_by_eigenvectors_and_their_proof_sends_bad_ones_to_the_svd(columns, monkeypatch) -> None:
    asked = counted_svds(monkeypatch)
    m = elements((136, columns), 3, 3)
    assert float(Spectral().norm(TIGHT(m)[0] - Spectral().lmo(m)).max()) <= 1e-9 and sum(asked) == 0
    m[1, 5] = m[1, 4]  # a null space
    m[2] = with_values([1.0] * 100 + [1e-5] * 36, columns)
    d = TIGHT(m)[0]
    assert sum(asked) == 2
    error = measure(Spectral(), m, d)
    assert bool((error.delta <= 1e-9).all()) and bool((error.eta <= 1e-9).all())
    assert float(Spectral().norm(d.mT - TIGHT(m.mT)[0]).max()) == 0


# By design


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("delta", [1e-4, 1e-9])
def test_the_steps_after_newtons_reach_what_they_say(steps: int, delta: float) -> None:
    design = nonics(steps, SHARE * delta)
    assert certify(design.steps, design.low, 1.0).delta <= SHARE * delta * 1.001 + 1e-15
    assert certify(design.steps, 0.98 * design.low, 1.0).delta > SHARE * delta


@pytest.mark.parametrize(("s_min", "delta"), [(1e-3, 1e-4), (0.5, 1e-9), (1e-5, 1e-6), (0.02, 0.3)])
def test_a_design_keeps_its_promise(s_min: float, delta: float) -> None:
    oracle = Polar(delta, s_min)
    assert oracle.certify(s_min).delta <= 0.501 * delta
    whole = oracle.certify(0.0)
    assert whole.delta <= 1 + 1e-15 and whole.eta <= delta
    for name in ("flat", "random", "one small", "one large", "geometric"):
        values = {
            "flat": torch.ones(8), "random": torch.rand(8, generator=torch.Generator().manual_seed(0)),
            "one small": torch.tensor([1.0] * 7 + [0.0]), "one large": torch.tensor([1.0] + [0.0] * 7),
            "geometric": s_min ** (torch.arange(8) / 7),
        }[name].double()  # fmt: skip
        for _ in range(30):  # to Σσ² = 1, σ ≥ s_min
            values = (values / values.norm()).clamp(min=1.0001 * s_min if s_min < 0.3 else 0.35)
        if values.min() < s_min * values.norm():
            continue
        m = torch.stack([with_values(values, columns, 3 * columns) for columns in (8, 8, 8)])
        assert float(Spectral().norm(oracle(m)[0] - Spectral().lmo(m)).max()) <= delta


def test_wrong_weights_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the proof where every answer is proved: an SVD answers. By the test above where it is not."""
    m, right = elements((8, 8), 0, 50), quintics(1e-3, 5e-5)
    design, bent = nonics(3, SHARE * 1e-9), 1 + 1e-3
    wrong = design._replace(steps=(*design.steps[:-1], (bent * design.steps[-1][0], *design.steps[-1][1:])))
    monkeypatch.setattr(polar, "nonics", lambda steps, error: wrong)
    asked = counted_svds(monkeypatch)
    assert float(Spectral().norm(TIGHT(m)[0] - Spectral().lmo(m)).max()) <= 1e-9 and sum(asked) > 40
    monkeypatch.setattr(polar, "quintics", lambda s, e: (*right[:-1], (bent * right[-1][0], *right[-1][1:])))
    assert LOOSE.certify(1e-3).delta > 1e-4
    assert float(Spectral().norm(LOOSE(m)[0] - Spectral().lmo(m)).max()) > 1e-4


# The proof


def bound(x: Tensor, y: Tensor, floor: float = 0.01) -> float:
    return float(distance_bound(x[None], y[None], torch.tensor([floor], dtype=torch.float64)))


def polar_of(x: Tensor) -> Tensor:
    return -Exact(Spectral())(x)[0]


@given(
    st.integers(3, 8), st.integers(0, 99), st.sampled_from([0.0, 1e-14, 1e-10, 1e-6, 1e-3, 1e-2]),
    st.sampled_from(["any", "left", "skew", "length"]), st.sampled_from([0.01, 0.1, 0.3]),
)  # fmt: skip
def test_the_bound_is_never_below_the_distance(columns, seed: int, size: float, kind: str, small: float) -> None:
    x = with_values([1.0, 0.7, small], columns, seed)
    q, z = polar_of(x), elements((3, 3), seed + 7)
    off = {"any": elements((3, columns), seed), "left": z @ q, "skew": (z - z.T) @ q, "length": q}[kind]
    y = q + size * off
    true = float(torch.linalg.matrix_norm(y - q))
    assert bound(x, y, 0.5 * small / 1.3) >= true - 1e-14
    if size <= 1e-6:
        assert bound(x, y, 0.5 * small / 1.3) <= 4 * true / small + 1e-12


def test_the_bound_against_sixty_digits() -> None:
    for columns in (4, 6):
        x = with_values([1.0, 0.5, 0.1, 1e-4], columns)
        y = polar_of(x)
        true = float(torch.linalg.matrix_norm(y - exact_polar(x)))
        assert true <= bound(x, y, 5e-5) <= 1e-9


X = torch.diag(torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64))
TURNED = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))


def test_a_turned_direction_needs_the_cholesky_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bound(X, TURNED) == float("inf")
    monkeypatch.setattr(polar_proof, "shift_to_positive", lambda h, shift, how: (torch.ones_like(shift).bool(), shift))
    assert bound(X, TURNED) < 1e-9 < 2  # xyᵀ is symmetric and yyᵀ = I


def test_a_long_answer_a_rotated_one_and_another_row_space_are_seen() -> None:
    """One of the three parts of the bound each: the other two are 0."""
    assert bound(X, 1.001 * torch.eye(3, dtype=torch.float64)) >= 0.001 * 3**0.5
    c, s = 0.99995, (1 - 0.99995**2) ** 0.5
    rotation = torch.tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]], dtype=torch.float64)
    assert bound(X, rotation) >= float(torch.linalg.matrix_norm(rotation - torch.eye(3)))
    x, y = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[c, s]], dtype=torch.float64)
    assert bound(x, y) >= float(torch.linalg.vector_norm(x - y))


@pytest.mark.parametrize("part", ["skew", "omega", "outside"])
def test_each_part_is_needed(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one of the three norms set to 0 an answer that is off in that way alone passes."""
    if part == "outside":
        monkeypatch.setattr(polar_proof, "outside_rows", lambda x, y, h, gram, how: torch.zeros(1).double())
        x, y = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[0.9999, (1 - 0.9999**2) ** 0.5]]).double()
    else:
        original = polar_proof.frobenius

        def blind(z: Tensor, how=None) -> Tensor:
            gone = (z + z.mT).abs().max() < 1e-12 if part == "skew" else z.abs().max() < 0.5
            return 0 * original(z) if gone else original(z)

        monkeypatch.setattr(polar_proof, "frobenius", blind)
        turn = torch.linalg.matrix_exp(0.01 * (elements((3, 3), 0) - elements((3, 3), 0).T))
        x, y = X, turn if part == "skew" else 1.001 * torch.eye(3, dtype=torch.float64)
    assert bound(x, y) < float(torch.linalg.matrix_norm(y - polar_of(x)))


def test_an_iteration_is_proved_up_to_moderate_condition_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What README says; beyond, an SVD answers, and its rounding is that of the question."""
    asked = counted_svds(monkeypatch)
    for power, by_svds in ((2, 0), (4, 0), (6, 1), (12, 1)):
        u, v = (torch.linalg.qr(elements((24, 24), seed)).Q for seed in (0, 1))
        m = (u * torch.logspace(0, -power, 24, dtype=torch.float64)) @ v.mT
        asked.clear()
        off = float(torch.linalg.matrix_norm(Polar(1e-9)(m)[0] + u @ v.mT, 2))
        assert len(asked) == by_svds and off < max(1e-9, 100 * 10.0**power * 2.0**-53)
