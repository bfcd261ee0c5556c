"""What `/readyz` says of the model that answers, or of the one that should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from serving.champions.choice import Serving
from serving.champions.copies import Champion, ChampionError
from serving.champions.troubles import Trouble
from serving.parts import Loaded, Readiness

__all__ = ["MATERIALIZE", "behind", "loaded", "not_ready", "told"]

MATERIALIZE: Final = "muslin materialize --data DIR"


def loaded(served: Serving, waiting: Champion | None, why: str | None) -> Loaded[Any]:
    """The model that answers.

    Parameters
    ----------
    served
        What answers.
    waiting
        The champion that should, where its state is missing.
    why
        As :func:`behind`.
    """
    champion = served.champion
    readiness = Readiness(
        ready=True,
        model=champion.label,
        source=champion.source,
        reason="; ".join(each for each in (champion.reason, why) if each) or None,
        action=MATERIALIZE if waiting is not None else None,
    )
    return Loaded(served.advisor, readiness)


def not_ready(
    name: str,
    copies: Sequence[Champion],
    missing: ChampionError | None,
    trouble: Trouble | None,
) -> Loaded[Any]:
    """Why nothing answers.

    Parameters
    ----------
    name
        Of the model.
    copies
        There are.
    missing
        Why there is none.
    trouble
        Why the champion's is not taken.
    """
    if missing is not None:
        told = Readiness(ready=False, reason=missing.reason, action=missing.action)
    elif trouble is None:
        told = Readiness(ready=False, reason=f"{name} is not loaded yet")
    else:
        source = next((each.source for each in copies if each.folder == trouble.folder), None)
        told = Readiness(ready=False, source=source, reason=trouble.reason, action=trouble.action)
    return Loaded(None, told)


def behind(
    served: Serving | None,
    copies: Sequence[Champion],
    waiting: Champion | None,
    refused: Trouble | None,
) -> str | None:
    """Why another version answers than the one that should; None where it is the same."""
    if waiting is not None:
        return (
            f"version {waiting.version} is the champion, and the online state is not filled for it"
        )
    if served is None or refused is None or not copies:
        return None
    if copies[0].folder == refused.folder != served.champion.folder:
        return f"version {refused.version} is refused: {refused.reason}"
    return None


def told(
    served: Serving | None,
    waiting: Champion | None,
    why: str | None,
    refused: Trouble | None,
    shadow: str | None,
) -> dict[str, object]:
    """The member ``champions`` of one model.

    Parameters
    ----------
    served, waiting
        As for :func:`loaded`.
    why
        As :func:`behind`.
    refused
        The copy that was refused last.
    shadow
        Version of the challenger.
    """
    waits = None
    if waiting is not None:
        waits = {"version": waiting.version, "reason": why, "action": MATERIALIZE}
    return {
        "version": None if served is None else served.champion.version,
        "since": None if served is None else served.since,
        "waiting": waits,
        "refused": None if refused is None else refused.told(),
        "shadow": shadow,
    }
