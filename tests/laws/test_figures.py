"""Laws of every figure, found by walking `figures`: it draws, says what its axes are, stays on its canvas, repeats."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import bounds
import figures
from experiments.coupling_study import report
from experiments.coupling_study.cells import Form, Setting, line
from experiments.coupling_study.study import study as run_study
from experiments.oracles.report import usual
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.shifted import Shifted
from experiments.report import CAPTIONS
from experiments.studies import (
    coupling,
    deterministic_table,
    geometry,
    kim_oh,
    lower_bounds,
    proofs,
    regime,
    theorems,
    worst_cases,
)
from experiments.studies.lessons import aol_bias, delta_against_epsilon, delta_table, gram_rounding
from experiments.sweeps.growth import growth
from figures import coupling_map

PIXELS = 3.0  # how far a text may reach over the edge of its canvas
NAMES = figures.names()
WITHOUT_AXIS_LABELS = {"ball"}  # a plane: both axes are coordinates
every_figure = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, xr.Dataset]:
    """What every figure draws, as `experiments.verify` makes it, from runs of a few steps."""
    quadratic, layered = MatrixQuadratic.shipped()[0], LayeredQuadratic.shipped()[0]
    scale = theorems.Scale(steps=12, seeds=3, deltas=(0.5,), turns=100)
    problems = [quadratic, layered, Noisy(quadratic, 0.15), Shifted.shipped()[1]]
    examples = theorems.run_table(problems=problems, scale=scale).examples
    assert set(examples) == set(bounds.theorems)
    made = {
        "convergence": proofs.convergence(examples),
        "slack_budget": proofs.slack_budget(examples),
        "ball": geometry.planes(),
        "oracle_pareto": usual(1, "32x48"),
        "delta_table": delta_table.data(),
        "delta_against_epsilon": delta_against_epsilon.data(),
        "gram_rounding": gram_rounding.data((48, 96)),
        "aol_bias": aol_bias.data((24, 48)),
        "kim_oh": kim_oh.chi(),
        "sweep_growth": growth((20, 60, 200), say=lambda line: None),
    }
    made["coupling_map"] = a_coupling_map(tmp_path_factory.mktemp("sweeps"))
    studies = [coupling.study(), deterministic_table.study((0.25, 0.5))]
    studies.append(lower_bounds.study((0.0, 0.5), steps=300))
    studies.append(worst_cases.study((0.0, 0.5), steps=300, patterns=3))
    studies.append(regime.study(regime.QUICK))
    for study in studies:
        made |= {figure: study.data[data] for figure, data in study.figures.items()}
    return made


def a_coupling_map(out: Path) -> xr.Dataset:
    """Of two settings, one of which has no alpha."""
    plain, noisy = (Setting("isotropic:4", "l-inf", noise, "ema" if noise else "none", 10) for noise in (0.0, 0.5))
    lines = [line(plain, "shrink", (0.5,)), line(noisy, "shrink", (0.5,)), line(noisy, "mixed", (0.5,))]
    form = Form("tiny", tuple(lines), pilot_seeds=4, seeds=4, reach=1, resamples=40)
    return report.coupling_map(run_study(form, out, lambda text: None))


@pytest.fixture(scope="module")
def drawn(datasets: dict[str, xr.Dataset]) -> dict[str, Figure]:
    return {name: draw(name, datasets[name]) for name in NAMES}


def draw(name: str, dataset: xr.Dataset) -> Figure:
    made = figures.draw(name, dataset)
    assert isinstance(made, Figure)
    FigureCanvasAgg(made)  # closing it has taken its canvas away
    return made


def pixels(made: Figure) -> np.ndarray:
    made.canvas.draw()
    return np.asarray(made.canvas.buffer_rgba()).copy()


def texts(made: Figure) -> list[Text]:
    """The texts that are really painted: tick labels outside of the axes are artists too, but are not."""
    painted: list[Text] = []
    paint = Text.draw

    def note(self: Text, *arguments: Any, **options: Any) -> Any:
        if self.get_visible() and self.get_text().strip():
            painted.append(self)
        return paint(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        made.canvas.draw()
    return list(dict.fromkeys(painted))


def outside(made: Figure) -> list[str]:
    """The texts that reach over the edge of the canvas."""
    width, height = made.canvas.get_width_height()
    over = []
    for text in texts(made):
        box = text.get_window_extent()
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -PIXELS:
            over.append(text.get_text())
    return over


def handles(made: Figure) -> list[str]:
    """The labels of all legends."""
    legends = [*made.legends, *(axis.get_legend() for axis in made.axes)]
    return [text.get_text() for legend in legends if legend is not None for text in legend.get_texts()]


# --- the laws ---------------------------------------------------------------------------------------------------------


def test_every_figure_has_data_a_caption_and_a_draw_that_says_what_it_takes(datasets: dict[str, xr.Dataset]) -> None:
    assert len(NAMES) >= 6 and set(NAMES) == set(datasets) == set(CAPTIONS)
    for name in NAMES:
        module = __import__(f"figures.{name}", fromlist=["draw"])
        words = inspect.getdoc(module.draw) or ""
        variables = [str(v) for v in datasets[name].data_vars]
        assert any(v in words for v in variables), f"the docstring of {name} names none of {variables}"
        assert 40 < len(CAPTIONS[name]) < 400 and CAPTIONS[name].endswith(".")


@every_figure
def test_axes_and_curves_are_named(name: str, drawn: dict[str, Figure]) -> None:
    made = drawn[name]
    axes = [axis for axis in made.axes if axis.get_visible()]
    assert axes and len(handles(made)) >= 2 and len(set(handles(made))) == len(handles(made))
    for axis in axes:
        assert axis.lines or axis.patches or axis.collections
        if name not in WITHOUT_AXIS_LABELS:
            assert axis.get_xlabel()
            left = axis.get_subplotspec().colspan.start == 0
            rows = [label.get_text() for label in axis.get_yticklabels()]
            assert not left or axis.get_ylabel() or all(not r[:1].isdigit() for r in rows)
        if len(axes) > 1:
            assert axis.get_title(loc="left")


@every_figure
def test_the_headline_is_a_sentence_and_a_note(name: str, drawn: dict[str, Figure]) -> None:
    says, detail = drawn[name].texts[:2]
    assert len(says.get_text().split()) >= 4 and len(detail.get_text().split()) >= 6
    assert says.get_fontweight() == "bold" and says.get_fontsize() > detail.get_fontsize()
    assert detail.get_text().endswith((".", ")"))
    assert says.get_window_extent().y0 >= detail.get_window_extent().y1 - 1


@every_figure
def test_no_text_is_cut_by_the_canvas(name: str, drawn: dict[str, Figure]) -> None:
    assert len(texts(drawn[name])) >= 8
    assert outside(drawn[name]) == []


@every_figure
def test_the_headline_covers_no_axes(name: str, drawn: dict[str, Figure]) -> None:
    made = drawn[name]
    lowest = min(text.get_window_extent().y0 for text in made.texts[:2])
    assert all(axis.get_tightbbox().y1 <= lowest + PIXELS for axis in made.axes if axis.get_visible())


@every_figure
def test_a_figure_repeats_to_the_pixel(name: str, datasets: dict[str, xr.Dataset]) -> None:
    first, again = (pixels(draw(name, dataset)) for dataset in (datasets[name], datasets[name].copy(deep=True)))
    assert np.array_equal(first, again)
    assert len(np.unique(first[..., 0])) > 20 and 0.005 < (first[..., :3] < 230).any(-1).mean() < 0.6


@every_figure
def test_drawing_leaves_nothing_behind(name: str, datasets: dict[str, xr.Dataset]) -> None:
    dataset = datasets[name]
    kept, open_figures = dataset.copy(deep=True), plt.get_fignums()
    with plt.rc_context():
        matplotlib.rcdefaults()  # not what an earlier figure may have left
        settings = dict(matplotlib.rcParams)
        draw(name, dataset)
        assert dict(matplotlib.rcParams) == settings
    assert plt.get_fignums() == open_figures
    xr.testing.assert_identical(dataset, kept)


@every_figure
def test_a_refused_dataset_leaves_the_settings_too(name: str) -> None:
    settings = dict(matplotlib.rcParams)
    with pytest.raises((KeyError, AttributeError, ValueError)):
        figures.draw(name, xr.Dataset())
    plt.close("all")
    assert dict(matplotlib.rcParams) == settings


@every_figure
def test_users_settings_do_not_change_a_figure(name: str, datasets: dict[str, xr.Dataset]) -> None:
    usual = pixels(draw(name, datasets[name]))
    with plt.rc_context({"font.size": 20, "axes.grid": False, "legend.fontsize": 6, "axes.titlesize": 30}):
        assert np.array_equal(pixels(draw(name, datasets[name])), usual)


def test_an_unknown_figure_is_refused_with_the_list(datasets: dict[str, xr.Dataset]) -> None:
    with pytest.raises(ValueError, match=rf"unknown figure 'bal'.*'ball'.*Allowed: {', '.join(NAMES)}"):
        figures.draw("bal", datasets["ball"])
    with pytest.raises(ValueError, match="unknown figure 'style'"):
        figures.draw("style", datasets["ball"])


# --- what is drawn is what the data say -------------------------------------------------------------------------------


def test_bars_of_the_slack_budget_end_at_the_bound(drawn: dict[str, Figure], datasets: dict[str, xr.Dataset]) -> None:
    """measured + every share = the bound, in the data and in the bars (but for those too thin to draw)."""
    data = datasets["slack_budget"]
    np.testing.assert_allclose(data["measured"] + data["share"].sum("inequality"), 1.0, rtol=1e-9)
    bars = [bar for bar in drawn["slack_budget"].axes[0].patches if bar.get_width() > 0]
    for row in range(data.sizes["theorem"]):
        mine = [bar for bar in bars if abs(bar.get_y() + bar.get_height() / 2 - row) < 0.4]
        ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in mine]
        above, below = ([end for end in ends if (end[0] > -1e-12) == up] for up in (True, False))
        assert max(b for _, b in above) == pytest.approx(sum(b - a for a, b in above))  # side by side, none hidden
        length = sum(b - a for a, b in above) - sum(b - a for a, b in below)
        assert length == pytest.approx(1.0, abs=0.005 * data.sizes["inequality"])


def test_convergence_draws_measured_below_bound(drawn: dict[str, Figure], datasets: dict[str, xr.Dataset]) -> None:
    data = datasets["convergence"]
    for axis, name in zip(drawn["convergence"].axes, data["theorem"].values, strict=False):
        bound, measured = (line.get_ydata() for line in axis.lines[:2])
        one = data.sel(theorem=name)
        assert np.array_equal(bound, one["bound"]) and np.array_equal(measured, one["measured"])
        assert (one["low"] <= one["measured"]).all() and (one["measured"] <= one["high"]).all()
        assert f"{bounds.theorems[str(name)].label} " in axis.get_title(loc="left")


def test_a_refuted_statement_changes_the_headline(datasets: dict[str, xr.Dataset]) -> None:
    data = datasets["convergence"]
    wrong = data.assign(measured=data["measured"] * 1e3, high=data["high"] * 1e3)
    assert drawn_headline("convergence", data) != drawn_headline("convergence", wrong)


def drawn_headline(name: str, dataset: xr.Dataset) -> str:
    return draw(name, dataset).texts[0].get_text()


def test_the_law_of_the_canvas_can_fail(datasets: dict[str, xr.Dataset]) -> None:
    made = draw("ball", datasets["ball"])
    made.text(0.9, 0.5, "a text that is much too long for where it stands")
    assert outside(made) == ["a text that is much too long for where it stands"]


def test_the_coupling_map_says_what_was_lost_and_what_moved(tmp_path: Path) -> None:
    data, says = a_coupling_map(tmp_path), coupling_map._says
    predicted = data.sel(quantity="step size", model="additive")["predicted"]
    moved = int((np.abs(predicted) > 0.005).sum())
    assert "% lost in the median cell. Smaller step as predicted in" in says(data)
    assert f" of {moved}, by more in" in says(data)
    lost = data.assign(regret=data["regret"] * np.nan)
    assert "runs are lost in half of the cells" in says(lost)
    still = data.assign(predicted=data["predicted"] * 0)
    assert says(still).endswith("No shift is predicted")
