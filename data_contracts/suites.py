"""Great Expectations suites, made from the declarations.

Great Expectations gives the verdict on each rule. Which rows broke it is worked out by
`data_contracts.checks`, and only for rules that failed: its lists of unexpected rows cost far
more than its verdicts on millions of rows.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pandas as pd

from data_contracts.checks import Check, row_checks
from data_contracts.schema import Table
from data_contracts.tables import TABLES

__all__ = ["failed_rules", "suite"]


@lru_cache(maxsize=1)
def _great_expectations() -> Any:
    """Import Great Expectations (three seconds) when it is first needed, telemetry off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it imports `sre_constants`
        with _without("pyspark"):
            import great_expectations  # noqa: PLC0415
            import great_expectations.expectations  # noqa: PLC0415

    return great_expectations


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Hide a package that is not loaded yet.

    Great Expectations takes PySpark up wherever it is installed, for two seconds and a warning, and
    PySpark may end the process where its own extras are missing. The suites need none of it.
    """
    hidden = [name for name in (package, f"{package}.sql.connect") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def suite(table: Table | str, checks: Sequence[Check] | None = None) -> Any:
    """Return the Great Expectations suite of a contract.

    Parameters
    ----------
    table
        A contract or its name.
    checks
        Row-level checks to include; all of the contract when None.

    Returns
    -------
    great_expectations.ExpectationSuite
        Each row-level expectation has the rule's name in its ``meta``. References to other tables
        are expectations on the columns `data_contracts.checks.evidence` adds.
    """
    contract = TABLES[table] if isinstance(table, str) else table
    gx = _great_expectations()
    gxe = gx.expectations
    present = [
        gxe.ExpectColumnToExist(column=name, meta={"rule": "column.present"})
        for name in contract.required
    ]
    rows = [gxe.ExpectTableRowCountToBeBetween(min_value=1, meta={"rule": "table.not_empty"})]
    chosen = row_checks(contract) if checks is None else checks
    return gx.ExpectationSuite(
        name=contract.name,
        expectations=present + rows + [_expectation(gxe, check) for check in chosen],
        meta={"doc": contract.doc},
    )


def failed_rules(table: Table, frame: pd.DataFrame, checks: Sequence[Check]) -> set[str]:
    """Return the names of the checks that some row of ``frame`` breaks.

    Parameters
    ----------
    table
        The contract.
    frame
        The table's evidence (see `data_contracts.checks.evidence`), at least one row.
    checks
        The checks to judge.
    """
    gx = _great_expectations()
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset(table.name)
    definition = asset.add_batch_definition_whole_dataframe("whole")
    used = sorted({name for check in checks for name in check.columns} | set(table.required))
    batch = definition.get_batch({"dataframe": _plain(frame[used])})
    result = batch.validate(suite(table, checks), result_format="BOOLEAN_ONLY")
    # A rule that could not be judged counts as failed: then its rows are looked at one by one.
    return {str(r.expectation_config.meta["rule"]) for r in result.results if not r.success}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the dtypes Great Expectations compares fastest: float64 and times without a zone."""
    columns = {}
    for name in frame.columns:
        values = frame[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.dt.tz_convert(None)
        elif isinstance(values.dtype, pd.Int64Dtype):
            values = values.astype("float64")
        columns[name] = values
    return pd.DataFrame(columns)


def _expectation(gxe: Any, check: Check) -> Any:
    meta = {"rule": check.rule}
    name = check.columns[0]
    column = check.column
    match check.kind:
        case "readable" | "true":
            return gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[True], meta=meta)
        case "required":
            return gxe.ExpectColumnValuesToNotBeNull(column=name, meta=meta)
        case "allowed":
            assert column is not None
            values = list(column.allowed or ())
            return gxe.ExpectColumnValuesToBeInSet(column=name, value_set=values, meta=meta)
        case "pattern":
            assert column is not None
            regex = f"^(?:{column.pattern})$"
            return gxe.ExpectColumnValuesToMatchRegex(column=name, regex=regex, meta=meta)
        case "range":
            assert column is not None
            return gxe.ExpectColumnValuesToBeBetween(
                column=name, min_value=column.minimum, max_value=column.maximum, meta=meta
            )
        case "compare":
            left, right = check.columns if check.operator == ">=" else check.columns[::-1]
            return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=left,
                column_B=right,
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                meta=meta,
            )
        case "key":
            if len(check.columns) == 1:
                return gxe.ExpectColumnValuesToBeUnique(column=name, meta=meta)
            return gxe.ExpectCompoundColumnsToBeUnique(
                column_list=list(check.columns), ignore_row_if="any_value_is_missing", meta=meta
            )
