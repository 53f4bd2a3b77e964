"""What every search for a worst case shares: the question, the case that it gives back, and how a case is run again."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from bounds.theorem import Theorem
from lmo.checks import check_integer, check_number, unknown_name

Tick = Callable[[str, float], None]  # (what is being done, fraction of the budget used)
Status = Literal["run", "candidate", "upper"]
NORMS = ("l2", "linf", "l1", "l3", "spectral", "nuclear", "max-row", "max-column")


def silent(what: str, done: float) -> None:
    """A tick that shows nothing."""


@dataclass(frozen=True)
class Case:
    """The worst case that an attack found. As `record()` it is plain JSON, which `replay` takes back.

    value, bound: the theorem's metric, and its claim at `constants`. status: "run": attained by a run of an explicit
    function and oracle (`instance` holds all of both); "candidate": the value of one pattern in a relaxation, above or
    below the truth; "upper": no instance does worse, to the accuracy of the solver. reached: what some function and
    oracle are known to reach where the search proves that without running them, to the accuracy of the solver.
    """

    attack: str
    theorem: str
    norm: str
    constants: Mapping[str, float]
    value: float
    bound: float
    status: Status
    detail: str
    instance: Mapping[str, Any] = field(default_factory=dict)
    reached: float | None = None

    @property
    def ratio(self) -> float:
        """value / bound: above 1 for a "run" it refutes the claim."""
        return self.value / self.bound

    def record(self) -> dict[str, Any]:
        """As plain data, `ratio` included."""
        return asdict(self) | {"ratio": self.ratio}


class Attack(ABC):
    """A way to look for worst cases: methods without state, deterministic by seed.

    A new attack is one file in this folder; `attacks()` finds it.
    """

    name: ClassVar[str]
    says: ClassVar[str]  # one sentence: what is searched

    @abstractmethod
    def refuses(self, theorem: Theorem, norm: str) -> str | None:
        """None where the attack can be asked about this statement and norm, else why not."""

    @abstractmethod
    def search(
        self,
        theorem: Theorem,
        norm: str,
        constants: Mapping[str, float],
        budget_seconds: float = 5.0,
        seed: int = 0,
        tick: Tick = silent,
    ) -> Case:
        """The worst case found within about `budget_seconds` (at least one attempt is made).

        Args:
            norm: one of `NORMS`. constants: initial_gap, smoothness, steps, delta and, unless the statement tunes it
                or has none, step_size; see `completed`.
        """

    def play(self, instance: Mapping[str, Any], theorem: Theorem, constants: Mapping[str, float]) -> np.ndarray:
        """Runs an instance of status "run" again: ‖∇f(x_k)‖_* of shape (steps,)."""
        raise ValueError(f"cases of {self.name!r} are numbers of a relaxation: there is nothing to run again")


def completed(theorem: Theorem, constants: Mapping[str, float]) -> dict[str, float]:
    """`constants` checked, with defaults (Δ = L = λ = 1, K = 10, δ = 0.5) and the theorem's tuned step where none is
    given. A statement about Frank–Wolfe has λ in place of Δ and of the step.

    Raises:
        ValueError, TypeError: an unknown constant, or one outside its range.
    """
    open_loop = theorem.method.step == "open-loop"
    allowed = ("smoothness", "steps", "delta", *(("weight_decay",) if open_loop else ("initial_gap", "step_size")))
    for name in constants:
        if name not in allowed:
            raise unknown_name("constant", name, allowed)
    positive = ("smoothness", "weight_decay" if open_loop else "initial_gap")
    full = {**dict.fromkeys(positive, 1.0), "steps": 10, "delta": 0.5} | dict(constants)
    steps = full["steps"]
    full["steps"] = check_integer("steps", int(steps) if steps == int(steps) else steps, 1)
    check_number("delta", full["delta"], at_least=0.0, below=1.0)
    for name in positive:
        check_number(name, full[name], above=0.0)
    if "step_size" not in full and not open_loop:
        tuned = _tuned_step(theorem, full)
        full |= {} if tuned is None else {"step_size": tuned}
    if "step_size" in full:
        check_number("step_size", full["step_size"], above=0.0)
    return full


def _tuned_step(theorem: Theorem, full: Mapping[str, float]) -> float | None:
    errors = {"delta": full["delta"], "epsilon": full["delta"], "eta": full["delta"]}
    known = {n: v for n, v in (dict(full) | errors).items() if n in needed_to_tune(theorem)}
    if "epsilon" in known or "eta" in known:
        known.pop("delta", None)
    tuned = theorem.tune(**known)
    return None if tuned.step_size is None else float(tuned.step_size)


def needed_to_tune(theorem: Theorem) -> set[str]:
    """The constants that `theorem.tune` takes."""
    from bounds.evaluate import code_names

    names = set(theorem.constants)
    for value in theorem.tuning.values():
        names |= set(code_names(value))
    return names - {"step_size", "alpha"}


def bound_at(theorem: Theorem, constants: Mapping[str, float]) -> float:
    """The claim at these constants, δ as its ε and η."""
    errors = {"epsilon": constants["delta"], "eta": constants["delta"]}
    return float(theorem.bound(**{n: (dict(constants) | errors)[n] for n in theorem.constants}))


def deterministic(theorem: Theorem) -> str | None:
    """None for statements about exact gradients without momentum, decay and constraint, else what is in the way."""
    method = theorem.method
    if method.momentum != "none" or method.decay:
        return "it is about a method with momentum, decay or a constraint; this search knows x⁺ = x + γd̂ alone"
    return "it is about stochastic gradients" if theorem.expectation else None


def replay(record: Mapping[str, Any], theorem: Theorem | None = None) -> Case:
    """Runs the case of a record again; value and bound are computed, not read.

    theorem: for a record about a user's own statement; else `bounds.load` finds it by name.
    """
    import bounds
    from experiments.worst_cases import attacks

    known = attacks()
    if record.get("attack") not in known:
        raise unknown_name("attack", str(record.get("attack")), known)
    missing = [name for name in ("theorem", "norm", "constants", "instance") if name not in record]
    if missing:
        raise ValueError(f"this is no record of a case: it has no {missing[0]!r}")
    chosen = theorem or bounds.load(record["theorem"])
    norms = known[record["attack"]].play(record["instance"], chosen, record["constants"])
    value, bound = float(chosen.metric.of(norms[None])[0]), bound_at(chosen, record["constants"])
    fields = {name: record[name] for name in ("attack", "theorem", "norm", "constants", "instance")}
    return Case(**fields, value=value, bound=bound, status="run", detail=str(record.get("detail", "")))


class Clock:
    """How much of a budget is used; calls `tick` with it."""

    def __init__(self, seconds: float, tick: Tick) -> None:
        self.seconds, self.tick = check_number("budget_seconds", seconds, above=0.0), tick
        self.began = time.monotonic()

    @property
    def used(self) -> float:
        """The share of the budget that is used: 1 at its end, more after it."""
        return (time.monotonic() - self.began) / self.seconds

    def over(self, what: str = "") -> bool:
        """Whether the budget is used up; tells the progress bar `what` is being done."""
        used = self.used
        self.tick(what, min(used, 1.0))
        return used >= 1
