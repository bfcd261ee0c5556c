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


def test_every_path_of_the_service_is_documented(app):
    document = ask(app, "/docs.json", method="GET").json
    for path, operations in document["paths"].items():
        for method in operations:
            answer = ask(app, path, method=method.upper(), body={"product_id": "dress"})
            assert answer.status == 200, path
            assert "200" in operations[method]["responses"]


def test_examples_are_valid_and_accepted(app, settings):
    document = openapi_document(settings)
    content = document["paths"]["/v1/size-advice"]["post"]["requestBody"]["content"]
    media = content["application/json"]
    schema = {**media["schema"], "components": document["components"]}
    validator = Draft202012Validator(schema)
    assert len(media["examples"]) == 3
    for example in media["examples"].values():
        validator.validate(example["value"])
        answer = ask(app, body=example["value"])
        assert answer.status == 200


def test_answers_and_problems_are_as_documented(app, settings):
    document = openapi_document(settings)
    responses = document["paths"]["/v1/size-advice"]["post"]["responses"]

    def check(answer):
        content = responses[str(answer.status)]["content"]
        schema = content[answer.headers["content-type"]]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)

    known = {"product_id": "dress", "measurements": {"height_cm": 171}}
    check(ask(app, body=known))
    check(ask(app, body=[known, {"product_id": "scarf"}]))
    check(ask(app, body=b"{"))
    check(ask(app, body={"measurements": {"height_cm": 1800}}))
    check(ask(app, method="GET"))
    check(ask(app, body=known, headers={"content-type": "text/csv"}))
    check(ask(app, body=b" " * 2_000_000))
    check(ask(MuslinApp(settings), body=known))
