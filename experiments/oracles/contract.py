"""The contract's report on anyone's function m → d, torch's own orthogonalisation among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from experiments.oracles.specs import ball_called, dtype_called
from experiments.own_code import thing_called
from lmo.balls import NormBall
from lmo.oracles import Oracle
from lmo.testing import EXACT, FLIPPED, Check, run_checks

TURNED = (
    "The sign is flipped throughout: on every question it increases ⟨m, ·⟩, as a function does that gives the "
    "direction to step against. The laws after `sign` are asked of its answers with the sign turned back."
)
TORCH = ("torch.optim", "torch-muon")


def torch_muon(m: Tensor) -> Tensor:
    """What torch.optim.Muon steps against, as its own function returns it, with the defaults of Muon."""
    from torch.optim._muon import _zeropower_via_newtonschulz

    return _zeropower_via_newtonschulz(m, (3.4445, -4.7750, 2.0315), 5, 1e-7)


def load(text: str) -> Any:
    """The function `module:name` or `file.py:name`; `torch.optim` for torch's own orthogonalisation (`torch_muon`).

    Raises:
        ValueError: no such module, file or name, or what is called so cannot be called. A module that fails on import
            fails here.
    """
    if text in TORCH:
        return torch_muon
    where, colon, name = text.rpartition(":")
    if not colon or not where or not name:
        raise ValueError(f"`--callable` must be module:function, file.py:function or {TORCH[0]}; got {text!r}")
    thing = thing_called(text)
    if not callable(thing) or isinstance(thing, type):
        raise ValueError(f"`--callable` must be a function m → d or an Oracle, got {text!r}, {type(thing).__name__}")
    return thing


def report(
    thing: Any, ball: NormBall, shape: tuple[int, ...], dtype: torch.dtype, batched: bool, inexact: bool
) -> list[Check]:
    """Every law of `lmo.testing` with its outcome.

    An answer in another dtype than the question's breaks the law `shape`, after which nothing else could be asked. The
    others are then asked of the answer cast back; and whether the question is left alone, in the dtype answered in too,
    as a cast to that dtype makes no copy there.
    """
    if isinstance(thing, Oracle):
        return run_checks(thing, shape)
    options: dict[str, Any] = {"ball": ball, "promise": None if inexact else EXACT, "batched": batched}
    left_out = set() if batched else {"batch"}
    checks = run_checks(thing, shape, dtype=dtype, exempt=left_out, **options)
    if checks[-1].law != "shape" or checks[-1].passed:
        return checks
    cast = _cast_back(thing)
    if not run_checks(cast, shape, dtype=dtype, only=["shape"], **options)[0].passed:
        return checks  # it is the shape that is wrong
    checks += run_checks(cast, shape, dtype=dtype, exempt={*left_out, "shape"}, **options)
    answered = thing(torch.ones(shape, dtype=dtype)).dtype
    (other,) = run_checks(thing, shape, dtype=answered, only=["untouched"], **options)
    name = f"untouched, in {str(answered).removeprefix('torch.')}"
    return [*checks, Check(name, other.passed, other.message.replace("untouched", name, 1))]


def _cast_back(thing: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda m: answer.to(m.dtype) if isinstance(answer := thing(m), Tensor) else answer


def run(
    text: str,
    ball: str,
    shape: tuple[int, ...],
    dtype: str,
    batched: bool,
    inexact: bool,
    as_json: bool,
    console: Console,
) -> int:
    """`lmo oracle --callable`: one line per law; the exit status, 1 if any is broken."""
    asked = ball_called(ball, len(shape))
    thing = load(text)
    name = getattr(thing, "name", None) or ("torch-muon" if thing is torch_muon else text)
    checks = report(thing, asked, shape, dtype_called(dtype), batched, inexact)
    broken = [check for check in checks if not check.passed]
    if as_json:
        print(json.dumps([check._asdict() for check in checks], ensure_ascii=False))
        return 1 if broken else 0
    whose = thing.ball if isinstance(thing, Oracle) else asked
    console.print(f"{name} as the LMO of {whose}, asked in {dtype} at {'×'.join(map(str, shape))}", highlight=False)
    if any(check.message.endswith(FLIPPED) for check in checks):
        console.print(TURNED, highlight=False, soft_wrap=True)
    for check in checks:
        mark = "[green]holds[/]" if check.passed else "[bold red]FAILS[/]"
        console.print(f"  {mark}  {check.law if check.passed else ''}", end="\n" if check.passed else "")
        if not check.passed:
            console.print(check.message, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(broken)} of {len(checks)} laws are broken" if broken else f"all {len(checks)} laws hold")
    return 1 if broken else 0
