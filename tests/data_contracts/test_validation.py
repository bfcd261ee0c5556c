import pandas as pd
import pytest

from data_contracts.dtypes import normalise
from data_contracts.errors import BadInputError, ContractError
from data_contracts.tables import TABLES
from data_contracts.validation import validate

UTC = "UTC"


def spoil(shop: dict[str, pd.DataFrame], table: str, column: str, row: int, value: object) -> None:
    frame = shop[table]
    if column not in frame:
        frame[column] = None
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value


def with_parents(shop: dict[str, pd.DataFrame], table: str) -> dict[str, pd.DataFrame]:
    """The table and what it refers to: all that judging it needs."""
    needed = {table}
    for name in reversed(TABLES):
        if name in needed:
            needed |= {key.table for key in TABLES[name].foreign_keys}
    return {name: frame for name, frame in shop.items() if name in needed}


def counts(report) -> dict[str, int]:
    return {name: item.quarantined for name, item in report.tables.items() if item.quarantined}


def rules(report, table: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {rule.rule: (rule.count, rule.examples) for rule in report.tables[table].broken_rules}


def test_a_good_shop_passes_whole(shop):
    report = validate(shop)
    assert report.ok
    assert report.quarantine == {}
    assert report.notes == []
    for name, frame in shop.items():
        pd.testing.assert_frame_equal(report.good[name], normalise(name, frame))


@pytest.mark.parametrize(
    ("table", "column", "value", "rule", "shown"),
    [
        ("products", "category", None, "category.required", "blank"),
        ("products", "audience", "Women", "audience.allowed", "Women"),
        ("products", "price", -1, "price.range", "-1"),
        ("products", "price", "cheap", "price.readable", "cheap"),
        ("products", "hygiene_sealed", "perhaps", "hygiene_sealed.readable", "perhaps"),
        ("products", "launched_at", "soon", "launched_at.readable", "soon"),
        ("products", "colours", "[red", "colours.readable", "[red"),
        (
            "product_sizes",
            "chest_cm_max",
            70,
            "chest_cm_min_not_above_max",
            "chest_cm_min=80, chest_cm_max=70",
        ),
        ("product_sizes", "product_id", "nope", "product_id.foreign_key", "nope"),
        ("customers", "market", "Germany", "market.pattern", "Germany"),
        ("customers", "birth_year", 1875, "birth_year.range", "1875"),
        ("customers", "birth_year", 1980.5, "birth_year.readable", "1980.5"),
        ("body_measurements", "height_cm", 1.7, "height_cm.range", "1.7"),
        ("body_measurements", "customer_id", "nobody", "customer_id.foreign_key", "nobody"),
        ("order_lines", "order_id", "", "order_id.required", "blank"),
        ("order_lines", "unit_price", -0.01, "unit_price.range", "-0.01"),
        ("order_lines", "quantity", 0, "quantity.range", "0"),
        ("order_lines", "quantity", 1.5, "quantity.readable", "1.5"),
        ("order_lines", "quantity", None, "quantity.required", "blank"),
        ("order_lines", "currency", "€", "currency.pattern", "€"),
        ("order_lines", "ordered_at", "01.02.2024", "ordered_at.readable", "01.02.2024"),
        ("order_lines", "product_id", "nope", "product_id.foreign_key", "nope"),
        (
            "order_lines",
            "delivered_at",
            pd.Timestamp("1990-12-31", tz=UTC),
            "delivered_not_before_ordered",
            "delivered_at=1990-12-31 00:00:00+00:00, ordered_at=2024-02-09 00:00:00+00:00",
        ),
        ("returns", "reason", "did not like it", "reason.allowed", "did not like it"),
        ("returns", "order_line_id", "nope", "order_line_id.foreign_key", "nope"),
        (
            "returns",
            "quantity",
            2,
            "returned_not_more_than_ordered",
            "quantity=2, order_lines.quantity=1",
        ),
        ("fit_feedback", "fit", "tight", "fit.allowed", "tight"),
        ("abuse_labels", "decided_by", "me", "decided_by.allowed", "me"),
    ],
)
def test_a_bad_row_is_put_aside_with_its_rule_and_value(shop, table, column, value, rule, shown):
    row = {"returns": 29, "abuse_labels": 24}.get(table, 39)  # referred to by as few as can be
    shop = with_parents(shop, table)
    spoil(shop, table, column, row, value)
    report = validate(shop)
    assert rules(report, table) == {rule: (1, (shown,))}
    aside = report.quarantine[table]
    assert aside[["rule", "value"]].values.tolist() == [[rule, shown]]
    before = shop[table].loc[[row]].reset_index(drop=True)
    pd.testing.assert_frame_equal(aside.drop(columns=["rule", "value", "accepted"]), before)
    good = report.good[table]
    expected = normalise(table, shop[table].drop(index=row))
    pd.testing.assert_frame_equal(good, expected)
    for name, frame in shop.items():
        item = report.tables[name]
        assert item.rows_in == len(frame) == item.rows_good + item.quarantined
        assert len(report.good[name]) == item.rows_good
        assert len(report.quarantine.get(name, ())) == item.quarantined


@pytest.mark.parametrize("table", TABLES)
def test_of_equal_keys_the_first_stays(shop, table):
    shop = with_parents(shop, table)
    frame = shop[table]
    shop[table] = pd.concat([frame, frame.iloc[[3]]], ignore_index=True)
    report = validate(shop)
    assert counts(report) == {table: 1}
    assert list(rules(report, table)) == ["key.unique"]
    pd.testing.assert_frame_equal(report.good[table], normalise(table, frame))
    assert any("the first good one stays; 1 later put aside" in note for note in report.notes)


def test_a_bad_first_row_does_not_cost_the_good_one_of_the_same_key(shop):
    good = shop["customers"]
    bad = good.iloc[[0]].assign(market="Germany")
    shop["customers"] = pd.concat([bad, good], ignore_index=True)
    report = validate(shop)
    assert counts(report) == {"customers": 1}
    assert list(rules(report, "customers")) == ["market.pattern"]
    pd.testing.assert_frame_equal(report.good["customers"], normalise("customers", good))


def test_what_hangs_on_a_row_put_aside_is_put_aside_and_said(shop):
    spoil(shop, "products", "category", 5, None)
    report = validate(shop)
    assert counts(report) == {
        "products": 1,
        "product_sizes": 1,
        "order_lines": 1,
        "returns": 1,
        "fit_feedback": 1,
        "abuse_labels": 1,
    }
    assert rules(report, "order_lines") == {"product_id.parent_good": (1, ("5",))}
    assert (
        "order_lines: 1 rows put aside because their product_id belongs to a row of products that"
        " was put aside" in report.notes
    )


def test_a_row_that_breaks_several_rules_names_them_all_and_counts_once(shop):
    spoil(shop, "fit_feedback", "fit", 0, "tight")
    spoil(shop, "fit_feedback", "source", 0, "hearsay")
    report = validate(shop)
    assert counts(report) == {"fit_feedback": 1}
    aside = report.quarantine["fit_feedback"].iloc[0]
    assert (aside["rule"], aside["value"]) == ("source.allowed; fit.allowed", "hearsay; tight")


@pytest.mark.parametrize(
    ("table", "column", "value", "accepted"),
    [
        ("body_measurements", "height_cm", 1.7, "height_cm must be between 30 and 250 cm"),
        ("body_measurements", "weight_kg", 700, "weight_kg must be between 1 and 400 kg"),
        ("order_lines", "quantity", 0, "quantity must be at least 1 pieces"),
        ("order_lines", "unit_price", -1, "unit_price must be at least 0"),
        ("order_lines", "currency", "euro", ""),
    ],
)
def test_a_value_out_of_range_is_put_aside_with_the_bounds(shop, table, column, value, accepted):
    shop = with_parents(shop, table)
    spoil(shop, table, column, 39, value)
    report = validate(shop)
    assert report.quarantine[table]["accepted"].tolist() == [accepted]
    assert [rule.accepted for rule in report.tables[table].broken_rules] == [accepted]


def test_extra_columns_are_kept_ignored_and_named(shop):
    shop["order_lines"]["gift_wrap"] = range(40)
    shop["order_lines"]["value"] = "mine"
    spoil(shop, "order_lines", "unit_price", 7, -1)
    report = validate(shop)
    assert report.tables["order_lines"].extra_columns == ("gift_wrap", "value")
    assert report.good["order_lines"]["gift_wrap"].tolist() == [i for i in range(40) if i != 7]
    aside = report.quarantine["order_lines"].iloc[0]
    assert (aside["gift_wrap"], aside["value_as_stored"], aside["value"]) == (7, "mine", "-1")


@pytest.mark.parametrize("table", TABLES)
def test_every_missing_column_is_named(shop, table):
    for column in TABLES[table].required:
        if column not in shop[table]:
            continue  # the wearer has a default
        broken = {table: shop[table].drop(columns=column)}
        with pytest.raises(ContractError) as caught:
            validate(broken)
        error = caught.value
        assert (error.table, error.column, error.rule) == (table, column, "column.present")


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_breaks_the_contract(shop, table):
    with pytest.raises(ContractError, match=f"table {table}, rule table.not_empty, 0 rows"):
        validate({table: shop[table].head(0)})


def test_a_column_of_the_wrong_type_breaks_the_contract(shop):
    shop["order_lines"]["ordered_at"] = range(40)
    with pytest.raises(ContractError, match=r"column ordered_at, rule column\.type, 40 rows") as e:
        validate(shop)
    assert e.value.examples == ("0", "1", "2")


def test_a_column_that_stands_twice_breaks_the_contract(shop):
    shop["customers"] = pd.concat([shop["customers"], shop["customers"]["market"]], axis=1)
    with pytest.raises(ContractError, match=r"column market, rule column\.once"):
        validate(shop)


def test_two_of_forty_rows_may_be_bad_but_not_three(shop):
    spoil(shop, "order_lines", "unit_price", 39, -1)
    spoil(shop, "order_lines", "unit_price", 38, -2)
    assert validate(shop).tables["order_lines"].quarantined == 2
    spoil(shop, "order_lines", "unit_price", 37, -3)
    with pytest.raises(ContractError) as caught:
        validate(shop)
    error = caught.value
    assert (error.table, error.column, error.rule) == (
        "order_lines",
        "unit_price",
        "unit_price.range",
    )
    assert (error.count, error.examples) == (3, ("-3", "-2", "-1"))
    assert "3 of 40 rows (7.5%) had to be put aside, more than 5%" in str(error)


def test_all_breaks_are_told_at_once(shop):
    shop["products"] = shop["products"].drop(columns="category")
    shop["customers"] = shop["customers"].head(0)
    report = validate(shop, raise_on_break=False)
    assert [error.table for error in report.breaks] == ["products", "customers"]
    assert "order_lines.product_id was not checked: there is no usable products" in report.notes
    with pytest.raises(ContractError, match="table products") as caught:
        report.raise_for_breaks()
    assert "table customers" in caught.value.__notes__[0]


def test_a_reference_to_a_table_not_at_hand_is_noted(shop):
    report = validate({"order_lines": shop["order_lines"]})
    assert report.ok
    assert report.notes == [
        "order_lines.customer_id was not checked: there is no usable customers",
        "order_lines.product_id was not checked: there is no usable products",
    ]


def test_a_table_without_a_contract_is_refused(shop):
    with pytest.raises(BadInputError, match="no contract for orders; known: products"):
        validate({"orders": shop["order_lines"]})


def test_validation_leaves_its_input_alone(shop):
    spoil(shop, "order_lines", "unit_price", 7, -1)
    before = {name: frame.copy() for name, frame in shop.items()}
    validate(shop)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(shop[name], frame)


def test_validating_good_rows_again_finds_nothing(shop):
    spoil(shop, "products", "category", 5, None)
    once = validate(shop)
    twice = validate(once.good)
    assert twice.quarantine == {}
    for name, frame in once.good.items():
        pd.testing.assert_frame_equal(twice.good[name], frame)
