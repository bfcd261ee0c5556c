import pandas as pd
import pytest

from features.golden import Golden, differences
from features.live.tables import tables_of, to_events
from pipelines.golden import keep_golden, sample
from pipelines.jobs import job_of
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def tables():
    return simulate(400, 5).tables


def test_no_person_of_the_shop_is_in_the_sample(tables):
    few = sample(tables)
    people = set(tables["customers"]["customer_id"])
    lines = set(tables["order_lines"]["order_line_id"]) | set(tables["order_lines"]["order_id"])
    claims = set(tables["returns"]["return_id"])
    bodies = {
        tuple(row)
        for row in tables["body_measurements"][["height_cm", "weight_kg"]].dropna().to_numpy()
    }
    for name, frame in few.items():
        told = {value for column in frame for value in frame[column] if isinstance(value, str)}
        assert not told & (people | lines | claims), name
    assert few["order_lines"][["ship_address_hash", "device_hash", "wearer"]].isna().all(axis=None)
    sent = few["body_measurements"][["height_cm", "weight_kg"]].to_numpy()
    assert not {tuple(row) for row in sent} & bodies
    assert few["order_lines"]["customer_id"].nunique() == 4
    assert len(few["order_lines"]) > 20


def test_the_sample_is_contract_tables_of_the_same_types(tables):
    few = sample(tables)
    for name, frame in few.items():
        assert frame.dtypes.to_dict() == tables[name].dtypes.to_dict(), name
    assert len(tables_of(to_events(few))["order_lines"]) == len(few["order_lines"])


def test_a_saved_model_keeps_requests_that_read_nothing_but_their_own_state(tables, tmp_path):
    job = job_of("abuse")
    job.fit(tables, {}).save(tmp_path)
    assert keep_golden(job, tmp_path, tables) is None
    golden = Golden.read(tmp_path)
    assert len(golden.questions) == len(golden.answers) == 8
    assert golden.space == job.load_space(tmp_path).fingerprint
    text = (tmp_path / "golden.json").read_text()
    for person in tables["customers"]["customer_id"]:
        assert f'"{person}"' not in text


def test_tables_without_orders_say_why_there_are_no_golden_requests(tables, tmp_path):
    empty = {name: frame.iloc[:0] for name, frame in tables.items()}
    assert "no orders" in keep_golden(job_of("abuse"), tmp_path, empty)
    assert Golden.read(tmp_path) is None


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        ({"p": [0.2, 0.80005], "size": "M"}, []),
        ({"p": [0.2, 0.81], "size": "M"}, ["p[1] is 0.81, recorded 0.8"]),
        ({"p": [0.2, float("nan")], "size": "M"}, ["p[1] is nan, recorded 0.8"]),
        ({"p": [0.2], "size": "M"}, ["p is [0.2], recorded [0.2, 0.8]"]),
        ({"p": [0.2, 0.8], "size": None}, ["size is None, recorded 'M'"]),
        ({"p": [0.2, 0.8]}, ["it has ['p'], recorded ['p', 'size']"]),
    ],
)
def test_what_differs_is_named_with_both_figures(answered, said):
    assert differences({"p": [0.2, 0.8], "size": "M"}, answered) == said


def test_golden_requests_that_cannot_be_read_are_an_error(tmp_path):
    (tmp_path / "golden.json").write_text('{"format": 1, "model": "size_fit"}')
    with pytest.raises(ValueError, match="cannot be read"):
        Golden.read(tmp_path)
    (tmp_path / "golden.json").write_text('{"format": 2}')
    with pytest.raises(ValueError, match="format 2"):
        Golden.read(tmp_path)


def test_the_frames_are_not_those_of_the_shop(tables):
    before = {name: frame.copy() for name, frame in tables.items()}
    sample(tables)
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, before[name])
