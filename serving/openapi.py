"""The OpenAPI 3.1 document, made of the pydantic models that validate the requests."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from features.settings import Settings
from serving.schemas import ProblemDocument, SizeAdviceRequest, SizeAdviceResponse

__all__ = ["openapi_document"]

_REF = "#/components/schemas/{model}"
_SCHEMAS: list[tuple[type[BaseModel], JsonSchemaMode]] = [
    (SizeAdviceRequest, "validation"),
    (SizeAdviceResponse, "serialization"),
    (ProblemDocument, "serialization"),
]
_PROBLEMS = {
    "400": "The body is not JSON.",
    "405": "The path does not take this method.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "422": "A value cannot be used; `errors` names each field and why.",
    "500": "The service failed; its log has the cause under the request id.",
    "503": "There is no model yet; `/readyz` says why.",
}


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
    _, definitions = models_json_schema(_SCHEMAS, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Muslin",
            "version": _version(),
            "summary": "Size advice for shops that sell clothes, shoes and baby goods.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/v1/size-advice": {
                "post": {
                    "operationId": "adviseSize",
                    "summary": "Which size will fit this person?",
                    "description": "One question, or a list of at most "
                    f"{settings.max_items} questions; the answer has the same shape. The body has "
                    f"at most {settings.max_body_bytes} bytes. An unknown product or customer is "
                    "no error: the answer says what it rests on.",
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {
                                "schema": _one_or_many("SizeAdviceRequest", settings.max_items),
                                "examples": _examples(),
                            }
                        },
                    },
                    "responses": {
                        "200": {
                            "description": "The advice.",
                            "content": {
                                "application/json": {
                                    "schema": _one_or_many("SizeAdviceResponse", settings.max_items)
                                }
                            },
                        },
                        **{code: _problem(text) for code, text in _PROBLEMS.items()},
                    },
                }
            },
            "/livez": {"get": _page("live", "Is the process alive?", {"200": "It is."})},
            "/readyz": {
                "get": _page(
                    "ready",
                    "Can the service answer?",
                    {"200": "It can: model and source.", "503": "Not yet: reason and action."},
                )
            },
            "/docs.json": {"get": _page("docs", "This document.", {"200": "OpenAPI 3.1."})},
        },
        "components": {"schemas": definitions["$defs"]},
    }


def _version() -> str:
    try:
        return version("muslin")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


def _one_or_many(name: str, most: int) -> dict[str, Any]:
    ref = {"$ref": _REF.format(model=name)}
    return {"anyOf": [ref, {"type": "array", "items": ref, "maxItems": most}]}


def _examples() -> dict[str, Any]:
    examples: Any = SizeAdviceRequest.model_config["json_schema_extra"]
    known, bare = examples["examples"]
    return {
        "known_shopper": {"summary": "Measurements and stock", "value": known},
        "product_only": {"summary": "Nothing known of the shopper", "value": bare},
        "list": {"summary": "Two questions at once", "value": [known, bare]},
    }


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="ProblemDocument")}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


def _page(name: str, summary: str, responses: dict[str, str]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            code: {"description": text, "content": content} for code, text in responses.items()
        },
    }
