"""The same numbers on every device: balls, oracles, momenta, optimisers and sweeps on CUDA against the CPU.

Skipped where there is no CUDA device. On one: `pytest tests/laws/test_devices.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from samples import BALLS, MOMENTA, ORACLES, elements, name_of
from torch import nn

from experiments.sweeps.plan import plan
from experiments.sweeps.simulate import simulate
from experiments.sweeps.specification import Sweep
from lmo import Draw, Method, measure
from lmo.balls import Nuclear, Spectral
from lmo.elements import map_layers
from lmo.optim import LMO, Muon
from lmo.oracles import Exact, Lanczos, MomentTuned

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
SEEDS = np.arange(4)
LOW = {"rounded", "moment-tuned", "torch-newton-schulz", "quantised"}  # rounding may fall either way


def there(x: Any) -> Any:
    return map_layers(lambda a: a.to("cuda"), x)


def here(x: Any) -> Any:
    return map_layers(lambda a: a.cpu(), x)


def devices_of(x: Any) -> set[str]:
    return {layer.device.type for layer in (x if isinstance(x, tuple) else (x,))}


@pytest.mark.parametrize(("ball", "shape"), BALLS, ids=name_of)
def test_a_ball(ball, shape) -> None:
    m, x = elements(shape, 0, 5), elements(shape, 1, 5)
    torch.testing.assert_close(ball.norm(there(x)).cpu(), ball.norm(x))
    torch.testing.assert_close(ball.dual_norm(there(m)).cpu(), ball.dual_norm(m))
    d = ball.lmo(there(m))
    assert devices_of(d) == {"cuda"}
    for mine, its in zip(*((a if isinstance(a, tuple) else (a,)) for a in (here(d), ball.lmo(m))), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-9)
    off = ball.distance_to_minimisers(there(m), there(x))
    torch.testing.assert_close(off.value.cpu(), ball.distance_to_minimisers(m, x).value, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("ball", [Spectral(), Nuclear()], ids=name_of)
@pytest.mark.parametrize("shape", [(48, 80), (80, 48), (40, 40)])
def test_a_ball_of_matrices_whose_svds_are_done_by_products(ball, shape) -> None:
    m, x = elements(shape, 0, 5), elements(shape, 1, 5)
    m[3] = m[3][:, :2] @ m[3][:2]  # of rank two
    off, there_off = ball.distance_to_minimisers(m, x), ball.distance_to_minimisers(m.cuda(), x.cuda())
    for mine, its in (
        (ball.norm(x.cuda()), ball.norm(x)),
        (ball.dual_norm(m.cuda()), ball.dual_norm(m)),
        (ball.lmo(m.cuda()), ball.lmo(m)),
        (there_off.value, off.value),
    ):
        torch.testing.assert_close(mine.cpu(), its, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("oracle", "shape"), ORACLES, ids=name_of)
def test_an_oracle(oracle, shape) -> None:
    m = elements(shape, 2, SEEDS.size)
    if isinstance(oracle, MomentTuned) and oracle.look_first is None:
        oracle = replace(oracle, look_first=False)  # what is taken there, if nothing is said
    d, _ = oracle(there(m), draw=Draw(SEEDS, 3, "cuda"))
    assert devices_of(d) == {"cuda"}
    low = bool({part for part in LOW if part in str(type(oracle).name)}) or "bfloat16" in str(oracle)
    mine, its = measure(oracle.ball, m, here(d)), measure(oracle.ball, m, oracle(m, draw=Draw(SEEDS, 3))[0])
    promised = getattr(oracle, "delta", getattr(oracle, "target", 0.0))  # what its own stopping rule leaves open
    room = 0.02 if low else max(1e-7, promised if isinstance(promised, float) else 0.0)
    for one, other in ((mine.epsilon, its.epsilon), (mine.eta, its.eta)):
        torch.testing.assert_close(one, other, rtol=0, atol=room)


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
def test_a_method(momentum) -> None:
    method, alpha = Method(Exact(Spectral()), momentum), 0.3 if momentum.needs_alpha else None
    found = []
    for device in ("cpu", "cuda"):
        state = method.init(elements((3, 4), 4, 5).to(device))
        for k in range(6):
            state, _ = method.step(state, elements((3, 4), 10 + k, 5).to(device), step_size=0.1, alpha=alpha)
        found.append(state.x.cpu())
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


def test_random_numbers_are_the_same_and_lie_on_the_device() -> None:
    for draw in (lambda device: Draw([3, 1, 3], 5, device).normal("noise", (2, 3)),
                 lambda device: Draw([3, 1, 3], 5, device).integers("rows", 9, (4,))):  # fmt: skip
        assert draw("cuda").device.type == "cuda"
        assert torch.equal(draw("cuda").cpu(), draw("cpu"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(64, 64), (48, 200), (300, 96), (512, 512)])
def test_the_answer_of_moment_tuned_is_as_good_there(shape, dtype) -> None:
    m = elements(shape, 6).float()
    oracle = MomentTuned(dtype=dtype, look_first=False)  # as it is there, if nothing is said
    errors = [measure(Spectral(), m.double(), oracle(m.to(device))[0].cpu().double()) for device in ("cpu", "cuda")]
    for name in ("epsilon", "eta"):
        one, other = (float(getattr(error, name)) for error in errors)
        assert one == pytest.approx(other, abs=1e-4 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize("failure", [0.0, 1e-4])
@pytest.mark.parametrize("shape", [(100, 1200), (1100, 130), (600, 600)])
def test_lanczos_there_again_and_again(shape, failure) -> None:
    """The second run of a length is recorded, later ones are replayed; each is certified there."""
    oracle = Lanczos(1e-6, failure)
    for k in range(5):
        u, _, vh = torch.linalg.svd(elements(shape, k), full_matrices=False)
        m = (u * torch.arange(1.0, min(shape) + 1).double() ** -(0.5, 1.0)[k % 2]) @ vh
        d, proof = oracle(m.cuda(), draw=Draw(k, 0, "cuda"))
        gap = 1 + float((m * d.cpu()).sum())
        assert gap <= float(proof.epsilon) + 1e-13 and float(proof.epsilon) <= 1e-6


@pytest.mark.parametrize("kind", ["lmo", "muon"])
def test_an_optimiser_trains_a_module_there(kind) -> None:
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        layer = nn.Linear(6, 5, bias=False).double().to(device)
        optimizer = (
            LMO([{"params": [layer.weight], "oracle": Exact(Spectral())}], lr=0.1)
            if kind == "lmo"
            else Muon([layer.weight], lr=0.1, oracle=Exact(Spectral()))
        )
        for k in range(4):
            optimizer.zero_grad()
            layer(elements((6,), k, 7).to(device)).square().mean().backward()
            optimizer.step()
        found.append(layer.weight.detach().cpu())
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-9)


SWEEPS: dict[str, dict[str, Any]] = {
    "vectors": {"problem": "quadratic:30", "ball": "l-inf", "oracle": ["exact", "mixed", "random"], "momentum": "ema"},
    "matrices": {
        "problem": "matrix-quadratic:4x6", "ball": ["spectral", "nuclear"], "oracle": ["exact", "inflate", "random"],
        "momentum": ["nesterov-zero", "storm"], "measure": ["delta", "epsilon", "eta"],
    },
    "layers": {"problem": "layered-quadratic", "ball": "product", "oracle": "stale:3", "momentum": "ema"},
    "bigrams": {"problem": "bigram:16", "ball": "spectral", "oracle": ["jordan:3", "polar"], "momentum": "ema"},
    "digits": {"problem": "digits:32", "ball": "spectral", "oracle": "exact", "momentum": "ema"},
}  # fmt: skip


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep(name) -> None:
    """Twelve steps: later, an answer that jumps (a sign) may jump a step earlier after a rounding."""
    axes = {"step_size": [0.02, 0.2], "alpha": [0.3, 1.0], "delta": [0.0, 0.4], "seeds": 2, "steps": 12, "noise": 0.1}
    sweep = Sweep(**(axes | SWEEPS[name] | ({"noise": 0.0} if name in ("layers", "bigrams", "digits") else {})))
    for chunk in plan(sweep).chunks:
        mine, its = simulate(chunk, sweep, "cuda"), simulate(chunk, sweep, "cpu")
        for column in its:
            np.testing.assert_allclose(mine[column], its[column], rtol=1e-6, atol=1e-9, err_msg=f"{chunk}: {column}")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(64, 64), (48, 200), (300, 96), (512, 512)])
def test_recorded_chains_answer_as_well_whatever_came_before(shape, dtype) -> None:
    """Spectra take turns, so do two streams; the answers stay as they were given."""
    oracle, kept = MomentTuned(dtype=dtype, look_first=False), []
    other = torch.cuda.Stream()
    for k in range(12):
        u, _, vh = torch.linalg.svd(elements(shape, k), full_matrices=False)
        m = ((u * torch.arange(1.0, min(shape) + 1).double() ** -(0.0, 0.5, 1.0)[k % 3]) @ vh).float()
        with torch.cuda.stream(other if k % 5 == 4 else torch.cuda.current_stream()):
            kept.append((m, oracle(m.to("cuda"))[0]))
            torch.cuda.current_stream().synchronize()
    for m, d in kept:
        mine, its = (measure(Spectral(), m.double(), a.cpu().double()) for a in (d, oracle(m)[0]))
        assert float(mine.epsilon) == pytest.approx(float(its.epsilon), abs=0.03)
        assert float(mine.eta) == pytest.approx(float(its.eta), abs=0.02)


def test_a_recorded_chain_in_inference_mode_and_under_autograd() -> None:
    m = elements((32, 32), 0).float().cuda()
    oracle = MomentTuned()
    with torch.inference_mode():
        inside = [oracle(m)[0] for _ in range(4)]
    plain = oracle(m.clone().requires_grad_())[0]
    assert plain.requires_grad
    for d in (*inside, *(oracle(m)[0] for _ in range(3))):
        torch.testing.assert_close(d, plain.detach(), rtol=0, atol=1e-3)
