"""The shape of the machine-readable file as JSON Schema: ``docs/monitor.schema.json``.

Written anew by ``python -m pipelines.monitor.schema`` in the root of the repository.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.monitor.report import Report

__all__ = ["SCHEMA", "schema_text"]

SCHEMA = Path(__file__).parents[2] / "docs" / "monitor.schema.json"
"""Where it is published."""


def schema_text() -> str:
    """The schema as the file holds it."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Report.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
