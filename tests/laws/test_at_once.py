"""The chain of `MomentTuned` that asks nothing on its way, in float16: as good as torch's steps, for fewer products."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lmo import measure
from lmo.balls import Spectral
from lmo.oracles import MomentTuned, TorchNewtonSchulz
from lmo.oracles.plans import ERROR, plan_for_all

HALF = MomentTuned(dtype=torch.float16, look_first=False)
ROWS = 256
i = torch.arange(1.0, ROWS + 1, dtype=torch.float64)
SPECTRA = {f"power law {s}": i**-s for s in (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)} | {
    "exponential": torch.exp(-20 * i / ROWS),
    "rank one": (i == 1).double(),
    "half of the rank": (i <= ROWS // 2).double(),
    "one spike": torch.where(i == 1, 10.0, (1 - 0.9 * (i / ROWS) ** 2).sqrt()),
    "a large spike": torch.where(i == 1, 100.0, 1.0),
    "eight spikes": torch.where(i <= 8, 20.0, 1.0) * i**-0.5,
    "two plateaus": torch.where(i <= ROWS // 2, 1.0, 0.01),
}


def with_values(values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u, _, vh = torch.linalg.svd(noise, full_matrices=False)
    return ((u * values) @ vh).float()


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("shape", [(ROWS, ROWS), (ROWS, 4 * ROWS), (2 * ROWS, ROWS)])
def test_no_error_is_larger_than_that_of_torchs_steps(shape, name) -> None:
    """Up to an ε of 0.04, which need not be beaten."""
    m = with_values(SPECTRA[name], shape)
    ours, theirs = (measure(Spectral(), m.double(), one(m)[0].double()) for one in (HALF, TorchNewtonSchulz()))
    assert float(ours.epsilon) <= max(float(theirs.epsilon), 0.04)
    assert float(ours.eta) <= max(float(theirs.eta), ERROR + 0.004)


@pytest.mark.parametrize("shape", [(24, 240), (64, 128), (80, 160), (80, 800), (112, 1120)])
@pytest.mark.parametrize("exponent", [0.9, 1.0])
def test_few_rows_are_answered_as_well(shape, exponent: float) -> None:
    """Plans of four steps with small slopes: in one block η was 0.16 to 0.18 at 80 rows."""
    m = with_values(i[: shape[0]] ** -exponent, shape)
    ours, theirs = (measure(Spectral(), m.double(), one(m)[0].double()) for one in (HALF, TorchNewtonSchulz()))
    assert float(ours.epsilon) <= max(float(theirs.epsilon), 0.04)
    assert float(ours.eta) <= max(float(theirs.eta), ERROR + 0.008)


def flops(oracle, m: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        oracle(m)
    return counter.get_total_flops()


@pytest.mark.parametrize("kappa", [1, 2, 4])
def test_the_gram_form_takes_fewer_products_of_wide_matrices(kappa: int) -> None:
    """In products of a³, b = κa: five quintic steps are 5(2κ + 1); blocks of (3, 3, 3) and (2, 2) steps 4κ + 12."""
    rows = 500
    assert plan_for_all(rows, 0.1, torch.float16).terms == (3, 3, 3, 2, 2)
    m = torch.randn(rows, kappa * rows, generator=torch.Generator().manual_seed(0))
    ours = 2 * rows**3 * (4 * kappa + 12 if kappa > 1 else 13)
    assert flops(TorchNewtonSchulz(), m) == 2 * rows**3 * 5 * (2 * kappa + 1)
    assert flops(HALF, m) == flops(HALF, m.T) == ours


@pytest.mark.parametrize("given", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("power", [-40, -12, 0, 12, 40])
def test_its_range_is_no_matter(given: torch.dtype, power: int) -> None:
    if given == torch.float16:  # which would round small entries
        power = abs(power) // 4
    m = with_values(1 / i[:24], (24, 40)).bfloat16()
    d = HALF((m * 2.0**power).to(given))[0]
    assert d.dtype == given
    torch.testing.assert_close(d.float(), HALF(m.float())[0], rtol=0, atol=4e-3 if given == torch.bfloat16 else 1e-6)


def test_a_gradient_goes_through_it() -> None:
    m = with_values(i[:24] ** -0.5, (24, 40))
    (answer := HALF(m.requires_grad_())[0]).sum().backward()
    assert m.grad is not None and bool(m.grad.isfinite().all()) and float(m.grad.abs().max()) > 0
    torch.testing.assert_close(answer.detach(), HALF(m.detach())[0], rtol=0, atol=2e-3)


def test_a_batch_is_answered_one_by_one() -> None:
    m = torch.stack([with_values(v, (ROWS, 2 * ROWS)) * 10.0 ** (k - 8) for k, v in enumerate(SPECTRA.values())])
    whole = measure(Spectral(), m.double(), HALF(m)[0].double())
    for k, one in enumerate(m.double()):
        alone = measure(Spectral(), one, HALF(one)[0])
        assert float(alone.epsilon) == pytest.approx(float(whole.epsilon[k]), abs=5e-3)
        assert float(alone.eta) == pytest.approx(float(whole.eta[k]), abs=5e-3)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own
def test_forward_derivatives_go_through_it() -> None:
    m, way = with_values(i[:24] ** -0.5, (24, 40)), with_values(i[:24] ** -1.0, (24, 40))
    answer, slope = torch.func.jvp(lambda x: HALF(x)[0], (m,), (way,))
    assert torch.equal(answer, HALF(m)[0]) and bool(slope.isfinite().all()) and float(slope.abs().max()) > 0
