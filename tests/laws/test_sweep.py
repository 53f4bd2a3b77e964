"""Grids of runs: what is computed, against a plain loop, and that no result depends on the batch it was computed in."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from experiments.run import run
from experiments.sweeps import catalogue
from experiments.sweeps.collect import collect, export, grid
from experiments.sweeps.engine import run_sweep
from experiments.sweeps.growth import growth
from experiments.sweeps.plan import LABELS, NUMBERS, chunk_runs, plan
from experiments.sweeps.specification import Sweep, load, of_table
from lmo.balls import L1, LInf, MaxColumn, MaxRow, NormBall, Nuclear
from lmo.method import Method
from lmo.oracles import Exact, Lanczos, Quantised, Rounded
from lmo.randomness import Draw

SMALL: dict[str, Any] = {
    "problem": "quadratic:5", "ball": "l-inf", "oracle": ["exact", "mixed"], "delta": [0.0, 0.4],
    "step_size": [0.02, 0.3], "alpha": [0.2, 1.0], "momentum": ["none", "ema"], "noise": [0.0, 0.2], "steps": 25,
    "seeds": [0, 3], "record_every": 4,
}  # fmt: skip
MATRICES: dict[str, Any] = {
    "problem": ["matrix-quadratic:3x4", "layered-quadratic"], "ball": ["spectral", "nuclear", "product"],
    "oracle": ["exact", "random", "worst", "stale:3"], "delta": 0.3, "step_size": [0.1, 0.4], "alpha": [0.3, 0.9],
    "momentum": ["nesterov-zero", "storm"], "noise": [0.0, 0.1], "steps": 7, "seeds": 3, "record_every": 3,
    "measure": ["epsilon", "eta"],
}  # fmt: skip
RECORDED = {0: 1, 1: 1, 2: 2, 5: 4, 10: 4, 13: 4, 18: 4, 21: 4, 24: 1}  # of 25 steps, at most 4 apart


def computed(out: Path, **fields: Any) -> xr.Dataset:
    return collect(run_sweep(Sweep(**fields), out).store)


def plain(label: dict[str, Any]) -> list[float]:
    """The same run in plain Python, from the definitions; the noise by its own reading of (seed, purpose, step)."""
    d, steps = 5, label["steps"]
    curvature = [0.05 + 0.95 * j / (d - 1) for j in range(d)]
    x, m, norms = [1.0] * d, [0.0] * d, []
    for k in range(steps):
        gradient = [a * v for a, v in zip(curvature, x, strict=True)]
        if k in RECORDED:
            norms.append(sum(abs(g) for g in gradient))
        key = np.array([label["seed"], (zlib.crc32(b"gradient noise") << 32) | k], dtype=np.uint64)
        noise = np.random.Generator(np.random.Philox(key=key)).standard_normal(d) * label["noise"] / math.sqrt(d)
        g = [v + (float(e) if label["noise"] else 0.0) for v, e in zip(gradient, noise, strict=True)]
        alpha = label["alpha"] if k else 1.0
        m = [(1 - alpha) * a + alpha * b for a, b in zip(m, g, strict=True)]
        larger = set(sorted(range(d), key=lambda j: -abs(m[j]))[: (d + 1) // 2])
        factor = [1 + label["delta"] * (-1 if j in larger else 1) for j in range(d)]
        x = [v - label["step_size"] * f * np.sign(w) for v, f, w in zip(x, factor, m, strict=True)]
    last = sum(a * abs(v) for a, v in zip(curvature, x, strict=True))
    mean = sum(w * norm for w, norm in zip(RECORDED.values(), norms, strict=True)) / steps
    return [mean, min(norms), last, sum(a * v * v / 2 for a, v in zip(curvature, x, strict=True))]


def test_every_run_is_that_of_a_plain_loop(tmp_path: Path) -> None:
    data = computed(tmp_path, **SMALL)
    # exact has one δ, mixed two; no momentum has one α, ema two; noises, seeds and step sizes are two each
    assert data.sizes["run"] == 2 * 2 * 2 * 3 * 3 and (data["lost_at"] == -1).all()
    names = ["mean_gradient_norm", "min_gradient_norm", "last_gradient_norm", "last_objective"]
    seen = set()
    for i in range(data.sizes["run"]):
        one = data.isel(run=i)
        label = {name: one[name].item() for name in (*LABELS, *NUMBERS)}
        seen.add(tuple(label.values()))
        np.testing.assert_allclose([one[name].item() for name in names], plain(label), rtol=1e-9, atol=1e-12)
        wrong = plain(label | {"step_size": 1.1 * label["step_size"]})
        assert not np.allclose([one[name].item() for name in names], wrong, rtol=1e-9)
    assert len(seen) == data.sizes["run"]


@pytest.mark.parametrize("runs", [1, 5, 1000])
def test_no_bit_of_a_result_depends_on_the_chunk(runs: int, tmp_path: Path) -> None:
    for name, fields in (("vectors", SMALL), ("matrices", MATRICES)):
        fields = fields | ({"seeds": 1, "step_size": 0.1} if runs == 1 else {})
        one = computed(tmp_path / name, **fields)
        other = computed(tmp_path / f"{name} {runs}", **fields, chunk_runs=runs)
        xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())
        assert len(np.unique(one["last_objective"])) > one.sizes["run"] / 8


def test_products_of_matrices_depend_on_the_chunk_to_rounding_only(tmp_path: Path) -> None:
    """One matrix product for all runs of a batch rounds by the size of the batch (`plan` fixes the batches)."""
    fields = MATRICES | {"problem": "ridge:3x4", "ball": "spectral", "oracle": ["exact", "jordan:5"], "momentum": "ema"}
    one, other = computed(tmp_path / "a", **fields), computed(tmp_path / "b", **fields, chunk_runs=5)
    xr.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_trajectory_of_run_sums_up_to_the_same(tmp_path: Path) -> None:
    fields = MATRICES | {"problem": "matrix-quadratic:3x6", "ball": "spectral", "oracle": ["worst", "jordan:5"]}
    fields |= {"steps": 12, "record_every": 5}
    data = computed(tmp_path, **fields)
    problem = catalogue.problem_called("matrix-quadratic:3x6")
    for i in range(0, data.sizes["run"], 11):
        one = data.isel(run=i)
        ball = catalogue.ball_called("spectral", problem)
        oracle = catalogue.oracle_called(one["oracle"].item(), ball, one["delta"].item())
        method = Method(oracle, catalogue.MOMENTA[one["momentum"].item()])
        noisy = catalogue.with_noise(problem, one["noise"].item())
        size, alpha, seeds = one["step_size"].item(), one["alpha"].item(), [one["seed"].item()]
        whole = run(noisy, method, steps=12, step_size=size, alpha=alpha, seeds=seeds).isel(run=0)
        of_steps = {0: 1, 1: 1, 2: 2, 5: 4, 10: 4}
        for name in ("gradient_norm", "eta"):
            mean = sum(w * whole[name].values[k] for k, w in of_steps.items()) / 12
            np.testing.assert_allclose(one[f"mean_{name}"], mean, rtol=1e-9, atol=1e-12)


def test_a_run_that_leaves_the_finite_numbers_ends_alone(tmp_path: Path) -> None:
    fields = SMALL | {"step_size": [0.02, 1e308], "steps": 40}
    data = computed(tmp_path / "both", **fields)
    lost = data["step_size"].values > 1
    ended = data["lost_at"].values > 0
    assert ended.any() and lost[ended].all() and np.isinf(data["min_gradient_norm"].values[ended]).all()
    alone = computed(tmp_path / "alone", **(fields | {"step_size": 0.02}))
    xr.testing.assert_identical(data.isel(run=~lost).drop_attrs(), alone.drop_attrs())


@pytest.mark.parametrize("ball", [LInf(1), L1(1), MaxRow(), MaxColumn()], ids=str)
def test_what_wraps_the_exact_oracle_is_named_for_every_ball(ball: NormBall) -> None:
    assert catalogue.oracle_called("quantised:4", ball) == Quantised(Exact(ball), 4)
    assert catalogue.oracle_called("rounded", ball) == Rounded(Exact(ball))
    assert catalogue.oracle_called("lanczos=0.01", Nuclear()) == Lanczos(target=0.01)
    with pytest.raises(catalogue.DoesNotFit):
        catalogue.oracle_called("dion:3", ball)


def test_an_error_says_in_which_chunk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Method, "step", fails)
    with pytest.raises(ValueError, match=r"chunk 0 \(exact for l-inf on quadratic:5, momentum none.*out of memory"):
        run_sweep(Sweep(**SMALL), tmp_path)


def test_chunks_have_the_size_of_the_cache_and_whole_seeds() -> None:
    fields = SMALL | {"problem": "quadratic:100", "oracle": "exact", "momentum": "ema", "noise": 0.1, "steps": 1}
    for sizes, seeds in ((3, 400), (2000, 2)):
        axis = {"from": 0.01, "to": 1.0, "count": sizes}
        chunks = plan(Sweep(**(fields | {"step_size": axis, "alpha": [0.1, 0.2, 0.5], "seeds": seeds}))).chunks
        most = chunk_runs(catalogue.problem_called("quadratic:100"))
        lengths = [chunk.stop - chunk.start for chunk in chunks]
        assert sum(lengths) == sizes * 3 * seeds and max(lengths) <= most < 2 * min(lengths) + 3 * sizes
        assert [chunk.start for chunk in chunks[1:]] == [chunk.stop for chunk in chunks[:-1]]
        whole = [len(np.unique(chunk.labels()["seed"])) for chunk in chunks]
        assert (
            max(whole) == 1
            if sizes == 2000
            else all(n * sizes * 3 == length for n, length in zip(whole, lengths, strict=True))
        )


@pytest.mark.parametrize("shape", [(3,), (20, 30)])
def test_a_draw_of_one_seed_and_of_many_are_the_same_numbers(shape: tuple[int, ...]) -> None:
    many, start = Draw([5, 2, 5, 0], 7), Draw([5, 2, 5, 0], -1)
    for purpose in ("gradient noise", "oracle error"):
        numbers = many.normal(purpose, shape, std=0.5)
        for i, seed in enumerate((5, 2, 5, 0)):
            key = np.array([seed, (zlib.crc32(purpose.encode()) << 32) | 7], dtype=np.uint64)
            truth = 0.5 * np.random.Generator(np.random.Philox(key=key)).standard_normal(shape)
            assert (numbers[i].numpy() == truth).all()
            assert (Draw([seed] * 3, 7).normal(purpose, shape, std=0.5).numpy() == truth).all()
        assert torch.equal(start.at(7).normal(purpose, shape, std=0.5), numbers) and start.step == -1
        assert not torch.equal(start.at(8).normal(purpose, shape, std=0.5), numbers)


def test_a_step_without_checks_is_the_same_step() -> None:
    method = Method(catalogue.oracle_called("worst", LInf(), torch.tensor([0.1, 0.4])), catalogue.MOMENTA["ema"])
    gradient = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], dtype=torch.float64)
    state = method.init(torch.ones(2, 3, dtype=torch.float64))
    checked, plain = (
        method.step(state, gradient, step_size=0.1, alpha=0.3, draw=Draw([0, 1], 0), check=check)[0]
        for check in (True, False)
    )
    assert torch.equal(checked.x, plain.x) and torch.equal(checked.buffer, plain.buffer)
    with pytest.raises(ValueError, match="NaN"):
        method.step(state, gradient * torch.nan, step_size=0.1, alpha=0.3, draw=Draw([0, 1], 0))


def test_the_hash_is_that_of_the_content() -> None:
    base = Sweep(**SMALL)
    changes: dict[str, Any] = {
        "problem": "quadratic:6", "ball": "l2", "oracle": "exact", "delta": 0.0, "step_size": 0.02, "alpha": 0.2,
        "momentum": "ema", "noise": 0.0, "steps": 24, "seeds": 2, "record_every": 5, "measure": "eta",
        "dtype": "float32", "chunk_runs": 3,
    }  # fmt: skip
    hashes = {Sweep(**(SMALL | {key: value})).content_hash() for key, value in changes.items()}
    assert len(hashes | {base.content_hash(), base.content_hash("cuda")}) == len(changes) + 2
    assert base.content_hash("cuda:1") == base.content_hash("cuda")
    assert Sweep(**SMALL, name="other").content_hash() == base.content_hash() == of_table(base.table).content_hash()


def test_a_toml_file_is_the_same_sweep(tmp_path: Path) -> None:
    file = tmp_path / "my grid.toml"
    file.write_text(
        'problem = "quadratic:5"\nball = "l-inf"\noracle = ["exact"]\nsteps = 3\nseeds = 2\n'
        "step_size = { from = 0.01, to = 1, count = 3 }\n"
        "delta = { from = 0, to = 0.5, count = 2, spacing = 'linear' }\n"
    )
    sweep = load(file)
    np.testing.assert_allclose(sweep.step_size, [0.01, 0.1, 1.0], rtol=1e-12)
    assert (sweep.name, sweep.delta, sweep.seeds, sweep.step_size[-1]) == ("my-grid", (0.0, 0.5), (0, 1), 1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step_sizes": 1}, "did you mean 'step_size'"),
        ({"step_size": 0.0}, "`step_size[0]` must be a finite number > 0"),
        ({"step_size": True}, "must be a number"),
        ({"step_size": [0.1, 0.1]}, "twice"),
        ({"step_size": []}, "from 1 to"),
        ({"step_size": {"from": 1, "to": 2, "cuont": 3}}, "did you mean 'count'"),
        ({"step_size": {"from": 1, "to": 2}}, "needs count"),
        ({"step_size": {"from": 0, "to": 2, "count": 2}}, "geometric"),
        ({"alpha": 1.5}, "<= 1"),
        ({"delta": 1.0}, "< 1"),
        ({"noise": -0.1}, ">= 0"),
        ({"steps": 1.5}, "integer >= 1"),
        ({"seeds": 0}, "integer >= 1"),
        ({"seeds": [1, -1]}, "integer >= 0"),
        ({"momentum": "emma"}, "did you mean 'ema'"),
        ({"oracle": "shrnk"}, "did you mean 'shrink'"),
        ({"oracle": "stale"}, "stale:5"),
        ({"oracle": 3}, "a name in quotes"),
        ({"problem": "quadric"}, "did you mean 'quadratic'"),
        ({"problem": "quadratic:axb"}, "takes a number"),
        ({"ball": "l_inf"}, "did you mean 'l-inf'"),
        ({"ball": "spectral"}, "goes with nothing else"),
        ({"oracle": ["exact", "jordan:5"]}, "'jordan:5' goes with nothing else"),
        ({"measure": "epsilom"}, "did you mean 'epsilon'"),
        ({"dtype": "float16"}, "did you mean"),
        ({"record_every": 0}, "integer >= 1"),
        ({"name": "../x"}, "names a folder"),
        ({"seeds": 999_999, "noise": [i / 100 for i in range(99)]}, "at most"),
    ],
)
def test_bad_specifications_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError)) as refused:
        plan(of_table(SMALL | change))
    assert said in str(refused.value)


def test_allowed_names_are_said_once() -> None:
    with pytest.raises(ValueError, match="unknown oracle 'shrnk'") as refused:
        plan(of_table(SMALL | {"oracle": "shrnk"}))
    names = str(refused.value).partition("Allowed: ")[2].rstrip(".").split(", ")
    assert "exact" in names and len(names) == len(set(names))


def test_results_as_a_grid_and_in_other_formats(tmp_path: Path) -> None:
    data = computed(tmp_path, **SMALL)
    cube = grid(data)
    assert cube.sizes["step_size"] == 2 and cube["problem"].item() == "quadratic:5" and "seed" in cube.dims
    picked = cube["last_objective"].sel(
        oracle="mixed", delta=0.4, seed=3, noise=0.2, momentum="ema", step_size=0.02, alpha=0.2
    )
    label = {"steps": 25, "seed": 3, "noise": 0.2, "alpha": 0.2, "delta": 0.4, "step_size": 0.02}
    assert picked.item() == pytest.approx(plain(label)[3], rel=1e-9)
    assert np.isnan(cube["last_objective"].sel(oracle="exact", delta=0.4)).all()
    with xr.open_dataset(export(data, tmp_path / "x.nc"), engine="scipy") as again:
        assert (again["last_objective"] == data["last_objective"]).all() and list(again["oracle"]) == list(
            data["oracle"]
        )
    text = export(data, tmp_path / "x.csv").read_text().splitlines()
    assert len(text) == data.sizes["run"] + 1 and text[0].startswith(
        "problem,ball,oracle,momentum,noise,steps,seed,delta"
    )
    with pytest.raises(ValueError, match=r"did you mean '\.csv'"):
        export(data, tmp_path / "x.cvs")
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.read_parquet(export(data, tmp_path / "x.parquet"))
    assert (frame["last_objective"].to_numpy() == data["last_objective"].values).all()


def test_growth_counts_runs_and_refuses_what_cannot_be_told() -> None:
    said: list[str] = []
    found = growth((20, 5_040), say=said.append)
    assert found["runs"].values.tolist() == [20, 5_040] and len(said) == 2
    assert found["run_steps"].values.tolist() == [50 * 20, 50 * 5_040]
    assert (found["seconds"] > 0).all() and float(found["peak_memory"][1]) >= float(found["peak_memory"][0]) > 10
    for wrong in ((5,), (20, 20), (40, 20), (25,)):
        with pytest.raises(ValueError, match="runs"):
            growth(wrong, say=said.append)
