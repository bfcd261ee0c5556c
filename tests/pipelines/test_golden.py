import numpy as np
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


def test_the_sample_is_the_same_whatever_people_bought_and_when(tables):
    """Only which products sell best, the commonest market and currency, and the newest month."""
    few = sample(tables)
    changed = {name: frame.copy() for name, frame in tables.items()}
    lines = changed["order_lines"]
    rng = np.random.default_rng(3)
    month = lines["ordered_at"].max().normalize().replace(day=1)
    old = lines["ordered_at"] < month
    for column in ("ordered_at", "promised_at", "shipped_at", "delivered_at"):
        lines.loc[old, column] = lines.loc[old, column] - pd.Timedelta(days=3, minutes=17)
    lines["size_label"] = rng.permutation(lines["size_label"].to_numpy(dtype=object))
    lines["colour"] = rng.permutation(lines["colour"].to_numpy(dtype=object))
    lines["customer_id"] = rng.permutation(lines["customer_id"].to_numpy(dtype=object))
    for column in ("unit_price", "list_price", "shipped_weight_g"):
        lines[column] = lines[column] * 0.77
    for name in ("returns", "fit_feedback", "abuse_labels", "customers", "body_measurements"):
        changed[name] = changed[name].iloc[:1]
    for name, frame in sample(changed).items():
        pd.testing.assert_frame_equal(frame, few[name])


def test_all_moments_of_the_sample_are_whole_hours_before_the_newest_month(tables):
    few = sample(tables)
    told = ("order_lines", "returns", "fit_feedback", "abuse_labels", "body_measurements")
    for name in told:
        for column in few[name].select_dtypes("datetimetz"):
            moments = few[name][column].dropna()
            assert (moments == moments.dt.floor("h")).all(), (name, column)
    newest = tables["order_lines"]["ordered_at"].max()
    assert few["order_lines"]["ordered_at"].max() < newest.normalize().replace(day=1)


def test_only_invented_columns_are_told(tables):
    few = sample(tables)
    assert {name for name in few["order_lines"] if few["order_lines"][name].notna().any()} == {
        "order_line_id", "order_id", "customer_id", "product_id", "size_label", "colour",
        "quantity", "unit_price", "list_price", "currency", "market", "ordered_at", "promised_at",
        "shipped_at", "delivered_at",
    }  # fmt: skip
    assert {name for name in few["returns"] if few["returns"][name].notna().any()} == {
        "return_id", "order_line_id", "requested_at", "reason", "quantity",
    }  # fmt: skip


def test_the_sample_holds_what_each_model_learns_of(tables):
    few = sample(tables)
    assert set(few["returns"]["reason"]) >= {"too_small", "not_received"}
    assert set(few["fit_feedback"]["fit"]) == {"small", "fit", "large"}
    assert set(few["abuse_labels"]["label"]) == {"abuse", "legitimate"}


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
