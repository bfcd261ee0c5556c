"""The ASGI application: which path is answered by whom, and what happens when something fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from time import perf_counter

import orjson

from features.access_keys import ADMIN, METRICS
from features.credentials import without_credentials
from features.settings import Settings
from features.state import StateError
from serving.access.gate import Gate
from serving.access.headers import Field, Fields, Headers
from serving.access.known_keys import Caller
from serving.access.weight import cost_of
from serving.degraded import watches
from serving.dependency import Dependency
from serving.http import (
    ASGIApp,
    Disconnected,
    Message,
    Receive,
    Scope,
    Send,
    read_json_body,
    respond,
)
from serving.languages import Languages
from serving.live_state import LiveState
from serving.observe.exposition import CONTENT_TYPE
from serving.observe.observer import GONE, OTHER, Observer
from serving.observe.request_id import HEADER, REQUEST_ID, request_id_of
from serving.openapi import OPERATIONS, openapi_document
from serving.parts import Endpoint, Readiness
from serving.problems import Problem, problem_body
from serving.queue import LONG_BODY, QUEUE

__all__ = ["MuslinApp"]

logger = logging.getLogger("muslin.serving")

_PROBLEM = b"application/problem+json"
_STARTING = Readiness(ready=False, reason="the service is starting")
_LONGEST_PARAMETER = 200
_STATUS = {operation.path: operation.status for operation in OPERATIONS}
_NEEDS = {operation.path: operation.scope for operation in OPERATIONS}
_METRICS = "/metrics"
_PAGE_NEEDS = {_METRICS: METRICS}
_LISTED = frozenset(operation.path for operation in OPERATIONS if operation.listed)


class MuslinApp:
    """The service's HTTP side.

    Parameters
    ----------
    settings
        Limits of a request.

    Notes
    -----
    It starts without a model and says so at ``/readyz``; :meth:`use` gives a path its endpoint.
    Each path answers as soon as it has what it needs itself, whatever the others lack.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.languages = Languages()
        self._gate = Gate(settings)
        # Keeper, writer of events and writer of reviews give endpoints, each from its thread.
        self._giving = threading.Lock()
        self._headers = Headers(settings.cors_origins)
        self._endpoints: dict[str, Endpoint | None] = {}
        self._readiness: dict[str, Readiness] = {}
        self._patterns: list[tuple[str, str, str]] = []  # before and after the parameter, path
        self._pages: dict[str, Callable[[], tuple[int, bytes]]] = {
            "/livez": lambda: (HTTPStatus.OK, b'{"alive":true}'),
            "/readyz": self._readyz,
            "/docs.json": self._docs,
            _METRICS: lambda: (HTTPStatus.OK, b""),  # written off the event loop
        }
        self._document: bytes | None = None
        self._live: LiveState | None = None
        self._champions: Callable[[], Mapping[str, object]] = dict
        self.dependencies: list[Dependency] = []
        self.observer = Observer(settings, self.dependencies)
        self.counts = self.observer.counts
        for operation in OPERATIONS:
            self._tell(operation.path, None, _STARTING)

    def use(self, path: str, endpoint: Endpoint, readiness: Readiness) -> None:
        """Let `endpoint` answer `path` from now on.

        Parameters
        ----------
        path
            Such as ``/v1/size-advice``. It may hold one parameter, a whole part of the path in
            braces (``/v1/return-review/{audit_id}/outcome``), whose value is the endpoint's third
            argument.
        endpoint
            Takes the body and the request id.
        readiness
            What ``/readyz`` tells.
        """
        self._tell(path, endpoint, readiness)

    def exchange(self, parts: Mapping[str, tuple[Endpoint | None, Readiness]]) -> None:
        """Let these endpoints answer, all from the same moment on; None answers 503.

        Requests that have begun end with the endpoint they began with.
        """
        with self._giving:
            self._readiness = self._readiness | {
                path: replace(told, reason=_plain(told.reason)) for path, (_, told) in parts.items()
            }
            self._endpoints = self._endpoints | {path: each for path, (each, _) in parts.items()}

    def use_champions(self, told: Callable[[], Mapping[str, object]]) -> None:
        """Let ``/readyz`` tell which version of each model answers, waits, or was refused."""
        self._champions = told

    def use_live(self, live: LiveState) -> None:
        """Let ``/readyz`` tell how far behind the live events the online state is."""
        self._live = live

    def depend_on(self, dependency: Dependency) -> None:
        """Let ``/readyz`` tell when this cannot be used; of the online state it tells anyway."""
        self.dependencies.append(dependency)

    def not_ready(
        self, path: str, reason: str, action: str | None, *, source: str | None = None
    ) -> None:
        """Tell at ``/readyz`` why `path` cannot answer, and the command that helps."""
        told = Readiness(ready=False, source=source, reason=reason, action=action)
        self._tell(path, None, told)

    def _tell(self, path: str, endpoint: Endpoint | None, readiness: Readiness) -> None:
        with self._giving:
            if path not in self._endpoints and "{" in path:
                before, _, rest = path.partition("{")
                self._patterns.append((before, rest.partition("}")[2], path))
            self._endpoints[path] = endpoint
            self._readiness[path] = replace(readiness, reason=_plain(readiness.reason))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        begun = perf_counter()
        path: str = scope["path"]
        request_id = request_id_of(scope["headers"])
        REQUEST_ID.set(request_id)
        named = (HEADER, request_id.encode("ascii"))
        fields = (*self._headers.of_answer(scope["headers"]), named)
        pattern, status = OTHER, GONE
        kind: str | None = None
        caller: Caller | None = None
        cost = 1
        try:
            route = self._route(path)
            if route is not None:
                pattern = route[0]
            elif path in self._pages:
                pattern = path
            if scope["method"] == "OPTIONS" and await self._preflight(scope, send, route, named):
                status = HTTPStatus.NO_CONTENT
            elif route is None:
                status = await self._page(scope, send, named)
            else:
                pattern, values = route
                caller = self._gate.admit(scope, _NEEDS.get(pattern, ADMIN))
                endpoint = self._endpoint(pattern, scope["method"])
                QUEUE.enter(scope)
                body = await read_json_body(
                    scope, receive, self.settings.max_body_bytes, self.settings.client_timeout_s
                )
                most = self.settings.max_items if pattern in _LISTED else None
                if caller is None or caller.bucket is None:
                    cost_of(body, most, charged=False)
                else:
                    asked = cost_of(body, most, charged=True)
                    self._gate.charge(caller, asked)
                    cost = asked
                if len(body) > LONG_BODY:
                    answer = await QUEUE.long(endpoint, body, request_id, *values)
                else:
                    answer = await endpoint(body, request_id, *values)
                status = _STATUS.get(pattern, HTTPStatus.OK)
                await respond(send, answer, status=status, fields=fields)
        except Problem as problem:
            status, kind = problem.status, problem.kind
            if caller is not None:
                self._gate.give_back(caller, cost, problem)
            await _send_problem(send, problem, path, request_id, fields)
        except Disconnected:
            return
        except StateError as error:
            unusable = Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "state-unusable",
                "The online state cannot be used",
                f"{without_credentials(str(error))}; run: muslin materialize --data DIR, or restart"
                " the service",
            )
            status, kind = unusable.status, unusable.kind
            if caller is not None:
                self._gate.give_back(caller, cost, unusable)
            await _send_problem(send, unusable, path, request_id, fields)
        except Exception:
            # The client gets a number to quote; what happened stands in the log.
            logger.exception("a request to %s failed", pattern)
            failure = _failure(request_id)
            status, kind = failure.status, failure.kind
            await _send_problem(send, failure, path, request_id, fields)
        finally:
            scope["muslin.endpoint"] = pattern
            self.observer.done(
                pattern, scope["method"], status, begun, request_id, kind=kind, caller=caller
            )

    async def guard(self, inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let another application answer, where the caller may ask for this path of it."""
        path: str = scope["path"]
        request_id = request_id_of(scope["headers"])
        REQUEST_ID.set(request_id)
        name = (HEADER, request_id.encode("ascii"))

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), name]
            await send(message)

        try:
            if path in _PAGE_NEEDS:
                self._gate.admit(scope, _PAGE_NEEDS[path])
        except Problem as problem:
            fields = self._headers.of_answer(scope["headers"])
            await _send_problem(named, problem, path, request_id, fields)
        else:
            await inner(scope, receive, named)

    async def _preflight(
        self, scope: Scope, send: Send, route: tuple[str, tuple[str, ...]] | None, named: Field
    ) -> bool:
        """Answer a browser that asks whether a page may ask; False where it is no such question."""
        if route is None and scope["path"] not in self._pages:
            return False
        allowed = "GET, HEAD" if route is None else "POST"
        fields = self._headers.preflight(scope["headers"], allowed)
        if fields is None:
            return False
        status = int(HTTPStatus.NO_CONTENT)
        sent = [*fields, named]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b""})
        return True

    def _route(self, path: str) -> tuple[str, tuple[str, ...]] | None:
        if path in self._endpoints and "{" not in path:
            return path, ()
        for before, after, pattern in self._patterns:
            if path.startswith(before) and path.endswith(after):
                value = path[len(before) : len(path) - len(after)]
                if 0 < len(value) <= _LONGEST_PARAMETER and "/" not in value:
                    return pattern, (value,)
        return None

    def _endpoint(self, path: str, method: str) -> Endpoint:
        if method != "POST":
            raise _wrong_method(path, method, "POST")
        endpoint = self._endpoints[path]
        if endpoint is None:
            told = self._readiness[path]
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "not-ready",
                "This endpoint cannot answer yet",
                f"{told.reason}{f'; run: {told.action}' if told.action else ''}",
                headers={"retry-after": "30"},
            )
        return endpoint

    async def _page(self, scope: Scope, send: Send, named: Field) -> int:
        path, method = scope["path"], scope["method"]
        page = self._pages.get(path)
        if page is None:
            known = ", ".join([*self._endpoints, *self._pages])
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "unknown-path",
                "There is nothing at this path",
                f"There is nothing at {path[:200]}; there is {known}.",
            )
        if method not in ("GET", "HEAD"):
            raise _wrong_method(path, method, "GET, HEAD")
        if path in _PAGE_NEEDS:
            self._gate.admit(scope, _PAGE_NEEDS[path])
        if path == "/readyz" and self._live is not None:
            await self._live.look()
        status, body = page()
        content_type = None
        if path == _METRICS:
            body = await self.observer.page(self._readiness, self._live)
            content_type = CONTENT_TYPE
        fields = (*self._headers.of_page(scope["headers"]), named)
        await respond(send, body, status=status, content_type=content_type, fields=fields)
        return status

    def _readyz(self) -> tuple[int, bytes]:
        able = any(each.ready and each.counts for each in self._readiness.values())
        ready = able and not QUEUE.draining
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        endpoints = {path: each.as_dict() for path, each in self._readiness.items()}
        live = self._live.told if self._live is not None else None
        lost = [told for each in (*watches(), *self.dependencies) if (told := each.told())]
        told = {
            "ready": ready,
            "endpoints": endpoints,
            "champions": self._champions(),
            "live": live,
            "degraded": lost,
        }
        return status, orjson.dumps(told)

    def _docs(self) -> tuple[int, bytes]:
        if self._document is None:
            self._document = orjson.dumps(openapi_document(self.settings))
        return HTTPStatus.OK, self._document


def _plain(reason: str | None) -> str | None:
    """A reason as `/readyz` may tell it, which is open to all."""
    return None if reason is None else without_credentials(reason)


def _wrong_method(path: str, method: str, allowed: str) -> Problem:
    return Problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "wrong-method",
        "This path does not take this method",
        f"{path} takes {allowed}, not {method[:20]}.",
        headers={"allow": allowed},
    )


def _failure(request_id: str) -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal-error",
        "The service failed",
        f"The service failed on this request; its log has the cause under {request_id}.",
    )


async def _send_problem(
    send: Send, problem: Problem, path: str, request_id: str, fields: Fields
) -> None:
    await respond(
        send,
        problem_body(problem, path=path[:200], request_id=request_id),
        status=problem.status,
        content_type=_PROBLEM,
        headers=problem.headers,
        fields=fields,
    )
