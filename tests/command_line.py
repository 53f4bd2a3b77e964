"""The command `lmo` in this process, and what the tests of it share."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from typing import Any, NamedTuple
from unittest import mock

import pytest
import torch
from rich.console import Console

from experiments import cli

SHAPE = ["--shape", "12x20"]


class Said(NamedTuple):
    """What a command left behind: its exit status, and what it printed without colours."""

    status: int
    out: str
    err: str


def lmo(*words: str, width: int = 80) -> Said:
    """`lmo words…` in this process, on a terminal of `width` columns; an exception that is no exit fails the test."""
    with (
        mock.patch.object(sys, "argv", ["lmo", *words]),
        mock.patch.object(cli, "console", Console(width=width)),
        mock.patch.object(cli, "errors", Console(stderr=True, width=width)),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.raises(SystemExit) as end,
    ):
        cli.main()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()) for stream in (out, err)]
    return Said(int(end.value.code or 0), *plain)


def strict_json(text: str) -> Any:
    """JSON without NaN and Infinity, which most readers refuse."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def matrix(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
