"""Bad input: each case is refused with the right type of error, which names what was wrong and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import bounds
import figures
import lmo
from experiments import store
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.hard.cycles import long_cycle, two_cycle
from experiments.problems.hard.huber import Huber
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.ridge import Ridge
from experiments.run import run
from lmo.balls import L1, Frobenius, LInf, Lp, NormBall, Nuclear, Product, Scaled, Spectral
from lmo.method import Method
from lmo.momentum import Ema, Nesterov
from lmo.optim import LMO, Muon
from lmo.oracles import (
    Exact,
    Mixed,
    NewtonSchulz,
    PerRun,
    Perturbed,
    Random,
    Rounded,
    Scripted,
    Shrink,
    TorchNewtonSchulz,
)
from lmo.polynomials import schedule
from lmo.polynomials.classical import classical
from lmo.randomness import Draw
from lmo.step_rules import Adaptive, ShapeScaled
from lmo.testing import check_ball, run_checks

nan, inf = math.nan, math.inf
V, M = torch.ones(3, dtype=torch.float64), torch.ones(2, 3, dtype=torch.float64)  # an element, and two of them
EXACT, EMA = Method(Exact(LInf())), Method(Exact(LInf()), Ema("zero"))
ADAPTIVE = Method(Exact(LInf()), step_rule=Adaptive())
QUADRATIC = DiagonalQuadratic([1.0, 2.0], [1.0, 1.0])
D1 = bounds.theorems["D1"]
EITHER = (TypeError, ValueError)
Case = tuple[Callable[[], Any], type[Exception] | tuple[type[Exception], ...], str]


def step(method: Method = EXACT, x: Any = V, gradient: Any = V, step_size: Any = 0.1, **more: Any) -> Any:
    return method.step(method.init(x), gradient, step_size=step_size, **more)


def go(method: Any = EXACT, problem: Any = QUADRATIC, steps: Any = 1, step_size: Any = 0.1, **more: Any) -> Any:
    return run(problem, method, steps=steps, step_size=step_size, **more)


def perturbed(error: Any, m: Any = V, draw: Draw | None = None, ball: NormBall | None = None) -> Any:
    return Perturbed(Exact(ball or LInf()), error)(m, None, draw)


def optimiser(kind: type[LMO] = LMO, shape: tuple[int, ...] = (2, 2), gradient: Any = None, **options: Any) -> Any:
    parameter = torch.nn.Parameter(torch.ones(shape))
    made = kind([parameter], **options)
    parameter.grad = gradient
    return made.step()


def huber(delta: float = 0.5, step_size: float = 0.1, steps: int = 5, **more: Any) -> Huber:
    return Huber(torch.tensor([delta]), torch.tensor([step_size]), [two_cycle(0.5)], steps, **more)


# fmt: off
BALLS: dict[str, Case] = {
    "NaN": (lambda: LInf().lmo(V * nan), ValueError, "`m` has entries that are NaN or infinite"),
    "infinite": (lambda: LInf().norm(V * inf), ValueError, "`x` has entries that are NaN or infinite"),
    "integers": (lambda: LInf().lmo(V.int()), TypeError, "`m` must have a floating-point dtype .*, got torch.int32"),
    "complex": (lambda: LInf().lmo(V + 1j), TypeError, "`m` must have a floating-point dtype .*, got torch.complex128"),
    "booleans": (lambda: LInf().lmo(V > 0), TypeError, "`m` must have a floating-point dtype .*, got torch.bool"),
    "a list": (lambda: LInf().lmo([1.0]), TypeError, "`m` must be a torch.Tensor .*, got list"),
    "a numpy array": (lambda: LInf().lmo(V.numpy()), TypeError, "`m` must be a torch.Tensor .*, got ndarray"),
    "sparse": (lambda: LInf().lmo(V.to_sparse()), TypeError, "`m` must be .*dense|`m` .*sparse"),
    "a number": (lambda: LInf().lmo(V[0]), ValueError, r"`m` needs at least 1 dimension.* got shape \(\)"),
    "a vector for a matrix": (lambda: Spectral().lmo(V), ValueError, r"`m` needs at least 2 .* got shape \(3,\)"),
    "empty": (lambda: LInf().lmo(V[:0]), ValueError, r"`m` is empty: shape \(0,\)"),
    "empty batch": (lambda: LInf().lmo(M[:0]), ValueError, r"`m` is empty: shape \(0, 3\)"),
    "two shapes": (lambda: LInf().distance_to_minimisers(V, V[:2]), ValueError, r"`m` and `d` .* \(3,\) and \(2,\)"),
    "core_ndim 0": (lambda: LInf(core_ndim=0), ValueError, "`core_ndim` must be an integer >= 1, got 0"),
    "core_ndim 1.5": (lambda: L1(core_ndim=1.5), ValueError, "`core_ndim` must be an integer >= 1"),
    "spectral cube": (lambda: Spectral(core_ndim=3), EITHER, "core_ndim"),
    "p = 1": (lambda: Lp(1.0), ValueError, "`p` must be a finite number > 1"),
    "p < 1": (lambda: Lp(0.5), ValueError, "`p` must be a finite number > 1.0, got 0.5"),
    "p infinite": (lambda: Lp(inf), ValueError, "`p` must be a finite number > 1.0, got inf"),
    "p in words": (lambda: Lp("three"), TypeError, "`p` must be a .*number.*, got 'three'"),
    "p as text": (lambda: Lp("3"), TypeError, "`p` must be a .*number.*, got '3'"),
    "radius 0": (lambda: Scaled(LInf(), 0.0), ValueError, "`r` must be a finite number > 0.0, got 0.0"),
    "radius NaN": (lambda: Scaled(LInf(), nan), ValueError, "`r` must be a finite number > 0.0, got nan"),
    "no radius": (lambda: Scaled(LInf(), None), TypeError, "`r` must be a .*number.*, got None"),
    "radius of no ball": (lambda: Scaled("l-inf", 1.0), TypeError, "`ball` must be of type NormBall, got str"),
    "parts of l1": (lambda: L1().parts(V), ValueError, "not a maximum over parts.*balls that can: LInf"),
    "product of none": (lambda: Product(()), TypeError, "`balls` must be at least one NormBall"),
    "product of one": (lambda: Product(LInf()), TypeError, "`balls` must be"),
    "product of products": (lambda: Product((Product((LInf(),)),)), TypeError, "`balls` .* none of them a Product"),
    "scaled product inside": (lambda: Product((Scaled(Product((LInf(),)), 2.0),)), TypeError, "none of them a Product"),
    "radii": (lambda: Product((LInf(), L1()), (1.0,)), ValueError, "`radii` needs one radius per ball: 2 balls, 1"),
    "negative radius": (lambda: Product((LInf(),), (-1.0,)), ValueError, "`radii` must be a finite number > 0.0"),
    "combine": (lambda: Product((LInf(),), combine="mx"), ValueError, "'mx'; did you mean 'max'"),
    "a tensor for layers": (lambda: Product((LInf(),)).lmo(V), TypeError, "`m` must be a tuple of 1 tensors"),
    "layers": (lambda: Product((LInf(), L1())).lmo((V,)), TypeError, "`m` must be a tuple of 2 .*; got 1 layers"),
    "two batches": (lambda: Product((LInf(), L1())).lmo((V, M)), ValueError, "layers of `m` must have one batch shape"),
    "NaN layer": (lambda: Product((LInf(), L1())).lmo((V, V * nan)), ValueError, r"`m\[1\]` has entries that are NaN"),
    "alignment overflows": (lambda: lmo.measure(LInf(), V * 1e200, V * 1e200), ValueError, "overflow|finite"),
}
ORACLES: dict[str, Case] = {
    "exact of no ball": (lambda: Exact("l-inf"), TypeError, "`ball` must be of type NormBall, got"),
    "mixed on layers": (
        lambda: Perturbed(Exact(Product((L1(), L1()))), Mixed(0.1)),
        ValueError,
        "though with combine='max' its norm is a maximum over layers; `PerLayer` of",
    ),
    "mixed on l1": (lambda: Perturbed(Exact(L1()), Mixed(0.1)), ValueError, "not a maximum over parts.*that can: LInf"),
    "ball for oracle": (lambda: Perturbed(L1(), Mixed(0.1)), TypeError, "needs an Oracle"),
    "number for error": (lambda: Perturbed(Exact(L1()), 0.1), TypeError, "an error model, got"),
    "random without draw": (lambda: perturbed(Random(0.1)), ValueError, "Random needs `draw`"),
    "error 1": (lambda: Shrink(1.0), ValueError, "`delta` must be a finite number >= 0.0 and < 1.0, got 1.0"),
    "error NaN": (lambda: Mixed(nan), ValueError, "`delta` must be a finite number .*, got nan"),
    "errors of no run": (lambda: Shrink(V[:0]), ValueError, "`delta` is an empty tensor"),
    "one error of 1": (lambda: Shrink(torch.tensor([0.1, 1.0])), ValueError, "`delta` must be .* < 1.0, got 1.0"),
    "errors for other runs": (lambda: perturbed(Shrink(V / 4), M), ValueError, r"`delta` .*\(2,\).*\(3,\)"),
    "errors, but one run": (lambda: perturbed(Shrink(V / 4)), ValueError, r"`delta` .*\(\).*\(3,\)"),
    "draw, but one run": (lambda: perturbed(Random(0.1), V, Draw([1, 2, 3], 0)), ValueError, r"`draw` .*\(3,\).*\(\)"),
    "negative steps": (lambda: NewtonSchulz(steps=-1), ValueError, "`steps` must be an integer >= 0, got -1"),
    "2.5 steps": (lambda: NewtonSchulz(steps=2.5), ValueError, "`steps` must be an integer >= 0"),
    "integer iteration": (lambda: NewtonSchulz(dtype=torch.int32), TypeError, "`dtype` must be a floating-point"),
    "dtype by name": (lambda: NewtonSchulz(dtype="bfloat16"), TypeError, "`dtype` must be a floating-point"),
    "iteration for l-inf": (lambda: NewtonSchulz(ball=LInf()), TypeError, "answers for Spectral, RmsToRms and Scaled"),
    "… scaled": (lambda: NewtonSchulz(ball=Scaled(Frobenius(), 2.0)), TypeError, "answers for Spectral, RmsToRms"),
    "… nuclear": (lambda: NewtonSchulz(ball=Nuclear()), TypeError, "answers for Spectral, RmsToRms and Scaled"),
    "unknown schedule": (lambda: NewtonSchulz("jordon"), ValueError, "schedule 'jordon'; did you mean 'jordan'"),
    "order 0": (lambda: schedule("classical-0"), ValueError, "'classical-0'; did you mean 'classical-"),
    "order 1.5": (lambda: classical(1.5), ValueError, "must be an integer >= 1, got 1.5"),
    "order beyond floats": (lambda: NewtonSchulz("classical-99")(M)[0], ValueError, "order|finite"),
    "two coefficients": (lambda: TorchNewtonSchulz((1.0, 2.0)), ValueError, "`coefficients` must be three"),
    "NaN coefficient": (lambda: TorchNewtonSchulz((nan, 1.0, 1.0)), ValueError, "`coefficients` must be .*finite"),
    "100 steps": (lambda: TorchNewtonSchulz(steps=100), ValueError, r"`steps` must be an .* \[0, 100\), got 100"),
    "negative eps": (lambda: TorchNewtonSchulz(eps=-1.0), ValueError, "`eps` must be a finite number > 0"),
    "torch's for l-inf": (lambda: TorchNewtonSchulz(ball=LInf()), TypeError, "Spectral"),
    "beyond bfloat16": (lambda: TorchNewtonSchulz()(M * 1e300), ValueError, "NaN or infinite"),
    "rounded to integers": (lambda: Rounded(Exact(LInf()), torch.int8), TypeError, "`dtype` must be a floating-point"),
    "rounding a ball": (lambda: Rounded(LInf()), TypeError, "`oracle` must be of type Oracle"),
    "per run: none": (lambda: PerRun([], [0]), ValueError, "at least one oracle"),
    "per run: no ball's": (lambda: PerRun([LInf()], [0]), TypeError, "must be Oracles|of type Oracle"),
    "per run: which": (lambda: PerRun([Exact(L1())], [1]), ValueError, "`which` must hold numbers from 0 to 0"),
    "per run: half": (lambda: PerRun([Exact(L1())], [0.5]), ValueError, "`which` must hold .*"),
    "per run: two balls": (lambda: PerRun([Exact(L1()), Exact(LInf())], [0, 1]), ValueError, "must share one ball"),
    "per run: more runs": (lambda: PerRun([Exact(LInf())], [0])(M), ValueError, r"1 run.*\(2,\)"),
    "per run: one run": (lambda: PerRun([Exact(LInf())], [0, 0])(V), ValueError, r"2 run.*\(\)"),
    "script of -1": (lambda: Scripted(LInf(), -torch.ones(1, 1, 3), V[:1]), ValueError, "`factors` must be .* >= 0.0"),
    "script's shape": (lambda: Scripted(LInf(), M, V[:2]), ValueError, r"`factors` must be \(runs, period, parts\)"),
    "script's period": (lambda: Scripted(LInf(), torch.ones(1, 1, 3), V[:1] * 2), ValueError, r"`period` .* \[1, 1\]"),
    "script's runs": (lambda: Scripted(LInf(), M.new_ones(1, 1, 3), V[:1].int())(M), ValueError, r"1 run.*\(2,\)"),
}
METHODS: dict[str, Case] = {
    "momentum start": (lambda: Ema("zer"), ValueError, "unknown momentum start 'zer'; did you mean 'zero'"),
    "Nesterov start": (lambda: Nesterov("first"), ValueError, "'first'; did you mean 'first gradient'"),
    "ball for oracle": (lambda: Method(LInf()), TypeError, "`oracle` must be of type Oracle, got LInf"),
    "momentum by name": (lambda: Method(Exact(LInf()), "ema"), TypeError, "`momentum` must be of type Momentum"),
    "negative decay": (lambda: Method(Exact(LInf()), weight_decay=-1.0), ValueError, "`weight_decay` .* >= 0.0, got"),
    "decay NaN": (lambda: Method(Exact(LInf()), weight_decay=nan), ValueError, "`weight_decay` .* >= 0.0, got nan"),
    "factor 0": (lambda: ShapeScaled(0.0), ValueError, "`factor` must be a finite number > 0.0"),
    "alpha unasked": (lambda: step(alpha=0.1), ValueError, "`alpha` was given, but the method has no momentum"),
    "alpha missing": (lambda: step(EMA), ValueError, r"`alpha`, the weight .* in \(0, 1\], is required"),
    "alpha 0": (lambda: step(EMA, alpha=0), ValueError, "`alpha` must be a finite number > 0.0, got 0"),
    "alpha > 1": (lambda: step(EMA, alpha=1.1), ValueError, "`alpha` must be <= 1.*got 1.1"),
    "alpha NaN": (lambda: step(EMA, alpha=nan), ValueError, "`alpha` must be a finite number > 0.0, got nan"),
    "one alpha > 1": (lambda: step(EMA, M, M, alpha=torch.tensor([0.5, 1.5])), ValueError, "`alpha` must be <= 1"),
    "alphas": (lambda: step(EMA, M, M, alpha=V / 2), ValueError, r"`alpha` .*\(2,\).*\(3,\)"),
    "alphas, one run": (lambda: step(EMA, alpha=V / 2), ValueError, r"`alpha` .*\(\).*\(3,\)"),
    "step size NaN": (lambda: step(step_size=nan), ValueError, "`step_size` must be a finite number >= 0.0, got nan"),
    "negative step size": (lambda: step(step_size=-1), ValueError, "`step_size` must be .* >= 0.0, got -1"),
    "no step size": (lambda: step(step_size=None), TypeError, "`step_size` must be a .*number.*, got None"),
    "step size of no run": (lambda: step(step_size=V[:0]), ValueError, r"`step_size` .* one per run .*\(0,\)"),
    "step sizes": (lambda: step(EXACT, M, M, step_size=V), ValueError, r"`step_size` .*\(2,\).*\(3,\)"),
    "step sizes, one run": (lambda: step(step_size=V), ValueError, r"`step_size` .*\(\).*\(3,\)"),
    "step size per layer": (lambda: step(step_size=(0.1, 0.2)), ValueError, "one per layer, .* a single tensor"),
    "gradient's shape": (lambda: step(gradient=V[:2]), ValueError, r"must have one shape, got \(3,\) and \(2,\)"),
    "gradient of one run": (lambda: step(x=M, gradient=V), ValueError, r"must have one shape, got \(2, 3\) and \(3,\)"),
    "gradient NaN": (lambda: step(gradient=V * nan), ValueError, "`gradient` has entries that are NaN"),
    "no gradient": (lambda: step(gradient=None), TypeError, "`gradient` must be a torch.Tensor"),
    "gradient before": (lambda: step(gradient_before=V), ValueError, "`gradient_before` is not used by .* 'none'"),
    "integer start": (lambda: EXACT.init(V.int()), TypeError, "`x` must have a floating-point dtype"),
    "adaptive overflow": (lambda: step(ADAPTIVE, gradient=V * 1e308), ValueError, "inf"),
    "negative seed": (lambda: Draw([-1], 0), ValueError, r"`seeds` must be non-negative integers.*got \[-1\]"),
    "half a seed": (lambda: Draw([0.5], 0), ValueError, r"`seeds` must be non-negative integers.*got \[0.5\]"),
    "no seed": (lambda: Draw([], 0), ValueError, r"`seeds` must be .* at least one; got \[\]"),
    "step 1.7": (lambda: Draw([1], 1.7), EITHER, "`step` must be an integer"),
    "unknown law": (lambda: check_ball(LInf(), (3,), exempt=["feasble"]), ValueError, "did you mean 'feasible'"),
    "function of no ball": (lambda: run_checks(lambda m: m, (3,)), TypeError, "a function needs `ball`"),
    "unknown part of lmo": (lambda: lmo.ball, AttributeError, "module 'lmo' has no attribute 'ball'; it has .*balls"),
}
RUNS: dict[str, Case] = {
    "steps 0": (lambda: go(steps=0), ValueError, "`steps` and the number of seeds must be at least 1, got 0"),
    "steps 1.5": (lambda: go(steps=1.5), EITHER, "`steps` must be an integer"),
    "no seeds": (lambda: go(seeds=[]), ValueError, "number of seeds must be at least 1, got 1 and 0"),
    "negative seed": (lambda: go(seeds=[-1]), ValueError, "`seeds` must be non-negative integers"),
    "half a seed": (lambda: go(seeds=[0.5]), ValueError, "`seeds` must be non-negative integers"),
    "one seed, no list": (lambda: go(seeds=3), EITHER, "`seeds` must be"),
    "record": (lambda: go(record="metrics"), ValueError, "`record` must be 'all' or 'metric', got 'metrics'"),
    "step size 0": (lambda: go(step_size=0.0), ValueError, "`step_size` must be a finite number > 0.0"),
    "step sizes": (lambda: go(step_size=V, seeds=[1, 2]), ValueError, r"`step_size` .*\(2,\).*\(3,\)"),
    "alphas": (lambda: go(EMA, alpha=V / 2), ValueError, r"`alpha` .*\(1,\).*\(3,\)"),
    "alpha unasked": (lambda: go(alpha=0.1), ValueError, "`alpha` was given, but the method has no momentum"),
    "alpha missing": (lambda: go(EMA), ValueError, "`alpha`, the weight of the new gradient .* is required"),
    "ball of other elements": (lambda: go(Method(Exact(Spectral()))), ValueError, "core_ndim = 2.* 'diagonal quad"),
    "oracle for method": (lambda: go(Exact(LInf())), TypeError, "`method` must be of type Method, got Exact"),
    "unknown device": (lambda: go(device="tpu9"), ValueError, "`device` .*'tpu9'"),
    "explosion": (lambda: go(step_size=1e200), ValueError, "run 0 left the finite numbers at step 0: its step size"),
    "negative curvature": (lambda: DiagonalQuadratic([-1.0], [1.0]), ValueError, "`curvatures` must be .* >= 0"),
    "words for numbers": (lambda: DiagonalQuadratic(["a"], [1.0]), EITHER, "`curvatures` must be"),
    "not symmetric": (lambda: MatrixQuadratic([[1, 1], [0, 1]], torch.eye(2), M), ValueError, "`left` must be a symm"),
    "indefinite": (lambda: MatrixQuadratic(-torch.eye(2), torch.eye(3), M), ValueError, "`left` must be positive"),
    "complex matrix": (lambda: MatrixQuadratic(torch.eye(2) * 1j, torch.eye(3), M), EITHER, "`left` must be .*real"),
    "height 0": (lambda: Ridge([0.0], torch.ones(1, 2), torch.ones(2)), ValueError, "`heights` must be positive"),
    "noise of -1": (lambda: Noisy(QUADRATIC, -1.0), ValueError, "`std` must be a finite number > 0.0, got -1"),
    "noise on nothing": (lambda: Noisy("q", 1.0), TypeError, "`problem` must be of type Problem"),
    "cycle of error 1": (lambda: long_cycle(1.0), ValueError, "`delta` must be .* < 1.0, got 1.0"),
    "adversary of error 1.5": (lambda: huber(delta=1.5), ValueError, "`delta` must be .* < 1.0, got 1.5"),
    "adversary's step too large": (lambda: huber(step_size=50.0), ValueError, "step 50 is so large .* the gap 1"),
    "adversary's step -0.1": (lambda: huber(step_size=-0.1), ValueError, "`step_size` must be .* > 0.0, got -0.1"),
    "adversary's step 0": (lambda: huber(step_size=0.0), ValueError, "`step_size` must be .* > 0.0, got 0.0"),
    "adversary's steps 0": (lambda: huber(steps=0), ValueError, "`steps` must be .*1, got 0"),
    "adversary's gap -1": (lambda: huber(gap=-1.0), ValueError, "`gap` must be .* > 0.0, got -1.0"),
    "no adversary": (lambda: Huber(V[:0], V[:0], [], 5), ValueError, "at least one run|`delta` is an empty tensor"),
    "unknown figure": (lambda: figures.draw("bal", None), ValueError, "unknown figure 'bal'; did you mean 'ball'"),
    "no data": (lambda: store.load(Path("no-such")), ValueError, "no data folder 'no-such'; run `lmo verify` first"),
    "data of another kind": (lambda: store.load(Path(__file__).parent), ValueError, "journeys"),
}
OPTIMISERS: dict[str, Case] = {
    "negative lr": (lambda: optimiser(lr=-1.0), ValueError, "`lr` must be a finite number >= 0.0, got -1"),
    "lr NaN": (lambda: optimiser(lr=nan), ValueError, "`lr` must be a finite number >= 0.0, got nan"),
    "lr in words": (lambda: optimiser(lr="fast"), TypeError, "`lr` must be a .*number.*, got 'fast'"),
    "alpha 0": (lambda: optimiser(alpha=0.0), ValueError, "`alpha` must be a finite number > 0.0, got 0.0"),
    "alpha 2": (lambda: optimiser(alpha=2.0), ValueError, "`alpha` must be <= 1.*got 2.0"),
    "negative decay": (lambda: optimiser(weight_decay=-1.0), ValueError, "`weight_decay` .* >= 0.0, got -1.0"),
    "ball for oracle": (lambda: optimiser(oracle=Spectral()), TypeError, "must be of type Oracle, got Spectral"),
    "momentum number": (lambda: optimiser(momentum=0.9), TypeError, "`momentum` must be of type Momentum, got 0.9"),
    "negative seed": (lambda: optimiser(seed=-1), ValueError, "`seed` must be .*non-negative|`seed` .*>= 0"),
    "vector": (lambda: optimiser(shape=(3,)), ValueError, r"shape \(3,\) has 1 .* needs 2; .*LInf\(core_ndim=1\)"),
    "sparse gradient": (lambda: optimiser(gradient=torch.eye(2).to_sparse()), TypeError, "sparse and complex"),
    "NaN gradient": (lambda: optimiser(gradient=torch.eye(2) * nan), ValueError, "`gradient` has entries that are NaN"),
    "empty parameter": (lambda: optimiser(shape=(0, 2), gradient=torch.ones(0, 2)), ValueError, "is empty: shape"),
    "Muon's momentum 1": (lambda: optimiser(Muon, momentum=1.0), ValueError, "`momentum` .* >= 0.0 and < 1.0, got 1.0"),
    "Muon's adjustment": (lambda: optimiser(Muon, adjust_lr_fn="orig"), ValueError, "'orig'; did you mean 'original'"),
    "Muon's steps": (lambda: optimiser(Muon, ns_steps=100), ValueError, r"`steps` .* \[0, 100\), got 100"),
    "Muon's eps": (lambda: optimiser(Muon, eps=-1.0), ValueError, "`eps` must be a finite number > 0"),
    "Muon on a vector": (lambda: optimiser(Muon, shape=(3,)), ValueError, r"shape \(3,\) has 1 dimension"),
}
# fmt: on
TABLE = {
    f"{group}: {name}": case
    for group, cases in {
        "balls": BALLS,
        "oracles": ORACLES,
        "methods": METHODS,
        "runs": RUNS,
        "optimisers": OPTIMISERS,
    }.items()
    for name, case in cases.items()
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "says"), TABLE.values(), ids=TABLE)
def test_it_is_refused_by_name(
    call: Callable[[], Any], kind: type[Exception] | tuple[type[Exception], ...], says: str
) -> None:
    with pytest.raises(kind, match=f"(?s){says}"):
        call()


def test_the_table_is_large_and_no_case_hides_another() -> None:
    assert len(TABLE) == sum(map(len, (BALLS, ORACLES, METHODS, RUNS, OPTIMISERS))) >= 100
