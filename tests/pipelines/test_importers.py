from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import ContractError, SourceError
from data_contracts.readers import read_tables
from data_contracts.validation import validate
from pipelines.importers import IMPORTERS

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def rentals(**columns: list[object]) -> pd.DataFrame:
    """Four rentals: two of one person on one day, one with wild figures, one told little."""
    made_up = {
        "row_id": [0, 1, 2, 3],
        "fit": ["small", "fit", "large", "fit"],
        "user_id": [7, 7, 8, 9],
        "item_id": [100, 101, 100, 100],
        "weight_lbs": [np.nan, 150.0, 10.0, np.nan],
        "rating": [10.0, 8.0, 2.0, 6.0],
        "rented_for": ["wedding", "party", None, "work"],
        "body_type": ["pear", "pear", "apple", None],
        "category": ["gown", "dress", "gown", "sheath"],
        "size": [14, 8, 4, 20],
        "age": [30.0, 30.0, 116.0, 0.0],
        "review_date": pd.to_datetime(["2016-01-05", "2016-01-05", "2016-02-01", "2016-03-01"]),
        "bust_size_num": [34.0, 34.0, np.nan, np.nan],
        "bust_size_letter": ["D", "d", None, None],
        "height_in": [66.0, 66.0, 60.0, np.nan],
    }
    return pd.DataFrame(made_up | columns)


def orders(**columns: list[object]) -> pd.DataFrame:
    made_up = {
        "order_item_id": [1, 2, 3, 4, 5],
        "order_date": pd.to_datetime(["2012-04-01"] * 3 + ["2012-05-01"] * 2),
        "delivery_date": pd.to_datetime(
            ["2012-04-03", "1990-12-31", None, "2012-04-20", "2012-05-04"]
        ),
        "item_id": [10, 10, 11, 11, 10],
        "item_size": ["L", " xl ", "unsized", "unsized", "m"],
        "item_color": ["red", "?", "blue", "blue", "red"],
        "brand_id": [5, 5, 6, 6, 5],
        "item_price": [19.9, 0.0, 5.0, 5.0, 19.9],
        "user_id": [70, 70, 71, 72, 73],
        "user_title": ["Mrs", "Mrs", "Mr", "Family", "Company"],
        "user_dob": pd.to_datetime(["1970-05-05", None, "2010-01-01", "1900-11-19", None]),
        "user_state": ["Berlin"] * 5,
        "user_reg_date": pd.to_datetime(["2012-01-01"] * 5),
        "return": [1, 1, 0, 1, 0],
    }
    return pd.DataFrame(made_up | columns)


def run(name: str, frame: pd.DataFrame, folder: Path):
    """Import ``frame`` and return the report and the tables."""
    path = folder / "source.parquet"
    frame.to_parquet(path)
    report = IMPORTERS[name](path, folder / "out")
    tables = read_tables(folder / "out")
    assert report.rows == {table: len(rows) for table, rows in tables.items()}
    return report, tables


def keeps_every_rule(tables: dict[str, pd.DataFrame]) -> bool:
    verdict = validate(tables)
    return verdict.ok and not verdict.quarantine and not verdict.notes


def test_rentals_become_lines_feedback_and_bodies_in_cm_and_kg(tmp_path):
    report, tables = run("rent-the-runway", rentals(), tmp_path)
    assert keeps_every_rule(tables)
    lines = tables["order_lines"].set_index("order_line_id")
    assert lines["order_id"].to_dict() == {
        "0": "7-20160105",
        "1": "7-20160105",
        "2": "8-20160201",
        "3": "9-20160301",
    }
    assert lines.loc["0", ["product_id", "size_label", "occasion", "quantity"]].tolist() == [
        "100",
        "14",
        "wedding",
        1,
    ]
    assert lines["unit_price"].isna().all()
    assert tables["fit_feedback"]["fit"].tolist() == ["small", "fit", "large", "fit"]
    assert (tables["fit_feedback"]["given_at"] == lines["ordered_at"].to_numpy()).all()
    fullest = tables["body_measurements"].set_index("customer_id").loc["7"]
    assert fullest["height_cm"] == pytest.approx(66 * 2.54, abs=0.01)
    assert fullest["weight_kg"] == pytest.approx(150 * 0.45359237, abs=0.01)
    assert fullest["chest_cm"] == pytest.approx(34 * 2.54, abs=0.01)
    assert (fullest["cup"], fullest["body_shape"], fullest["age_years"]) == ("d", "pear", 30)
    ranks = tables["product_sizes"].set_index(["product_id", "size_label"])["size_rank"]
    assert ranks.loc["100"].sort_values().index.tolist() == ["4", "14", "20"]
    assert tables["products"].set_index("product_id")["category"].to_dict() == {
        "100": "gown",
        "101": "dress",
    }
    assert "made null: 2 x age_years outside 14 to 99 years" in str(report)


def test_wild_figures_of_renters_become_null_and_are_counted(tmp_path):
    report, tables = run("rent-the-runway", rentals(), tmp_path)
    assert report.nulled == {
        "age_years outside 14 to 99 years": 2,
        "weight_kg outside 30 to 250 kg": 1,
    }
    bodies = tables["body_measurements"].set_index("customer_id")
    assert pd.isna(bodies.loc["8", "weight_kg"])
    assert pd.isna(bodies.loc["8", "age_years"])
    assert bodies.loc["8", "height_cm"] == pytest.approx(152.4)
    assert "9" not in bodies.index  # nothing believable was told


@pytest.mark.parametrize(
    "fit",
    [
        [None, "fit", "large", "fit"],
        ["", "fit", "large", "fit"],
        [np.nan, "fit", "large", "fit"],
        ["nan", "Fit", " large", "fit"],
    ],
)
def test_a_rental_without_outcome_is_a_line_without_feedback(tmp_path, fit):
    report, tables = run("rent-the-runway", rentals(fit=pd.Series(fit, dtype=object)), tmp_path)
    assert report.nulled["fit is not one of small, fit, large"] == 0
    assert tables["order_lines"]["order_line_id"].tolist() == ["0", "1", "2", "3"]
    assert tables["fit_feedback"]["order_line_id"].tolist() == ["1", "2", "3"]
    assert "7" in set(tables["body_measurements"]["customer_id"])


@pytest.mark.parametrize(
    ("name", "outcome"), [("rent-the-runway", "fit"), ("fashion-returns", "return")]
)
def test_a_file_of_blank_outcomes_is_imported_whole(tmp_path, name, outcome):
    frame = rentals() if outcome == "fit" else orders()
    frame[outcome] = None
    _, tables = run(name, frame, tmp_path)
    assert len(tables["order_lines"]) == len(frame)
    assert {"fit_feedback", "returns"}.isdisjoint(tables)


def test_an_outcome_that_is_no_outcome_is_blank_and_counted(tmp_path):
    (tmp_path / "a").mkdir()
    odd = rentals(fit=["snug", "fit", "fit", "fit"])
    report, tables = run("rent-the-runway", odd, tmp_path / "a")
    assert report.nulled["fit is not one of small, fit, large"] == 1
    assert len(tables["fit_feedback"]) == 3
    (tmp_path / "b").mkdir()
    report, tables = run("fashion-returns", orders(**{"return": [2, 1, 0, 0, 0]}), tmp_path / "b")
    assert report.nulled["return is neither 0 nor 1"] == 1
    assert len(tables["returns"]) == 1


@pytest.mark.parametrize(
    ("name", "frame"), [("rent-the-runway", rentals()), ("fashion-returns", orders())]
)
def test_nothing_learned_later_and_nothing_that_tells_the_sex_is_imported(tmp_path, name, frame):
    """Two files that differ only in rating and title give the same bytes."""
    outputs = []
    for folder, change in (("a", {}), ("b", {"rating": 1.0, "user_title": "Mr"})):
        (tmp_path / folder).mkdir()
        known = {column: value for column, value in change.items() if column in frame}
        run(name, frame.assign(**known), tmp_path / folder)
        written = sorted((tmp_path / folder / "out").iterdir())
        outputs.append([(path.name, path.read_bytes()) for path in written])
    assert outputs[0] == outputs[1]


def test_the_outcome_changes_nothing_but_its_own_table(tmp_path):
    flipped = {
        "rent-the-runway": (rentals(), rentals(fit=[None, "small", None, "large"])),
        "fashion-returns": (orders(), orders(**{"return": [0, None, 1, 0, None]})),
    }
    for name, frames in flipped.items():
        written = []
        for i, frame in enumerate(frames):
            folder = tmp_path / f"{name}-{i}"
            folder.mkdir()
            run(name, frame, folder)
            written.append(
                {
                    path.name: path.read_bytes()
                    for path in (folder / "out").iterdir()
                    if path.stem not in ("fit_feedback", "returns")
                }
            )
        assert written[0] == written[1]


def test_orders_become_lines_and_returns(tmp_path):
    report, tables = run("fashion-returns", orders(), tmp_path)
    assert keeps_every_rule(tables)
    lines = tables["order_lines"].set_index("order_line_id")
    assert lines["size_label"].tolist() == ["L", "xl", "unsized", "unsized", "m"]
    assert lines["order_id"].tolist()[:2] == ["70-20120401"] * 2
    assert lines["delivered_at"].notna().tolist() == [True, False, False, False, True]
    assert set(lines["market"]) == {"DE"}
    assert set(lines["currency"]) == {"EUR"}
    assert lines["list_price"].isna().all()
    returns = tables["returns"].set_index("order_line_id")
    assert returns["requested_at"].dt.strftime("%Y-%m-%d").to_dict() == {
        "1": "2012-04-17",  # 14 days after delivery
        "2": "2012-04-15",  # delivery unknown: after ordering
        "4": "2012-05-15",
    }
    assert set(returns["reason"]) == {"other"}
    products = tables["products"].set_index("product_id")
    assert products["size_system"].fillna("").to_dict() == {"10": "", "11": "ONE"}
    assert products["brand"].to_dict() == {"10": "5", "11": "6"}
    sizes = tables["product_sizes"].loc[lambda rows: rows.product_id == "10"]
    assert sizes["size_label"].tolist() == ["m", "L", "xl"]
    years = tables["customers"].set_index("customer_id")["birth_year"]
    assert years.fillna(0).to_dict() == {"70": 1970, "71": 0, "72": 0, "73": 0}
    assert report.nulled == {
        "colour is ?": 1,
        "delivered_at in 1990": 1,
        "delivered_at before ordered_at": 1,
        "birth_year of a buyer under 14 or over 100": 2,
    }


@pytest.mark.parametrize(
    "returned",
    [["1", "", "0", "1.0", " "], [1.0, np.nan, 0.0, 1.0, np.nan], [1, None, 0, 1, None]],
)
def test_however_an_outcome_is_written_it_is_read(tmp_path, returned):
    frame = orders(**{"return": pd.Series(returned, dtype=object)})
    report, tables = run("fashion-returns", frame, tmp_path)
    assert report.nulled["return is neither 0 nor 1"] == 0
    assert tables["returns"]["order_line_id"].tolist() == ["1", "4"]
    assert "2 lines have no outcome" in str(report)


@pytest.mark.parametrize(
    ("name", "frame"), [("rent-the-runway", rentals()), ("fashion-returns", orders())]
)
def test_a_csv_file_gives_what_the_parquet_file_gives(tmp_path, name, frame):
    (tmp_path / "parquet").mkdir()
    _, expected = run(name, frame, tmp_path / "parquet")
    frame.to_csv(tmp_path / "source.csv", index=False, encoding="utf-8-sig")
    IMPORTERS[name](tmp_path / "source.csv", tmp_path / "out")
    for table, rows in read_tables(tmp_path / "out").items():
        pd.testing.assert_frame_equal(rows, expected[table])


@pytest.mark.parametrize(
    ("name", "frame"), [("rent-the-runway", rentals()), ("fashion-returns", orders())]
)
def test_a_missing_column_is_named(tmp_path, name, frame):
    outcome = "fit" if name == "rent-the-runway" else "return"
    frame.drop(columns=[outcome, "item_id"]).to_csv(tmp_path / "source.csv", index=False)
    with pytest.raises(SourceError, match=r"source\.csv lacks the columns"):
        IMPORTERS[name](tmp_path / "source.csv", tmp_path / "out")
    with pytest.raises(SourceError, match="does not exist"):
        IMPORTERS[name](tmp_path / "nothing.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "frame"), [("rent-the-runway", rentals()), ("fashion-returns", orders())]
)
def test_a_file_without_rows_is_refused(tmp_path, name, frame):
    frame.head(0).to_parquet(tmp_path / "source.parquet")
    with pytest.raises(SourceError, match=r"source\.parquet has no rows"):
        IMPORTERS[name](tmp_path / "source.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unreadable_date_is_named(tmp_path):
    frame = rentals().astype({"review_date": "str"})
    frame.loc[2, "review_date"] = "last week"
    frame.to_csv(tmp_path / "source.csv", index=False)
    with pytest.raises(
        ContractError, match=r"ordered_at\.readable, 1 row, for example 'last week'"
    ):
        IMPORTERS["rent-the-runway"](tmp_path / "source.csv", tmp_path / "out")


def test_tables_of_another_import_are_not_mixed_in(tmp_path):
    run("fashion-returns", orders(), tmp_path)
    with pytest.raises(SourceError, match=r"holds returns\.parquet of other data"):
        run("fashion-returns", orders(**{"return": [0] * 5}), tmp_path)


@pytest.mark.public_data
@pytest.mark.parametrize(
    ("name", "file", "key", "outcome", "table"),
    [
        ("rent-the-runway", "rent_the_runway.parquet", "row_id", "fit", "fit_feedback"),
        ("fashion-returns", "fashion_returns.parquet", "order_item_id", "return", "returns"),
    ],
)
def test_the_public_file_is_imported_row_for_row(tmp_path, name, file, key, outcome, table):
    if not (DATA / file).exists():
        pytest.skip(f"needs {file} in ../shared/data")
    frame = pd.read_parquet(DATA / file).astype({outcome: object})
    held_out = frame.index % 5 == 0
    frame.loc[held_out, outcome] = None
    _, tables = run(name, frame, tmp_path)
    assert keeps_every_rule(tables)
    assert tables["order_lines"]["order_line_id"].tolist() == frame[key].astype(str).tolist()
    told = frame.loc[~held_out & (frame[outcome] != 0), key]
    assert tables[table]["order_line_id"].tolist() == told.astype(str).tolist()
