"""A form of the study from a TOML file of the user's: a question, seeds, and tables `[[line]]` of what is compared.

question = "Does a stale oracle ask for a smaller step?"
seeds = 32                                  # of the measurement; pilot_seeds, level, resamples, reach, name too
[[line]]
problem = "isotropic:20"                    # like ball, noise, momentum, steps and error a value or a list:
ball = ["l-inf", "l2"]                      # every combination is a line
noise = 0.1
momentum = "ema"
steps = 400
error = ["shrink", "mixed"]                 # with deltas, or instead of both
deltas = [0.4, 0.8]
# oracles = ["stale:2", "stale:4"]          # one line of growing error
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.coupling_study.cells import Form, Line, Setting, line
from experiments.coupling_study.forms import fits
from experiments.coupling_study.predicted import constants_of
from experiments.own_code import source_hash
from experiments.sweeps import axes, catalogue
from experiments.sweeps.plan import plan
from experiments.sweeps.specification import NAME, Sweep
from experiments.sweeps.toml_file import made_from
from lmo.checks import check_integer, check_number
from lmo.names import unknown_name
from lmo.oracles.errors import catalogue as error_models

KEYS = ("name", "question", "seeds", "pilot_seeds", "level", "resamples", "reach", "most_run_steps", "line")
LINE_KEYS = ("problem", "ball", "noise", "momentum", "steps", "error", "deltas", "oracles")
UNIMPORTANT = ("name", "question", "most_run_steps")  # for what is computed
FEWEST = {"seeds": 4, "pilot_seeds": 4, "resamples": 50, "reach": 2}  # an interval over fewer says nothing


def load(path: Path | str) -> tuple[Form, tuple[str, ...]]:
    """The form in a file, named after it unless it has a `name`, and why some combinations are left out.

    Raises:
        ValueError: what is wrong, in which file, and the nearest name.
    """
    return made_from(path, of_table, "study")


def of_table(table: dict[str, Any]) -> tuple[Form, tuple[str, ...]]:
    """The same of the table of such a file."""
    _known(table, "key of a study", KEYS)
    tables = table.get("line")
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        raise ValueError("a study needs tables [[line]], each with `problem`, `ball`, `steps` and `error` or `oracles`")
    given: dict[str, Any] = {
        key: check_integer(key, table[key], at_least=least) for key, least in FEWEST.items() if key in table
    }  # fmt: skip
    for key, above, below in (("level", 0.0, 1.0), ("most_run_steps", 0.0, float("inf"))):
        if key in table:
            given[key] = check_number(key, table[key], above=above, below=below)
    name, question = table.get("name", "study"), table.get("question", Form.question)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"`name` must be letters, digits, - and _, as it names a folder; got {name!r}")
    if not isinstance(question, str) or not question:
        raise TypeError(f"`question` must be a sentence in quotes, got {question!r}")
    lines: list[Line] = []
    left_out: list[str] = []
    for number, one in enumerate(tables, 1):
        try:
            made, reasons = _lines(one)
        except (ValueError, TypeError) as error:
            raise ValueError(f"[[line]] {number}: {error}") from None
        lines += made
        left_out += reasons
    twice = next((one for i, one in enumerate(lines) if one in lines[:i]), None)
    if twice is not None:
        raise ValueError(f"two lines are of {twice.error} in the setting {twice.setting.label!r}; one is enough")
    given = {"pilot_seeds": 16, "seeds": 64} | given
    form = Form(name, tuple(lines), **given, question=question, matrix_share=1)
    return form, tuple(dict.fromkeys(left_out))


def content_hash(form: Form) -> str:
    """64 hexadecimal digits of what determines a study (no name, question or limit), with code of the user's."""
    content = {key: value for key, value in asdict(form).items() if key not in UNIMPORTANT}
    names = {name for arm in form.arms for name in (arm.setting.problem, arm.oracle)}
    own = sorted(name for name in names if catalogue.own_problem(name) or catalogue.own_oracle(name))
    content["sources"] = {name: source_hash(name) for name in own}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _lines(table: dict[str, Any]) -> tuple[list[Line], tuple[str, ...]]:
    """The lines of one table, and why some are left out: the checks are those of a sweep over the same grid."""
    _known(table, "key of a [[line]]", LINE_KEYS)
    missing = [key for key in ("problem", "ball", "steps") if key not in table]
    if missing:
        raise ValueError(f"a line needs {', '.join(f'`{key}`' for key in missing)}")
    if ("error" in table) == ("oracles" in table) or ("error" in table) != ("deltas" in table):
        raise ValueError('a line has either `error` and `deltas`, as error = "mixed", deltas = [0.4, 0.8], '
                         'or `oracles`, as oracles = ["jordan:5", "jordan:2"]')  # fmt: skip
    oracles = axes.words("error" if "error" in table else "oracles", table.get("error", table.get("oracles")))
    deltas = tuple(sorted(axes.numbers("deltas", table.get("deltas", 0.5), above=0.0, below=1.0)))
    for oracle in oracles:
        if oracle == "exact":
            raise ValueError("the exact oracle is part of every line; name those to compare with it")
        if catalogue.takes_delta(oracle) and "oracles" in table:
            raise ValueError(f"{oracle!r} is an error of any size: give it as `error`, with `deltas`")
        if not catalogue.takes_delta(oracle) and "error" in table:
            raise unknown_name("error", oracle, error_models())  # or an oracle: those are `oracles`
    others = {key: table[key] for key in ("noise", "momentum") if key in table}
    grid = Sweep(table["problem"], table["ball"], oracles, 1.0, table["steps"], delta=deltas, **others)
    left_out = plan(grid).left_out
    lines: list[Line] = []
    for cell in itertools.product(grid.problem, grid.ball, grid.noise, grid.momentum, grid.steps):
        setting = Setting(*cell)
        fitting = [oracle for oracle in oracles if fits(setting, oracle)]
        if fitting:
            constants_of(setting)  # refused where theory predicts nothing to compare with
            lines += _of_setting(setting, fitting, None if "oracles" in table else deltas)
    return lines, left_out


def _of_setting(setting: Setting, oracles: list[str], deltas: tuple[float, ...] | None) -> Iterator[Line]:
    if deltas is None:
        yield line(setting, " ".join(dict.fromkeys(oracle.partition(":")[0] for oracle in oracles)), oracles)
    else:
        for error in oracles:
            yield line(setting, error, deltas)


def _known(table: dict[str, Any], what: str, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise unknown_name(what, key, known)
