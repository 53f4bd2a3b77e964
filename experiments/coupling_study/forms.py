"""The declared forms of the study: quick, default, full, matrices of the size of layers, and a calibration."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

from experiments.coupling_study.cells import Arm, Form, Line, Scaling, Setting, line
from experiments.sweeps import catalogue
from experiments.sweeps.catalogue import DoesNotFit

DELTAS = (0.4, 0.8)
PER_ENTRY = {"low": 0.02, "high": 0.1}  # noise of the ℓ∞ problem on 20 coordinates, per coordinate (paper_notes.md, S1)
LOW, HIGH = (std * 20**0.5 for std in PER_ENTRY.values())
MATRIX_LOW, MATRIX_HIGH = 0.3, 1.2  # the same ρσ/√(2LΔ/K) on 12×12 matrices, K = 100
CONTROLLED = ("shrink", "inflate", "mixed", "random", "worst")
STALE = ("stale:2", "stale:4", "stale:8")
SOME_STEPS, EVERY_STEP = (8, 5, 3, 2, 1), tuple(range(8, 0, -1))  # of Newton–Schulz: the default form's, the full one's
SCHEDULES = {"jordan": "jordan", "classical": "classical-2", "polar express": "polar-express"}


def newton_schulz(steps: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    """The line of every schedule, of so many steps."""
    return {name: tuple(f"{spec}:{n}" for n in steps) for name, spec in SCHEDULES.items()}


OF_MATRICES = newton_schulz(SOME_STEPS) | {
    "low rank": ("low-rank:9", "low-rank:6", "low-rank:3"),
    "bfloat16": ("rounded",),
    "stale": STALE,
}
EVERYTHING_OF_MATRICES = OF_MATRICES | newton_schulz(EVERY_STEP)
OF_VECTORS = {"bfloat16": ("rounded",), "stale": STALE}


def quick() -> Form:
    """The table of paper_notes.md, S1 (ℓ∞, EMA, two noises) and the deterministic one (spectral, 12×12)."""
    lines: list[Line] = []
    for noise in (LOW, HIGH):
        lines += _controlled(Setting("isotropic:20", "l-inf", noise, "ema", 400), CONTROLLED[:4])
    exact = Setting("matrix-quadratic:12x12", "spectral", 0.0, "none", 400)
    lines += [line(exact, error, (0.25, 0.5)) for error in CONTROLLED[:3]]
    return Form("quick", tuple(lines), pilot_seeds=16, seeds=64, resamples=3000)


def default() -> Form:
    """A core factorial (ball × noise × controlled error, EMA) and lines that change one factor at a time."""
    lines: list[Line] = []
    for problem, ball, noise in itertools.product(("isotropic:20", "quadratic:20"), ("l-inf", "l2"), (LOW, HIGH)):
        lines += _controlled(Setting(problem, ball, noise, "ema", 400), CONTROLLED[:4])
    base = Setting("isotropic:20", "l-inf", LOW, "ema", 400)
    lines += [line(base, error, levels) for error, levels in OF_VECTORS.items()]
    for momentum in ("none", "nesterov", "storm"):
        lines += _controlled(Setting("isotropic:20", "l-inf", LOW, momentum, 400), CONTROLLED[:3])
    lines += _controlled(Setting("isotropic:20", "l-inf", 0.0, "none", 400), CONTROLLED)
    exact = Setting("matrix-quadratic:12x12", "spectral", 0.0, "none", 400)
    lines += _controlled(exact, CONTROLLED[:4]) + [line(exact, *one) for one in OF_MATRICES.items()]
    lines += _controlled(Setting("matrix-quadratic:12x12", "nuclear", 0.0, "none", 400), CONTROLLED[:4])
    layers = Setting("layered-quadratic", "product", 0.0, "none", 400)
    lines += [*_controlled(layers, CONTROLLED[:4]), line(layers, "jordan", OF_MATRICES["jordan"])]
    noisy = Setting("matrix-quadratic:12x12", "spectral", MATRIX_LOW, "ema", 100)
    lines += _controlled(noisy, CONTROLLED[:3])
    lines += [line(noisy, name, OF_MATRICES[name]) for name in ("jordan", "classical")]
    words = Setting("bigram:64", "spectral", 0.0, "ema", 100)
    lines += _controlled(words, CONTROLLED[:3]) + [
        line(words, name, OF_MATRICES[name]) for name in ("jordan", "low rank")
    ]
    lines += [line(Setting("digits:64", "spectral", 0.0, "ema", 60), *one) for one in (
        ("shrink", DELTAS[1:]), ("mixed", DELTAS[1:]), ("jordan", ("jordan:5", "jordan:2")))]  # fmt: skip
    return Form("default", tuple(lines), pilot_seeds=16, seeds=64, scalings=tuple(_scalings(base)))


def matrices() -> Form:
    """Errors that ship, on 256×1024 matrices without noise: for a GPU; minutes on two cores."""
    layer = Setting("matrix-quadratic:256x1024", "spectral", 0.0, "none", 30)
    errors = {
        "shrink": (DELTAS[0],), "mixed": (DELTAS[0],), "jordan": ("jordan:5", "jordan:2"),
        "polar express": ("polar-express:3",),
    }  # fmt: skip
    return Form("matrices", tuple(line(layer, *one) for one in errors.items()), 1, 1, resamples=200)


def calibration() -> Form:
    """Exact rescalings in settings of no other form, of every momentum; each interval claims 95 % by itself.

    The grid's error (`grid.py`) was chosen on the rescalings of the other forms; these tell whether it is enough.
    """
    settings = [
        ("ridge:6", "l2", 0.1, "none", 150),
        ("ridge:6", "l-inf", 0.05, "ema", 250),
        ("ridge:6", "l-inf", 0.2, "storm", 200),
        ("isotropic:7", "l2", 0.05, "ema", 150),
        ("isotropic:7", "l-inf", 0.5, "nesterov", 150),
        ("isotropic:50", "l-inf", 0.3, "ema", 300),
        ("isotropic:50", "l2", 0.8, "storm", 250),
        ("quadratic:12", "l-inf", 0.2, "nesterov", 200),
        ("quadratic:12", "l-inf", 0.05, "none", 300),
        ("quadratic:12", "l2", 0.2, "ema", 120),
        ("quadratic:12", "l2", 0.0, "none", 120),
        ("quadratic:30", "l2", 0.3, "nesterov", 150),
        ("quadratic:30", "l-inf", 0.0, "ema", 170),
        ("matrix-quadratic:6x9", "spectral", 0.1, "ema", 100),
        ("matrix-quadratic:6x9", "nuclear", 0.1, "none", 100),
        ("bigram:32", "spectral", 0.0, "ema", 80),
    ]
    lines = [line(Setting(*one), error, (0.3, 0.6)) for one in settings for error in ("shrink", "inflate")]
    question = "Do intervals hold where the truth is known, in settings that no constant of the method was chosen on?"
    return Form("calibration", tuple(lines), pilot_seeds=16, seeds=32, intervals=1, question=question)


def full() -> Form:
    """Every combination of problem, ball, noise, momentum and error that goes together."""
    vectors = itertools.product(("isotropic:20", "quadratic:20", "ridge:6"), ("l-inf", "l2"), (0.0, LOW, HIGH), (400,))
    matrices = itertools.product(
        ("matrix-quadratic:12x12", "bigram", "digits"), ("spectral", "nuclear"), (0.0, MATRIX_LOW, MATRIX_HIGH), (100,)
    )
    batches = itertools.product(("bigram:64", "digits:256", "digits:32"), ("spectral", "nuclear"), (0.0,), (100,))
    layers = itertools.product(("layered-quadratic", "digits-network:64"), ("product",), (0.0,), (100,))
    lines: list[Line] = []
    for (problem, ball, noise, steps), momentum in itertools.product(
        itertools.chain(vectors, matrices, batches, layers), ("none", "ema", "nesterov", "storm")
    ):
        setting = Setting(problem, ball, noise, momentum, steps)
        if _has_theorem(setting):
            lines += _controlled(setting, CONTROLLED) + list(_others(setting))
    return Form("full", tuple(lines), pilot_seeds=32, seeds=256, resamples=20_000, most_run_steps=math.inf)


def _scalings(base: Setting) -> Iterator[Scaling]:
    """Exponents in K and σ, of the exact oracle and of one whose error no rescaling takes away."""
    horizons = [replace(base, steps=steps) for steps in (100, 400, 1600)]
    noises = [replace(base, noise=noise) for noise in (LOW, (LOW * HIGH) ** 0.5, HIGH)]
    for settings in (horizons, noises):
        for oracle, delta in (("exact", 0.0), ("mixed", DELTAS[0])):
            yield Scaling(tuple(Arm(setting, oracle, delta) for setting in settings))


def _controlled(setting: Setting, errors: tuple[str, ...]) -> list[Line]:
    return [line(setting, error, DELTAS) for error in errors if fits(setting, error)]


def _others(setting: Setting) -> Iterator[Line]:
    for error, levels in (OF_VECTORS if setting.cheap else EVERYTHING_OF_MATRICES).items():
        if all(fits(setting, level) for level in levels):
            yield line(setting, error, levels)


@functools.cache
def fits(setting: Setting, oracle: str) -> bool:
    """Whether the problem, the ball, the noise and the oracle go together."""
    try:
        catalogue.check_fit(setting.problem, setting.ball, oracle, setting.noise, 0.5)
    except DoesNotFit:
        return False
    return True


def _has_theorem(setting: Setting) -> bool:
    """Whether the setting can be built and its constants are all known."""
    from experiments.coupling_study.predicted import constants_of

    try:
        return fits(setting, "exact") and bool(constants_of(setting))
    except ValueError:
        return False


FORMS = {"quick": quick, "default": default, "full": full, "matrices": matrices, "calibration": calibration}
