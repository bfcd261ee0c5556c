"""OpenTelemetry traces, where they are asked for: a request, its look-ups, its models.

Nothing here runs unless ``MUSLIN_TRACES=on``. A span holds the endpoint, the status, the request id
and how many questions were asked, never a value of a request, a path with an id or the text of an
exception. The caller's ``traceparent`` is taken over.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from features.settings import Settings
from serving.http import ASGIApp, Message, Receive, Scope, Send
from serving.observe.request_id import HEADER

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Tracer

__all__ = ["PARTS", "around", "provider_of", "watch_parts", "with_traces"]

logger = logging.getLogger("muslin.serving")

PARTS: Final = (
    ("features.size_fit_online", "SizeFitLookup", "contexts", "look-up size_fit"),
    ("features.return_risk_online", "ReturnRiskLookup", "contexts", "look-up return_risk"),
    ("features.abuse_online", "AbuseLookup", "contexts", "look-up abuse"),
    ("serving.return_review.gather", "StateOrders", "read", "look-up orders"),
    ("models.size_fit.estimator", "SizeFit", "advise", "model size_fit"),
    ("models.return_risk.estimator", "ReturnRisk", "predict_proba", "model return_risk"),
    ("models.abuse.estimator", "AbuseModel", "predict_proba", "model abuse"),
)
"""What gets a span inside of a request: module, class, method, and the span's name."""
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED: Final = "OTEL_SDK_DISABLED"
_TRACEPARENT: Final = b"traceparent"


def with_traces(settings: Settings, app: ASGIApp) -> ASGIApp:
    """Put traces around an application where the settings say so; else give it as it is.

    Parameters
    ----------
    settings
        Whether traces are sent. Where to, and all else of it, the standard variables ``OTEL_*``
        say.
    app
        Answers HTTP.
    """
    if settings.traces != "on":
        return app
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        logger.warning("MUSLIN_TRACES is on; say where traces go: set %s", _ENDPOINTS[1])
        return app
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        logger.warning("traces need an exporter; run: pip install muslin[otel]")
        return app
    provider = provider_of(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("muslin.serving")
    watch_parts(tracer)
    return around(app, tracer)


def provider_of(processor: SpanProcessor) -> TracerProvider:
    """Make a provider of our own: BentoML's, which is the global one, stays silent.

    Parameters
    ----------
    processor
        Sends spans.
    """
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    service = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "muslin"}
    with _enabled():
        provider = TracerProvider(resource=Resource.create(service))
    provider.add_span_processor(processor)
    return provider


@contextmanager
def _enabled() -> Iterator[None]:
    """`serving.quiet` has switched the SDK off for the libraries."""
    said = os.environ.pop(_DISABLED, None)
    try:
        yield
    finally:
        if said is not None:
            os.environ[_DISABLED] = said


def around(app: ASGIApp, tracer: Tracer) -> ASGIApp:
    """Give each request a span.

    Parameters
    ----------
    app
        Answers HTTP, and leaves the pattern of the path in the scope.
    tracer
        Makes spans.
    """
    from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    propagator = TraceContextTextMapPropagator()

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        # Its companions tracestate and baggage may hold anything: they are not taken over.
        sent = dict(scope["headers"]).get(_TRACEPARENT)
        carrier = {} if sent is None else {"traceparent": sent.decode("latin-1")}
        with tracer.start_as_current_span(
            "request",
            context=propagator.extract(carrier),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                    for name, value in message["headers"]:
                        if name == HEADER:
                            span.set_attribute("muslin.request_id", value.decode("ascii"))
                await send(message)

            try:
                await app(scope, receive, noting)
            finally:
                endpoint = scope.get("muslin.endpoint", "other")
                span.update_name(f"{scope['method'][:10]} {endpoint}")
                span.set_attribute("http.route", endpoint)

    return traced


def watch_parts(tracer: Tracer) -> None:
    """Give look-ups and models a span each, wherever a request that is traced asks them."""
    for module, owner, method, name in PARTS:
        cls = getattr(import_module(module), owner)
        setattr(cls, method, _watched(getattr(cls, method), tracer, name))


def _watched(method: Callable[..., Any], tracer: Tracer, name: str) -> Callable[..., Any]:
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    method = getattr(method, "__wrapped__", method)

    @functools.wraps(method)
    def watched(self: Any, asked: Any, *rest: Any, **named: Any) -> Any:
        if not get_current_span().is_recording():
            return method(self, asked, *rest, **named)
        with tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        ) as span:
            if hasattr(asked, "__len__"):
                span.set_attribute("muslin.asked", len(asked))
            return method(self, asked, *rest, **named)

    return watched
