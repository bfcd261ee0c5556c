"""Contract tables for a job: read, validated, and checked for what the job cannot do without."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from data_contracts.errors import BadInputError
from data_contracts.readers import is_sql_url, read_csv, read_parquet, read_tables
from data_contracts.tables import TABLES
from data_contracts.validation import validate

__all__ = ["NEEDED", "check_needs", "load_tables", "read_claims", "read_hold_out", "shown_source"]

logger = logging.getLogger("muslin.pipelines")

NEEDED = ("products", "product_sizes", "order_lines")
"""Tables no job can do without."""

Needs = Sequence[tuple[str, ...]]


def load_tables(source: str, *, needs: Needs = ()) -> dict[str, pd.DataFrame]:
    """Read and validate the tables of a folder or database; rows that break a rule are left out.

    Parameters
    ----------
    source
        A folder of tables or a database URL.
    needs
        Further tables that are needed: of each group one.

    Raises
    ------
    BadInputError
        The source cannot be read, lacks a table, or breaks a contract as a whole.
    """
    raw = read_tables(source, raw=True)
    where = "the database" if is_sql_url(source) else Path(source)
    missing = [name for name in NEEDED if name not in raw]
    if missing:
        raise BadInputError(
            f"{where} lacks the table{'s' if missing[1:] else ''} {', '.join(missing)};"
            f" it has {', '.join(raw)}"
        )
    check_needs(raw, needs, where=str(where))
    report = validate(raw)
    for item in report.tables.values():
        if item.quarantined:
            logger.warning(
                "%s: %s of %s rows break a rule and are left out; `muslin validate` lists them",
                item.table,
                f"{item.quarantined:,}",
                f"{item.rows_in:,}",
            )
    _tell_unknown_sizes(report.good)
    return report.good


def check_needs(tables: Collection[str], needs: Needs, *, where: str) -> None:
    """Make sure that of each group of tables there is one.

    Raises
    ------
    BadInputError
        A group has none.
    """
    for group in needs:
        if not any(name in tables for name in group):
            lacking = " nor ".join(group)
            there = f"neither {lacking}" if len(group) > 1 else f"no {lacking}"
            raise BadInputError(
                f"{where} tells no outcome: there is {there}, so there is nothing to learn from"
            )


def _tell_unknown_sizes(tables: Mapping[str, pd.DataFrame]) -> None:
    """Warn of order lines whose size the product does not have: nothing is learned from them."""
    pair = ["product_id", "size_label"]
    lines = tables["order_lines"][pair].dropna()
    known = pd.MultiIndex.from_frame(tables["product_sizes"][pair])
    unknown = lines[~pd.MultiIndex.from_frame(lines).isin(known)]
    if len(unknown):
        examples = ", ".join(f"{p} in {s!r}" for p, s in unknown.head(3).itertuples(index=False))
        logger.warning(
            "order_lines: %s of %s sizes are not in product_sizes, so these lines count as unsized,"
            " for example %s; the labels must be spelt alike",
            f"{len(unknown):,}",
            f"{len(lines):,}",
            examples,
        )


def shown_source(source: str) -> str:
    """Give a source as it may be printed and kept on record: a URL without its password."""
    if not is_sql_url(source):
        return source
    try:
        return sa.make_url(source).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "the database"


def read_hold_out(path: Path, known: Collection[str]) -> list[str]:
    """Read the ids of held-out lines: each once, in order of first appearance.

    Parameters
    ----------
    path
        CSV file with a column ``order_line_id``.
    known
        Ids of all order lines; others are counted in a warning and left out.

    Raises
    ------
    BadInputError
        The file cannot be read, lacks the column, or names no known line.
    """
    frame = read_csv(path)
    if "order_line_id" not in frame.columns:
        raise BadInputError(
            f"{path} lacks the column order_line_id; it has {', '.join(map(str, frame.columns))}"
        )
    ours = set(known)
    asked = frame["order_line_id"].dropna()
    # Ids are compared as they stand; only what matches nothing may have a stray space.
    asked = asked.where(asked.isin(ours), asked.str.strip()).drop_duplicates()
    strangers = asked[~asked.isin(ours)]
    if len(strangers) == len(asked):
        examples = ", ".join(repr(value) for value in strangers[:3])
        raise BadInputError(
            f"none of the {len(asked):,} ids in {path} is an order_line_id of the data"
            + (f", for example {examples}" if examples else "")
        )
    if len(strangers):
        logger.warning(
            "%s of %s ids in %s are no order_line_id of the data and are left out, for example %s",
            f"{len(strangers):,}",
            f"{len(asked):,}",
            path,
            ", ".join(repr(value) for value in strangers[:3]),
        )
    return asked[asked.isin(ours)].tolist()


def read_claims(path: Path, hold_out: Collection[str]) -> pd.DataFrame:
    """Read claims on held-out lines: rows of the contract ``returns``, judged by it.

    Parameters
    ----------
    path
        CSV or Parquet file.
    hold_out
        Ids of the held-out lines; claims on others are counted in a warning and left out.

    Raises
    ------
    BadInputError
        The file cannot be read, breaks the contract, or holds no claim on a held-out line.
    """
    contract = TABLES["returns"]
    text = path.suffix.lower() == ".csv"
    raw = read_csv(path) if text else read_parquet(path, contract)
    report = validate({"returns": raw})
    claims = report.good["returns"]
    broken = report.tables["returns"].quarantined
    if broken:
        logger.warning(
            "%s of %s claims in %s break a rule and are left out",
            f"{broken:,}",
            f"{len(raw):,}",
            path,
        )
    ours = claims[claims["order_line_id"].isin(set(hold_out))].reset_index(drop=True)
    if ours.empty:
        raise BadInputError(f"none of the {len(claims):,} claims in {path} is on a held-out line")
    if len(ours) < len(claims):
        logger.warning(
            "%s of %s claims in %s are on lines that are not held out, and are left out",
            f"{len(claims) - len(ours):,}",
            f"{len(claims):,}",
            path,
        )
    return ours
