"""Schedules: sequences of odd polynomials that drive singular values towards 1, as data with their sources."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

Polynomial = tuple[float, ...]  # (c₀, c₁, …) of p(s) = s·(c₀ + c₁s² + c₂s⁴ + …)


@dataclass(frozen=True)
class Schedule:
    """p = p_n ∘ … ∘ p_1, each an odd polynomial that acts on the singular values of a scaled matrix.

    table: the polynomials in order, the first is applied first. tail: what further steps repeat; None: the table ends.
    converges: whether more steps drive every s in (0, 1] to 1. source: who published it, and where it was read.
    interval: the (l, u) that it was designed for, in units of the scale; None: not designed for one.
    """

    name: str
    table: tuple[Polynomial, ...]
    tail: Polynomial | None
    converges: bool
    source: str
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.table or any(not polynomial for polynomial in self.table):
            raise ValueError(f"the schedule {self.name!r} needs at least one polynomial of at least one coefficient")

    def polynomials(self, steps: int | None = None) -> tuple[Polynomial, ...]:
        """The first `steps` polynomials (None: the table); `ValueError` past the end of a table without tail."""
        if steps is None:
            return self.table
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
            raise ValueError(f"`steps` must be an integer >= 0, got {steps!r}")
        if steps > len(self.table) and self.tail is None:
            raise ValueError(f"the schedule {self.name!r} has {len(self.table)} steps and no more, got steps = {steps}")
        further = (self.tail,) * (steps - len(self.table)) if self.tail is not None else ()
        return self.table[:steps] + further

    def __call__(self, s: Any, steps: int | None = None) -> Any:
        """p(s) after `steps` steps, for numbers, arrays or tensors."""
        for polynomial in self.polynomials(steps):
            s = evaluate(polynomial, s)
        return s

    def products(self, steps: int | None = None) -> int:
        """Matrix products of the iteration in its direct form: one more than the degree in s² of each step."""
        return sum(len(polynomial) for polynomial in self.polynomials(steps))

    def to_json(self) -> str:
        """All of it as JSON, the interval and the source included."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Schedule:
        """The schedule that `to_json` wrote."""
        data = json.loads(text)
        data["table"] = tuple(tuple(p) for p in data["table"])
        data["tail"] = None if data["tail"] is None else tuple(data["tail"])
        data["interval"] = None if data["interval"] is None else tuple(data["interval"])
        return cls(**data)


def evaluate(polynomial: Polynomial, s: Any) -> Any:
    """s·(c₀ + c₁s² + …) by Horner's rule."""
    square, value = s * s, polynomial[-1]
    for c in reversed(polynomial[:-1]):
        value = value * square + c
    return value * s


def divided(polynomial: Polynomial, by: float) -> Polynomial:
    """p(s/by)."""
    return tuple(c / by ** (2 * j + 1) for j, c in enumerate(polynomial))
