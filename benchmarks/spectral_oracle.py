"""`MomentTuned` against torch.optim.Muon's own orthogonalisation: time at no larger ε and no larger η.

    python benchmarks/spectral_oracle.py [--device cuda] [--dtype float16] [--repeats 9]

Same input (float32), same dtype of the iteration, timed in turn in one process; the ratio of a case is the median of
its repeats. The dtype is bfloat16 where the hardware multiplies it. Elsewhere it is float32 for both: torch's iteration
then is the one below, many times faster than what ships (`shipped`: theirs as it is against ours, 512×512 Gaussian).
`--dtype` is that of ours; torch's stays bfloat16 against a half precision.
ε and η of both answers are measured in float64 by an SVD. Last lines: RATIO name value, torch's time over ours:
`geomean` over all cases, `smallest` of them. Exit status 1 if an ε or η of ours is larger than torch's.

On a GPU, `--large` compares power laws of shapes where products take longer than launches (ε from the known factors).

Some constants of `MomentTuned` were chosen on these cases. `--held-out` compares the errors alone, in float32, on other
shapes and spectra, and says where its ε or η is larger.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from timing import seconds
from torch import Tensor, nn
from torch.optim._muon import _zeropower_via_newtonschulz

from experiments.problems.digits_softmax import digits
from lmo import OracleError, measure
from lmo.balls import Spectral
from lmo.optim import Muon
from lmo.oracles import MomentTuned, fastest_dtype

SHAPES = ((512, 512), (1024, 1024), (512, 2048), (1024, 4096), (2048, 512), (768, 3072))
LARGE = ((2048, 2048), (4096, 4096), (2048, 8192), (4096, 16384))
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def power_law(shape: tuple[int, int], exponent: float) -> Tensor:
    """Random singular vectors, σ_i = i^−exponent."""
    u, _, vh = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    return (u * torch.arange(1, min(shape) + 1).float() ** -exponent) @ vh


def trained_momentum(shape: tuple[int, int], steps: int = 40, batch: int = 128) -> Tensor:
    """The EMA (β = 0.95) of the gradients of a layer of this shape in a network trained on digits by Muon.

    By our Muon: in torch's every step takes seconds where the processor has no bfloat16 products.
    """
    rows, columns = shape
    model = nn.Sequential(nn.Linear(64, columns), nn.Tanh(), nn.Linear(columns, rows), nn.Tanh(), nn.Linear(rows, 10))
    pixels, targets = (part.float() for part in digits())
    layer = model[2].weight
    assert isinstance(layer, nn.Parameter)
    optimizers: list[torch.optim.Optimizer] = [
        Muon([layer], lr=0.02, oracle=MomentTuned()),
        torch.optim.Adam([p for p in model.parameters() if p is not layer], lr=1e-3),
    ]
    for _ in range(steps):
        rows_drawn = torch.randint(len(pixels), (batch,))
        for optimizer in optimizers:
            optimizer.zero_grad()
        nn.functional.cross_entropy(model(pixels[rows_drawn]), targets[rows_drawn].argmax(-1)).backward()
        for optimizer in optimizers:
            optimizer.step()
    return optimizers[0].state[layer]["buffer"].detach().clone()


SPECTRA: dict[str, Callable[[tuple[int, int]], Tensor]] = {
    "Gaussian": lambda shape: torch.randn(shape),
    "power law 0.5": lambda shape: power_law(shape, 0.5),
    "power law 1": lambda shape: power_law(shape, 1.0),
    "trained momentum": trained_momentum,
}


def shipped(m: Tensor) -> Tensor:
    """torch's answer, with the sign of a direction."""
    return -_zeropower_via_newtonschulz(m, COEFFICIENTS, 5, 1e-7)


def in_single(m: Tensor) -> Tensor:
    """The same, operation by operation, without the cast to bfloat16."""
    a, b, c = COEFFICIENTS
    x = m.T if m.shape[0] > m.shape[1] else m
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return -(x.T if m.shape[0] > m.shape[1] else x)


def errors(mine: OracleError, its: OracleError) -> str:
    """ε and η of both, in words."""
    pairs = (("ε", mine.epsilon, its.epsilon), ("η", mine.eta, its.eta))
    return "  ".join(f"{name} {float(own):+.3f} (torch {float(peer):+.3f})" for name, own, peer in pairs)


def held_out() -> None:
    """ε and η of ours and of torch's steps where no constant was chosen."""
    larger, total = 0, 0
    for shape in ((256, 256), (384, 384), (640, 640), (512, 1536), (512, 640)):
        rows = min(shape)
        i = torch.arange(1, rows + 1).double()
        spectra = {f"power law {s}": i**-s for s in (0.1, 0.25, 0.33, 0.6, 0.75, 0.9, 1.25, 1.5)} | {
            "exponential": torch.exp(-8 * i / rows),
            "linear": 1.001 - i / rows,
            "one spike": torch.where(i == 1, 10.0, (1 - 0.9 * (i / rows) ** 2).sqrt()),
            "eight spikes": torch.where(i <= 8, 20.0, 1.0) * i**-0.5,
            "two plateaus": torch.where(i <= rows // 2, 1.0, 0.01),
        }
        for name, values in spectra.items():
            u, _, vh = torch.linalg.svd(torch.randn(shape), full_matrices=False)
            m = (u * values.float()) @ vh
            mine, its = (measure(Spectral(), m, d) for d in (MomentTuned()(m)[0], in_single(m)))
            total += 1
            if bool(mine.epsilon > its.epsilon) or bool(mine.eta > its.eta):
                larger += 1
                print(f"  {shape[0]}×{shape[1]} {name:16} {errors(mine, its)}")
    print(f"ε or η larger than torch's on {larger} of {total}")


def large(device: str, dtype: torch.dtype, repeats: int) -> int:
    """Times and errors on large power laws; 1 if an error is larger."""
    oracle, ratios, fair = MomentTuned(dtype=dtype), [], True
    works: tuple[Callable[[Tensor], Any], ...] = (lambda m: oracle(m)[0], shipped)
    for rows, columns in LARGE:
        u, v = (torch.linalg.qr(torch.randn(n, rows, device=device)).Q for n in (rows, columns))
        for exponent in (0.5, 1.0):
            sigma = torch.arange(1, rows + 1, device=device).float() ** -exponent
            m = (u * sigma) @ v.T
            (mine, its), found = (errors_of(work(m).float(), u, sigma, v) for work in works), []
            for _ in range(repeats):
                found.append([seconds(partial(work, m), device) for work in works])
            own, peer = (statistics.median(column) for column in zip(*found, strict=True))
            ratios.append(statistics.median(b / a for a, b in found))
            worse = mine[0] > its[0] or mine[1] > its[1]
            fair = fair and not worse
            print(f"  {rows}×{columns} power law {exponent}  ε {mine[0]:+.3f} (torch {its[0]:+.3f})", end="")
            print(f"  η {mine[1]:+.3f} (torch {its[1]:+.3f})  {1e3 * own:.2f} ms (torch {1e3 * peer:.2f})", end="")
            print(f"  {ratios[-1]:.2f}{'  LARGER ERROR' if worse else ''}", flush=True)
    print(f"RATIO geomean-large {math.exp(statistics.fmean(map(math.log, ratios))):.2f}")
    return 0 if fair else 1


def errors_of(d: Tensor, u: Tensor, sigma: Tensor, v: Tensor) -> tuple[float, float]:
    """ε and η of the answer d to u diag(σ) vᵀ."""
    epsilon = 1 + float((u * (d @ v)).sum(0) @ sigma) / float(sigma.sum())
    return epsilon, float(torch.linalg.eigvalsh(d @ d.T)[-1]) ** 0.5 - 1


def gemm_peak(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    """The best rate seen of a product of two square matrices, in flop/s."""
    x = torch.randn(size, size, device=device, dtype=dtype)
    return 2 * size**3 / min(seconds(lambda: x @ x, device) for _ in range(7))


def case(m: Tensor, oracle: MomentTuned, device: str, repeats: int) -> tuple[float, float, float, bool]:
    """(median ratio, our milliseconds, theirs, whether ε and η are no larger than theirs)."""
    theirs = in_single if oracle.dtype == torch.float32 else shipped
    here = m.to(device)
    answers: tuple[Any, Any] = oracle(here)[0], theirs(here)
    mine, its = (measure(Spectral(), m.double(), d.double().cpu()) for d in answers)
    times = []
    for _ in range(repeats):
        own = seconds(lambda: oracle(here), device)
        times.append((own, seconds(lambda: theirs(here), device)))
    fair = bool(mine.epsilon <= its.epsilon and mine.eta <= its.eta)
    print(f"    {errors(mine, its)}", end="")
    own, peer = (statistics.median(column) for column in zip(*times, strict=True))
    return statistics.median(b / a for a, b in times), 1000 * own, 1000 * peer, fair


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], help="of our iteration")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--large", action="store_true", help="power laws of large shapes")
    parser.add_argument("--held-out", action="store_true", help="errors on other spectra, no timing")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.held_out:
        held_out()
        return 0
    dtype = getattr(torch, arguments.dtype) if arguments.dtype else fastest_dtype(arguments.device)
    if arguments.large:
        return large(arguments.device, dtype, arguments.repeats)
    oracle, ratios, fair = MomentTuned(dtype=dtype), [], True
    peak = gemm_peak(arguments.device, dtype)
    threads = torch.get_num_threads()
    print(f"{arguments.device}, torch {torch.__version__}, {threads} threads; {dtype} at {peak / 1e9:.0f} Gflop/s")
    for shape in SHAPES:
        for name, make in SPECTRA.items():
            print(f"  {shape[0]}×{shape[1]} {name:17}", end="", flush=True)
            ratio, own, peer, good = case(make(shape), oracle, arguments.device, arguments.repeats)
            a, b = min(shape), max(shape)
            share = 5 * (4 * a * a * b + 2 * a**3) / (peer / 1000) / peak
            note = "" if good else "  LARGER ERROR"
            print(f"  {own:8.2f} ms (torch {peer:8.2f}, {100 * share:3.0f} % of peak)  {ratio:.2f}{note}")
            ratios.append(ratio)
            fair = fair and good
    if dtype == torch.float32:
        m = torch.randn(512, 512, device=arguments.device)
        own = min(seconds(lambda: oracle(m), arguments.device) for _ in range(3))
        print(f"RATIO shipped {seconds(lambda: shipped(m), arguments.device) / own:.2f}")
    print(f"RATIO geomean {math.exp(statistics.fmean(map(math.log, ratios))):.2f}")
    print(f"RATIO smallest {min(ratios):.2f}")
    return 0 if fair else 1


if __name__ == "__main__":
    sys.exit(main())
