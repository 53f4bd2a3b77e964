"""A method: oracle + momentum + step rule + decay, as a pure function on batches of runs.

The optimiser shell in `lmo.optim` and the runs in `experiments` call this same code, so what theory checks is what
users train with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from lmo.checks import check_alpha, check_kind, check_number, check_numbers
from lmo.elements import Element, PerRun, add_scaled, check_per_run, scaled
from lmo.momentum import Momentum, NoMomentum, complement
from lmo.oracles.base import Oracle
from lmo.randomness import Draw
from lmo.step_rules import Fixed, StepRule


class State(NamedTuple):
    """Where a batch of runs is: the iterate, the momentum's buffer and the oracle's memory (None before step 0)."""

    x: Element
    buffer: Any
    memory: Any


class Move(NamedTuple):
    """What one step did: what the oracle was fed, what it answered, and the γ of x + γd̂ (per run)."""

    fed: Element
    direction: Element
    step: PerRun


@dataclass(frozen=True)
class Method:
    """x⁺ = (1 − λγ)x + γ·oracle(m), m from `momentum`, γ from `step_rule`, λ = `weight_decay`.

    The sign is in the oracle: its direction decreases ⟨m, ·⟩, so it is added.
    """

    oracle: Oracle
    momentum: Momentum = field(default_factory=NoMomentum)
    step_rule: StepRule = field(default_factory=Fixed)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name, kind in (("oracle", Oracle), ("momentum", Momentum), ("step_rule", StepRule)):
            check_kind(name, getattr(self, name), kind)
        check_number("weight_decay", self.weight_decay, at_least=0.0)

    def init(self, x: Element) -> State:
        """The state at the start `x` (shape (*batch, *core), or a tuple of those)."""
        return State(self.oracle.ball.check("x", x), None, None)

    def step(
        self,
        state: State,
        gradient: Element,
        *,
        step_size: PerRun,
        alpha: PerRun | None = None,
        gradient_before: Element | None = None,
        draw: Draw | None = None,
        objective: Callable[[Element], Tensor] | None = None,
        check: bool = True,
    ) -> tuple[State, Move]:
        """One step of every run.

        Args:
            gradient: the (stochastic) gradient at state.x, same shape.
            step_size: γ > 0 (for `Adaptive`: its factor); a number, one per run, or a tuple with one per layer.
            alpha: weight of the new gradient in (0, 1]; the same forms; required by momenta that average.
            gradient_before: the same sample's gradient at the previous iterate, required by momenta that correct by it
                (`Storm`) from the second step on, and refused by all others.
            draw: the randomness of this step, for oracles that need it.
            objective: f, one value per run, only for oracles that play against it (`Worst`).
            check: False leaves out the passes that look for bad numbers in the gradient, the answer, step_size and
                alpha, for callers that look themselves, and not at every step; what is computed is the same.

        Raises:
            TypeError, ValueError: NaN or infinite gradients, wrong shapes, numbers out of range.
        """
        core_ndim = self.oracle.ball.core_ndim
        corrected = self._check_before(gradient_before, state)
        if check:
            self._check_gradient(gradient, state.x)
            self._check_step_size(step_size, state.x)
            self._check_alpha(alpha, state.x)
        buffer, fed = self.momentum.step(state.buffer, gradient, alpha, core_ndim, **corrected)
        gamma, decay = self.step_rule(step_size, fed, self.oracle.ball)
        x = state.x
        if self.weight_decay:
            shrink = scaled_number(decay, self.weight_decay)
            x = scaled(x, complement(shrink), core_ndim)
        harm = None if objective is None else lambda d: objective(add_scaled(x, d, gamma, core_ndim))
        answer = self.oracle if check else self.oracle._direction
        direction, memory = answer(fed, state.memory, draw, harm)
        return State(add_scaled(x, direction, gamma, core_ndim), buffer, memory), Move(fed, direction, gamma)

    def _check_gradient(self, gradient: Element, x: Element) -> None:
        self.oracle.ball.check("gradient", gradient)
        self.oracle.ball.check_pair(x, gradient)

    def _check_before(self, before: Element | None, state: State) -> dict[str, Any]:
        """The further argument of the momentum's step, where it has one."""
        name = self.momentum.name
        if not self.momentum.needs_before:
            if before is not None:
                raise ValueError(f"`gradient_before` is not used by the momentum {name!r}; leave it out")
            return {}
        if before is None:
            if state.buffer is None:
                return {}
            raise ValueError(
                f"the momentum {name!r} needs `gradient_before` from its second step on: the gradient of this step's "
                "sample at the previous iterate"
            )
        if state.buffer is None:
            raise ValueError(
                "`gradient_before` was given at the first step, which has no previous iterate; leave it out"
            )
        self._check_gradient(before, state.x)
        return {"before": before}

    def _check_step_size(self, step_size: PerRun, x: Element) -> None:
        check_per_run("step_size", step_size, x, self.oracle.ball.core_ndim)
        for size in step_size if isinstance(step_size, tuple) else (step_size,):
            check_numbers("step_size", size, at_least=0.0)

    def _check_alpha(self, alpha: PerRun | None, x: Element) -> None:
        if not self.momentum.needs_alpha:
            if alpha is not None:
                raise ValueError("`alpha` was given, but the method has no momentum; leave it out")
            return
        if alpha is None:
            raise ValueError("`alpha`, the weight of the new gradient in (0, 1], is required (it is 1 − beta)")
        check_per_run("alpha", alpha, x, self.oracle.ball.core_ndim)
        for a in alpha if isinstance(alpha, tuple) else (alpha,):
            check_alpha(a)


def scaled_number(value: PerRun, factor: float) -> PerRun:
    """factor · value for every form of a per-run scalar."""
    return tuple(v * factor for v in value) if isinstance(value, tuple) else value * factor
