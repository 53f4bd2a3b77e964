"""A run that `experiments.worst_cases` found, as plain data under a claim, and what is measured in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bounds.assumptions import Setting
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.exact_record import exact_record
from experiments.refutation.quantities import PLAIN
from experiments.refutation.target import Target
from experiments.worst_cases.ascent import Ascent
from experiments.worst_cases.constructions import Constructions
from lmo.names import unknown_name

WORST = "worst case"
KNOWN = {
    "initial_gap", "smoothness", "steps", "delta", "epsilon", "eta", "step_size", "alpha", "noise_std", "norm_ratio",
}  # fmt: skip
RUNS = {search.name: search() for search in (Constructions, Ascent)}
UNITS = {"initial_gap": 1.0, "smoothness": 1.0}
_RATIO = 3**0.5  # ‖v‖_* ≤ √3‖v‖₂ in ℓ∞, for at most three coordinates


class Rows(NamedTuple):
    """What is chosen for n runs, arrays (n,): answers have lengths from (1 − δ) to (1 + δ) times `scale`.

    step_size: None where the claim tunes it.
    """

    delta: np.ndarray
    scale: np.ndarray
    step_size: np.ndarray | None

    def only(self, which: np.ndarray) -> Rows:
        """Some of the runs."""
        return Rows(self.delta[which], self.scale[which], None if self.step_size is None else self.step_size[which])


def norms_of(target: Target) -> list[str]:
    """The norms in which the claim is about such runs: x⁺ = x + γd̂ on a smooth function, its gradients exact.

    Stochastic gradients have σ = 0 there, and momentum α = 1, at which it forgets.
    """
    method = target.theorem.method
    if method.step != "fixed" or method.decay or target.rules.of_step != PLAIN or not target.needed <= KNOWN:
        return []
    fitting = []
    for norm in ("linf", "l2"):
        setting = Setting(norm == "l2", target.stochastic, method.momentum, method.start, "fixed", False)
        if target.theorem.applies_to(setting) is None:
            fitting.append(norm)
    return fitting


def constants(target: Target, steps: int, rows: Rows) -> dict[str, np.ndarray]:
    """All that the claim may need, arrays (n,); step_size and alpha as it tunes them where it does."""
    size = len(rows.delta)
    known = UNITS | {"steps": float(steps), "noise_std": 0.0, "norm_ratio": _RATIO}
    numbers = {name: np.full(size, value) for name, value in known.items()}
    if target.errors == "additive":
        numbers["delta"] = rows.delta
    elif target.errors == "pair":
        numbers |= {"epsilon": 1 - rows.scale * (1 - rows.delta), "eta": rows.scale * (1 + rows.delta) - 1}
    if "alpha" in target.free or target.rules.momentum == "none":
        numbers["alpha"] = np.ones(size)
    if rows.step_size is not None:
        numbers["step_size"] = rows.step_size
    with np.errstate(all="ignore"):  # σ = 0 below a bar makes α infinite, and is cut to 1
        tuned = target.tuned(numbers)
    return numbers | {name: np.broadcast_to(value, size) for name, value in tuned.items()}


def bounds_at(target: Target, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """The claim, (n,); ∞ where a run is none that it is about, with α < 1 or parameters that are no numbers."""
    with np.errstate(all="ignore"):
        claim = target.bound({name: value for name, value in numbers.items() if name in target.constants})
    step = numbers["step_size"]
    fits = (numbers["alpha"] == 1) & np.isfinite(step) & (step > 0)
    return np.where(fits & np.isfinite(claim) & (claim > 0), claim, np.inf)


def played_with(target: Target, steps: int, rows: Rows) -> dict[str, Any]:
    """The constants of the runs as the searches know them: answers of lengths 1 ± δ, the scale in the step."""
    step = constants(target, steps, rows)["step_size"] * rows.scale
    return UNITS | {"steps": steps, "delta": rows.delta, "step_size": step}


def instance_of(rows: Rows, i: int, **about: Any) -> dict[str, Any]:
    """Run i as plain data; about: `search`, `norm`, `steps`, and what was `found`."""
    step = None if rows.step_size is None else float(rows.step_size[i])
    return about | {"delta": float(rows.delta[i]), "scale": float(rows.scale[i]), "step_size": step}


def measure(instance: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """Runs an instance again: the record of a case. `ValueError` where the claim is not about it."""
    step = instance["step_size"]
    delta, scale = (np.array([instance[name]]) for name in ("delta", "scale"))
    one = Rows(delta, scale, None if step is None else np.array([step]))
    numbers = constants(target, instance["steps"], one)
    bound = float(bounds_at(target, numbers)[0])
    if not np.isfinite(bound):
        raise ValueError("the claim has no bound for this case")
    played = {name: float(np.ravel(v)[0]) for name, v in played_with(target, instance["steps"], one).items()}
    found = {**instance["found"], "norm": instance["norm"]}
    if instance["search"] not in RUNS:
        raise unknown_name("search", str(instance["search"]), RUNS)
    norms = RUNS[instance["search"]].play(found, target.theorem, played)
    measured = float(target.theorem.metric.of(norms[None])[0])
    said = {name: float(value[0]) for name, value in numbers.items() if name in target.constants}
    return exact_record(WORST, instance, said, measured, bound)


def smaller(record: Mapping[str, Any], target: Target, end: Deadline = NEVER) -> dict[str, Any]:
    """The record with fewer steps, a rounder δ and a rounder step, as far as it violates the claim still, and as
    the time allows."""
    best = dict(record)

    def kept(**changes: Any) -> bool:
        nonlocal best
        if end.left < 0:
            return False
        try:
            tried = measure(best["instance"] | changes, target)
        except ValueError:  # there is no such construction
            return False
        best = tried if tried["violates"] else best
        return bool(tried["violates"])

    made_anew = best["instance"]["search"] == Constructions.name  # what is else found is for its own K, δ and step
    if best["violates"] and made_anew:
        few, many = 0, best["instance"]["steps"]
        while many - few > 1:
            steps, step = (few + many) // 2, best["instance"]["step_size"]
            size = None if step is None else step * (best["instance"]["steps"] / steps) ** 0.5
            few, many = (few, steps) if kept(steps=steps, step_size=size) else (steps, many)
        for name in ("delta", "scale", "step_size"):
            value = best["instance"][name]
            any(kept(**{name: float(f"{value:.{digits}g}")}) for digits in (1, 2, 3, 4) if value)
    return best
