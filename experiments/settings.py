"""From theorems, problems and balls to batches of runs: which oracles to try, with which constants and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch

from bounds.assumptions import Setting
from bounds.schedules import SCHEDULES, shape_constants
from bounds.symbols import COLUMNS
from bounds.theorem import Theorem
from experiments.problems.base import Known, Problem
from lmo.balls import NormBall, Product
from lmo.checks import unknown_name
from lmo.elements import map_layers
from lmo.method import Method
from lmo.momentum import Ema, Momentum, Nesterov, NoMomentum, Storm
from lmo.oracles import Exact, Inflate, NewtonSchulz, Oracle, PerLayer, PerRun, Perturbed, Shrink
from lmo.oracles.errors import catalogue as error_models
from lmo.step_rules import Adaptive, Fixed, GradientRatio, LayerAdaptive, StepRule

MOMENTA: dict[str, type[Momentum]] = {"none": NoMomentum, "ema": Ema, "nesterov": Nesterov, "storm": Storm}
STEP_RULES: dict[str, type[StepRule]] = {
    "fixed": Fixed,
    "scheduled": Fixed,
    "adaptive": Adaptive,
    "open-loop": Fixed,
    "l0-l1": GradientRatio,
    "layer-fixed": Fixed,
    "layer-adaptive": LayerAdaptive,
}


@dataclass(frozen=True)
class Entry:
    """One oracle to try: `make(deltas)` builds it for the runs that use it, one δ per run.

    schedule: what multiplies the step size, of `bounds.schedules.SCHEDULES`.
    """

    label: str
    deltas: tuple[float, ...]
    make: Any
    promised: bool = True
    schedule: str = "constant"


def under_schedules(chosen: list[Entry]) -> list[Entry]:
    """Every entry once for each step-size schedule; those that promise no error under cosine steps alone."""
    return [
        replace(one, label=f"{one.label}, {name}", schedule=name)
        for one in chosen
        for name in SCHEDULES
        if one.promised or name == "cosine"
    ]


def entries(ball: NormBall, deltas: tuple[float, ...]) -> list[Entry]:
    """The oracles that answer for this ball: exact, every controlled error, and Newton–Schulz where it applies."""
    found = [Entry("exact", (0.0,), lambda d: Exact(ball))]
    for name, model in error_models().items():
        if ball.has_parts or not model(0.0).needs_parts():
            found.append(Entry(name, deltas, lambda d, m=model: Perturbed(Exact(ball), m(torch.as_tensor(d)))))
    if isinstance(ball, Product) and ball.combine == "max":
        found.append(Entry("other error per layer", deltas, lambda d: _error_per_layer(ball, torch.as_tensor(d))))
    if hasattr(ball, "radius") and hasattr(ball, "parts") and _is_spectral(ball):
        for label, dtype in (("newton-schulz jordan", None), ("newton-schulz jordan bfloat16", torch.bfloat16)):
            found.append(Entry(label, (0.0,), lambda d, t=dtype: NewtonSchulz("jordan", 5, t, ball), promised=False))
        found.append(
            Entry(
                "newton-schulz classical-2",
                (0.0,),
                lambda d: NewtonSchulz("classical-2", 6, None, ball),
                promised=False,
            )
        )
    return found


def _error_per_layer(ball: Product, deltas: torch.Tensor) -> PerLayer:
    """Too short answers in the first layer, too long ones in the second, and so on, δ halved from layer to layer."""
    models = [(Shrink, Inflate)[i % 2](deltas / 2**i) for i in range(len(ball.balls))]
    return PerLayer([Perturbed(Exact(one), model) for one, model in zip(ball.balls, models, strict=True)], ball.radii)


def _is_spectral(ball: NormBall) -> bool:
    inside = getattr(ball, "ball", ball)
    return inside.name in ("spectral", "rms-to-rms")


def setting(theorem: Theorem, problem: Problem, ball: NormBall, promised: bool = True) -> Setting:
    """What an assumption may ask of a run of the theorem's own method on this problem and ball."""
    method = theorem.method
    return Setting(
        hilbert=ball.is_hilbert,
        stochastic=problem.noise_std is not None,
        momentum=method.momentum,
        start=method.start,
        step=method.step,
        decay=method.decay,
        mean_smooth=problem.mean_smoothness(ball) is not None,
        error_model="additive" if promised else "measured",
        smooth_by_layer=problem.layer_smoothness(ball) is not None,
        convex_in_ball=problem.convex and problem.domain(ball) is not None,
        known=frozenset(declared(problem, ball)),
    )


def declared(problem: Problem, ball: NormBall) -> dict[str, Known]:
    """The constants beyond Δ, L, L̄ and σ that the problem declares for this ball, by code name."""
    l0, l1 = problem.l0_l1(ball) or (None, None)
    found = {"mu": problem.mu(ball), "diameter": problem.diameter(ball), "l0": l0, "l1": l1}
    return {name: constant for name, constant in found.items() if constant is not None}


def method_of(
    theorem: Theorem, oracle: Oracle, weight_decay: float = 0.0, constants: Mapping[str, Any] | None = None
) -> Method:
    """The `lmo.Method` that a theorem describes, with this oracle; `weight_decay` where it describes one.

    constants: those of the problem, for step rules that take some.
    """
    described = theorem.method
    for what, name, known in (("momentum", described.momentum, MOMENTA), ("step rule", described.step, STEP_RULES)):
        if name not in known:
            raise unknown_name(what, name, known)
    if described.decay != (weight_decay > 0):
        raise ValueError(f"{theorem.name} is about decay={described.decay}, got `weight_decay` {weight_decay:g}")
    kind = MOMENTA[described.momentum]
    starts = "start" in {field.name for field in fields(kind)}  # type: ignore[arg-type]
    momentum = kind(start=described.start) if starts else kind()  # type: ignore[call-arg]
    needs = [field.name for field in fields(STEP_RULES[described.step])]  # type: ignore[arg-type]
    missing = [name for name in needs if name not in (constants or {})]
    if missing:
        raise ValueError(f"the step rule {described.step!r} needs the constants {', '.join(missing)}")
    rule = STEP_RULES[described.step](**{name: float((constants or {})[name]) for name in needs})
    return Method(oracle, momentum, rule, weight_decay)


def decay_of(problem: Problem, ball: NormBall) -> float:
    """A weight decay λ for runs: that of the ball which the problem was made for; else x_0 lies in the ball of radius
    b/λ for every size b ≥ 1/10 of the answers.
    """
    radius = problem.domain(ball)
    if radius is not None:
        return 1 / radius
    size = float(ball.norm(problem.start(1)).max())
    return 0.1 / size if size > 0 else 0.1


@dataclass
class Batch:
    """All runs of one (theorem, problem, ball): per-run oracles, constants, parameters, and which cell each is in."""

    theorem: Theorem
    problem: Problem
    ball: NormBall
    steps: int
    method: Method
    step_size: Any  # (run,), or a tuple of those, one per layer
    alpha: torch.Tensor | None
    seeds: np.ndarray
    cells: list[Cell] = field(default_factory=list)
    schedule: np.ndarray | None = None  # (run, step) of mean 1, or (step,) as given; None: all steps are `step_size`


@dataclass(frozen=True)
class Cell:
    """The runs of one oracle and δ: `rows` of the batch."""

    label: str
    delta: float
    promised: bool
    rows: np.ndarray
    constants: dict[str, Any]  # numbers, or lists with one per layer


def known_constants(theorem: Theorem, problem: Problem, ball: NormBall, steps: int) -> tuple[dict[str, Any], str]:
    """The constants that do not depend on the oracle, and how the weakest of them is known."""
    gap = problem.initial_gap()
    layers = problem.layer_smoothness(ball) if by_layer(theorem) else None
    smooth = (problem.smoothness(ball),) if layers is None else layers
    smoothness = [known.value for known in smooth]
    values = {
        "initial_gap": gap.value,
        "smoothness": smoothness[0] if layers is None else smoothness,
        "steps": float(steps),
    }
    kinds = [gap.kind, *(known.kind for known in smooth)]
    if problem.noise_std is not None:
        values |= {"noise_std": problem.noise_std.value, "norm_ratio": ball.norm_ratio(problem.shape)}
        kinds.append(problem.noise_std.kind)
    if theorem.method.decay:
        values["weight_decay"] = decay_of(problem, ball)
    further = declared(problem, ball)
    mean_smoothness = problem.mean_smoothness(ball)
    if mean_smoothness is not None:
        further["mean_smoothness"] = mean_smoothness
    for name in sorted(set(further) & set(theorem.proof_constants)):
        values[name] = further[name].value
        kinds.append(further[name].kind)
    return values, max(kinds, key=("exact", "upper", "estimate").index)


def by_layer(theorem: Theorem) -> bool:
    """Whether the constants of a statement are given per layer."""
    return theorem.method.step.startswith("layer-")


def promised_errors(theorem: Theorem, oracle: Oracle, run: int) -> tuple[Any, Any]:
    """(ε, η) that an oracle promises in a run, lists with one per layer where the statement is per layer; else 0."""
    promise = oracle.promise()
    if promise is None:
        return 0.0, 0.0
    if not by_layer(theorem):
        return _nth(promise.epsilon, run), _nth(promise.eta, run)
    layers = oracle.layer_promises() if isinstance(oracle, PerLayer) else None
    if layers is None:  # ‖d̂ − lmo(m)‖ ≤ δ in the norm max_i‖·‖_i/r_i is δ in every layer
        return _nth(promise.delta, run), _nth(promise.delta, run)
    return [_nth(p.epsilon, run) for p in layers], [_nth(p.eta, run) for p in layers]


def error_constants(theorem: Theorem, delta: float, epsilon: Any, eta: Any) -> dict[str, Any]:
    """The oracle's errors as this theorem takes them."""
    needs = theorem.proof_constants
    errors = {"delta": delta, "epsilon": epsilon, "eta": eta}
    return {name: value for name, value in errors.items() if name in needs}


def with_ball_gap(theorem: Theorem, problem: Problem, ball: NormBall, constants: dict[str, Any]) -> dict[str, Any]:
    """The constants, with f(x_0) − f(v) for the lowest point known in ‖v‖ ≤ c/λ where the statement compares with it.

    A statement about the least value in a ball holds for the value of every point there.
    """
    if COLUMNS["next_ball_gap"] not in theorem.metric.of_step.free_symbols:
        return constants
    point = problem.low_point(ball, (1 - constants["epsilon"]) / constants["weight_decay"])
    if point is None:
        raise ValueError(f"the problem {problem.name!r} knows no point of a low value in the ball {ball}")
    value = float(problem.value(map_layers(lambda a: a[None], point))[0])
    return constants | {"ball_gap": float(problem.value(problem.start(1))[0]) - value}


def batch(theorem: Theorem, problem: Problem, ball: NormBall, *, steps: int, seeds: int, chosen: list[Entry]) -> Batch:
    """One run per (entry, δ, seed), tuned by the theorem for the errors that the entry promises (0 where none)."""
    known, _ = known_constants(theorem, problem, ball, steps)
    tuned_with = {n: v for n, v in known.items() if n in {*theorem.proof_constants, "initial_gap", "smoothness"}}
    oracles: list[Oracle] = []
    which: list[int] = []  # the oracle of each run
    step_sizes, alphas, run_seeds, cells, schedules = [], [], [], [], []
    scheduled = theorem.method.step == "scheduled"
    for entry in chosen:
        shape = SCHEDULES[entry.schedule](steps)
        run_deltas = np.repeat(entry.deltas, seeds)
        oracle = entry.make(run_deltas)
        promise = oracle.promise()
        for i, delta in enumerate(entry.deltas):
            epsilon, eta = promised_errors(theorem, oracle, i * seeds)
            errors = error_constants(theorem, delta, epsilon, eta)
            if scheduled:
                errors |= {n: v for n, v in shape_constants(shape).items() if n in theorem.constants}
                errors |= iterate_bound(theorem, problem, ball, known, eta)
                schedules += [shape / shape.mean()] * seeds
            needed = _tuning_constants(theorem)
            tuned = theorem.tune(**{n: v for n, v in (tuned_with | errors).items() if n in needed})
            rows = np.arange(len(which), len(which) + seeds)
            which += [len(oracles)] * seeds
            step_sizes += [step_sizes_of(theorem, ball, tuned.step_size, epsilon)] * seeds
            constants = with_ball_gap(theorem, problem, ball, known | errors)
            if tuned.alpha is not None:
                alphas += [float(tuned.alpha)] * seeds
                constants["alpha"] = float(tuned.alpha)
            if "step_size" in theorem.constants:
                constants["step_size"] = float(tuned.step_size)  # type: ignore[arg-type]
            run_seeds += list(range(seeds))
            cells.append(Cell(entry.label, delta, promise is not None, rows, constants))
        oracles.append(oracle)
    method = method_of(theorem, PerRun(oracles, which), known.get("weight_decay", 0.0), known)
    return Batch(
        theorem,
        problem,
        ball,
        steps,
        method,
        _per_run(step_sizes),
        torch.tensor(alphas, dtype=torch.float64) if alphas else None,
        np.array(run_seeds),
        cells,
        np.array(schedules) if scheduled else given_schedule(theorem, steps),
    )


def given_schedule(theorem: Theorem, steps: int) -> np.ndarray | None:
    """The factors (steps,) of the step size that a statement prescribes; None where it prescribes none."""
    return 2 / (np.arange(steps) + 2) if theorem.method.step == "open-loop" else None


def iterate_bound(
    theorem: Theorem, problem: Problem, ball: NormBall, constants: dict[str, Any], eta: float
) -> dict[str, float]:
    """X = max(‖x_0‖, (1 + η)/λ) where the statement has it: x_k is a mean of x_0 and of answers over λ."""
    if "iterate_bound" not in theorem.constants:
        return {}
    return {"iterate_bound": max(float(ball.norm(problem.start(1)).max()), (1 + eta) / constants["weight_decay"])}


def step_sizes_of(theorem: Theorem, ball: NormBall, tuned: Any, epsilon: Any) -> Any:
    """What `Method.step` takes: a number, or a tuple with one per layer."""
    if not by_layer(theorem):
        return float(tuned)
    per_layer = tuned / (1 - np.asarray(epsilon)) if theorem.method.step == "layer-fixed" else tuned
    return tuple(np.broadcast_to(per_layer, len(ball.balls)).tolist())  # type: ignore[attr-defined]


def _per_run(step_sizes: list[Any]) -> Any:
    table = torch.tensor(step_sizes, dtype=torch.float64)
    return tuple(table.unbind(-1)) if table.ndim > 1 else table


def _nth(value: Any, index: int) -> float:
    return float(value.reshape(-1)[index]) if isinstance(value, torch.Tensor) and value.ndim else float(value)


def _tuning_constants(theorem: Theorem) -> set[str]:
    from bounds.evaluate import code_names

    names = set(code_names(theorem.claim)) - {"step_size", "alpha"}
    for value in theorem.tuning.values():
        names |= set(code_names(value)) - {"step_size", "alpha"}
    return names
