"""One typed settings object for pipelines and service: environment, then file, then default.

Every default needs no server: MLflow's record, the online state, the log of events and the record
of reviews are SQLite files under `var/` in the working directory.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from data_contracts.yaml_text import read_yaml

__all__ = ["Engine", "Settings", "SettingsError"]

Engine = Literal["polars", "duckdb", "pandas", "spark"]

_VAR = Path("var")


def _blank(value: object) -> object:
    """An environment has no null: there, an empty text stands for it."""
    return None if value == "" else value


def _listed(value: object) -> object:
    """An environment has no lists: there, a text with commas stands for one."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _on(value: object) -> object:
    """YAML reads the word ``on`` as true."""
    return "on" if value is True else value


def _switch(value: object) -> object:
    """YAML reads ``on`` and ``off`` as true and false."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _origin(value: str) -> str:
    if _ORIGIN.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is not an origin as browsers send it, such as https://shop.example or"
            " http://localhost:8000: scheme and host in small letters, a port where it is not the"
            " usual one, nothing after it; each one by name, * is not taken"
        )
    return value


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_listed)
]


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it, its value and where it came from."""


class Settings(BaseSettings):
    """Settings of the pipelines and of the service.

    A value is looked for in the environment (``MUSLIN_PORT=8080``), then in the YAML file that
    ``MUSLIN_CONFIG`` names, then here. Use :meth:`load`, which turns what is wrong into a sentence.

    Parameters
    ----------
    tracking_uri
        MLflow's record and model registry.
    state_url
        The online state: path of a SQLite file, or where several replicas serve a Redis server,
        ``redis://user:password@host:port/db?prefix=NAME`` (``rediss://`` for TLS).
    events_url
        The log of live events: path of a SQLite file, or where several replicas write a PostgreSQL
        database, ``postgresql://user:password@host:port/database``.
    follow
        Whether ``muslin serve`` also keeps the online state up with the log of events. With several
        replicas set it to false and run ``muslin follow`` once.
    horizon_hours
        How far back live events may arrive out of order and still count at once; what tells of an
        earlier moment waits in the log for the next ``muslin materialize``.
    audit_url
        The record of return reviews: path of a SQLite file.
    audit_retention_days
        Days a return review is kept; older ones are removed when the service starts.
    champion_dir
        Folder that keeps local copies of the champion models, one sub-folder a model.
    registry_timeout_s
        Seconds the service waits for the model registry at start before it takes the local copy.
    champion_poll_s
        Seconds between two looks of the running service into the registry, by one process for all
        workers; 0 for never. What `muslin promote` does on the same machine is seen at once.
    challenger_state_url
        The state of a challenger whose feature space is another than the champion's, filled by
        ``muslin materialize --challenger``; as `state_url`.
    shadow_rate
        Share of the requests that a challenger answers, too, while there is one.
    shadow_log
        File to which differences between champion and challenger are written, one JSON object a
        line; the file before it is kept under its name and ``.1``.
    host, port
        Where the service listens. Loopback by default: put a reverse proxy before it.
    workers
        Worker processes of the service.
    max_body_bytes, max_items
        Largest request body, and most questions in one list.
    max_waiting
        Requests under way in a worker, beyond which further ones are answered 429 at once.
    max_connections
        Open connections of a worker; beyond, the one that waits for its client longest is ended.
    client_timeout_s
        Seconds a client may take for sending a request, and for taking its answer.
    drain_s
        Seconds between the moment at which a worker, told to end, says it is not ready and the
        moment from which it takes no connection any more; behind a load balancer a little longer
        than that looks at ``/readyz``.
    log_level
        Level of the service's own log. At ``DEBUG`` it may hold values of requests, at the others
        it does not.
    log_format
        ``json``, one object a line, ``text``, or ``auto``: text on a terminal and JSON elsewhere.
    access_log
        Whether each request is logged: method, path pattern, status, milliseconds, request id, key.
    traces
        Whether OpenTelemetry traces are sent (``on``) to where OTEL_EXPORTER_OTLP_ENDPOINT says.
    engine
        What computes the histories: ``polars``, ``duckdb``, ``pandas`` or ``spark``. The values are
        the same; see `docs/scaling.md`.
    policy_dir
        Folder of the shop's own policy files (YAML), read in the order of their names.
    keys
        Whether API keys are asked for: ``on``, or ``auto``, which asks for them unless `host` is a
        loopback address. Set it to ``on`` where a reverse proxy on the same machine lets others in.
    keys_url
        The API keys: path of a SQLite file, see ``muslin keys``.
    key_rate, key_burst
        Most questions a second of a key in the long run, and at once, where the key itself has no
        limit; none by default. Each worker gives its share.
    cors_origins
        Web origins whose pages may ask from a browser, such as ``https://shop.example``; with
        commas between them in the environment.
    """

    model_config = SettingsConfigDict(env_prefix="MUSLIN_", extra="forbid", frozen=True)

    tracking_uri: str = f"sqlite:///{_VAR / 'mlflow.db'}"
    state_url: str = str(_VAR / "state.db")
    events_url: str = str(_VAR / "events.db")
    follow: bool = True
    horizon_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 24.0
    audit_url: str = str(_VAR / "audit.db")
    audit_retention_days: Annotated[int, Field(ge=1)] = 730
    champion_dir: Path = _VAR / "champion"
    registry_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    champion_poll_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    challenger_state_url: Annotated[str | None, BeforeValidator(_blank)] = None
    shadow_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    shadow_log: Path = _VAR / "shadow.jsonl"
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 3000
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_000_000
    max_items: Annotated[int, Field(ge=1)] = 1_000
    max_waiting: Annotated[int, Field(ge=1)] = 100
    max_connections: Annotated[int, Field(ge=16, le=100_000)] = 1_000
    client_timeout_s: Annotated[float, Field(gt=0, le=600)] = 20.0
    drain_s: Annotated[float, Field(ge=0, le=600)] = 0.5
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    access_log: bool = False
    traces: Annotated[Literal["off", "on"], BeforeValidator(_switch)] = "off"
    engine: Engine = "polars"
    policy_dir: Annotated[Path | None, BeforeValidator(_blank)] = None
    keys: Annotated[Literal["auto", "on"], BeforeValidator(_on)] = "auto"
    keys_url: str = str(_VAR / "keys.db")
    key_rate: Annotated[float | None, Field(gt=0, le=1e6), BeforeValidator(_blank)] = None
    key_burst: Annotated[float | None, Field(ge=1, le=1e6), BeforeValidator(_blank)] = None
    cors_origins: _Origins = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look in arguments, environment and the YAML file, in this order."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if config := os.environ.get("MUSLIN_CONFIG"):
            sources.append(InitSettingsSource(settings_cls, init_kwargs=_of_file(Path(config))))
        return tuple(sources)

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Read the settings once.

        Parameters
        ----------
        overrides
            Values that win over environment and file, such as options of the command line.

        Raises
        ------
        SettingsError
            With one line for each setting that cannot be used.
        """
        config = os.environ.get("MUSLIN_CONFIG")
        if config and not Path(config).is_file():
            raise SettingsError(f"MUSLIN_CONFIG names {config!r}, which is not a file")
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            known = ", ".join(cls.model_fields)
            lines = []
            for problem in error.errors():
                name = ".".join(str(part) for part in problem["loc"])
                hint = f"; known settings: {known}" if problem["type"] == "extra_forbidden" else ""
                lines.append(f"{name} = {problem['input']!r}: {problem['msg']}{hint}")
            where = f"environment (MUSLIN_*) or {config}" if config else "environment (MUSLIN_*)"
            raise SettingsError(
                f"settings from {where} cannot be used:\n" + "\n".join(lines)
            ) from None
        except (OSError, ValueError, TypeError) as error:  # not YAML, or not a mapping
            raise SettingsError(f"settings file {config!r} cannot be read: {error}") from error

    def environment(self) -> dict[str, str]:
        """Give the settings as environment variables, for a process that is to have the same."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {f"MUSLIN_{name.upper()}": _written(value) for name, value in values.items()}


def _of_file(path: Path) -> dict[str, Any]:
    content = read_yaml(path.read_text(encoding="utf-8-sig")) if path.is_file() else None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise TypeError(f"it must hold settings such as port: 3000, and holds {content!r:.60}")
    if strange := [key for key in content if not isinstance(key, str)]:
        raise ValueError(f"a setting cannot be named {strange[0]!r:.60}; it must be text")
    return content


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    return "" if value is None else str(value)
