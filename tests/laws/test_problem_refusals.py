"""Problems refuse bad input."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from problem_laws import NETWORK, SOFTMAX

from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.digits_network import DigitsNetwork
from experiments.problems.digits_softmax import DigitsSoftmax
from experiments.problems.hard.cycles import two_cycle
from experiments.problems.hard.huber import Huber
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.ridge import Ridge
from lmo.balls import LInf, Spectral

EYE = torch.eye(2)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DiagonalQuadratic([1.0, -1.0], [1.0, 1.0]), "`curvatures` must be a vector of numbers >= 0"),
        (lambda: DiagonalQuadratic([1.0], [1.0, 1.0]), "`start` a vector of the same length"),
        (lambda: DiagonalQuadratic([1.0, math.nan], [1.0, 1.0]), "`curvatures` must be non-empty and finite"),
        (lambda: DiagonalQuadratic([], []), "`curvatures` must be non-empty and finite"),
        (lambda: MatrixQuadratic([[1.0, 1.0], [0.0, 1.0]], EYE, EYE), "`left` must be a symmetric matrix"),
        (lambda: MatrixQuadratic(EYE, -EYE, EYE), "`right` must be positive semidefinite"),
        (lambda: MatrixQuadratic(EYE, EYE, torch.ones(3, 2)), "`start` must have shape"),
        (lambda: Ridge([0.0], torch.ones(1, 2), torch.ones(2)), "`heights` must be positive"),
        (lambda: Ridge([1.0], torch.ones(1, 3), torch.ones(2)), "`directions` of shape"),
        (lambda: Noisy(Ridge.shipped()[0], 0.0), "`std` must be a finite number > 0"),
        (lambda: Noisy(Noisy(Ridge.shipped()[0], 1.0), 1.0), "exact gradients"),
        (lambda: Noisy(DigitsNetwork(), 1.0), "single tensors"),
        (lambda: Huber(torch.ones(2), torch.ones(1), [two_cycle(0.5)], 5), "one entry per run"),
        (lambda: Huber.shipped()[0].start(2), "1 run"),
        (lambda: DigitsSoftmax(batch_size=0), "`batch_size` must be a whole number from 1 on, got 0"),
        (lambda: DigitsSoftmax(batch_size=2.5), "`batch_size` must be a whole number"),  # type: ignore[arg-type]
        (lambda: DigitsSoftmax(samples=0), "`samples` must be a whole number from 1 to 1797"),
        (lambda: DigitsSoftmax(samples=1798), "`samples` must be a whole number from 1 to 1797, got 1798"),
        (lambda: DigitsNetwork(hidden=0), "`hidden` must be a whole number from 1 on, got 0"),
        (lambda: DigitsNetwork(samples=-3), "`samples` must be a whole number"),
        (lambda: SOFTMAX.start(0), "`runs` must be at least 1, got 0"),
        (lambda: SOFTMAX.smoothness(LInf()), r"elements with core_ndim = 1, those of the problem .* have 2"),
        (lambda: NETWORK.smoothness(Spectral()), r"have \(2, 2\)"),
    ],
)
def test_bad_input_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
