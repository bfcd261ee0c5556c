"""The OpenAPI 3.1 document, made of the pydantic models that validate the requests."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)
from pydantic_core.core_schema import StringSchema

from features.settings import Settings
from serving.access.described import SECURITY_SCHEMES
from serving.events.schemas import EVENTS
from serving.operation import REF, Operation
from serving.return_review.outcome_schemas import REVIEW_OUTCOME
from serving.return_review.schemas import RETURN_REVIEW
from serving.risk_schemas import RETURN_RISK
from serving.schema_base import ProblemDocument
from serving.schemas import SIZE_ADVICE

__all__ = ["OPERATIONS", "openapi_document"]

OPERATIONS: tuple[Operation, ...] = (
    SIZE_ADVICE,
    RETURN_RISK,
    RETURN_REVIEW,
    REVIEW_OUTCOME,
    EVENTS,
)
"""Every endpoint of the service, in the document's order."""


class _Written(GenerateJsonSchema):
    """Says of an id that it may be sent as a number, which pydantic takes and does not tell."""

    def str_schema(self, schema: StringSchema) -> JsonSchemaValue:
        told = super().str_schema(schema)
        if self.mode == "validation" and schema.get("coerce_numbers_to_str"):
            told["type"] = ["string", "number"]
        return told


def openapi_document(settings: Settings) -> dict[str, Any]:
    """Describe the service.

    Parameters
    ----------
    settings
        The limits that hold here.

    Returns
    -------
    dict
        An OpenAPI 3.1 document.
    """
    schemas: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        schema for operation in OPERATIONS for schema in operation.schemas
    ]
    _, definitions = models_json_schema(
        [*schemas, (ProblemDocument, "serialization")],
        ref_template=REF,
        schema_generator=_Written,
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Muslin",
            "version": _version(),
            "summary": "Size advice, return risk and return review for shops that sell clothes, "
            "shoes and baby goods.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            **{each.path: {"post": each.document(settings)} for each in OPERATIONS},
            "/livez": {"get": _page("live", "Is the process alive?", {"200": "It is."})},
            "/readyz": {
                "get": _page(
                    "ready",
                    "Can the service answer?",
                    {
                        "200": "At least one endpoint can: model, source, reason and action of "
                        "each; `live` tells how far the online state is behind the live events.",
                        "503": "None can yet: reason and action of each.",
                    },
                )
            },
            "/docs.json": {"get": _page("docs", "This document.", {"200": "OpenAPI 3.1."})},
        },
        "components": {"schemas": definitions["$defs"], "securitySchemes": SECURITY_SCHEMES},
    }


def _version() -> str:
    try:
        return version("muslin")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


def _page(name: str, summary: str, responses: dict[str, str]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            code: {"description": text, "content": content} for code, text in responses.items()
        },
    }
