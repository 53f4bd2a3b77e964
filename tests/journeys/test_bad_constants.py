"""Bad constants, ranges and theorem files: refused with the right type of error, which says what is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import lmo

import bounds
from bounds.assumptions import Describes
from experiments.arguments import rows
from experiments.settings import method_of
from lmo.balls import LInf
from lmo.oracles import (
    Exact,
)

nan, inf = math.nan, math.inf
D1 = bounds.theorems["D1"]
EITHER = (TypeError, ValueError)
Case = tuple[Callable[[], Any], type[Exception] | tuple[type[Exception], ...], str]


def bound(name: str = "D1", **changes: Any) -> Any:
    usual: dict[str, Any] = {"initial_gap": 1.0, "smoothness": 1.0, "steps": 10, "step_size": 0.1}
    if name == "S1":
        usual |= {"alpha": 0.1, "noise_std": 1.0, "norm_ratio": 1.0}
    return bounds.theorems[name].bound(**{**usual, **changes})


def tune(theorem: Any = D1, **changes: Any) -> Any:
    return theorem.tune(**{"initial_gap": 1.0, "smoothness": 1.0, "steps": 10, **changes})


def described(momentum: str = "none", **more: Any) -> Any:
    return method_of(replace(D1, method=Describes(momentum, **more)), Exact(LInf()))


# fmt: off
CONSTANTS: dict[str, Case] = {
    "NaN constant": (lambda: bound(initial_gap=nan), ValueError, "`initial_gap` .* must be finite and >= 0, got nan"),
    "infinite steps": (lambda: bound(steps=inf), ValueError, "`steps` .* must be finite and >= 1, got inf"),
    "half a step": (lambda: bound(steps=0.5), ValueError, "`steps` .* must be finite and >= 1, got 0.5"),
    "negative smoothness": (lambda: bound(smoothness=-1), ValueError, "`smoothness` .* > 0, got -1"),
    "step size 0": (lambda: bound(step_size=0), ValueError, "`step_size` .* > 0, got 0"),
    "delta 1": (lambda: bound(delta=1.0), ValueError, "`delta` .* must be finite and >= 0 and < 1, got 1"),
    "negative delta": (lambda: bound(delta=-0.1), ValueError, "`delta` .* >= 0 and < 1, got -0.1"),
    "one bad delta of many": (lambda: bound(delta=np.array([0.1, 1.2])), ValueError, "`delta` .* < 1, got 1.2"),
    "no delta at all": (lambda: bound(delta=[]), ValueError, "`delta` .*, got an empty array"),
    "complex delta": (lambda: bound(delta=1j), ValueError, "`delta` must be a number or an array of numbers, got 1j"),
    "delta in words": (lambda: bound(delta="half"), ValueError, "`delta` must be a number .*, got 'half'"),
    "epsilon 1": (lambda: bound(epsilon=1.0), ValueError, "`epsilon` .* < 1, got 1"),
    "eta -1": (lambda: bound(eta=-1.0), ValueError, "`eta` .* > -1, got -1"),
    "alpha 0": (lambda: bound("S1", alpha=0), ValueError, "`alpha` .* > 0 and <= 1, got 0"),
    "alpha 2": (lambda: bound("S1", alpha=2), ValueError, "`alpha` .* > 0 and <= 1, got 2"),
    "negative noise": (lambda: bound("S1", noise_std=-1), ValueError, "`noise_std` .* >= 0, got -1"),
    "delta with epsilon": (lambda: bound(delta=0.1, epsilon=0.1), ValueError, "either delta .* or epsilon and eta"),
    "unknown constant": (lambda: bound(smothness=1), ValueError, "'smothness'; did you mean 'smoothness'"),
    "another's constant": (lambda: bound(alpha=0.5), ValueError, "no constant 'alpha'; its constants are initial_gap"),
    "missing constants": (lambda: D1.bound(steps=9), ValueError, "needs initial_gap, smoothness, step_size .*`tune`"),
    "overflow": (lambda: bound(smoothness=1e308, step_size=1e9), ValueError, "not a finite number .* smoothness"),
    "shapes": (lambda: bound(delta=[0.1, 0.2], steps=[1, 2, 3]), ValueError, r"steps.*\(3,\).*epsilon.*\(2,\)"),
    "step size to tune": (lambda: tune(step_size=0.1), ValueError, "the tuning of fixed-step has no .* 'step_size'"),
    "nothing to gain": (lambda: tune(initial_gap=0), ValueError, "not a finite number at the constants initial_gap"),
    "no tuning stated": (lambda: tune(replace(D1, tuning={})), ValueError, "fixed-step states no tuning of step_size"),
    "unknown theorem": (lambda: bounds.theorems["fixd-step"], KeyError, "'fixd-step'; did you mean 'fixed-step'"),
    "unknown label": (lambda: bounds.load("D1H"), ValueError, "'D1H'; did you mean 'D1-H'"),
    "unknown momentum": (lambda: described("nestrov"), ValueError, "'nestrov'; did you mean 'nesterov'"),
    "unknown step rule": (lambda: described(step="adaptiv"), ValueError, "'adaptiv'; did you mean 'adaptive'"),
    "decay that no run has": (lambda: described(decay=True), ValueError, "decay"),
}
ARGUMENTS: dict[str, Case] = {
    "no =": (lambda: rows(["steps"]), ValueError, "'steps' is not key=value, for example steps=400"),
    "no key": (lambda: rows(["=5"]), ValueError, "'=5' is not key=value"),
    "no value": (lambda: rows(["steps="]), ValueError, "'steps=' is not key=value"),
    "unknown key": (lambda: rows(["stps=5"]), ValueError, "unknown constant 'stps'; did you mean 'steps'"),
    "key twice": (lambda: rows(["steps=5", "steps=6"]), ValueError, "`steps` is given twice"),
    "key and symbol": (lambda: rows(["steps=5", "K=6"]), ValueError, "`steps` is given twice"),
    "a word": (lambda: rows(["steps=many"]), ValueError, "`steps` must be a number or a range first:last:count"),
    "two parts": (lambda: rows(["delta=0:1"]), ValueError, "`delta` must be a number or a range .*, got '0:1'"),
    "count 0": (lambda: rows(["delta=0:1:0"]), ValueError, "`delta` must be a number or a range .*, got '0:1:0'"),
    "count 2.5": (lambda: rows(["delta=0:1:2.5"]), ValueError, "`delta` must be .*, got '0:1:2.5'"),
    "count too large": (lambda: rows(["delta=0:1:1000000"]), ValueError, "`delta` must be .*count from 1 to 100000"),
    "range to infinity": (lambda: rows(["delta=0:inf:3"]), ValueError, "`delta` must be .*finite.*, got '0:inf:3'"),
}
# fmt: on
TABLE = {
    f"{group}: {name}": case
    for group, cases in {"constants": CONSTANTS, "arguments": ARGUMENTS}.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("call", "kind", "says"), TABLE.values(), ids=TABLE)
def test_it_is_refused_by_name(
    call: Callable[[], Any], kind: type[Exception] | tuple[type[Exception], ...], says: str
) -> None:
    with pytest.raises(kind, match=f"(?s){says}"):
        call()


THEOREM = "from dataclasses import replace\nimport bounds\n{}\n"
FILES = {
    "syntax error": ("def (:", "could not be run: SyntaxError"),
    "error while it runs": ("1 / 0", "could not be run: ZeroDivisionError: division by zero"),
    "import that fails": ("import no_such_module_here", "could not be run: ModuleNotFoundError"),
    "no theorem": ("x = 1", "must define exactly one Theorem, it defines 0"),
    "two theorems": (
        THEOREM.format("a, b = (replace(bounds.theorems['D1'], name=n) for n in ('a', 'b'))"),
        "must define exactly one Theorem, it defines 2",
    ),
}


@pytest.mark.parametrize(("text", "says"), FILES.values(), ids=FILES)
def test_a_bad_theorem_file_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ValueError, match=rf"mine\.py {says}"):
        bounds.load(str(tmp_path / "mine.py"))
    with pytest.raises(ValueError, match=r"there is no file .*other\.py"):
        bounds.load(str(tmp_path / "other.py"))


def test_no_case_hides_another() -> None:
    assert len(TABLE) == len(CONSTANTS) + len(ARGUMENTS) >= 30


@pytest.mark.parametrize("command", ["bound", "tune"])
def test_a_list_of_numbers_is_for_layers(command: str) -> None:
    constants = ("initial_gap=1", "smoothness=1", "steps=10", *(("step_size=0.1",) if command == "bound" else ()))
    found = lmo(command, "fixed-step", *constants, "delta=0.1,0.2")
    assert found.status == 2 and "fixed-step has no layers for a list a,b,… of numbers" in " ".join(found.err.split())
    assert lmo(command, "fixed-step", *constants, "delta=0.1:0.2:2").status == 0


def test_only_bounds_advise_to_tune() -> None:
    with pytest.raises(ValueError, match=r"needs step_size .*`tune` finds step_size and alpha"):
        D1.bound(initial_gap=1.0, smoothness=1.0, steps=10)
    found = lmo("tune", "critical-batch")
    assert found.status == 2 and "step_size" in found.err and "`tune` finds" not in found.err


@pytest.mark.parametrize("wrong", [{"eta": -0.9}, {"epsilon": -0.2}, {"epsilon": 0.3, "eta": [0.0, -0.4]}])
def test_no_answer_aligns_more_than_its_length(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"`epsilon` \+ `eta` cannot be negative"):
        bound(**wrong)
    assert float(bound(epsilon=0.4, eta=-0.4)) == pytest.approx(float(bound(epsilon=0.4, eta=-0.4 - 1e-12)))
