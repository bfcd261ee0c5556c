"""Where histories are computed: Polars, DuckDB, pandas or Spark, chosen by one setting.

Events and histories are Narwhals expressions (:mod:`features.events`, :mod:`features.histories`).
Here is what differs between engines: how a table gets in, and how values are read out. The values
are the same whichever is chosen, so a model trained with one is served with another.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from typing import Any, get_args
from weakref import finalize

import narwhals as nw

from data_contracts.errors import BadInputError
from data_contracts.lazy import pa, pd, pl
from features.settings import Engine, Settings

__all__ = ["ENGINES", "Engine", "EngineError", "collected", "native", "reused", "usual_engine"]

ENGINES: tuple[Engine, ...] = get_args(Engine)
"""Names of the engines."""

_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",  # the usual 200 are for a cluster
    "spark.sql.adaptive.enabled": "false",  # plans once: there is no skew to find between two
}
_EVERYWHERE = {
    "spark.app.name": "muslin",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.localRelationThreshold": "0",  # rows are data, no part of a plan
    "spark.driver.maxResultSize": "0",  # values are asked for whole
}


class EngineError(BadInputError):
    """An engine that is not known or not installed; the message says what to do."""


def usual_engine() -> Engine:
    """The engine of the settings: ``MUSLIN_ENGINE``, Polars where nothing is set."""
    return Settings.load().engine


def native(frame: pd.DataFrame, texts: Collection[str], engine: Engine) -> Any:
    """Hand a frame over to an engine.

    Parameters
    ----------
    frame
        Numbers, truth values and texts; NaN in a column of numbers is null.
    texts
        Columns of text, whatever their type in `frame` (one that is empty has none); None stays.
        Names that are no column are passed over.
    engine
        One of `ENGINES`.

    Returns
    -------
    frame of the engine
        An eager frame of pandas or Polars, a lazy relation of DuckDB, a lazy data frame of Spark.

    Raises
    ------
    EngineError
        Where the engine is not known, or what it needs is not installed.
    """
    columns = [name for name in frame.columns if name in set(texts)]
    if engine == "pandas":
        return frame.astype(dict.fromkeys(columns, "str"))
    if engine == "polars":
        return pl.from_pandas(frame).with_columns(pl.col(columns).cast(pl.String))
    if engine == "duckdb":
        return _duckdb().from_arrow(_arrow(frame, columns))
    if engine == "spark":
        return _spark().createDataFrame(_arrow(frame, columns))
    raise EngineError(f"engine = {engine!r} is not known; choose one of {', '.join(ENGINES)}")


def collected(frame: Any) -> nw.DataFrame[Any]:
    """Read out a frame of any engine: computed where it is lazy, and in memory.

    Parameters
    ----------
    frame
        See :func:`native`.
    """
    wrapped = nw.from_native(frame)
    eager: nw.DataFrame[Any] = (
        wrapped.collect(backend="polars") if isinstance(wrapped, nw.LazyFrame) else wrapped
    )
    return eager


def reused(frame: Any) -> Any:
    """Let Spark keep what it computes of a frame that many histories read; others need no telling.

    Parameters
    ----------
    frame
        See :func:`native`. Spark keeps its rows, in memory and then on disk, as long as somebody
        holds the frame that is returned.
    """
    if nw.from_native(frame).implementation is not nw.Implementation.PYSPARK:
        return frame
    held = frame.persist()
    # The rows belong to the plan: without this they would stay as long as the session.
    finalize(held, held._jdf.unpersist).atexit = False
    return held


def _arrow(frame: pd.DataFrame, texts: Collection[str]) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for at, name in enumerate(table.column_names):
        if name in texts:
            table = table.set_column(at, name, table.column(at).cast(pa.string()))
    # Spark would show what pandas notes of its own types to whoever reads its plans.
    return table.replace_schema_metadata(None)


@cache
def _duckdb() -> Any:
    """The one connection of the process: relations of two connections cannot be joined."""
    _need("duckdb", "the engine duckdb needs DuckDB")
    import duckdb  # noqa: PLC0415 # an extra

    spill = tempfile.mkdtemp(prefix="muslin-duckdb-")
    connection = duckdb.connect(
        ":memory:",
        config={
            "temp_directory": spill,
            "memory_limit": "60%",  # what it reads from lies beside it in memory
            "preserve_insertion_order": "false",
        },
    )

    def close() -> None:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)

    atexit.register(close)
    return connection


def _spark() -> Any:
    """The session of the process; where there is none, one by Spark's own configuration.

    What ``spark-defaults.conf`` (in ``SPARK_CONF_DIR``), ``PYSPARK_SUBMIT_ARGS`` or
    ``spark-submit`` say counts. Without a master it is this machine, reachable from nowhere else.
    """
    _need("pyspark", "the engine spark needs PySpark")
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 # an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if (running := SparkSession.getActiveSession()) is not None:
        return running
    if SparkContext._gateway is None and not _has_java():
        raise EngineError(
            "the engine spark needs Java 17, and neither JAVA_HOME nor the path leads to one; "
            "install it (Debian: apt-get install openjdk-17-jre-headless) or set MUSLIN_ENGINE"
        )
    # The weakest of the ways to say it: any configuration of Spark's own wins.
    os.environ.setdefault("SPARK_DRIVER_MEMORY", "4g")
    try:
        SparkContext._ensure_initialized()
    except PySparkException as error:
        raise EngineError(
            f"Spark cannot start its Java process; it needs Java 17: {error}"
        ) from None
    conf = SparkConf()
    defaults = _EVERYWHERE
    if conf.get("spark.master", "local").startswith("local"):
        defaults = defaults | _LOCAL
        conf.set("spark.ui.showConsoleProgress", "false")
    for name, value in defaults.items():
        conf.setIfMissing(name, value)
    return SparkSession.builder.config(conf=conf).getOrCreate()


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=os.path.join(home, "bin") if home else None) is not None


def _need(module: str, sentence: str) -> None:
    if find_spec(module) is None:
        extra = "spark" if module == "pyspark" else module
        raise EngineError(f'{sentence}, which is not installed: pip install "muslin[{extra}]"')
