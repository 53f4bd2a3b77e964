"""Local search over patterns of answers, seeded by the constructions; the value of each is a linear programme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from experiments.problems.hard.cycles import long_cycle, two_cycle
from experiments.worst_cases.patterns import Alphabet, Pattern
from experiments.worst_cases.relaxation import Relaxation, Solution


class Found(NamedTuple):
    """The best pattern of a search, its linear programme's solution, and how many were tried."""

    pattern: Pattern
    solution: Solution
    tried: int


def search(
    relaxation: Relaxation, stop: Callable[[int, float], bool], seed: int = 0, extra: tuple[Pattern, ...] = ()
) -> Found:
    """The best pattern found before `stop(tried, best value)`; deterministic in `seed` if `stop` is.

    Starts from every seed pattern (and `extra`), then improves the best ones by random moves; a restart takes another
    seed after a run of failures. A slightly worse pattern is accepted now and then.
    """
    source = np.random.default_rng([seed, relaxation.steps, relaxation.alphabet.dimension])
    known: dict[bytes, Solution] = {}

    def value(pattern: Pattern) -> float:
        key = pattern.key()
        if key not in known:
            known[key] = relaxation.solve(pattern)
        return known[key].value

    best: Pattern | None = None
    starts: list[Pattern] = []
    for pattern in (*extra, *seeds(relaxation.alphabet, relaxation.steps)):
        starts.append(pattern)
        if best is None or value(pattern) > value(best):
            best = pattern
        if stop(len(known), value(best)):
            break
    assert best is not None
    starts.sort(key=value, reverse=True)
    current, failures, repeated = best, 0, 0
    while not stop(len(known), value(best)) and repeated < 200:
        following = moved(current, source)
        repeated = repeated + 1 if following.key() in known else 0
        gain = value(following) - value(current)
        if gain > 0 or source.random() < np.exp(gain / 0.003):
            failures = 0 if gain > 1e-9 else failures + 1
            current = following
        else:
            failures += 1
        best = current if value(current) > value(best) else best
        if failures > 60:
            current, failures = starts[source.integers(min(4, len(starts)))] if source.random() < 0.5 else best, 0
    return Found(best, known[best.key()], len(known))


def seeds(alphabet: Alphabet, steps: int) -> Iterator[Pattern]:
    """The constructions of paper_notes.md as patterns; the first coordinate slides with length 1−δ where d > 1."""
    for columns in _scripts(alphabet.delta, steps):
        yield from_coordinates(alphabet, columns[: alphabet.dimension])


def _scripts(delta: float, steps: int) -> list[list[np.ndarray]]:
    """Signed answers per coordinate (coordinate 1 slides, so its answer is −(1−δ)); the last is repeated as needed."""
    k, b, c = np.arange(steps), 1 + delta, 1 - delta
    slide = np.full(steps, -c)
    up_down = np.where(k % 2 == 0, b, -c)
    cycles = [_cycle_answers(cycle.factors, cycle.start, steps) for cycle in (two_cycle(delta), long_cycle(delta))]
    return [
        [slide, np.full(steps, b), slide],
        [slide, up_down, np.roll(up_down, 1)],
        [slide, np.where(k % 2 == 0, b, -b), slide],
        *([slide, cycle, slide] for cycle in cycles),
        [np.full(steps, b), slide, slide],
    ]


def _cycle_answers(factors: tuple[float, ...], start: float, steps: int) -> np.ndarray:
    x, answers = start, np.empty(steps)
    for k in range(steps):
        answers[k] = -np.sign(x) * factors[k % len(factors)]
        x += answers[k]
    return answers


def from_coordinates(alphabet: Alphabet, answers: list[np.ndarray]) -> Pattern:
    """The pattern nearest to signed answers (steps,) per coordinate; missing coordinates repeat the last."""
    wanted = np.stack([answers[min(j, len(answers) - 1)] for j in range(alphabet.dimension)], -1)
    faces, errors = alphabet.size()
    letters = alphabet.moves(np.repeat(np.arange(faces), errors), np.tile(np.arange(errors), faces))
    nearest = np.abs(letters[None] - wanted[:, None]).sum(-1).argmin(-1)
    return Pattern(alphabet, nearest // errors, nearest % errors)


def moved(pattern: Pattern, source: np.random.Generator) -> Pattern:
    """A neighbour: one coordinate's sign or length flipped over a short block, or a block shifted or repeated."""
    faces, errors = pattern.faces.copy(), pattern.errors.copy()
    steps, kind = pattern.steps, source.random()
    if kind < 0.75:
        where = source.integers(steps)
        length = 1 if kind < 0.55 else int(source.integers(1, max(2, steps // 3)))
        block = slice(where, where + length)
        if source.random() < 0.5:
            faces[block] = _flipped(faces[block], pattern.alphabet.faces, source)
        else:
            errors[block] = _flipped(errors[block], pattern.alphabet.errors, source)
    elif kind < 0.88:
        shift = int(source.choice([-1, 1]))
        start = int(source.integers(steps))
        faces[start:], errors[start:] = np.roll(faces[start:], shift), np.roll(errors[start:], shift)
    else:
        period = int(source.integers(1, max(2, steps // 2)))
        start = int(source.integers(steps - period + 1))
        index = start + np.arange(steps - start) % period
        faces[start:], errors[start:] = faces[index], errors[index]
    return replace(pattern, faces=faces, errors=errors)


def _flipped(indices: np.ndarray, rows: np.ndarray, source: np.random.Generator) -> np.ndarray:
    """The rows with one coordinate changed to its other value (ℓ∞), or any other row (ℓ1: there is one per index)."""
    if (rows != 0).all():
        j = source.integers(rows.shape[1])
        values = np.unique(rows[:, j])
        changed = rows[indices].copy()
        changed[:, j] = values.sum() - changed[:, j] if len(values) == 2 else changed[:, j]
        return np.abs(rows[None] - changed[:, None]).sum(-1).argmin(-1)
    return np.full_like(indices, source.integers(len(rows)))
