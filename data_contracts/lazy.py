"""Libraries of tables, imported by whoever first uses one.

pandas, Polars and PyArrow take a second to import and a hundred megabytes to hold. Whatever makes
or reads a table needs them. A worker of the service asks the same modules about single records, and
needs none: for it, ``from data_contracts.lazy import pd`` is all there is of pandas.

Examples
--------
>>> from data_contracts.lazy import pd
>>> int(pd.Series([1, 2]).sum())
3
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["fs", "pa", "pd", "pdt", "pl", "pq"]

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pandas.api import types as pdt
    from pyarrow import fs
else:

    class _Later:
        """A module's names, each looked up when it is first used."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            if name == "_name":  # asked of a copy that is still empty
                raise AttributeError(name)
            found = getattr(import_module(self._name), name)
            setattr(self, name, found)  # the next time nothing is looked up
            return found

        def __repr__(self) -> str:
            return f"<{self._name}, imported when it is used>"

    fs = _Later("pyarrow.fs")
    pa = _Later("pyarrow")
    pd = _Later("pandas")
    pdt = _Later("pandas.api.types")
    pl = _Later("polars")
    pq = _Later("pyarrow.parquet")
