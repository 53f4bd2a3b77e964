"""Oracles by name on balls of layers: what does not answer for all layers at once answers for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.sweeps import catalogue
from experiments.sweeps.collect import collect
from experiments.sweeps.engine import run_sweep
from experiments.sweeps.plan import plan
from experiments.sweeps.specification import Sweep
from lmo import measure
from lmo.balls import LInf, Product, Spectral
from lmo.oracles import Exact, NewtonSchulz, Perturbed
from lmo.oracles.errors import Mixed

BALLS, RADII = (Spectral(), LInf(2)), (0.5, 2.0)
BOTH = Product(BALLS, RADII)


def layers() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(3)
    return tuple(torch.randn(2, *shape, generator=source, dtype=torch.float64) for shape in ((3, 4), (2, 5)))  # type: ignore[return-value]


def test_an_error_by_parts_is_made_in_every_layer() -> None:
    delta, m = torch.tensor([0.2, 0.7], dtype=torch.float64), layers()
    answer, _ = catalogue.oracle_called("mixed", BOTH, delta)(m)
    for one, asked, ball, radius in zip(answer, m, BALLS, RADII, strict=True):
        alone, _ = Perturbed(Exact(ball), Mixed(delta))(asked)
        torch.testing.assert_close(one, radius * alone)
    torch.testing.assert_close(measure(BOTH, m, answer).delta, delta)


def test_newton_schulz_answers_for_matrices_and_the_rest_is_exact() -> None:
    m = layers()
    oracle = catalogue.oracle_called("jordan:3", BOTH)
    first, second = oracle(m)[0]
    torch.testing.assert_close(first, 0.5 * NewtonSchulz("jordan", steps=3)(m[0])[0])
    torch.testing.assert_close(second, 2.0 * LInf(2).lmo(m[1]))
    assert oracle.ball == BOTH


@pytest.mark.parametrize("oracle", ["mixed", "jordan:3"])
def test_of_layers_joined_by_a_sum_only_one_moves(oracle: str) -> None:
    with pytest.raises(catalogue.DoesNotFit, match="'product'"):
        catalogue.oracle_called(oracle, Product(BALLS, RADII, "sum"))


def test_an_oracle_for_none_of_the_layers_does_not_fit() -> None:
    with pytest.raises(catalogue.DoesNotFit, match="'jordan:3' does not answer for the ball 'product'"):
        catalogue.oracle_called("jordan:3", Product((LInf(2), LInf(2))))


def test_a_run_of_layers_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    fields = {"problem": "layered-quadratic", "ball": "product", "oracle": ["mixed", "jordan:2"], "steps": 6}
    runs = {
        name: collect(run_sweep(Sweep(**fields, step_size=[0.1], delta=deltas), tmp_path / name).store)  # type: ignore[arg-type]
        for name, deltas in (("both", [0.3, 0.6]), ("alone", [0.6]))
    }
    of_one = runs["both"].isel(run=runs["both"]["delta"].values != 0.3)
    assert of_one.sizes["run"] == runs["alone"].sizes["run"] == 2
    np.testing.assert_allclose(of_one["mean_gradient_norm"], runs["alone"]["mean_gradient_norm"], rtol=1e-12)


def test_a_rank_above_that_of_the_matrices_does_not_fit() -> None:
    catalogue.check_fit("layered-quadratic", "product", "low-rank:2", 0.0)
    with pytest.raises(catalogue.DoesNotFit, match="`rank` must be at most"):
        catalogue.check_fit("layered-quadratic", "product", "low-rank:9", 0.0)
    with pytest.raises(catalogue.DoesNotFit, match=r"at most 2 for shape \(2, 7\), got 3"):
        catalogue.check_fit("matrix-quadratic:2x7", "spectral", "low-rank:3", 0.0)
    with pytest.raises(ValueError, match="'low-rank:3' goes with nothing else in this grid"):
        plan(Sweep("matrix-quadratic:2x7", "spectral", ["exact", "low-rank:3"], [0.1], 5))
    both = plan(Sweep(["matrix-quadratic:2x7", "matrix-quadratic:3x3"], "spectral", ["exact", "low-rank:3"], [0.1], 5))
    assert len(both.left_out) == 1 and "(2, 7)" in both.left_out[0]
