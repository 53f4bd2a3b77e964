"""The declared forms of the study: quick, default and full."""

from __future__ import annotations

from experiments.coupling_study.cells import Form, Line, Setting, line

PER_ENTRY = {"low": 0.02, "high": 0.1}  # noise of the ℓ∞ problem on 20 coordinates, per coordinate (paper_notes.md, S1)


def quick() -> Form:
    """The table of paper_notes.md, S1 (ℓ∞, EMA, two noises) and the deterministic one (spectral, 12×12)."""
    lines: list[Line] = []
    for noise in PER_ENTRY.values():
        setting = Setting("isotropic:20", "l-inf", noise * 20**0.5, "ema", 400)
        lines += [line(setting, error, (0.4, 0.8)) for error in ("shrink", "inflate", "mixed", "random")]
    exact = Setting("matrix-quadratic:12x12", "spectral", 0.0, "none", 400)
    lines += [line(exact, error, (0.25, 0.5)) for error in ("shrink", "inflate", "mixed")]
    return Form("quick", tuple(lines), pilot_seeds=8, seeds=32, reach=3, resamples=3000)


FORMS = {"quick": quick}
