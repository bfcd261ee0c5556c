"""What an endpoint is, and how one is added to the service.

An endpoint is an awaitable ``(body, request_id) -> body`` in bytes of JSON that raises
:class:`serving.problems.Problem` for what it refuses. To add one:

1. Describe it as a :class:`serving.operation.Operation` and list it in
   :data:`serving.openapi.OPERATIONS`: from then on its path is documented at ``/docs.json`` and
   answers 503 ``not-ready`` until step 2. A path may hold one parameter, such as
   ``/v1/return-review/{audit_id}/outcome``; the endpoint gets its value as third argument.
2. Make it in :func:`serving.startup.start` and give it to the application:
   ``app.use(path, endpoint, Readiness(ready=True, ...))``, or say what is missing with
   ``app.not_ready(path, reason, action)``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from serving.advisor import ModelLabel

__all__ = ["Endpoint", "Loaded", "Readiness"]

Endpoint = Callable[..., Awaitable[bytes]]
"""``(body, request_id)``, or ``(body, request_id, parameter)`` where the path has one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an endpoint can answer, and what to do if not.

    Parameters
    ----------
    ready
        True when it answers.
    model
        The model that answers; None where there is none (yet).
    source
        Where the champion came from: ``registry``, or ``copy`` when the registry was not there.
    reason
        Why it is not ready, why it runs on a copy, or what it must do without.
    action
        The command that helps.
    counts
        Whether it makes the service ready as a whole: what only takes in does not.
    """

    ready: bool
    model: ModelLabel | None = None
    source: str | None = None
    reason: str | None = None
    action: str | None = None
    counts: bool = True

    def as_dict(self) -> dict[str, object]:
        """Members at ``/readyz``."""
        return {
            "ready": self.ready,
            "model": (
                {"name": self.model.name, "version": self.model.version} if self.model else None
            ),
            "source": self.source,
            "reason": self.reason,
            "action": self.action,
        }


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """A model's advisor, or why there is none.

    Parameters
    ----------
    advisor
        None where the model is missing or cannot be used.
    readiness
        Of the model; ready only with an advisor.
    """

    advisor: T | None
    readiness: Readiness
