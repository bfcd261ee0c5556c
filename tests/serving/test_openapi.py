import re

import pytest
from asgi import ask
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator

from serving.app import MuslinApp
from serving.openapi import openapi_document


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_document_is_openapi_3_1_and_complete(app, settings):
    document = ask(app, "/docs.json", method="GET").json
    assert document == openapi_document(settings)
    assert document["openapi"].startswith("3.1")
    OpenAPI.model_validate(document)
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    prefix = "#/components/schemas/"
    assert {name.removeprefix(prefix) for name in references(document)} == set(schemas)


CLAIM = {"order_line_id": "line", "customer_id": "c-77", "reason": "too_small"}


def audit_id(app):
    return ask(app, "/v1/return-review", body=CLAIM).json["audit_id"]


def test_every_path_of_the_service_is_documented_with_examples_it_accepts(app):
    document = ask(app, "/docs.json", method="GET").json
    assert set(document["paths"]) >= set(ask(app, "/readyz", method="GET").json["endpoints"])
    for path, operations in document["paths"].items():
        if "get" in operations:
            assert ask(app, path, method="GET").status == 200, path
            continue
        content = operations["post"]["requestBody"]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        validator = Draft202012Validator(schema)
        assert content["examples"], path
        (name,) = re.findall("{.*}", path) or [""]
        place = path.replace(name, audit_id(app)) if name else path
        for name, example in content["examples"].items():
            validator.validate(example["value"])
            answer = ask(app, place, body=example["value"])
            assert answer.status == (202 if path == "/v1/events" else 200), (name, answer.body)


PATHS = {
    "/v1/size-advice": {"product_id": "dress", "measurements": {"height_cm": 171}},
    "/v1/return-risk": {"lines": [{"product_id": "dress", "size": "M", "colour": "red"}]},
    "/v1/return-review": CLAIM,
}


@pytest.mark.parametrize("path", PATHS)
def test_answers_and_problems_are_as_documented(app, settings, path):
    document = openapi_document(settings)
    responses = document["paths"][path]["post"]["responses"]

    def check(answer):
        content = responses[str(answer.status)]["content"]
        schema = content[answer.headers["content-type"]]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
        return answer.status

    known = PATHS[path]
    assert check(ask(app, path, body=known)) == 200
    assert check(ask(app, path, body=[known, known])) == 200
    assert check(ask(app, path, body=b"{")) == 400
    assert check(ask(app, path, body={"measurements": {"height_cm": 1800}})) == 422
    assert check(ask(app, path, method="GET")) == 405
    assert check(ask(app, path, body=known, headers={"content-type": "text/csv"})) == 415
    assert check(ask(app, path, body=b" " * 2_000_000)) == 413
    assert check(ask(MuslinApp(settings), path, body=known)) == 503
