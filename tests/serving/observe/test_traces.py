import logging
from importlib import import_module

import pytest
from asgi import ask
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from features.settings import Settings
from serving.observe.traces import PARTS, around, provider_of, watch_parts, with_traces
from serving.parts import Readiness

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")  # as serving.quiet leaves it
    return provider_of(SimpleSpanProcessor(exporter)).get_tracer("test")


def test_without_the_setting_the_application_is_left_as_it_is(app, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert with_traces(Settings(), app) is app


def test_without_a_place_to_send_them_there_are_none(app, monkeypatch, caplog):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    with caplog.at_level(logging.WARNING, "muslin.serving"):
        assert with_traces(Settings(traces="on"), app) is app
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in caplog.text


def test_a_request_is_a_span_of_the_callers_trace(app, tracer, exporter):
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "mine-12345"}
    path = "/v1/return-review/secret-id/outcome"
    assert ask(around(app, tracer), path, {}, headers=sent).status == 422
    (span,) = exporter.get_finished_spans()
    assert span.name == "POST /v1/return-review/{audit_id}/outcome"
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.attributes == {
        "http.response.status_code": 422,
        "http.route": "/v1/return-review/{audit_id}/outcome",
        "muslin.request_id": "mine-12345",
    }
    assert span.resource.attributes["service.name"] == "muslin"
    assert "secret-id" not in span.to_json()


def test_a_failure_is_marked_without_its_text(app, tracer, exporter):
    async def broken(body, request_id):
        raise RuntimeError("secret-id")

    app.use("/v1/size-advice", broken, Readiness(ready=True))
    assert ask(around(app, tracer), body={}).status == 500
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert not span.events
    assert "secret-id" not in span.to_json()


@pytest.mark.parametrize(("module", "owner", "method", "name"), PARTS)
def test_each_part_is_a_span_within_a_request_and_none_outside(
    module, owner, method, name, tracer, exporter, monkeypatch
):
    for place, cls, called, _ in PARTS:  # put back afterwards
        found = getattr(import_module(place), cls)
        monkeypatch.setattr(found, called, vars(found)[called])
    part = getattr(import_module(module), owner)

    def stub(self, asked, *rest, **named):
        if asked == ["fails"]:
            raise ValueError("secret-id")
        return asked

    monkeypatch.setattr(part, method, stub)
    watch_parts(tracer)
    watch_parts(tracer)  # once more does no harm
    one = object.__new__(part)
    assert getattr(one, method)([1, 2]) == [1, 2]
    assert not exporter.get_finished_spans()
    with tracer.start_as_current_span("request"):
        assert getattr(one, method)([1, 2]) == [1, 2]
        with pytest.raises(ValueError, match="secret-id"):
            getattr(one, method)(["fails"])
    inner, failed, request = exporter.get_finished_spans()
    assert inner.name == name
    assert inner.parent.span_id == request.context.span_id
    assert inner.attributes == {"muslin.asked": 2}
    assert "secret-id" not in failed.to_json()
