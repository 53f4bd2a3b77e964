"""What a claim bounds of every step, as text in a case and as a function of the columns of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from bounds import evaluate
from bounds.symbols import COLUMNS, CONSTANTS, b, c, epsilon, eta
from experiments.expressions import parse, write

MEASURED = (
    "gradient_norm",
    "step_size",
    "iterate_alignment",
    "iterate_norm",
    "gap",
    "next_gap",
    "ball_gap",
    "next_ball_gap",
)
CONSTANTS_OF_INSTANCES = ("step_size", "alpha", "weight_decay", "epsilon", "eta", "delta")  # that a metric may have
PLAIN = "gradient_norm_k"
_NAMES = {f"{code}_k": COLUMNS[code] for code in MEASURED}


@dataclass(frozen=True)
class Quantity:
    """columns, constants: code names, in the order of the arguments of `function`."""

    columns: tuple[str, ...]
    constants: tuple[str, ...]
    function: Callable[..., Any]


def text_of(expression: sp.Expr) -> str:
    """The quantity as text that `quantity` reads; columns are called "…_k". `ValueError`: no attack measures it."""
    unknown = expression.free_symbols & (set(COLUMNS.values()) - set(_NAMES.values()))
    unknown |= {CONSTANTS[n].symbol for n in evaluate.code_names(expression) if n not in CONSTANTS_OF_INSTANCES}
    if unknown or not expression.free_symbols & set(_NAMES.values()):
        raise ValueError(f"no attack measures {expression}; columns: {', '.join(MEASURED)}")
    return write(expression.xreplace({symbol: sp.Symbol(name) for name, symbol in _NAMES.items()}))


def expression_of(text: str) -> sp.Expr:
    """The quantity in columns and constants."""
    return parse(text, _NAMES)


@lru_cache(maxsize=64)
def quantity(text: str) -> Quantity:
    """The quantity as a function of numbers or arrays."""
    plain = expression_of(text).subs({b: 1 + eta, c: 1 - epsilon})
    columns = tuple(code for code in MEASURED if COLUMNS[code] in plain.free_symbols)
    constants = tuple(evaluate.code_names(plain))
    symbols = [COLUMNS[code] for code in columns] + [CONSTANTS[code].symbol for code in constants]
    return Quantity(columns, constants, sp.lambdify(symbols, plain, "numpy"))


@lru_cache(maxsize=64)
def looks_ahead(text: str) -> bool:
    """Whether it is one of the point that the step arrives at."""
    return any(name.startswith("next_") for name in quantity(text).columns)


@lru_cache(maxsize=64)
def rates(text: str) -> tuple[sp.Expr, sp.Expr] | None:
    """Its factors of ‖∇f‖_* and of ⟨∇f, x⟩ at γ_k = γ, in constants, where it is linear in them alone; else None."""
    norm, along = COLUMNS["gradient_norm"], COLUMNS["iterate_alignment"]
    plain = sp.expand(expression_of(text).subs(COLUMNS["step_size"], CONSTANTS["step_size"].symbol))
    of_norm, of_alignment = plain.coeff(norm, 1), plain.coeff(along, 1)
    if sp.simplify(plain - of_norm * norm - of_alignment * along) != 0:
        return None
    return (
        None if (of_norm.free_symbols | of_alignment.free_symbols) & set(COLUMNS.values()) else (of_norm, of_alignment)
    )
