"""Which oracles the accuracy-against-time picture of `lmo verify` shows: all that answer for the spectral ball."""

from __future__ import annotations

from experiments.oracles.specs import Spec, parse, spellable
from lmo.balls import Spectral
from lmo.oracles import Oracle, catalogue

# published schedules in the precision and form in which they are used, then what this repository designs
SCHEDULES = (
    "torch",
    "jordan",
    "you",
    "you-6",
    "cans",
    "cubic5",
    "deepseek-v4",
    "classical-2:8",
    "polar-express-1.02",
    "polar-express-1.02@bfloat16",
    "polar-express:8",
    "gram:polar-express-1.05:5",
    "turbo-muon/aol",
    "minimax:4=0.01/moments",
    "gram:minimax:5=0.001/moments",
)
NUMBERS = {
    "low-rank": ("low-rank:32",),
    "randomised-svd": ("randomised-svd:32",),
    "adaptive": ("adaptive=0.01", "adaptive=1e-6"),
}
LEFT_OUT = {
    "perturbed": "adds an error of a given size to another oracle",
    "stale": "repeats the answers of another oracle",
    "scripted": "plays what it is told",
    "per-run": "joins other oracles, one per run",
}


def specs() -> list[Spec]:
    """`SCHEDULES`, then every other oracle of the catalogue that answers for the spectral ball, by its name.

    A new oracle appears by itself, as its own spec where that needs no number, else as its first example.
    """
    found = [parse(text) for text in SCHEDULES]
    for name, kind in catalogue().items():
        if name in LEFT_OUT or any(type(spec.oracle) is kind for spec in found):
            continue
        examples = [oracle for oracle, _ in kind.examples() if oracle.ball == Spectral()]
        if examples:
            found += [parse(text) for text in NUMBERS[name]] if name in NUMBERS else [_plain(name, examples[0])]
    return found


def _plain(name: str, example: Oracle) -> Spec:
    return parse(name) if name in spellable() else Spec(name, example)
