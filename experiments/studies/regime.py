"""In which noise and horizon does α* grow with the oracle's error as S1 says, and on which problem does it at all?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

import bounds
from bounds.theorem import Theorem
from experiments.regime import bound_map
from experiments.regime.hovering import PATTERNS, Case, Hovering
from experiments.regime.measured import QUANTITIES, Measured, built, on_built, usually
from experiments.regime.search import Found, search
from experiments.studies.base import Finding, Result, Tick, silent

QUESTION = __doc__
DELTA = 0.6  # exponents are averages of δ from 0 to this
PLAIN = "two lengths"
MAP_NOISES, MAP_STEPS = np.geomspace(0.02, 10, 33), np.geomspace(30, 1e7, 34)
PARTS = (0.1, 0.5)  # how near its limit an exponent is called reached, half reached
LIMITS = np.array([0.5, -0.25, 0.25])  # of S1: α*, γ*, value (times 1 − δ)
ENDS = ("estimate", "low", "high")
RESOLVED = 0.5  # the widest interval of an exponent that anything is said of: the effect that S1 predicts for α*
OBJECTIVES = ("both", "alpha", "value")


@dataclass(frozen=True)
class Scale:
    """How much is run. steps, noises: the cells of the built problem. at: (n, K) where all errors are compared.

    deltas: those of the curves there, the last is `DELTA`. usual: (n, K) of the usual problem. tries: of a search.
    """

    steps: tuple[int, ...] = (125, 500, 2000)
    noises: tuple[float, ...] = (0.06, 0.125, 0.25, 0.5, 1.0)
    seeds: int = 48
    at: tuple[float, int] = (0.25, 2000)
    deltas: tuple[float, ...] = (0.2, 0.4, DELTA)
    usual: tuple[tuple[float, int], ...] = ((0.566, 400), (2.83, 400))
    usual_seeds: int = 12
    tries: int = 60


QUICK = Scale((50, 150), (0.35,), 10, (0.35, 150), (DELTA,), ((0.566, 80),), 12, 0)


def study(scale: Scale = Scale(), tick: Tick = silent) -> Result:
    """The exponents of α*, γ* and the value in 1 + δ: in S1, on the built problem, and on the usual one.

    Variables: bound (noise, steps, quantity), of S1's exact optimum; built, cell_* (cell): `PLAIN` at every (n, K);
    exponent: of every named error at `scale.at`; usual; found: what the searches end with; first_steps.
    """
    tick("regime · map of the bound", 0.0)
    parts = [_bound(bounds.theorems["ema"], scale), _cells(scale, tick), _errors(scale, tick), _usual(scale, tick)]
    table = xr.merge([*parts, _searched(scale, tick)]).assign_coords(end=list(ENDS))
    table.attrs = {"noise": scale.at[0], "steps": scale.at[1], "delta": DELTA, "seeds": scale.seeds}
    return Result("regime", QUESTION or "", {"regime": table}, findings(table), {"regime": "regime"})


def _bound(s1: Theorem, scale: Scale) -> xr.Dataset:
    noise, steps = np.meshgrid(MAP_NOISES, MAP_STEPS, indexing="ij")
    at = np.array([scale.at[0]]), np.array([float(scale.at[1])])
    curve = [bound_map.exponents(s1, *at, delta)[0] for delta in scale.deltas]
    rows = np.array([0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0])
    first = bound_map.first_steps(s1, rows, DELTA, PARTS, float(LIMITS[0]))
    return xr.Dataset(
        {
            "bound": (("noise", "steps", "quantity"), bound_map.exponents(s1, noise, steps, DELTA)),
            "bound_curve": (("delta", "quantity"), np.stack(curve)),
            "bound_regret": (("noise", "steps"), bound_map.regret(s1, noise, steps, DELTA)),
            "first_steps": (("row", "part"), first),
        },
        {"noise": MAP_NOISES, "steps": MAP_STEPS, "quantity": list(QUANTITIES), "row": rows, "part": list(PARTS)},
    )


def _cells(scale: Scale, tick: Tick) -> xr.Dataset:
    """`PLAIN` at every (n, K)."""
    cells = [(n, k) for k in scale.steps for n in scale.noises]
    runs = []
    for i, (n, k) in enumerate(cells):
        tick(f"regime · n = {n:g}, K = {k}", 0.02 + 0.4 * i / len(cells))
        runs.append(built(Hovering(n), PATTERNS[PLAIN], [DELTA], k, scale.seeds))
    return xr.Dataset(
        {
            "built": (("cell", "end", "quantity"), _stacked(runs)),
            "built_inner": ("cell", [run.inner for run in runs]),
            "built_regret": ("cell", [run.regret for run in runs]),
        },
        {"cell_noise": ("cell", [n for n, _ in cells]), "cell_steps": ("cell", [k for _, k in cells])},
    )


def _errors(scale: Scale, tick: Tick) -> xr.Dataset:
    """Every named error at one (n, K)."""
    problem, steps, runs = Hovering(scale.at[0]), scale.at[1], []
    exact = on_built(Case(problem, PATTERNS[PLAIN], 0.0), steps, scale.seeds)
    for i, (name, pattern) in enumerate(PATTERNS.items()):
        tick(f"regime · {name}", 0.42 + 0.2 * i / len(PATTERNS))
        runs.append(built(problem, pattern, list(scale.deltas), steps, scale.seeds, exact=exact))
    return xr.Dataset(
        {
            "exponent": (("error", "delta", "end", "quantity"), _curves(runs)),
            "error_logs": (("error", "delta_from_0", "quantity"), np.stack([run.logs for run in runs])),
            "error_regret": ("error", [run.regret for run in runs]),
        },
        {"error": list(PATTERNS), "delta": list(scale.deltas), "delta_from_0": [0.0, *scale.deltas]},
    )


def _usual(scale: Scale, tick: Tick) -> xr.Dataset:
    """Mixed errors on the usual problem."""
    runs = []
    for i, (n, k) in enumerate(scale.usual):
        tick("regime · the usual problem", 0.62 + 0.1 * i / len(scale.usual))
        runs.append(usually(n, list(scale.deltas), k, scale.usual_seeds))
    return xr.Dataset(
        {
            "usual": (("usual_cell", "delta", "end", "quantity"), _curves(runs)),
            "usual_regret": ("usual_cell", [run.regret for run in runs]),
        },
        {
            "usual_noise": ("usual_cell", [n for n, _ in scale.usual]),
            "usual_steps": ("usual_cell", [k for _, k in scale.usual]),
        },
    )


def _searched(scale: Scale, tick: Tick) -> xr.Dataset:
    """What the searches end with, on fresh seeds; nothing where none is asked for."""
    found: list[Found] = []
    for i, objective in enumerate(OBJECTIVES if scale.tries else ()):
        tick(f"regime · search: {objective}", 0.72 + 0.28 * i / len(OBJECTIVES))
        found.append(search(objective, 0.5, 250, DELTA, scale.tries))
    values = _stacked([one.fresh for one in found]) if found else np.empty((0, len(ENDS), len(QUANTITIES)))
    return xr.Dataset(
        {"found": (("objective", "end", "quantity"), values)},
        {"objective": [one.objective for one in found], "instance": ("objective", [_words(one) for one in found])},
    )


def _words(one: Found) -> str:
    e, p = one.errors, one.problem
    law = p.law if p.law == "greedy" else f"{p.law} {p.odds:.3f}"
    return f"slide {1 + DELTA * e.slide:.2f}, right {1 + DELTA * e.right:.2f}, wrong {1 + DELTA * e.wrong:.2f}, " + (
        f"a = {p.slide:.3f}, noise {law}"
    )


def _stacked(runs: list[Measured]) -> np.ndarray:
    """(runs, end, quantity) at the last δ."""
    return np.stack([np.stack([run.estimate[-1], run.low[-1], run.high[-1]]) for run in runs])


def _curves(runs: list[Measured]) -> np.ndarray:
    """(runs, delta, end, quantity)."""
    return np.stack([np.stack([run.estimate, run.low, run.high], 1) for run in runs])


def findings(table: xr.Dataset) -> list[Finding]:
    """What the study says, each with a check that can fail: nothing of an exponent whose interval is too wide to."""
    at = f"n = {table.attrs['noise']:g}, K = {table.attrs['steps']}"
    last = table.isel(delta=-1)
    plain, worst = (last["exponent"].sel(error=name) for name in (PLAIN, "worst"))
    made = []
    for i, quantity in enumerate(QUANTITIES):
        low, high, got = (float(plain.sel(end=end, quantity=quantity)) for end in ("low", "high", "estimate"))
        if high - low > RESOLVED:
            continue
        room = 0.12  # of an exponent, for the finite K
        text = f"regime, built problem, {PLAIN}, {at}: exponent of {quantity} in 1+δ, against S1's limit"
        made.append(Finding(text, float(LIMITS[i]), got, bool(low - room <= LIMITS[i] <= high + room)))
    got = float(worst.sel(end="high", quantity="alpha"))
    if got - float(worst.sel(end="low", quantity="alpha")) <= RESOLVED:
        text = f"regime, built problem, the most harmful error, {at}: exponent of α*, upper end of its interval"
        made.append(Finding(text, 0.5, got, got < 0.25, "points the other way"))
    got = float(worst.sel(end="low", quantity="step_size"))
    text = f"regime, built problem, the most harmful error, {at}: exponent of γ*, lower end of its interval"
    made.append(Finding(text, -0.25, got, got > 0, "points the other way"))
    harm = table["error_logs"].sel(quantity="value").isel(delta_from_0=-1)
    most = str(harm["error"].values[int(np.argmax(harm.values))])
    margin = float(harm.sel(error="worst") - harm.drop_sel(error="worst").max())
    text = (
        f"regime, {at}: best value under the error called worst over that under any other, logarithm ({most} is most)"
    )
    made.append(Finding(text, 0.0, margin, margin > 0))
    got = float(last["usual"].sel(end="high", quantity="alpha").max())
    text = "regime, the usual problem, mixed errors: exponent of α*, largest upper end of an interval"
    made.append(Finding(text, 0.5, got, got < 0.25, "points the other way"))
    expected = bound_map.leading_regret(DELTA)
    got = float(table["bound_regret"].sel(noise=0.5, method="nearest").isel(steps=-1))
    text = f"regime, S1 at K = {MAP_STEPS[-1]:.0e}: what is lost at δ = {DELTA:g} by the exact oracle's α and γ"
    made.append(Finding(text, expected, got, bool(abs(got - expected) < 0.001)))
    return made
