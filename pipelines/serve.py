"""Let the process of the command become the service, or the follower of its live events."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from features.settings import Settings

__all__ = ["become_follower", "become_service"]


def become_service(settings: Settings) -> NoReturn:
    """Turn this process into the service, so that signals reach it and its exit code is ours.

    Raises
    ------
    serving.run.ServeError
        The address is taken or not ours.
    """
    from serving.run import check_address

    check_address(settings)
    _become("serving.run", settings)


def become_follower(settings: Settings) -> NoReturn:
    """Turn this process into the one that keeps the online state up with live events."""
    _become("serving.follow", settings, "--fetch")


def _become(module: str, settings: Settings, *more: str) -> NoReturn:
    sys.stdout.flush()
    command = [sys.executable, "-m", module, *more]
    os.execve(sys.executable, command, {**os.environ, **settings.environment()})  # noqa: S606
