"""What a study gives back: data, verdicts, sentences and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import xarray as xr

Tick = Callable[[str, float], None]  # (what is being done, fraction of this study done)


@dataclass
class Finding:
    """One statement that a study checked: what was expected, what came out, whether that agrees.

    kind: "confirmed", "only an upper bound" or "points the other way", for findings about a prediction.
    """

    statement: str
    expected: float
    measured: float
    agrees: bool
    kind: str = "confirmed"

    def __post_init__(self) -> None:
        """Plain numbers, as comparisons of arrays give none."""
        self.expected, self.measured, self.agrees = float(self.expected), float(self.measured), bool(self.agrees)


@dataclass
class Result:
    """The outcome of one study.

    data: datasets by name, written beside the report. figures: figure name → the dataset that it draws.
    """

    name: str
    question: str
    data: dict[str, xr.Dataset] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every finding agrees."""
        return all(finding.agrees for finding in self.findings)


def silent(what: str, done: float) -> None:
    """A tick that shows nothing."""
