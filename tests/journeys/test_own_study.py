"""A study of the user's own, from a TOML file: run, judged, resumed, kept apart by its content; and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from command_line import lmo, strict_json

from experiments.coupling_study import form_file, forms
from experiments.coupling_study.cells import Arm, Setting, line
from experiments.statistics.verdict import APPEARS

LINE = {"problem": "isotropic:4", "ball": "l-inf", "steps": 60, "error": ["shrink", "inflate"], "deltas": [0.5]}
MINE = """
question = "Does a short answer ask for a longer step?"
seeds = 4
pilot_seeds = 4
resamples = 50
[[line]]
problem = ["isotropic:4", "layered-quadratic"]
ball = "l-inf"
steps = 60
error = ["shrink", "inflate"]
deltas = [0.5]
"""


def test_a_study_of_ones_own_is_run_judged_and_resumed(home: Path) -> None:
    Path("mine.toml").write_text(MINE.replace('["isotropic:4", "layered-quadratic"]', '"isotropic:4"'))
    words = ("study", "coupling", "mine.toml", "--workers", "0")
    said = lmo(*words, width=400)
    assert said.status == 0 and "Does a short answer ask for a longer step?" in said.out and "other way" in said.out
    folder = next(Path("out/coupling-study").iterdir())
    assert folder.name.startswith("mine-") and (folder / "coupling_map.png").is_file()
    assert lmo(*words).status == 2 and "--resume goes on" in lmo(*words).err
    told = strict_json(lmo(*words, "--resume", "--json").out)
    assert told == json.loads((folder / "coupling.json").read_text()) and told["question"].startswith("Does a short")
    step = {v["error"]: v for v in told["verdicts"] if v["quantity"] == "step size" and v["model"] == "signed"}
    assert step["shrink"]["verdict"] == step["inflate"]["verdict"] == APPEARS
    assert step["shrink"]["measured"] == pytest.approx(2, rel=0.03)
    exported(str(folder), told)
    Path("mine.toml").write_text(Path("mine.toml").read_text().replace("steps = 60", "steps = 40"))
    assert lmo(*words).status == 0 and len(list(Path("out/coupling-study").iterdir())) == 2


def exported(folder: str, told: Any) -> None:
    """Every table of the study in every format is what its JSON says."""
    for table in ("verdicts", "arms", "exponents"):
        if not told[table]:
            assert f"has no {table}" in lmo("results", "export", folder, "x.csv", "--table", table).err
            continue
        said = lmo("results", "export", folder, f"{table}.csv", "--table", table, width=200)
        assert said.status == 0 and f"{len(told[table])} {table}" in said.out
        with open(f"{table}.csv", newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        assert len(rows) == len(told[table]) and list(rows[0]) == list(told[table][0])
        for row, one in zip(rows, told[table], strict=True):
            for name, value in one.items():
                if isinstance(value, float):
                    assert float(row[name]) == pytest.approx(value, rel=1e-12)
                elif not isinstance(value, list | bool):
                    assert row[name] == ("" if value is None else str(value)) or float(row[name]) == value
        lmo("results", "export", folder, f"{table}.nc", "--table", table)
        with xr.open_dataset(f"{table}.nc", engine="scipy") as data:
            assert data.sizes["row"] == len(rows) and data.attrs["question"] == told["question"]
            assert [str(x) for x in data["setting"].values] == [row["setting"] for row in rows]
    assert "did you mean 'arms'" in lmo("results", "export", folder, "x.csv", "--table", "arm").err
    assert "did you mean '.csv'" in lmo("results", "export", folder, "x.cvs").err


def test_a_damaged_study_is_said(home: Path) -> None:
    Path("there").mkdir()
    Path("there/coupling.json").write_text('{"form": "x", "verdicts"')
    assert "coupling.json is damaged" in lmo("results", "export", "there", "x.csv", width=200).err


def test_lines_are_every_combination_that_goes_together() -> None:
    table = {
        "problem": ["isotropic:4", "matrix-quadratic:3x4"], "ball": ["l-inf", "spectral"], "noise": 0.1,
        "momentum": ["ema", "storm"], "steps": 60, "oracles": ["rounded", "jordan:5"],
    }  # fmt: skip
    form, left_out = form_file.of_table({"name": "x", "line": [table, LINE], "seeds": 9, "level": 0.9})
    assert "the ball 'spectral' is not one of 1 dimension(s)" in " ".join(left_out)
    assert len(form.lines) == 2 * 3 + 2 and (form.seeds, form.pilot_seeds, form.level) == (9, 16, 0.9)
    assert form.lines[0] == line(Setting("isotropic:4", "l-inf", 0.1, "ema", 60), "rounded", ["rounded"])
    assert form.lines[4] == line(
        Setting("matrix-quadratic:3x4", "spectral", 0.1, "ema", 60), "rounded jordan", ["rounded", "jordan:5"]
    )
    assert form.lines[-1] == line(Setting("isotropic:4", "l-inf", steps=60), "inflate", [0.5])
    assert [len(form.seeds_of(arm)) for arm in form.lines[4].arms] == [9, 9, 9]  # as many as the file says
    assert forms.default().matrix_share == 4
    other, _ = form_file.of_table({"name": "y", "question": "?", "line": [table, LINE], "seeds": 9, "level": 0.9})
    assert form_file.content_hash(form) == form_file.content_hash(other)
    fewer, _ = form_file.of_table({"line": [table, LINE], "seeds": 8, "level": 0.9})
    assert form_file.content_hash(form) != form_file.content_hash(fewer)


def test_ones_own_oracle_is_taken_to_be_random_and_its_code_is_part_of_the_content(home: Path) -> None:
    code = "from lmo.oracles import Exact\ndef mine(ball):\n    return Exact(ball)\n"
    Path("own.py").write_text(code)
    table = {key: value for key, value in LINE.items() if key not in ("error", "deltas")} | {"oracles": "own.py:mine"}
    form, _ = form_file.of_table({"line": [table]})
    assert Arm(form.settings[0], "own.py:mine").random and not Arm(form.settings[0], "exact").random
    before = form_file.content_hash(form)
    Path("own.py").write_text(code + "# changed\n")
    assert form_file.content_hash(form) != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("question", "qestion", "did you mean 'question'"),
        ("deltas", "delta", "did you mean 'deltas'"),
        ("[[line]]", "[[lines]]", "did you mean 'line'"),
        ('["shrink", "inflate"]', '"shrnk"', "did you mean 'shrink'"),
        ('"l-inf"', '"l-inv"', "did you mean 'l-inf'"),
        ('"isotropic:4"', '"isotropc:4"', "did you mean 'isotropic'"),
        ("steps = 60", 'steps = 60\nmomentum = "emma"', "did you mean 'ema'"),
        ("steps = 60", 'steps = 60\nmomentum = "heavy-ball"', "no theorem here covers the momentum 'heavy-ball'"),
        ("steps = 60", "", "a line needs `steps`"),
        ("deltas = [0.5]", "", "a line has either `error` and `deltas`"),
        ("deltas = [0.5]", "deltas = [0.0]", "`deltas[0]` must be a finite number > 0.0 and < 1.0"),
        ("seeds = 4", "seeds = 1", "`seeds` must be an integer >= 4"),
        ("seeds = 4", "seeds = 4\nreach = 1", "`reach` must be an integer >= 2"),
        ("seeds = 4", "level = 1.5", "`level` must be"),
        ("seeds = 4", "most_run_steps = 10", "at most 10 are allowed"),
        ('"layered-quadratic"', '"isotropic:4"', "'isotropic:4' twice"),
        ('"layered-quadratic"', '"layered-quadratic"', "'layered-quadratic' goes with nothing else in this grid"),
        ("steps = 60", "steps =", "mine.toml"),
    ],
)
def test_bad_studies_are_refused(old: str, new: str, said: str, home: Path) -> None:
    text = MINE.replace(old, new, 1)
    Path("mine.toml").write_text(text if "layered" in old else text.replace(', "layered-quadratic"', ""))
    answer = lmo("study", "coupling", "mine.toml")
    assert answer.status == 2 and said in " ".join(answer.err.split()), answer.err
    assert not list(Path("out").rglob("sweep.json"))


def test_no_file_and_two_forms_are_refused(home: Path) -> None:
    assert "there is no file 'your.toml'" in lmo("study", "coupling", "your.toml").err
    assert "or a file" in lmo("study", "coupling", "your.toml", "--quick").err
    with pytest.raises(ValueError, match="exact oracle is part of every line"):
        form_file.of_table({"line": [{**LINE, "error": "exact"}]})
    with pytest.raises(ValueError, match="two lines are of shrink"):
        form_file.of_table({"line": [LINE, LINE]})


def test_the_full_form_has_every_number_of_newton_schulz_steps() -> None:
    assert forms.EVERYTHING_OF_MATRICES["jordan"] == tuple(f"jordan:{n}" for n in range(8, 0, -1))
    assert {name: len(levels) for name, levels in forms.EVERYTHING_OF_MATRICES.items()} == {
        "jordan": 8, "classical": 8, "polar express": 8, "low rank": 3, "bfloat16": 1, "stale": 3
    }  # fmt: skip
    assert len(forms.OF_MATRICES["jordan"]) == 5
