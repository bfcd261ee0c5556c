import pandas as pd
import pytest
import sqlalchemy as sa
import yaml

from data_contracts.errors import ContractError, SourceError
from data_contracts.readers import read_tables
from data_contracts.units import UNITS, convert
from pipelines.importers.mapped import import_mapped, map_table
from pipelines.importers.mapping import EXAMPLE, MappingError, load_mapping
from pipelines.importers.report import ImportReport

LINES = {
    "order_line_id": "no",
    "order_id": "basket",
    "customer_id": "who",
    "product_id": "what",
    "quantity": {"constant": 1},
    "currency": {"constant": "EUR"},
    "ordered_at": "day",
}


def mapping(folder, tables, **top):
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump({"tables": tables} | top, allow_unicode=True), "utf-8")
    return path


def mapped_column(folder, table, target, column, cells, form=None):
    """Map one column of a table and return its cells before validation."""
    constants = {
        name: {"constant": "x"} for name in ("customer_id", "measured_at", *LINES) if name != target
    }
    needed = ("customer_id", "measured_at") if table == "body_measurements" else tuple(LINES)
    columns = {name: constants[name] for name in needed if name != target} | {target: column}
    path = mapping(folder, {table: {"columns": columns} | (form or {})})
    report = ImportReport("test")
    frame = map_table(table, load_mapping(path), pd.DataFrame({"theirs": cells}), report)
    return frame[target].tolist(), report


def test_the_example_explains_and_uses_keys_that_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_DB_URL", "sqlite://")
    example = load_mapping(EXAMPLE)
    assert set(example.tables) >= {"order_lines", "products", "returns", "body_measurements"}

    (tmp_path / "mapping.yaml").write_bytes(EXAMPLE.read_bytes())
    (tmp_path / "orders.csv").write_text(
        "line_no;order_no;customer;sku;kind;size;colour;pieces;price_cents;country;ordered;"
        "delivered;parcel_oz;came_back;back_on;why\n"
        "1;9;c1;p1;dress;M;red;1;4.990,0;Germany;01.02.2024 10:30;01.02.2024;10;yes;09.02.2024;"
        "zu klein\n"
        "2;9;c1;p1;dress;S;-;2;1250;France;01.07.2024 10:30;;n/a;no;;\n",
        "utf-8-sig",
    )
    (tmp_path / "bodies.csv").write_text(
        "customer,asked,height,weight_lbs,bust_in\n"
        'c1,2024-02-01T00:00:00,"5\'6""",150,34\n'
        "c1,2024-03-01T00:00:00Z,5 ft 6 in,,\n",
        "utf-8",
    )
    report = import_mapped(tmp_path / "mapping.yaml", tmp_path / "out")
    tables = read_tables(tmp_path / "out")
    lines = tables["order_lines"]
    assert lines["unit_price"].tolist() == [49.9, 12.5]
    assert lines["market"].tolist() == ["DE", "FR"]
    assert lines["colour"].fillna("").tolist() == ["red", ""]
    assert lines["ordered_at"].dt.strftime("%m-%d %H:%M").tolist() == ["02-01 09:30", "07-01 08:30"]
    assert str(lines["delivered_at"][0]) == "2024-02-01 22:59:59+00:00"
    assert lines["shipped_weight_g"][0] == pytest.approx(283.495231)
    assert tables["returns"]["return_id"].tolist() == ["9/1"]
    assert tables["returns"]["reason"].tolist() == ["too_small"]
    assert tables["product_sizes"]["size_rank"].tolist() == [1.0, 0.0]
    bodies = tables["body_measurements"]
    assert bodies["height_cm"].tolist() == pytest.approx([167.64, 167.64])
    assert bodies["weight_kg"][0] == pytest.approx(68.0388555)
    assert [str(time) for time in bodies["measured_at"]] == [
        "2024-02-01 05:00:00+00:00",
        "2024-03-01 00:00:00+00:00",
    ]
    assert report.rows == {name: len(frame) for name, frame in tables.items()}
    assert report.quarantined == {}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"orders": {"columns": {}}}, "tables.orders: unknown table"),
        ({"order_line": {"columns": LINES}}, "unknown table; did you mean order_lines?"),
        (
            {"order_lines": {"columns": LINES | {"ordred_at": "day"}}},
            "columns.ordred_at: unknown column; did you mean ordered_at?",
        ),
        (
            {"order_lines": {"columns": LINES, "colums": {}}},
            "tables.order_lines.colums: unknown key",
        ),
        (
            {"order_lines": {"columns": LINES | {"size_label": {"form": "x"}}}},
            "tables.order_lines.columns.size_label.form: unknown key",
        ),
        (
            {"order_lines": {"columns": LINES | {"unit_price": {"from": "p", "unit": "lb"}}}},
            "columns.unit_price.unit: unknown unit 'lb'; known: units, hundredths",
        ),
        (
            {"order_lines": {"columns": LINES | {"colour": {"from": "p", "unit": "cm"}}}},
            "unknown unit 'cm'; colour has no unit",
        ),
        (
            {"order_lines": {"columns": LINES | {"colour": {"from": "c", "constant": "red"}}}},
            "columns.colour: give exactly one of 'from' and 'constant'",
        ),
        (
            {"order_lines": {"columns": LINES | {"colour": {"from": "c", "format": "%Y"}}}},
            "'format', 'time_zone' and 'end_of_day' are for times, colour is none",
        ),
        (
            {
                "order_lines": {
                    "columns": LINES | {"ordered_at": {"from": "d", "time_zone": "CEST+"}}
                }
            },
            "unknown time zone 'CEST+'; use a name such as Europe/Berlin",
        ),
        (
            {"order_lines": {"columns": {"order_line_id": "no"}}},
            "tables.order_lines.columns: missing order_id, customer_id, product_id",
        ),
        ({}, "tables: Dictionary should have at least 1 item"),
    ],
)
def test_a_wrong_mapping_names_the_place_and_what_would_be_right(tmp_path, tables, message):
    with pytest.raises(MappingError) as caught:
        load_mapping(mapping(tmp_path, tables))
    assert message in str(caught.value)
    assert "mapping.yaml is not a mapping" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables: [", "is not YAML"),
        ("", "must hold the key 'tables'"),
        ("- 1", "must hold the key"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, message):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(MappingError, match=message):
        load_mapping(tmp_path / "m.yaml")
    with pytest.raises(MappingError, match="cannot read"):
        load_mapping(tmp_path / "nothing.yaml")


def test_a_missing_source_column_is_named_with_those_that_exist(tmp_path):
    (tmp_path / "lines.csv").write_text("no,basket,who\n1,1,1\n")
    path = mapping(tmp_path, {"order_lines": {"source": "lines.csv", "columns": LINES}})
    with pytest.raises(MappingError) as caught:
        import_mapped(path, tmp_path / "out")
    assert "lacks columns: columns.ordered_at: 'day', columns.product_id: 'what'" in str(
        caught.value
    )
    assert "it has no, basket, who" in str(caught.value)


def test_a_missing_source_is_named(tmp_path):
    path = mapping(tmp_path, {"order_lines": {"columns": LINES}})
    with pytest.raises(MappingError, match="order_lines names no source, and none was given"):
        import_mapped(path, tmp_path / "out")
    with pytest.raises(SourceError, match=r"the source of tables\.order_lines, does not exist"):
        import_mapped(path, tmp_path / "out", str(tmp_path / "nothing.csv"))
    with pytest.raises(MappingError, match="exactly one of 'query' and 'table'"):
        import_mapped(path, tmp_path / "out", "sqlite://")


def test_bad_rows_are_put_aside_as_they_were_written_and_good_ones_go_on(tmp_path):
    rows = [f"{i},{i},c,p,2024-01-01,{i}.50" for i in range(40)]
    rows[5] = "5,5,c,p,yesterday,1.00"
    rows[6] = "6,6,c,p,2024-01-01,free"
    (tmp_path / "lines.csv").write_text("\n".join(["no,basket,who,what,day,cents", *rows, ""]))
    columns = LINES | {"unit_price": {"from": "cents", "unit": "hundredths"}}
    path = mapping(tmp_path, {"order_lines": {"columns": columns}})
    report = import_mapped(path, tmp_path / "out", str(tmp_path / "lines.csv"))
    assert report.rows == {"order_lines": 38}
    assert report.quarantined == {"order_lines": 2}
    assert "order_lines: 2 rows put aside" in str(report)
    aside = pd.read_parquet(tmp_path / "out" / "quarantine" / "order_lines.parquet")
    assert aside[["rule", "value"]].values.tolist() == [
        ["ordered_at.readable", "yesterday"],
        ["unit_price.readable", "free"],
    ]
    good = read_tables(tmp_path / "out")["order_lines"].set_index("order_line_id")
    assert good.loc["7", "unit_price"] == pytest.approx(0.075)


def test_an_impossible_body_is_put_aside_with_the_bounds_and_an_unlikely_one_kept(tmp_path):
    rows = [f"{i},2024-01-01,5 ft 6,63kg" for i in range(40)]
    rows[3] = "3,2024-01-01,1.90 m,40"
    rows[4] = "4,2024-01-01,9 ft,100"
    (tmp_path / "bodies.csv").write_text("\n".join(["who,day,height,weight", *rows, ""]))
    columns = {
        "customer_id": "who",
        "measured_at": "day",
        "height_cm": "height",
        "weight_kg": "weight",
    }
    path = mapping(tmp_path, {"body_measurements": {"source": "bodies.csv", "columns": columns}})
    report = import_mapped(path, tmp_path / "out")
    assert report.quarantined == {"body_measurements": 1}
    assert "1 x height_cm must be between 30 and 250 cm, for example 274.3" in str(report)
    good = read_tables(tmp_path / "out")["body_measurements"].set_index("customer_id")
    assert good.loc["3", ["height_cm", "weight_kg"]].tolist() == [190.0, 40.0]
    assert good.loc["0", "height_cm"] == pytest.approx(167.64)


def test_a_wrong_unit_breaks_the_contract_instead_of_filling_the_tables(tmp_path):
    (tmp_path / "bodies.csv").write_text("who,day,height\n1,2024-01-01,66\n2,2024-01-01,70\n")
    columns = {
        "customer_id": "who",
        "measured_at": "day",
        "height_cm": {"from": "height", "unit": "m"},
    }
    path = mapping(tmp_path, {"body_measurements": {"source": "bodies.csv", "columns": columns}})
    with pytest.raises(ContractError, match=r"height_cm\.range, 2 rows, for example '6600\.0'"):
        import_mapped(path, tmp_path / "out")


def test_a_database_is_read_by_table_or_query_with_its_url_from_the_environment(
    tmp_path, monkeypatch
):
    url = f"sqlite:///{tmp_path}/shop.db"
    engine = sa.create_engine(url)
    frame = pd.DataFrame(
        {"no": [1, 2], "basket": [1, 1], "who": [7, 7], "what": [3, 4], "day": "2024-01-01"}
    )
    frame.to_sql("lines", engine, index=False)
    engine.dispose()
    monkeypatch.setenv("THE_SHOP", url)
    tables = {
        "order_lines": {"source": "${THE_SHOP}", "table": "lines", "columns": LINES},
        "products": {
            "source": "${THE_SHOP}",
            "query": "SELECT what, 'hat' AS kind FROM lines WHERE no = 1",
            "columns": {"product_id": "what", "category": "kind"},
        },
    }
    tables["order_lines"]["where"] = {"what": 3}
    report = import_mapped(mapping(tmp_path, tables), tmp_path / "out")
    assert report.rows == {"products": 1, "order_lines": 1}
    assert read_tables(tmp_path / "out")["order_lines"]["product_id"].tolist() == ["3"]


def test_parquet_is_read_with_its_own_types(tmp_path):
    frame = pd.DataFrame(
        {
            "no": [1, 2],
            "basket": [1, 1],
            "who": [7.0, 7.0],
            "what": ["a", "b"],
            "day": pd.to_datetime(["2024-07-01 12:00", "2024-07-02 12:00"]),
        }
    )
    frame.to_parquet(tmp_path / "lines.parquet")
    tables = {"order_lines": {"source": "lines.parquet", "columns": LINES}}
    import_mapped(mapping(tmp_path, tables, time_zone="Asia/Shanghai"), tmp_path / "out")
    read = read_tables(tmp_path / "out")["order_lines"]
    assert read["customer_id"].tolist() == ["7", "7"]
    assert read["ordered_at"].dt.hour.tolist() == [4, 4]


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ({"format": "%d.%m.%Y"}, ["05.02.2024"], ["2024-02-05 00:00:00+00:00"]),
        ({"format": "epoch_s"}, ["1707091200"], ["2024-02-05 00:00:00+00:00"]),
        ({"format": "epoch_ms"}, [1707091200000], ["2024-02-05 00:00:00+00:00"]),
        ({"time_zone": "Asia/Tokyo"}, ["2024-02-05 09:00"], ["2024-02-05 00:00:00+00:00"]),
        ({"time_zone": "Asia/Tokyo"}, ["2024-02-05T09:00+01:00"], ["2024-02-05 08:00:00+00:00"]),
        ({"format": "%Y-%m-%d %z"}, ["2024-02-05 +0100"], ["2024-02-04 23:00:00+00:00"]),
        # Clocks change in Berlin on 31 March (2:30 is skipped) and 27 October (2:30 comes twice).
        ({"time_zone": "Europe/Berlin"}, ["2024-03-31 02:30"], ["2024-03-31 01:00:00+00:00"]),
        ({"time_zone": "Europe/Berlin"}, ["2024-10-27 02:30"], ["2024-10-27 01:30:00+00:00"]),
        ({"end_of_day": True}, ["2024-02-05"], ["2024-02-05 23:59:59+00:00"]),
        ({"format": "%d.%m.%Y"}, ["2024-02-05", None], ["2024-02-05", "NaT"]),
    ],
)
def test_times_are_read_in_their_format_and_zone(tmp_path, column, cells, expected):
    column = {"from": "theirs"} | column
    read, _ = mapped_column(tmp_path, "order_lines", "ordered_at", column, cells)
    assert [str(time) for time in read] == [
        text if time is not None else "None" for text, time in zip(expected, read, strict=True)
    ]


@pytest.mark.parametrize(
    ("unit", "cells", "expected"),
    [
        ("in", ["66"], [167.64]),
        ("ft", [5.5], [167.64]),
        ("m", ["1.6764"], [167.64]),
        ("mm", [1676.4], [167.64]),
        ("ft_in", ["5'6\"", "5′6″", "5 ft 6 in", "5-6", "5ft. 6"], [167.64] * 5),
        ("ft_in", ["5'", "tall"], [152.4, "tall"]),
    ],
)
def test_heights_become_cm_and_what_is_no_height_stays_as_written(tmp_path, unit, cells, expected):
    column = {"from": "theirs", "unit": unit}
    read, _ = mapped_column(tmp_path, "body_measurements", "height_cm", column, cells)
    assert read == [pytest.approx(x) if isinstance(x, float) else x for x in expected]


def test_every_unit_converts_one_of_its_kind():
    ounces = convert(pd.Series([1.0]), "oz", "g") / convert(pd.Series([1.0]), "oz", "kg")
    assert ounces[0] == pytest.approx(1000)
    for target, units in UNITS.items():
        for unit in units:
            if unit != "ft_in":
                assert convert(pd.Series(["0"]), unit, target).tolist() == [0.0]
    assert convert(pd.Series(["16"]), "oz", "kg")[0] == pytest.approx(
        convert(pd.Series(["1"]), "lb", "kg")[0]
    )
    assert convert(pd.Series(["14"]), "lb", "kg")[0] == pytest.approx(
        convert(pd.Series(["1"]), "st", "kg")[0]
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,50", "1234,5", "12,5", "1.234"], ["1234.5", "1234.5", "12.5", "1234.0"]),
        (["-", "12,5 €"], ["nan", "12,5 €"]),
    ],
)
def test_a_decimal_comma_is_read(tmp_path, cells, expected):
    form = {"decimal": ",", "blanks": ["-"]}
    read, _ = mapped_column(tmp_path, "order_lines", "unit_price", "theirs", cells, form)
    assert [str(cell) for cell in read] == expected


def test_words_are_translated_and_unlisted_ones_kept_or_counted(tmp_path):
    cells = ["rot", "blau", "grün", None]
    column = {"from": "theirs", "values": {"rot": "red", "blau": None}}
    read, report = mapped_column(tmp_path, "order_lines", "colour", column, cells)
    assert [cell if isinstance(cell, str) else None for cell in read] == ["red", None, "grün", None]
    assert not report.nulled
    column["unlisted"] = "blank"
    read, report = mapped_column(tmp_path, "order_lines", "colour", column, cells)
    assert [cell if isinstance(cell, str) else None for cell in read] == ["red", None, None, None]
    assert report.nulled == {"colour not listed in values": 1}


def test_yaml_numbers_and_truths_stand_for_their_text(tmp_path):
    column = {"from": "theirs", "values": {1: "red", 2: "blue"}}
    read, _ = mapped_column(tmp_path, "order_lines", "colour", column, [1.0, 2.0])
    assert read == ["red", "blue"]
