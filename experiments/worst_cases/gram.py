"""Semidefinite programmes over the Gram matrix of a run: what the programmes of single statements share."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np


def load() -> Any:
    """The package cvxpy; `ValueError` with what to do if it is not installed."""
    try:
        import cvxpy
    except ImportError as error:
        raise ValueError(
            "worst cases in ℓ2 need the package cvxpy, which is not installed: pip install 'lmo-lab[pep]'"
        ) from error
    return cvxpy


def forms(a: np.ndarray, b: np.ndarray) -> Any:
    """Rows (count, size²) of the symmetric forms ⟨a_n, b_n⟩ in a Gram matrix, sparse; a, b: (count, size)."""
    from scipy.sparse import csr_array

    product = a[:, :, None] * b[:, None, :]
    return csr_array(((product + product.transpose(0, 2, 1)) / 2).reshape(len(a), -1))


def solve(problem: Any) -> float:
    """The value of a programme of cvxpy; NaN where it has none or the solver does not find it."""
    cp = load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "may be inaccurate": the accuracy is the solver's anyway
        try:
            found = problem.solve(solver="CLARABEL")
        except cp.SolverError:
            return math.nan
    solved = problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)  # not one that was stopped on its way
    return float(found) if solved and found is not None and math.isfinite(found) else math.nan
