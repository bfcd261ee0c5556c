import numpy as np
import pytest

from features.bodies import BODY_COLUMNS, NaturalSize
from features.geometry import chart_geometry
from features.lines import line_facts
from features.positions import SizeScales
from pipelines.simulate import simulate

# What grown-ups of the simulated shop tell of themselves, less what they measure.
TOLD = {"waist_cm": -1.5, "hip_cm": -0.5, "height_cm": 1.0, "weight_kg": -1.6}
SCALE = "women|girth"


def learned(tables):
    scales = SizeScales().fit(tables["products"], tables["product_sizes"])
    facts = line_facts(tables, scales)
    placed = scales.place(tables["products"], tables["product_sizes"])
    returned = facts["order_line_id"].isin(tables["returns"]["order_line_id"])
    return NaturalSize().fit(
        facts[list(BODY_COLUMNS)].to_numpy(dtype="float64"),
        facts["body_scale"].to_numpy(dtype=object),
        facts["position"].to_numpy(dtype="float64"),
        geometry=chart_geometry(placed),
        kept=~returned.to_numpy(),
    )


@pytest.fixture(scope="module")
def shops():
    """What is learned of the shop as it is, and of one whose people tell what they measure."""
    tables = simulate(6_000, seed=11).tables
    honest = tables["body_measurements"].copy()
    grown = honest["height_cm"].gt(145)
    for name, told in TOLD.items():
        honest[name] = honest[name].where(~grown, honest[name] - told)
    return learned(tables), learned({**tables, "body_measurements": honest})


def test_a_known_bias_of_telling_is_found_with_its_sign_and_size(shops):
    told, honest = (natural.bias_[SCALE] for natural in shops)
    found = {name: told[name] - honest[name] for name in told}
    assert found["height_cm"] == pytest.approx(TOLD["height_cm"], abs=0.5)
    assert found["weight_kg"] == pytest.approx(TOLD["weight_kg"], abs=0.6)
    # Of girths the bias is known up to what all of them share, which may be the cut.
    assert found["waist_cm"] - found["chest_cm"] == pytest.approx(TOLD["waist_cm"], abs=0.6)
    assert found["hip_cm"] - found["chest_cm"] == pytest.approx(TOLD["hip_cm"], abs=0.6)


def test_no_prediction_is_moved_by_it(shops):
    natural = shops[0]
    plain = NaturalSize(dict(natural.scales_))
    body = [168.0, 62.0, 92.0, 73.0, 98.0, np.nan, np.nan, np.nan]
    assert natural.predict_one(body, SCALE) == plain.predict_one(body, SCALE)
