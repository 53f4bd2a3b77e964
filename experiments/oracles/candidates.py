"""What `lmo plan` chooses from, as specs: schedules at every length and designed ones, two forms, three scales."""

from __future__ import annotations

import functools

from experiments.oracles.specs import DESIGNED, Spec, parse
from lmo.polynomials import names, schedule
from lmo.polynomials.design import designed

STEPS = 12  # at most, of schedules that can go on
DESIGNED_STEPS = 8
CONVERGED = 1e-5  # error from which a designed schedule is left as it is: the next step would be a classical one
LOWS = tuple(2.0**-k for k in range(1, 21))  # lower ends of the designed schedules, in units of the scale
FORMS = ("", "gram:")
SCALES = ("frobenius", "schatten-4", "moments")


@functools.cache
def polynomial() -> tuple[Spec, ...]:
    """The oracles whose cost depends on the shape alone, and whose ε on the singular values alone."""
    bodies = [(f"{name}:{steps}", "") for name in names() for steps in range(1, _most(name) + 1)]
    bodies += [(f"{DESIGNED}:{steps}", f"={low!r}") for low in LOWS for steps in range(1, _enough(low) + 1)]
    return tuple(
        parse(f"{form}{body}{number}/{scale}") for body, number in bodies for form in FORMS for scale in SCALES
    )


def watching(target: float) -> tuple[Spec, ...]:
    """The oracles that look at the matrix to choose what they do."""
    tails = sorted({target, max(target, 0.1)})
    return tuple(parse(text) for text in (*(f"moment-tuned={tail!r}" for tail in tails), f"adaptive={target!r}"))


def in_half(spec: Spec) -> bool:
    """Whether it iterates in half precision where the matrix is in it."""
    return hasattr(spec.oracle, "dtype") and spec.oracle.dtype is None


def in_float32(spec: Spec) -> Spec:
    """The same that iterates in float32, and rounds only its answer."""
    return parse(f"{spec.text}@float32")


def exact() -> Spec:
    """The last resort, an SVD."""
    return parse("exact")


def _enough(low: float) -> int:
    """Designed steps for [low, 1] until they have converged, or `DESIGNED_STEPS`."""
    errors = (abs(1 - designed(low, steps)(low)) for steps in range(1, DESIGNED_STEPS))
    return next((steps for steps, error in enumerate(errors, start=1) if error < CONVERGED), DESIGNED_STEPS)


def _most(name: str) -> int:
    found = schedule(name)
    return len(found.table) if found.tail is None else STEPS
