"""Import of anybody's CSV, Parquet or SQL tables by a mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from data_contracts.errors import SourceError
from data_contracts.readers import is_sql_url, read_csv, read_parquet, read_sql, sql_engine
from data_contracts.schema import Column
from data_contracts.tables import TABLES
from data_contracts.units import convert, units_of
from data_contracts.validation import validate
from features.sizes import rank_labels
from pipelines.importers.mapping import (
    ColumnMapping,
    Mapping,
    MappingError,
    TableMapping,
    load_mapping,
)
from pipelines.importers.report import ImportReport
from pipelines.validate import write_outcome

__all__ = ["import_mapped", "map_table"]

_EPOCHS: dict[str | None, Literal["s", "ms"]] = {"epoch_s": "s", "epoch_ms": "ms"}
_GROUPED = r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"  # 1.234,50 where the decimal is a comma


def import_mapped(mapping: Path, out: Path, source: str | None = None) -> ImportReport:
    """Write the contract tables a mapping file describes; rows that break a rule are put aside.

    Parameters
    ----------
    mapping
        The mapping file. Paths in it are relative to it.
    out
        Folder of the tables and of ``quarantine/``.
    source
        File or database URL of the tables that name none.

    Returns
    -------
    ImportReport
        Rows by table, rows put aside, values blanked.

    Raises
    ------
    MappingError
        The mapping file is wrong, or names a column the source does not have.
    SourceError
        A source cannot be read.
    ContractError
        A mapped table breaks its contract as a whole.
    """
    declared = load_mapping(mapping)
    report = ImportReport(str(mapping))
    tables = {
        name: map_table(name, declared, _read(name, table, mapping.parent, source), report)
        for name, table in declared.tables.items()
    }
    verdict = validate(tables, raise_on_break=False)
    write_outcome(verdict, out, aside=out)
    verdict.raise_for_breaks()
    report.rows = {name: item.rows_good for name, item in verdict.tables.items()}
    report.quarantined = {
        name: item.quarantined for name, item in verdict.tables.items() if item.quarantined
    }
    report.notes += verdict.notes
    report.notes += [
        f"{name}: {broken.count:,} x {broken.accepted}, for example {broken.examples[0]}"
        for name, item in verdict.tables.items()
        for broken in item.broken_rules
        if broken.accepted
    ]
    return report


def map_table(name: str, mapping: Mapping, raw: pd.DataFrame, report: ImportReport) -> pd.DataFrame:
    """Return the rows of one contract table, not validated yet.

    A cell that cannot be converted is left as it is: validation puts its row aside and shows it.

    Raises
    ------
    MappingError
        ``raw`` lacks a column.
    """
    table = mapping.tables[name]
    contract = TABLES[name]
    _check_source_columns(name, table, raw)
    for column, wanted in table.where.items():
        raw = raw.loc[_text(raw[column], table).isin(wanted).to_numpy()]
    raw = raw.reset_index(drop=True)
    mapped = pd.DataFrame(
        {
            target: _map_column(contract.column(target), column, table, mapping, raw, report)
            for target, column in table.columns.items()
        },
        index=raw.index,
    )
    if table.distinct:
        keys = [key for key in contract.key if key in mapped.columns]
        mapped = mapped.drop_duplicates(keys).reset_index(drop=True)
    if name == "product_sizes" and "size_rank" not in mapped.columns:
        mapped["size_rank"] = _natural_ranks(mapped)
    return mapped


def _natural_ranks(sizes: pd.DataFrame) -> pd.Series[Any]:
    ranks = pd.Series(np.nan, index=sizes.index)
    labels = sizes["size_label"].dropna().astype("str")
    for _, group in labels.groupby(sizes["product_id"]):
        ranks.loc[group.index] = np.array(rank_labels(group.tolist()))
    return ranks


def _check_source_columns(name: str, table: TableMapping, raw: pd.DataFrame) -> None:
    wanted = {column: f"where.{column}" for column in table.where}
    for target, mapped in table.columns.items():
        wanted |= dict.fromkeys(mapped.sources, f"columns.{target}")
    missing = [f"{place}: {column!r}" for column, place in wanted.items() if column not in raw]
    if missing:
        raise MappingError(
            f"the source of tables.{name} lacks columns: {', '.join(missing)};"
            f" it has {', '.join(map(str, raw.columns))}"
        )


def _map_column(
    target: Column,
    column: ColumnMapping,
    table: TableMapping,
    mapping: Mapping,
    raw: pd.DataFrame,
    report: ImportReport,
) -> pd.Series[Any]:
    if column.from_ is None:
        return pd.Series([column.constant] * len(raw), index=raw.index)
    values = _source_values(column, table, raw)
    if column.values is not None:
        values = _translate(values, column, f"{target.name} not listed in values", report)
    if target.kind in ("number", "integer"):
        return _number(values, target, column, table)
    if target.kind == "time":
        return _time(values, column, mapping)
    return values


def _source_values(column: ColumnMapping, table: TableMapping, raw: pd.DataFrame) -> pd.Series[Any]:
    names = column.sources
    if len(names) > 1:
        parts = [_text(raw[name], table) for name in names]
        joined = parts[0]
        for part in parts[1:]:
            joined = joined + column.join + part
        return joined
    values = raw[names[0]]
    if column.values is None and not table.blanks and not isinstance(values.dtype, pd.StringDtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values) or values.map(pd.api.types.is_list_like).any():
        return values
    return _text(values, table)


def _text(values: pd.Series[Any], table: TableMapping) -> pd.Series[Any]:
    """Return trimmed text; what the mapping calls blank is null, and 17.0 is written 17."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    text = values.astype("string").astype("str").str.strip()
    return text.mask(text.isin(["", *table.blanks]).to_numpy())


def _translate(
    values: pd.Series[Any], column: ColumnMapping, reason: str, report: ImportReport
) -> pd.Series[Any]:
    table = column.values or {}
    listed = values.isin(list(table)).to_numpy()
    translated = values.map(table).astype("str")
    if column.unlisted == "keep":
        return translated.where(listed, values)
    unlisted = int((values.notna().to_numpy() & ~listed).sum())
    if unlisted:
        report.nulled[reason] += unlisted
    return translated


def _number(
    values: pd.Series[Any], target: Column, column: ColumnMapping, table: TableMapping
) -> pd.Series[Any]:
    text = values
    if table.decimal == "," and isinstance(values.dtype, pd.StringDtype):
        grouped = values.str.fullmatch(_GROUPED).fillna(value=False).to_numpy(dtype=bool)
        text = values.mask(grouped, values.str.replace(".", "", regex=False))
        text = text.str.replace(",", ".", regex=False)
    unit = column.unit
    if unit is None and target.kind == "number" and target.unit in units_of(target.unit):
        unit = target.unit  # a cell may name its own
    if unit is not None and target.unit is not None:
        limits = (
            -np.inf if target.minimum is None else target.minimum,
            np.inf if target.maximum is None else target.maximum,
        )
        return _keep_unread(convert(text, unit, target.unit, limits), values)
    if text is values:
        return values
    return _keep_unread(pd.to_numeric(text, errors="coerce"), values)


def _time(values: pd.Series[Any], column: ColumnMapping, mapping: Mapping) -> pd.Series[Any]:
    zone = column.time_zone or mapping.time_zone
    if column.format in _EPOCHS:
        seconds = pd.to_numeric(values, errors="coerce")
        times = pd.to_datetime(seconds, unit=_EPOCHS[column.format], utc=True, errors="coerce")
        return _keep_unread(times, values)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values
    if pd.api.types.is_numeric_dtype(values) and column.format is None:
        return values  # a bare number is no time: validation says so
    text = values if pd.api.types.is_datetime64_any_dtype(values) else values.astype("str")
    if column.format is not None and "%z" in column.format:
        zoned = pd.to_datetime(text, format=column.format, utc=True, errors="coerce")
        return _keep_unread(zoned, values)
    if column.end_of_day:
        times = _local_naive(text, column.format or "ISO8601", zone, end_of_day=True)
    else:
        times = _local(text, column.format or "ISO8601", zone)
    return _keep_unread(times, values)


def _local(values: pd.Series[Any], form: str, zone: str) -> pd.Series[Any]:
    """Read times; those that name no zone are of ``zone``.

    The hour a clock change repeats is taken as standard time, the hour it skips as its end.
    """
    if form == "ISO8601" and isinstance(values.dtype, pd.StringDtype):
        named = values.str.contains(r"T?\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$", regex=True)
        named = named.fillna(value=False).astype(bool)
        zoned = pd.to_datetime(values.where(named), format=form, utc=True, errors="coerce")
        return zoned.fillna(_local_naive(values.mask(named), form, zone))
    return _local_naive(values, form, zone)


def _local_naive(
    values: pd.Series[Any], form: str, zone: str, *, end_of_day: bool = False
) -> pd.Series[Any]:
    naive = pd.to_datetime(values, format=form, errors="coerce")
    if end_of_day:
        naive = naive.dt.normalize() + pd.Timedelta(hours=23, minutes=59, seconds=59)
    standard = np.zeros(len(naive), dtype=bool)
    local = naive.dt.tz_localize(zone, ambiguous=standard, nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def _keep_unread(converted: pd.Series[Any], values: pd.Series[Any]) -> pd.Series[Any]:
    """Put cells that could not be converted back as they were, for validation to show."""
    unread = (converted.isna() & values.notna()).to_numpy()
    if not unread.any():
        return converted
    return converted.astype(object).mask(unread, values.astype(object))


def _read(name: str, table: TableMapping, folder: Path, source: str | None) -> pd.DataFrame:
    origin = table.source or source
    if origin is None:
        raise MappingError(f"tables.{name} names no source, and none was given")
    if is_sql_url(origin):
        return _read_sql(name, table, origin)
    path = Path(origin) if table.source is None else folder / origin
    if not path.exists():
        raise SourceError(f"{path}, the source of tables.{name}, does not exist")
    if path.suffix.lower() in (".parquet", ".pq") or path.is_dir():
        return read_parquet(path)
    return read_csv(path, delimiter=table.delimiter, encoding=table.encoding)


def _read_sql(name: str, table: TableMapping, url: str) -> pd.DataFrame:
    import sqlalchemy as sa

    if (table.query is None) == (table.table is None):
        raise MappingError(f"tables.{name}: a database needs exactly one of 'query' and 'table'")
    engine = sql_engine(url)
    try:
        if table.query is not None:
            return read_sql(engine, table.query)
        named = sa.select(sa.text("*")).select_from(sa.table(str(table.table)))
        return read_sql(engine, named)
    finally:
        engine.dispose()
