"""Laws of a recorded run: columns are what they say, parts add up, the certificate is exact, batches do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import bounds
from bounds import certificate
from experiments import store
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.run import run
from experiments.settings import batch, by_layer, entries, known_constants
from experiments.trajectory import COLUMNS, dataset
from lmo.balls import Frobenius, LInf, Product, Spectral
from lmo.method import Method
from lmo.momentum import Ema, Nesterov, NoMomentum
from lmo.oracles import Exact, Mixed, Perturbed, Random, Shrink

QUADRATIC = MatrixQuadratic.shipped()[0]
NOISY = Noisy(QUADRATIC, 0.1)
LAYERED = LayeredQuadratic.shipped()[0]


def columns(data: xr.Dataset) -> dict[str, np.ndarray]:
    return {str(n): data[n].values for n in data.data_vars}


@pytest.mark.parametrize("momentum", [Ema(), Ema("zero"), Nesterov(), Nesterov("zero"), NoMomentum()])
def test_columns_against_a_naive_run(momentum) -> None:
    """One run again, matrix by matrix with numpy: x, m, the parts of m − ∇f, and every norm."""
    steps, γ, α, seed = 25, 0.05, 0.2, 3
    ball = Spectral()
    needs = momentum.needs_alpha
    data = run(NOISY, Method(Exact(ball), momentum), steps=steps, step_size=γ, alpha=α if needs else None, seeds=[seed])
    from lmo.randomness import Draw

    nuclear = lambda a: np.linalg.svd(a, compute_uv=False).sum()  # noqa: E731
    x, noises, gradients = QUADRATIC.start(1)[0].numpy(), [], []
    left, right = QUADRATIC.left.numpy(), QUADRATIC.right.numpy()
    for k in range(steps):
        g = left @ x @ right
        noises.append(NOISY.sample(Draw([seed], k))[0].numpy())
        gradients.append(g)
        weights = buffer_weights(momentum, α, k)
        total = weights.sum()
        m = sum(w * (a + e) for w, a, e in zip(weights, gradients, noises, strict=True)) / total
        first = momentum.start == "first gradient" and needs
        # of the first gradient, what Nesterov adds to its buffer at step 0 is noise as at every other step
        through_buffer = weights[0] - (α if isinstance(momentum, Nesterov) and k == 0 else 0)
        start = through_buffer * noises[0] / total if first else 0 * g
        later = sum(w * e for w, e in zip(weights, noises, strict=True)) / total - start
        drift = sum(w * a for w, a in zip(weights, gradients, strict=True)) / total - g
        u, _, vt = np.linalg.svd(m, full_matrices=False)
        d = -u @ vt
        expected = {
            "objective": 0.5 * (x * g).sum(), "gradient_norm": nuclear(g), "fed_norm": nuclear(m),
            "fed_alignment": (m * d).sum(), "gradient_alignment": (g * d).sum(), "direction_norm": 1.0,
            "error_norm": nuclear(m - g), "start_norm": nuclear(start), "drift_norm": nuclear(drift),
            "noise_norm": nuclear(later), "noise_norm_2": np.linalg.norm(later), "epsilon": 0.0, "eta": 0.0,
            "step_size": γ, "noise_std": 0.1,
            "gradient_change": nuclear(g - gradients[-2]) if k else 0.0,
        }  # fmt: skip
        x = x + γ * d
        expected["objective_next"] = 0.5 * (x * (left @ x @ right)).sum()
        expected["gradient_norm_next"] = nuclear(left @ x @ right)
        for name, value in expected.items():
            assert data[name].values[0, k] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, k)
    assert set(data.data_vars) == {
        name for name in COLUMNS if not name.startswith(("layer_", "iterate_", "net_"))
    }  # those of a Product, of weight decay


def buffer_weights(momentum, α: float, k: int) -> np.ndarray:
    """The weight of each gradient in what the oracle is fed at step k, from the definition."""
    if not momentum.needs_alpha:
        return np.eye(k + 1)[k]
    m = np.zeros(k + 1)
    for j in range(k + 1):
        m = (1 - α) * m + α * np.eye(k + 1)[j] if j or momentum.start == "zero" else np.eye(k + 1)[0]
    return (1 - α) * m + α * np.eye(k + 1)[k] if isinstance(momentum, Nesterov) else m


def test_a_run_does_not_depend_on_its_batch() -> None:
    seeds, sizes = np.array([5, 1, 5, 9]), torch.tensor([0.02, 0.05, 0.1, 0.2], dtype=torch.float64)
    ball = Spectral()

    def go(rows: list[int]) -> xr.Dataset:
        delta = torch.tensor([0.1, 0.4, 0.6, 0.8])[rows]
        oracle = Perturbed(Exact(ball), Random(delta))
        return run(NOISY, Method(oracle, Ema()), steps=20, step_size=sizes[rows], alpha=0.3, seeds=seeds[rows])

    whole = go([0, 1, 2, 3])
    for rows in ([0], [3, 1], [2, 2, 0]):
        part = go(rows)
        for name in whole.data_vars:
            np.testing.assert_allclose(part[name].values, whole[name].values[rows], rtol=1e-9, atol=1e-12)


def test_runs_with_one_seed_see_one_noise() -> None:
    data = run(NOISY, Method(Exact(Frobenius())), steps=3, step_size=1e-9, seeds=[4, 4, 5])
    noise = data["noise_norm_2"].values
    assert np.array_equal(noise[0], noise[1]) and not np.allclose(noise[0], noise[2])


@pytest.mark.parametrize("name", list(bounds.theorems))
@pytest.mark.parametrize("ball", [Spectral(), Frobenius(), LInf(2), LAYERED.balls()[1]], ids=lambda b: b.name)
def test_the_slack_budget_is_exact(name: str, ball) -> None:
    """bound^p − measured^p is the sum of the shares, to rounding, for every run: nothing is hidden."""
    theorem = bounds.theorems[name]
    if name == "hilbert" and not ball.is_hilbert:
        pytest.skip("needs a Hilbert norm")
    of_layers = isinstance(ball, Product)
    if by_layer(theorem) != of_layers:
        pytest.skip("statements about layers run on layers, the others on single matrices")
    problem = LAYERED if of_layers else NOISY if theorem.expectation else QUADRATIC
    if theorem.metric.over == "last" and isinstance(ball, LInf):  # its constants are known for vectors alone
        problem, ball = DiagonalQuadratic.shipped()[0], LInf()
    chosen = entries(ball, (0.4,))
    one = batch(theorem, problem, ball, steps=30, seeds=4, chosen=[e for e in chosen if e.promised])
    data = run(
        problem, one.method, steps=30, step_size=one.step_size, alpha=one.alpha, seeds=one.seeds, schedule=one.schedule
    )
    for cell in one.cells:
        mine = {n: v[cell.rows] for n, v in columns(data).items()}
        shares = certificate.budget(theorem, mine, cell.constants, data["objective_last"].values[cell.rows])
        power = theorem.proof.closing.power
        bound = float(theorem.bound(**{n: cell.constants[n] for n in theorem.constants}))
        per_step = certificate.on_run(theorem.metric.of_step, mine, cell.constants)
        gap = bound**power - theorem.metric.of(per_step) ** power
        np.testing.assert_allclose(sum(shares.values()), gap, rtol=1e-9, atol=1e-12)
        assert certificate.first_violation(theorem, mine, cell.constants) is None


def test_a_wrong_constant_shows_as_a_negative_slack_by_name() -> None:
    theorem, ball = bounds.theorems["fixed-step"], Spectral()
    one = batch(
        theorem, QUADRATIC, ball, steps=30, seeds=1, chosen=[e for e in entries(ball, (0.4,)) if e.label == "mixed"]
    )
    data = run(QUADRATIC, one.method, steps=30, step_size=one.step_size, seeds=one.seeds)
    constants = one.cells[0].constants
    for name, wrong in {
        "smoothness": {"smoothness": constants["smoothness"] / 50},
        "alignment": {"epsilon": 0.0},
        "size": {"eta": 0.2},
    }.items():
        broken = certificate.first_violation(theorem, columns(data), {**constants, **wrong})
        assert broken is not None and broken.inequality == name and broken.slack < 0


def test_known_constants_say_how_they_are_known() -> None:
    values, kind = known_constants(bounds.theorems["ema"], NOISY, Spectral(), 10)
    assert kind == "exact" and values["norm_ratio"] == 2.0 and values["noise_std"] == 0.1
    assert known_constants(bounds.theorems["ema"], NOISY, LInf(2), 10)[1] == "upper"


def test_measured_delta_is_that_of_the_error() -> None:
    oracle = Perturbed(Exact(Spectral()), Mixed(0.3))
    data = run(QUADRATIC, Method(oracle), steps=6, step_size=0.01, delta_every=2)
    assert (
        data["delta"].values[0, ::2] == pytest.approx(0.3, abs=1e-9) and np.isnan(data["delta"].values[0, 1::2]).all()
    )


def test_a_run_that_explodes_says_which_and_when() -> None:
    problem = DiagonalQuadratic([1e300], [1e8])
    with pytest.raises(ValueError, match="run 0 left the finite numbers at step 0"):
        run(problem, Method(Perturbed(Exact(LInf()), Shrink(0.0))), steps=3, step_size=1e10)


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown trajectory columns"):
        dataset({"gradnorm": np.zeros((1, 1))}, {})


def test_datasets_survive_the_disk(tmp_path) -> None:
    data = run(NOISY, Method(Exact(Spectral()), Ema()), steps=4, step_size=0.1, alpha=0.5, seeds=[1, 2])
    back = store.load(store.save(data, tmp_path / "one.zarr"))
    xr.testing.assert_identical(back.drop_attrs(), data.drop_attrs())
    with pytest.raises(ValueError, match="no data folder"):
        store.load(tmp_path / "other.zarr")
