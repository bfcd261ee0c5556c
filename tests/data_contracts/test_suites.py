import pandas as pd
import pytest

from data_contracts.checks import Parent, can_fail, evidence, row_checks
from data_contracts.dtypes import coerce
from data_contracts.suites import failed_rules, suite
from data_contracts.tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_suite_holds_every_rule_of_its_declaration_once(name):
    table = TABLES[name]
    rules = [expectation.meta["rule"] for expectation in suite(name).expectations]
    expected = ["column.present"] * len(table.required) + ["table.not_empty"]
    for column in table.columns:
        expected += [f"{column.name}.required"] * column.required
        expected += [f"{column.name}.allowed"] * (column.allowed is not None)
        expected += [f"{column.name}.pattern"] * (column.pattern is not None)
        bounded = column.minimum is not None or column.maximum is not None
        expected += [f"{column.name}.range"] * bounded
    expected += [f"{key.column}.foreign_key" for key in table.foreign_keys]
    expected += [rule.name for rule in table.rules] + ["key.unique"]
    assert sorted(rules) == sorted(expected)


@pytest.mark.parametrize("name", ["products", "customers", "order_lines", "returns"])
def test_great_expectations_and_row_masks_agree(shop, name):
    """The verdict decides whether rows are looked at: where it is wrong, bad rows pass."""
    table = TABLES[name]
    parents = {
        key.table: Parent(
            frame := coerce(TABLES[key.table], shop[key.table]).frame, frame[key.references]
        )
        for key in table.foreign_keys
    }
    spoiled = {"good": shop[name]}
    for column in shop[name].columns:
        cells = shop[name][column]
        text = isinstance(cells.dtype, pd.StringDtype)
        time = isinstance(cells.dtype, pd.DatetimeTZDtype)
        values = [None, cells[1], "no such word"] if text else [None, -1e6, 1e6]
        if time:
            values = [
                None,
                pd.Timestamp("1990-01-01", tz="UTC"),
                pd.Timestamp("2050-01-01", tz="UTC"),
            ]
        for value in values:
            frame = shop[name].copy()
            frame[column] = frame[column].astype(object)
            frame.loc[0, column] = value
            spoiled[f"{column}={value}"] = frame
    broken = 0
    for label, frame in spoiled.items():
        coerced = coerce(table, frame)
        proof = evidence(table, coerced, parents)
        checks = can_fail(row_checks(table, coerced.unreadable, parents), proof)
        by_mask = {check.rule for check in checks if check.broken(proof).any()}
        assert failed_rules(table, proof, checks) == by_mask, label
        broken += bool(by_mask)
    assert broken > len(shop[name].columns)
