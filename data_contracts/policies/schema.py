"""The published JSON Schema of a policy file, for editors and for other programs.

``python -m data_contracts.policies.schema`` writes it anew after a change of the models.
"""

from __future__ import annotations

import json
from pathlib import Path

from data_contracts.policies.documents import PolicyFile

__all__ = ["SCHEMA", "schema_text"]

SCHEMA = Path(__file__).with_name("policy.schema.json")
"""JSON Schema, draft 2020-12. What only shows between keys and between rules is not in it."""


def schema_text() -> str:
    """Write the schema of the models."""
    schema = PolicyFile.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
