import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from data_contracts.dtypes import normalise
from data_contracts.errors import ContractError, SourceError
from data_contracts.readers import read_tables, write_tables
from data_contracts.tables import TABLES


def same(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    assert list(left) == list(right)
    for name, frame in left.items():
        pd.testing.assert_frame_equal(frame, right[name])


@pytest.fixture
def normal(shop):
    shop["products"]["colours"] = [["red", "blue"]] * 39 + [None]
    shop["products"]["hygiene_sealed"] = [True] * 39 + [None]
    return {name: normalise(name, frame) for name, frame in shop.items()}


def test_parquet_gives_back_what_was_written(normal, tmp_path):
    write_tables(normal, tmp_path)
    same(read_tables(tmp_path), normal)


def test_the_same_tables_give_the_same_bytes(normal, tmp_path):
    for folder in ("a", "b"):
        write_tables(normal, tmp_path / folder)
    for name in TABLES:
        first, second = ((tmp_path / x / f"{name}.parquet").read_bytes() for x in ("a", "b"))
        assert first == second
    assert len(list((tmp_path / "a").iterdir())) == len(TABLES)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_gives_back_what_was_written_with_and_without_a_byte_order_mark(
    normal, tmp_path, encoding
):
    for name, frame in normal.items():
        frame.drop(columns="colours", errors="ignore").to_csv(
            tmp_path / f"{name}.csv", index=False, encoding=encoding
        )
    normal["products"]["colours"] = None
    same(read_tables(tmp_path), {name: normalise(name, frame) for name, frame in normal.items()})


def test_a_csv_cell_may_hold_commas_quotes_and_lines(tmp_path):
    (tmp_path / "products.csv").write_text('product_id,category\n007,"a ""b"",\nc"\n', "utf-8")
    read = read_tables(tmp_path)["products"]
    assert read[["product_id", "category"]].values.tolist() == [["007", 'a "b",\nc']]


def test_sql_gives_back_what_was_written(normal, tmp_path):
    url = f"sqlite:///{tmp_path}/shop.db"
    engine = sa.create_engine(url)
    for name, frame in normal.items():
        plain = frame.drop(columns="colours", errors="ignore")
        plain.to_sql(name, engine, index=False)
    engine.dispose()
    normal["products"]["colours"] = None
    expected = {}
    for name, frame in normal.items():
        keys = list(TABLES[name].key)
        expected[name] = normalise(name, frame.sort_values(keys).reset_index(drop=True))
    same(read_tables(url), expected)


def test_long_integer_ids_with_nulls_keep_every_digit(tmp_path):
    long = 9007199254740993
    table = pa.table({"customer_id": [1, 2], "account_cluster": pa.array([long, None], pa.int64())})
    pq.write_table(table, tmp_path / "customers.parquet")
    read = read_tables(tmp_path)["customers"]["account_cluster"]
    assert read[0] == str(long)
    assert pd.isna(read[1])


def test_a_missing_table_is_absent_and_only_wanted_ones_are_read(shop, tmp_path):
    write_tables({name: shop[name] for name in ("products", "customers")}, tmp_path)
    assert list(read_tables(tmp_path)) == ["products", "customers"]
    assert list(read_tables(tmp_path, ["customers", "returns"])) == ["customers"]


def test_a_folder_of_parts_is_one_table(shop, tmp_path):
    parts = tmp_path / "customers.parquet"
    parts.mkdir()
    for i in (0, 1):
        shop["customers"].iloc[i * 20 : i * 20 + 20].to_parquet(parts / f"part-{i}.parquet")
    assert len(read_tables(tmp_path)["customers"]) == 40


def test_extra_columns_are_kept_at_the_end(shop, tmp_path):
    shop["customers"].insert(0, "loyalty", range(40))
    write_tables(shop, tmp_path)
    read = read_tables(tmp_path)["customers"]
    assert list(read) == [*TABLES["customers"].names, "loyalty"]
    assert read["loyalty"].tolist() == list(range(40))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; its first line must name the columns"),
        (b"customer_id,market\nc\n", "Expected 2 columns, got 1"),
        (b"customer_id,market\nc,DE,x\n", "Expected 2 columns, got 3"),
        (b"customer_id,market\nc,\xe4\n", "save it as UTF-8"),
    ],
)
def test_a_csv_that_is_no_table_is_refused_by_name(tmp_path, content, message):
    (tmp_path / "customers.csv").write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        read_tables(tmp_path)
    assert "customers.csv" in str(caught.value)


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path):
    (tmp_path / "customers.parquet").write_text("customer_id\n1\n")
    with pytest.raises(SourceError, match=r"cannot read .*customers\.parquet"):
        read_tables(tmp_path)


def test_two_files_of_one_table_are_refused(shop, tmp_path):
    write_tables({"customers": shop["customers"]}, tmp_path)
    (tmp_path / "customers.csv").write_text("customer_id\n1\n")
    with pytest.raises(SourceError, match=r"both customers\.parquet and customers\.csv"):
        read_tables(tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/nowhere/at/all", "not a folder"),
        ("nosql://host/shop", "cannot understand the database URL"),
        ("sqlite:////nowhere/at/all.db", "the SQLite file /nowhere/at/all.db does not exist"),
    ],
)
def test_a_source_that_cannot_be_opened_is_named(source, message):
    with pytest.raises(SourceError, match=message):
        read_tables(source)


def test_a_mistyped_sqlite_file_is_not_created(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        read_tables(f"sqlite:///{tmp_path}/shoop.db")
    assert not list(tmp_path.iterdir())


def test_bytes_in_a_database_column_are_refused_by_name(tmp_path):
    url = f"sqlite:///{tmp_path}/shop.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE products (product_id, colours)")
        connection.exec_driver_sql("INSERT INTO products VALUES ('p', x'a0ff')")
    engine.dispose()
    with pytest.raises(SourceError, match=r"shop\.db: .*bytes .*lists as JSON text.*products"):
        read_tables(url)


def test_a_database_password_is_never_shown(tmp_path):
    url = f"sqlite://user:secret@/{tmp_path}/no/shop.db"
    with pytest.raises(SourceError) as caught:
        read_tables(url)
    assert "secret" not in str(caught.value)


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(SourceError, match="holds no table; expected at least one of products"):
        read_tables(tmp_path)


def test_a_table_without_a_contract_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no contract for orders; known: products"):
        read_tables(tmp_path, ["orders"])


def test_raw_leaves_cells_as_they_were_stored(tmp_path):
    (tmp_path / "customers.csv").write_text("customer_id,birth_year\n1,old\n")
    assert read_tables(tmp_path, raw=True)["customers"].values.tolist() == [["1", "old"]]
    with pytest.raises(ContractError):
        read_tables(tmp_path)
