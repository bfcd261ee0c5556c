"""What training prints of the shop beside the figures of the model."""

import io
import re
from dataclasses import replace

import pytest
from fake_job import FittedShare, Share, ShareJob
from rich.console import Console

from features.bodies import NaturalSize
from features.size_fit_space import SizeFitSpace
from pipelines.jobs.size_fit import JOB, FittedSizes
from pipelines.show import show_trained
from pipelines.simulate import simulate
from pipelines.train import Trained

BIAS = {"women|girth": {"height_cm": 1.04, "weight_kg": -1.66, "waist_cm": -1.5, "hip_cm": 0.0}}


def shown(trained, job=JOB):
    text = io.StringIO()
    show_trained(Console(file=text, width=60), job, trained)
    return text.getvalue()


def trained(notes=(), unjudged=None):
    figures = {"lines": 7.0}
    return Trained(1, figures, [figures], {}, 7, unjudged, notes)


def notes_of(space):
    return FittedSizes(space, None, None).notes()


def test_a_bias_is_told_with_its_figure_its_sign_and_its_unit():
    (note,) = notes_of(SizeFitSpace(natural_=NaturalSize(bias_=BIAS)))
    assert note.startswith("women|girth: ")
    for said in ("height +1.0 cm", "weight -1.7 kg", "waist -1.5 cm", "hip +0.0 cm"):
        assert said in note


@pytest.mark.parametrize("unjudged", [None, "too few outcomes"])
def test_notes_are_printed_after_the_figures_each_on_a_line(unjudged):
    notes = notes_of(SizeFitSpace(natural_=NaturalSize(bias_=BIAS)))
    lines = shown(trained(notes, unjudged)).splitlines()
    assert lines[-1] == notes[0]
    assert len(lines) > 1


def test_what_a_real_shop_tells_is_printed():
    space = SizeFitSpace().fit(simulate(1500, seed=5).tables)
    assert space.natural_.bias_
    said = shown(trained(notes_of(space)))
    for scale, bias in space.natural_.bias_.items():
        (line,) = [line for line in said.splitlines() if line.startswith(f"{scale}: ")]
        found = re.findall(r"(\w+) ([+-]\d+\.\d) (cm|kg)", line)
        assert {f"{name}_{unit}": float(value) for name, value, unit in found} == pytest.approx(
            bias, abs=0.051
        )


def test_nothing_is_printed_where_no_bias_was_learned():
    assert notes_of(SizeFitSpace()) == []
    plain = replace(trained(), notes=())
    assert shown(trained(notes_of(SizeFitSpace()))) == shown(plain)
    assert "told less" not in shown(plain)


def test_a_model_says_nothing_of_the_shop_unless_it_has_something_to_say():
    assert FittedShare(Share(0.3), 10).notes() == []
    assert shown(trained(), ShareJob())
