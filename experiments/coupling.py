"""`lmo coupling`: the table of exponents, across theorems. Heavy imports happen inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bounds.coupling import Coupling
    from bounds.theorem import Theorem

HEADS = {
    "additive 1+δ": "1+δ",
    "additive 1−δ": "1−δ",
    "inflate 1+δ": "1+δ, too long",
    "shrink 1−δ": "1−δ, too short",
    "steps": "K",
    "noise_std": "σ",
    "smoothness": "L",
    "mean_smoothness": "L̄",
    "initial_gap": "Δ",
}
LEGEND = (
    "Exponents of the closed form; in brackets the exact optimum's log-slope where it differs, at the constants below. "
    "~ marks closed forms of the leading terms alone.",
    "1+δ, 1−δ: an additive error (ε = η = δ), exact: average from 0 to δ; too long: ε = −δ, η = δ; too short: ε = δ, "
    "η = −δ. –: no power law.",
)


def coupled(chosen: list[Theorem], constants: dict[str, float]) -> list[Coupling]:
    """The couplings of the theorems that tune something."""
    from bounds.coupling import couplings

    return [one for theorem in chosen for one in couplings(theorem, **constants)]


def cells(one: Coupling) -> dict[str, str]:
    """A row of the table: what is tuned and, by column, its exponents."""
    row = {"theorem": f"{one.label} {one.theorem}", "tuned": one.quantity + (" ~" if one.limit_only else "")}
    different = one.differs()
    for base, head in HEADS.items():
        if base not in one.closed:
            row[head] = ""
            continue
        closed, exact = one.closed[base], one.exact[base]
        row[head] = "–" if closed is None else str(closed)
        if exact is not None and base in different:
            row[head] += f" ({exact + 0:.2f})"
    return row


def record(one: Coupling) -> dict[str, Any]:
    """The same as plain data, closed exponents as fractions in a string."""
    closed = {base: None if power is None else str(power) for base, power in one.closed.items()}
    return {**vars(one), "closed": closed, "differs": one.differs()}
