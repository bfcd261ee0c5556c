"""Tables in and out: a folder of Parquet or CSV files, or a SQL database."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from data_contracts.dtypes import empty_frame, normalise
from data_contracts.errors import SourceError
from data_contracts.schema import Table
from data_contracts.tables import TABLES

__all__ = [
    "empty_frame",
    "is_sql_url",
    "normalise",
    "read_csv",
    "read_parquet",
    "read_sql",
    "read_tables",
    "sql_engine",
    "write_parquet",
    "write_tables",
]

_ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "text_list": pa.list_(pa.string()),
}


def read_tables(
    source: str | Path, tables: Collection[str] | None = None, *, raw: bool = False
) -> dict[str, pd.DataFrame]:
    """Read the contract tables a source holds.

    Parameters
    ----------
    source
        A folder with ``<table>.parquet`` or ``<table>.csv`` (UTF-8, with or without a byte-order
        mark), or an SQLAlchemy URL of a database with tables of these names.
    tables
        Names of the tables wanted; all eight when None.
    raw
        Leave the cells as they were stored instead of giving them contract dtypes. Validation
        wants this.

    Returns
    -------
    dict of str to DataFrame
        By table name, in the order of `TABLES`; a table the source does not hold is absent.

    Raises
    ------
    SourceError
        The source does not exist, cannot be read, or holds none of the tables.
    ContractError
        A table cannot be given contract dtypes (not when ``raw``).
    """
    wanted = [name for name in TABLES if tables is None or name in tables]
    unknown = sorted(set(tables or ()) - set(TABLES))
    if unknown:
        raise SourceError(f"no contract for {', '.join(unknown)}; known: {', '.join(TABLES)}")
    if is_sql_url(source):
        frames = _read_database(str(source), wanted)
    else:
        frames = _read_folder(Path(source), wanted)
    if raw:
        return frames
    return {name: normalise(name, frame) for name, frame in frames.items()}


def write_tables(tables: Mapping[str, pd.DataFrame], folder: str | Path) -> None:
    """Write tables as ``<table>.parquet``: the same tables give the same bytes.

    Parameters
    ----------
    tables
        Frames by table name; each is normalised first.
    folder
        Made when missing.

    Raises
    ------
    ContractError
        A frame cannot be given contract dtypes.
    """
    for name, frame in tables.items():
        contract = TABLES[name]
        write_parquet(normalise(contract, frame), Path(folder) / f"{name}.parquet", contract)


def write_parquet(frame: pd.DataFrame, path: Path, contract: Table | None = None) -> None:
    """Write one frame; columns of ``contract`` get their type even where all are null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = set(contract.names) if contract else set()
    columns: dict[str, pa.Array] = {}
    for name in frame.columns:
        kind = contract.column(name).kind if contract and name in names else None
        columns[str(name)] = _to_arrow(frame[name], kind)
    part = path.with_name(path.name + ".part")  # a reader never sees half a file
    pq.write_table(pa.table(columns), part, compression="zstd")
    part.replace(path)


def _to_arrow(values: pd.Series[Any], kind: str | None) -> pa.Array:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        # Arrow 25 asks pandas 3.1 for zoned times in a way pandas warns about: hand it UTC.
        utc = pa.Array.from_pandas(values.dt.tz_convert(None).to_numpy())
        return utc.cast(pa.timestamp("us" if kind else utc.type.unit, tz="UTC"))
    try:
        return pa.Array.from_pandas(values, type=_ARROW_TYPES[kind] if kind else None)
    except pa.ArrowException:  # cells of several types: keep what they say
        text = values.map(str, na_action="ignore").astype("str")
        return pa.Array.from_pandas(text, type=pa.string())


def is_sql_url(source: str | Path) -> bool:
    """Say whether ``source`` is a database URL rather than a path."""
    return isinstance(source, str) and "://" in source


def _read_folder(folder: Path, wanted: Collection[str]) -> dict[str, pd.DataFrame]:
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder; give a folder of tables or a database URL")
    frames: dict[str, pd.DataFrame] = {}
    for name in wanted:
        parquet, text = folder / f"{name}.parquet", folder / f"{name}.csv"
        if parquet.exists() and text.exists():
            raise SourceError(f"{folder} holds both {parquet.name} and {text.name}; keep one")
        if parquet.exists():
            frames[name] = read_parquet(parquet, TABLES[name])
        elif text.exists():
            frames[name] = read_csv(text)
    if not frames:
        raise SourceError(
            f"{folder} holds no table; expected at least one of "
            + ", ".join(f"{name}.parquet or .csv" for name in wanted)
        )
    return frames


def read_parquet(path: Path, contract: Table | None = None) -> pd.DataFrame:
    """Read a Parquet file, or a folder of parts as Spark writes it.

    Integers of text columns of ``contract`` become text here, before a null among them could
    turn them into floats and cost their last digits.

    Raises
    ------
    SourceError
        The file is missing or not Parquet.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"cannot read {path}: {error}") from None
    if contract is not None:
        for position, field in enumerate(table.schema):
            known = field.name in contract.names and contract.column(field.name).kind == "text"
            if known and pa.types.is_integer(field.type):
                text = table.column(position).cast(pa.string())
                table = table.set_column(position, field.name, text)
    frame: pd.DataFrame = table.to_pandas()
    index_names = [name for name in frame.index.names if name is not None]
    return frame.reset_index(drop=not index_names)


def read_csv(path: Path, *, delimiter: str = ",", encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Read a CSV file with every cell as the text it is; an empty cell is null.

    Raises
    ------
    SourceError
        The file is missing, empty, not in this encoding, or a row has too many or too few cells.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            header = next(csv.reader(file, delimiter=delimiter), None)
        if header is None:
            raise SourceError(f"{path} is empty; its first line must name the columns")
        return _read_csv_body(path, header, delimiter, encoding)
    except UnicodeError:
        raise SourceError(f"{path} is not {encoding} text; save it as UTF-8") from None
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"cannot read {path}: {error}") from None


def _read_csv_body(path: Path, header: list[str], delimiter: str, encoding: str) -> pd.DataFrame:
    table: pa.Table = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(encoding=encoding.removesuffix("-sig")),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype("str")


def sql_engine(url: str) -> sa.Engine:
    """Return an engine for ``url``.

    Raises
    ------
    SourceError
        The URL cannot be understood, its driver is not installed, or its SQLite file does not
        exist. The password is never shown.
    """
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise SourceError(f"cannot understand the database URL: {error}") from None
    except ModuleNotFoundError as error:
        raise SourceError(
            f"the database driver {error.name} is not installed; install it with pip beside Muslin"
        ) from None
    file = engine.url.database
    on_disk = engine.dialect.name == "sqlite" and file and not file.startswith((":", "file:"))
    if on_disk and not Path(str(file)).exists():  # SQLite would make an empty file of that name
        raise SourceError(f"the SQLite file {file} does not exist")
    return engine


def read_sql(engine: sa.Engine, query: sa.Select[Any] | str) -> pd.DataFrame:
    """Read a query's rows; integers with nulls keep their digits.

    Raises
    ------
    SourceError
        The database cannot be reached, refuses the query, or answers with bytes for text.
    """
    statement = sa.text(query) if isinstance(query, str) else query
    where = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            return pd.read_sql_query(
                statement,
                connection,
                dtype_backend="numpy_nullable",
            )
    except UnicodeDecodeError:
        raise SourceError(
            f"cannot read {where}: a column holds bytes that are not UTF-8 text;"
            f" store text, and lists as JSON text. Query: {' '.join(str(statement).split())}"
        ) from None
    except (sa.exc.SQLAlchemyError, pd.errors.DatabaseError) as error:
        raise SourceError(f"cannot read {where}: {getattr(error, 'orig', error)}") from None


def _read_database(url: str, wanted: Collection[str]) -> dict[str, pd.DataFrame]:
    engine = sql_engine(url)
    where = engine.url.render_as_string(hide_password=True)
    try:
        try:
            there = set(sa.inspect(engine).get_table_names())
            there |= set(sa.inspect(engine).get_view_names())
        except sa.exc.SQLAlchemyError as error:
            reason = getattr(error, "orig", error)
            raise SourceError(f"cannot open {where}: {reason}") from None
        frames = {name: _read_table(engine, name) for name in wanted if name in there}
    finally:
        engine.dispose()
    if not frames:
        raise SourceError(f"{where} holds none of the tables {', '.join(wanted)}")
    return frames


def _read_table(engine: sa.Engine, name: str) -> pd.DataFrame:
    """Read one table, ordered by its key: a database promises no order of its own."""
    there = {column["name"] for column in sa.inspect(engine).get_columns(name)}
    query = sa.select(sa.text("*")).select_from(sa.table(name))
    keys: list[sa.ColumnElement[Any]] = [sa.column(key) for key in TABLES[name].key if key in there]
    return read_sql(engine, query.order_by(*keys))
