import numpy as np
import pandas as pd
import pytest

from features.geometry import ScaleGeometry, chart_geometry, parent_scale, prior_moments
from features.growth import stature

MIDDLES = ("chest_mid", "waist_mid", "hip_mid", "height_mid", "foot_mid")


def placed(scale, positions, **middles):
    frame = pd.DataFrame({"scale": scale, "position": positions}, dtype=object)
    for name in MIDDLES:
        frame[name] = middles.get(name, np.nan)
    return frame.astype({"position": "float64"})


def girths(steps=12):
    at = np.arange(steps, dtype=float)
    return placed("women|girth", at, chest_mid=80 + 4 * at, waist_mid=62 + 4 * at)


def test_the_lines_of_the_charts_are_found():
    geometry = chart_geometry(girths())["women|girth"]
    assert set(geometry.lines) == {"chest_cm", "waist_cm"}
    assert geometry.lines["chest_cm"] == pytest.approx((-20.0, 0.25))
    assert geometry.lines["waist_cm"] == pytest.approx((-15.5, 0.25))
    assert geometry.shares == {"chest_cm": 0.5, "waist_cm": 0.5}


def test_a_wrong_chart_does_not_tilt_the_line():
    sizes = pd.concat([girths()] * 5, ignore_index=True)
    sizes.loc[3, "chest_mid"] = 250.0
    line = chart_geometry(sizes)["women|girth"].lines["chest_cm"]
    assert line == pytest.approx((-20.0, 0.25), rel=0.05)


def test_few_sizes_or_a_falling_chart_make_no_line():
    assert chart_geometry(girths(3)) == {}
    falling = girths()
    falling["position"] = -falling["position"]
    assert chart_geometry(falling) == {}
    with pytest.raises(ValueError, match="must rise with the body"):
        ScaleGeometry({"hip_cm": (0.0, -0.2)})


def test_what_binds_decides_on_a_sub_scale():
    name = "women|girth/bottom"
    geometry = chart_geometry(girths(), {name: {"waist_cm": 0.9, "chest_cm": 0.1, "hip_cm": 1.0}})
    assert geometry[name].shares == pytest.approx({"waist_cm": 0.9, "chest_cm": 0.1})
    assert parent_scale(name) == "women|girth"
    assert parent_scale("children|height/top?") == "children|height?"
    assert parent_scale("women|girth") is None


def test_the_prior_puts_the_average_body_into_its_size():
    geometry = chart_geometry(girths())["women|girth"]
    mean, covariance = prior_moments("women|girth", geometry)
    at = (mean[2] / 4 - 20 + mean[3] / 4 - 15.5) / 2
    assert mean[-1] == pytest.approx(at)
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert covariance[2, -1] > 0
    assert prior_moments("any|girth", geometry) is None


def test_a_child_as_tall_as_its_age_stands_at_nil():
    sizes = placed("children|height", np.arange(8.0, 28.0), height_mid=6 * np.arange(8.0, 28.0))
    geometry = chart_geometry(sizes, wear_days=0.0)
    mean, covariance = prior_moments("children|height@age", geometry["children|height@age"])
    # The size of a median child of any age, told its height and age.
    weights = np.linalg.solve(covariance[np.ix_([0, 7], [0, 7])], covariance[[0, 7], -1])
    for age in (1.0, 4.0, 9.0):
        told = np.array([stature(age, None)[0]] * 2)
        assert abs(mean[-1] + weights @ (told - mean[[0, 7]])) < 0.8


def test_a_body_that_may_be_anothers_tells_less():
    sizes = placed("children|height", np.arange(8.0, 28.0), height_mid=6 * np.arange(8.0, 28.0))
    geometry = chart_geometry(sizes)["children|height"]
    named = prior_moments("children|height", geometry)[1]
    unnamed = prior_moments("children|height?", geometry)[1]
    assert unnamed[0, -1] == pytest.approx(named[0, -1] / 2)
    assert unnamed[-1, -1] > named[-1, -1]
