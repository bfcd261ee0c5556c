"""One endpoint as OpenAPI describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from features.settings import Settings
from serving.access.described import security
from serving.schema_base import ProblemDocument

__all__ = ["REF", "Example", "Operation"]

REF = "#/components/schemas/{model}"
_PROBLEMS = {
    "400": "The body is not JSON, or nested too deeply.",
    "401": "A key is needed, and none that is accepted was sent.",
    "403": "The key, or pages of this origin, may not ask this.",
    "405": "The path does not take this method.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "422": "A value cannot be used; `errors` names each field and why.",
    "429": "Too many requests; `Retry-After` says in how many seconds to ask again.",
    "500": "The service failed; its log has the cause under the request id.",
    "503": "It cannot answer yet; `/readyz` says why.",
}
_HEADERS = {
    "Allow": {"description": "The methods it takes.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "The scheme.", "schema": {"type": "string"}},
}
_SENT_WITH = {"401": ("WWW-Authenticate",), "405": ("Allow",), "429": ("Retry-After",)}


@dataclass(frozen=True, slots=True)
class Example:
    """A request that is accepted.

    Parameters
    ----------
    name
        Key in the document.
    summary
        What it shows.
    value
        The body.
    """

    name: str
    summary: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A ``POST`` endpoint.

    Parameters
    ----------
    path
        With at most one parameter in braces.
    scope
        What a key must be for, of :data:`features.access_keys.SCOPES`.
    operation_id, summary, description
        As in OpenAPI; the limits of a body are added to the description.
    requests
        Shapes a body can have, by pydantic models.
    response
        Shape of an answer.
    answer
        What an answer is, in words.
    examples
        Bodies that are accepted.
    listed
        Whether a list of bodies is accepted as well and answered with a list.
    one_answer
        Whether a list is answered with one answer, as one body is.
    item
        What a body is called.
    status
        HTTP status of an answer.
    problems
        Further statuses and what they mean.
    """

    path: str
    scope: str
    operation_id: str
    summary: str
    description: str
    requests: Sequence[type[BaseModel]]
    response: type[BaseModel]
    answer: str
    examples: Sequence[Example]
    listed: bool = True
    one_answer: bool = False
    item: str = "question"
    status: int = HTTPStatus.OK
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def schemas(self) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
        """Models the document must define."""
        return [
            *((request, "validation") for request in self.requests),
            (self.response, "serialization"),
        ]

    def document(self, settings: Settings) -> dict[str, Any]:
        """Write the ``post`` object.

        Parameters
        ----------
        settings
            The limits that hold here.
        """
        most = settings.max_items if self.listed else None
        described = [self.description]
        if most is not None:
            shape = "" if self.one_answer else "; the answer has the same shape"
            described.append(f"One {self.item}, or a list of at most {most} {self.item}s{shape}.")
        described.append(f"The body has at most {settings.max_body_bytes} bytes.")
        problems = dict(sorted({**_PROBLEMS, **self.problems}.items()))
        return {
            "operationId": self.operation_id,
            "summary": self.summary,
            "description": " ".join(described),
            "security": security(self.scope, settings),
            **self._parameters(),
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": _shape(self.requests, most),
                        "examples": {
                            each.name: {"summary": each.summary, "value": each.value}
                            for each in self.examples
                        },
                    }
                },
            },
            "responses": {
                str(int(self.status)): {
                    "description": self.answer,
                    "content": {
                        "application/json": {
                            "schema": _shape([self.response], None if self.one_answer else most)
                        }
                    },
                },
                **{code: _problem(text, code) for code, text in problems.items()},
            },
        }

    def _parameters(self) -> dict[str, Any]:
        names = re.findall(r"{(\w+)}", self.path)
        if not names:
            return {}
        return {
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in names
            ]
        }


def _shape(models: Sequence[type[BaseModel]], most: int | None) -> dict[str, Any]:
    refs: list[dict[str, Any]] = [{"$ref": REF.format(model=each.__name__)} for each in models]
    one = refs[0] if len(refs) == 1 else {"anyOf": refs}
    if most is None:
        return one
    return {"anyOf": [*refs, {"type": "array", "items": one, "maxItems": most}]}


def _problem(text: str, code: str) -> dict[str, Any]:
    schema = {"$ref": REF.format(model=ProblemDocument.__name__)}
    headers = {"headers": {name: _HEADERS[name] for name in _SENT_WITH.get(code, ())}}
    return {
        "description": text,
        **(headers if code in _SENT_WITH else {}),
        "content": {"application/problem+json": {"schema": schema}},
    }
