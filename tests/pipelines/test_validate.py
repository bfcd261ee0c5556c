import io

import pandas as pd
import pytest
import sqlalchemy as sa
from rich.console import Console

from data_contracts.errors import ContractError, SourceError
from data_contracts.readers import read_tables
from pipelines import validate


@pytest.fixture
def shop() -> dict[str, pd.DataFrame]:
    number = [str(i) for i in range(40)]
    return {
        "products": pd.DataFrame({"product_id": number, "category": "dress"}),
        "customers": pd.DataFrame({"customer_id": number, "market": "DE"}),
        "order_lines": pd.DataFrame(
            {
                "order_line_id": number,
                "order_id": number,
                "customer_id": number,
                "product_id": number,
                "quantity": "1",
                "unit_price": "9.90",
                "currency": "EUR",
                "ordered_at": "2024-01-01",
            }
        ),
    }


def save(shop: dict[str, pd.DataFrame], folder) -> None:
    folder.mkdir(exist_ok=True)
    for name, frame in shop.items():
        frame.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig")


def test_bad_rows_go_beside_the_data_and_good_rows_to_out(shop, tmp_path):
    shop["order_lines"].loc[3, "unit_price"] = "-9.90"
    save(shop, tmp_path / "in")
    report = validate.run(str(tmp_path / "in"))
    assert report.tables["order_lines"].quarantined == 1
    assert [path.name for path in (tmp_path / "in" / "quarantine").iterdir()] == [
        "order_lines.parquet"
    ]

    validate.run(str(tmp_path / "in"), tmp_path / "out")
    aside = pd.read_parquet(tmp_path / "out" / "quarantine" / "order_lines.parquet")
    assert aside[["order_line_id", "unit_price", "rule", "value"]].values.tolist() == [
        ["3", "-9.90", "unit_price.range", "-9.90"]
    ]
    good = read_tables(tmp_path / "out")
    assert {name: len(frame) for name, frame in good.items()} == {
        "products": 40,
        "customers": 40,
        "order_lines": 39,
    }


def test_a_row_corrected_leaves_no_old_quarantine(shop, tmp_path):
    shop["order_lines"].loc[3, "unit_price"] = "x"
    save(shop, tmp_path)
    validate.run(str(tmp_path))
    assert (tmp_path / "quarantine" / "order_lines.parquet").exists()
    shop["order_lines"].loc[3, "unit_price"] = "1"
    save(shop, tmp_path)
    validate.run(str(tmp_path))
    assert not (tmp_path / "quarantine" / "order_lines.parquet").exists()


def test_a_break_writes_no_good_table_but_keeps_the_rows_put_aside(shop, tmp_path):
    shop["order_lines"].loc[:9, "unit_price"] = "-1"
    save(shop, tmp_path / "in")
    with pytest.raises(ContractError, match=r"unit_price\.range, 10 rows, for example '-1'"):
        validate.run(str(tmp_path / "in"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["quarantine"]
    assert len(pd.read_parquet(tmp_path / "out" / "quarantine" / "order_lines.parquet")) == 10


def test_a_database_is_validated_and_its_bad_rows_go_to_the_working_folder(
    shop, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shop["customers"].loc[39, "market"] = "Germany"
    url = f"sqlite:///{tmp_path}/shop.db"
    engine = sa.create_engine(url)
    for name, frame in shop.items():
        frame.to_sql(name, engine, index=False)
    engine.dispose()
    report = validate.run(url)
    assert {name: item.quarantined for name, item in report.tables.items()} == {
        "products": 0,
        "customers": 1,
        "order_lines": 1,
    }
    assert len(pd.read_parquet("quarantine/customers.parquet")) == 1


def test_out_may_not_be_the_source_nor_hold_other_data(shop, tmp_path):
    save(shop, tmp_path / "in")
    with pytest.raises(SourceError, match="is the source"):
        validate.run(str(tmp_path / "in"), tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "returns.csv").write_text("return_id\n1\n")
    with pytest.raises(SourceError, match=r"holds returns\.csv of other data"):
        validate.run(str(tmp_path / "in"), tmp_path / "out")


def test_the_printed_report_tells_counts_rules_values_and_breaks(shop, tmp_path):
    shop["order_lines"]["gift"] = "[bold]yes[/]"
    shop["order_lines"].loc[3, "currency"] = "[eur]"
    shop["customers"] = shop["customers"].drop(columns="customer_id")
    save(shop, tmp_path)
    report = validate.run(str(tmp_path), raise_on_break=False)
    out = io.StringIO()
    validate.print_report(report, Console(file=out, width=160))
    text = out.getvalue()
    for part in (
        "order_lines",
        "gift",
        "currency.pattern",
        "[eur]",
        "broken contract: table customers, column customer_id, rule column.present",
        "note: order_lines.customer_id was not checked: there is no usable customers",
    ):
        assert part in text
    assert "Traceback" not in text
