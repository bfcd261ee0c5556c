"""The ASGI application: which path is answered by whom, and what happens when something fails."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from features.settings import Settings
from features.state import StateError
from serving.advisor import SizeAdvisor
from serving.endpoints import SizeAdviceEndpoint
from serving.http import (
    Disconnected,
    Receive,
    Scope,
    Send,
    new_request_id,
    read_json_body,
    respond,
)
from serving.languages import Languages
from serving.openapi import openapi_document
from serving.problems import Problem, problem_body

__all__ = ["MuslinApp", "Readiness"]

logger = logging.getLogger("muslin.serving")

Endpoint = Callable[[bytes, str], Awaitable[bytes]]
_PROBLEM = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the service can answer, and what to do if not.

    Parameters
    ----------
    ready
        True when a champion answers.
    source
        Where the champion came from: ``registry``, or ``copy`` when the registry was not there.
    reason
        Why it is not ready, or why it runs on a copy.
    action
        The command that helps.
    """

    ready: bool
    source: str | None = None
    reason: str | None = None
    action: str | None = None


class MuslinApp:
    """The service's HTTP side.

    Parameters
    ----------
    settings
        Limits of a request.

    Notes
    -----
    It starts without a model and says so at ``/readyz``; :meth:`use` gives it one.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.languages = Languages()
        self._endpoints: dict[str, Endpoint | None] = {"/v1/size-advice": None}
        self._pages: dict[str, Callable[[], tuple[int, bytes]]] = {
            "/livez": lambda: (HTTPStatus.OK, b'{"alive":true}'),
            "/readyz": self._readyz,
            "/docs.json": self._docs,
        }
        self._readiness = Readiness(ready=False, reason="the service is starting")
        self._model: dict[str, str] | None = None
        self._document: bytes | None = None

    def use(self, advisor: SizeAdvisor, readiness: Readiness) -> None:
        """Answer size questions with `advisor` from now on.

        Parameters
        ----------
        advisor
            The model with its state.
        readiness
            What ``/readyz`` tells.
        """
        self._endpoints["/v1/size-advice"] = SizeAdviceEndpoint(
            advisor, self.languages, max_items=self.settings.max_items
        )
        label = advisor.label()
        self._model = {"name": label.name, "version": label.version}
        self._readiness = readiness

    def not_ready(self, reason: str, action: str) -> None:
        """Tell at ``/readyz`` why there is no model, and the command that makes one."""
        self._readiness = Readiness(ready=False, reason=reason, action=action)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        path: str = scope["path"]
        request_id = new_request_id()
        try:
            if path in self._endpoints:
                endpoint = self._endpoint(path, scope["method"])
                body = await read_json_body(scope, receive, self.settings.max_body_bytes)
                await respond(send, await endpoint(body, request_id))
            else:
                await self._page(scope, send)
        except Problem as problem:
            await _send_problem(send, problem, path, request_id)
        except Disconnected:
            return
        except StateError as error:
            unusable = Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "state-unusable",
                "The online state cannot be used",
                f"{error}; run: muslin materialize --data DIR, or restart the service",
            )
            await _send_problem(send, unusable, path, request_id)
        except Exception:
            # The client gets a number to quote; what happened stands in the log.
            logger.exception("request %s to %s failed", request_id, path)
            await _send_problem(send, _failure(request_id), path, request_id)

    def _endpoint(self, path: str, method: str) -> Endpoint:
        if method != "POST":
            raise _wrong_method(path, method, "POST")
        endpoint = self._endpoints[path]
        if endpoint is None:
            action = self._readiness.action
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "not-ready",
                "The service has no model yet",
                f"{self._readiness.reason}{f'; run: {action}' if action else ''}",
                headers={"retry-after": "30"},
            )
        return endpoint

    async def _page(self, scope: Scope, send: Send) -> None:
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
        status, body = page()
        await respond(send, body, status=status)

    def _readyz(self) -> tuple[int, bytes]:
        told = self._readiness
        status = HTTPStatus.OK if told.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, orjson.dumps(
            {
                "ready": told.ready,
                "model": self._model,
                "source": told.source,
                "reason": told.reason,
                "action": told.action,
            }
        )

    def _docs(self) -> tuple[int, bytes]:
        if self._document is None:
            self._document = orjson.dumps(openapi_document(self.settings))
        return HTTPStatus.OK, self._document


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


async def _send_problem(send: Send, problem: Problem, path: str, request_id: str) -> None:
    await respond(
        send,
        problem_body(problem, path=path[:200], request_id=request_id),
        status=problem.status,
        content_type=_PROBLEM,
        headers=problem.headers,
    )
