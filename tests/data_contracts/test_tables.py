import re

import pytest

from data_contracts.tables import TABLES


def test_the_eight_tables_have_the_keys_the_design_names():
    assert {name: table.key for name, table in TABLES.items()} == {
        "products": ("product_id",),
        "product_sizes": ("product_id", "size_label"),
        "customers": ("customer_id",),
        "body_measurements": ("customer_id", "wearer", "measured_at"),
        "order_lines": ("order_line_id",),
        "returns": ("return_id",),
        "fit_feedback": ("order_line_id", "source"),
        "abuse_labels": ("return_id",),
    }


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_declaration_names_only_columns_that_exist(table):
    earlier = list(TABLES)[: list(TABLES).index(table.name)]
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.required)
    assert set(table.required).isdisjoint(table.optional)
    if table.time_column is not None:
        assert table.column(table.time_column).kind == "time"
        assert table.time_column in table.required
    for key in table.foreign_keys:
        assert key.table in earlier
        assert TABLES[key.table].key == (key.references,)
        assert key.column in table.required
    for rule in table.rules:
        left = table.column(rule.left)
        other, _, name = rule.right.rpartition(".")
        right = TABLES[other].column(name) if other else table.column(name)
        assert left.kind == right.kind
        if other:
            assert other in {key.table for key in table.foreign_keys}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_says_what_it_is_and_limits_fit_its_kind(table):
    for column in table.columns:
        assert column.doc.endswith(".")
        numeric = column.kind in ("number", "integer")
        assert numeric or (column.minimum is None and column.maximum is None)
        assert column.kind == "text" or (column.allowed is None and column.pattern is None)
        if column.pattern is not None:
            re.compile(column.pattern)
        if column.name.endswith("_at"):
            assert column.kind == "time"
        if column.name.endswith(("_cm", "_kg", "_g")):
            assert column.unit == column.name.rsplit("_", 1)[1]


def test_an_unknown_column_is_named_with_those_that_exist():
    with pytest.raises(KeyError, match="no column 'colour'; it has customer_id, market"):
        TABLES["customers"].column("colour")
