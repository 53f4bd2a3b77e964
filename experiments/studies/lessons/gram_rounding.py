"""Newton–Schulz on the Gram matrix in half precision: without restarts it blows up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from experiments.oracles.spectra import matrix
from experiments.studies.base import Finding
from lmo.oracles import GramNewtonSchulz, NewtonSchulz, Oracle
from lmo.polynomials import schedule

FORMS: dict[str, tuple[int, ...] | None] = {"direct": None, "Gram, restart after 2": (2,), "Gram, no restart": ()}
PRECISIONS = {"bfloat16": torch.bfloat16, "float16": torch.float16}
SCHEDULES = ("polar-express", "you")
SPECTRA = ("power-law=1.0", "geometric=1e-6")
STEPS = (1, 2, 3, 4, 5)
DIMS = ("spectrum", "schedule", "precision", "form", "steps")


def data(shape: tuple[int, int] = (128, 256)) -> xr.Dataset:
    """norm = ‖d̂‖ and error = ‖d̂ − d̂₆₄‖_F/‖d̂₆₄‖_F by (spectrum, schedule, precision, form, steps).

    d̂₆₄: the same steps in float64, of norm norm_exact. roundoff (precision): of one rounding. growth (schedule,
    steps): S² before the last step, S = Π c₀ the slope at 0 of the steps so far: what the recursion without restarts
    makes of a rounding error in the Gram matrix's null space, (c₀ + z)r(c₀ + z) with z near 0.
    """
    cells = list(itertools.product(SPECTRA, SCHEDULES, PRECISIONS.values(), FORMS.values(), STEPS))
    matrices = {name: matrix(name, shape, 0) for name in SPECTRA}
    wanted = {
        key: _answer(NewtonSchulz(*key[1:]), matrices[key[0]]) for key in itertools.product(SPECTRA, SCHEDULES, STEPS)
    }
    norm, error = np.empty(len(cells)), np.empty(len(cells))
    for i, (spectrum, name, dtype, restarts, steps) in enumerate(cells):
        answer = _answer(oracle(name, steps, dtype, restarts), matrices[spectrum])
        exact = wanted[spectrum, name, steps]
        norm[i], error[i] = _norm(answer), float((answer - exact).norm() / exact.norm())
    sizes = (len(SPECTRA), len(SCHEDULES), len(PRECISIONS), len(FORMS), len(STEPS))
    growth = [[math.prod(p[0] for p in schedule(n).polynomials(k - 1)) ** 2 for k in STEPS] for n in SCHEDULES]
    exact_norms = np.reshape([_norm(one) for one in wanted.values()], (sizes[0], sizes[1], sizes[4]))
    return xr.Dataset(
        {
            "norm": (DIMS, norm.reshape(sizes)),
            "error": (DIMS, error.reshape(sizes)),
            "norm_exact": (("spectrum", "schedule", "steps"), exact_norms),
            "growth": (("schedule", "steps"), growth),
            "roundoff": ("precision", [torch.finfo(dtype).eps / 2 for dtype in PRECISIONS.values()]),
        },
        dict(zip(DIMS, map(list, (SPECTRA, SCHEDULES, PRECISIONS, FORMS, STEPS)), strict=True)),
        {"shape": f"{shape[0]}×{shape[1]}"},
    )


def oracle(name: str, steps: int, dtype: torch.dtype, restarts: tuple[int, ...] | None) -> Oracle:
    """The schedule in one of the `FORMS`; restarts None: the direct form."""
    if restarts is None:
        return NewtonSchulz(name, steps, dtype)
    return GramNewtonSchulz(name, steps, dtype, restarts=restarts)


def _answer(chosen: Oracle, m: Tensor) -> Tensor:
    direction, _ = chosen(m)
    assert isinstance(direction, Tensor)  # as m is one
    return direction


def _norm(x: Tensor) -> float:
    """‖x‖ of x (a, b), a ≤ b, by its Gram matrix, which is enough for its first digits."""
    return float(torch.linalg.eigvalsh(x @ x.mT)[-1].sqrt())


def findings(table: xr.Dataset) -> list[Finding]:
    """Five steps: the direct form and one restart against none. ‖d̂‖ is that of float64 unless rounding took over."""
    found = []
    last = table.sel(steps=STEPS[-1])
    for spectrum, name in itertools.product(SPECTRA, SCHEDULES):
        one = last.sel(spectrum=spectrum, schedule=name, precision="bfloat16")
        exact = float(one["norm_exact"])
        for form in FORMS:
            got = float(one["norm"].sel(form=form))
            text = f"bfloat16, {spectrum}, {name}, 5 steps, {form}: ‖d̂‖, where float64 has {exact:.3g}"
            broken = form == "Gram, no restart"
            agrees = got > 10 * exact if broken else got < 3 * exact
            found.append(Finding(text, exact, got, agrees, "points the other way" if broken else "confirmed"))
    return found
