import copy
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq

from data_contracts import lazy

LATER = """
import sys
from data_contracts.lazy import fs, pa, pd, pdt, pl, pq
import features.size_fit_online, features.return_risk_online, features.abuse_online
import features.audit, features.live.rows
assert not {"pandas", "polars", "pyarrow"} & sys.modules.keys()
assert pl.Series([1]).sum() == 1 and "polars" in sys.modules
assert "pandas" not in sys.modules
assert list(pd.Series([1])) == [1] and "pandas" in sys.modules
"""


def test_libraries_of_tables_are_imported_when_they_are_used():
    subprocess.run([sys.executable, "-c", LATER], check=True)


def test_their_names_are_the_libraries_own():
    assert lazy.pd.DataFrame is pd.DataFrame
    assert lazy.pdt.is_bool_dtype is pd.api.types.is_bool_dtype
    assert lazy.pq.write_table is pq.write_table
    assert copy.copy(lazy.pd).DataFrame is pd.DataFrame
    assert repr(lazy.pl) == "<polars, imported when it is used>"
