"""Forget a customer: what the service itself keeps of the person, and what it does not keep."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial, reduce
from operator import or_
from pathlib import Path
from typing import Any

from data_contracts.errors import BadInputError
from features.audit import Removed, SqliteAudit
from features.event_log import EventLog
from features.live.fold import ModelState
from features.live.forgetting import (
    Owned,
    count_anew,
    hold_back,
    owned_by,
    remove_keys,
    standing,
)
from features.live.windows import position
from features.personal_keys import names_customer
from features.places import places
from features.settings import Settings
from features.state import NoStateError, StateStore, state_key
from features.stores import event_log_exists, open_event_log, open_state, shown
from pipelines.jobs import job_of
from pipelines.jobs.base import Space

__all__ = ["NOT_TOUCHED", "ForgetReport", "Spaces", "forget"]

Spaces = Callable[[], Mapping[str, tuple[Space, str]]]
"""Gives feature space and version of every champion, by model."""

_HOUR_US = 3_600_000_000
_SQLITE = "sqlite:///"
_ENGINE = "polars"
"""Of the fold: a window holds few rows, and the sums before it come as frames of this engine."""

NOT_TOUCHED = (
    "the shop's own tables, whatever was imported, validated, put aside or back-tested from them:"
    " remove the person there, or the next muslin materialize and muslin train bring the person"
    " back",
    "what muslin features build wrote: vectors name customer and order, and the sums in its state"
    " folder are kept by customer; build anew from tables without the person, and remove the"
    " folders .chunks-*, .size_fit-*, .return_risk-* and .abuse-* that a build which was killed"
    " left beside them or in its scratch folder",
    "models and MLflow's record: they hold sums over many customers, and the paths of the data",
    "backups",
)
"""What is left alone, one sentence each."""


@dataclass(frozen=True)
class ForgetReport:
    """What was removed of a customer.

    Attributes
    ----------
    state
        Keys removed from the online state by kind; None when there is none.
    events
        Events removed from the log; None when there is no such file.
    audit
        Rows removed from the record of reviews; None when there is no such file.
    state_at, events_at, audit_path
        Where they are.
    not_counted
        Why sums over goods, addresses, devices and linked accounts still hold the customer's
        orders; None where they were counted anew, or never held any.
    """

    state: dict[str, int] | None
    events: int | None
    audit: Removed | None
    state_at: str
    events_at: str
    audit_path: Path
    not_counted: str | None = None

    @property
    def found(self) -> bool:
        """Whether anything was kept of the customer."""
        audit = self.audit or Removed()
        return bool(self.state or self.events or audit.reviews or audit.outcomes)

    def lines(self) -> list[str]:
        """Say what was removed from where, and what is left alone; the customer is not named."""
        said = [] if self.found else ["nothing was kept of this customer"]
        if self.state is None:
            said.append(f"online state: there is none at {self.state_at}")
        else:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.state.items()))
            total = sum(self.state.values())
            told = f" ({kinds})" if kinds else ""
            said.append(f"online state {self.state_at}: {total:,} keys removed{told}")
            if _is_server(self.state_at):
                said.append(
                    "online state: the files of Redis hold the bytes until it rewrites them; run"
                    " BGREWRITEAOF and BGSAVE"
                )
            if self.not_counted is not None:
                said.append(
                    "online state: sums over goods, addresses, devices and linked accounts name"
                    f" nobody and still count the customer ({self.not_counted}); the next muslin"
                    " materialize counts them anew"
                )
        if self.events is None:
            said.append(f"log of events: there is none at {self.events_at}")
        else:
            said.append(f"log of events {self.events_at}: {self.events:,} events removed")
            if _is_server(self.events_at):
                said.append(
                    "log of events: the files of PostgreSQL hold the bytes until they are written"
                    " anew; run VACUUM FULL muslin_events (its write-ahead log keeps them as long"
                    " as it is kept)"
                )
        if self.audit is None:
            said.append(f"record of reviews: there is none at {self.audit_path}")
        else:
            said.append(
                f"record of reviews {self.audit_path}: {self.audit.reviews:,} reviews and"
                f" {self.audit.outcomes:,} outcomes removed"
            )
            if self.audit.named_elsewhere:
                said.append(
                    f"record of reviews: {self.audit.named_elsewhere:,} rows of other customers"
                    " still name this one; they stay until they expire"
                )
            if not self.audit.erased:
                said.append(
                    "record of reviews: a reader kept the log beside the file from being emptied;"
                    " run this again to erase the bytes too"
                )
        return said + [f"not touched: {each}" for each in NOT_TOUCHED]


def forget(customer_id: str, settings: Settings, spaces: Spaces | None = None) -> ForgetReport:
    """Remove a customer from the online state, the log of events and the record of reviews.

    All three are opened, and the champions read, before anything is changed. The log goes first:
    what was folded from it into the state until then is looked for in the state afterwards. What
    the state holds of others is counted anew without the customer, where the champions are those
    it was filled for; that takes as long as filling it.

    Parameters
    ----------
    customer_id
        The shop's id, compared as a whole.
    settings
        Where the three are. What does not exist is not made.
    spaces
        The champions; asked where they are needed. Those of the registry when not given.

    Raises
    ------
    BadInputError
        The id is blank.
    StateError, EventLogError, AuditError
        A store cannot be read or written; notes on the error say what was done before.
    """
    if not customer_id.strip():
        raise BadInputError("the customer's id is blank; give the id as the shop's tables have it")
    audit_path = Path(settings.audit_url)
    with ExitStack() as opened:
        log: EventLog | None = None
        if event_log_exists(settings.events_url):
            log = opened.enter_context(open_event_log(settings.events_url))
        found = {url: _state(url) for url in _places(settings)}
        states = [opened.enter_context(each) for each in found.values() if each is not None]
        audit: SqliteAudit | None = None
        if audit_path.exists():
            audit = opened.enter_context(SqliteAudit(audit_path))
        done: list[str] = []
        try:
            asked = cache(spaces or _champions(settings))
            counted = [_Counted(settings, asked) for _ in states]
            owned = [owned_by(state, customer_id) for state in states]
            for state, count, of_state in zip(states, counted, owned, strict=True):
                count.look(state, customer_id, of_state)
            first, everything = next(iter(states), None), reduce(or_, owned, Owned())
            from_events = _from_events(customer_id, log, first, everything, done)
            from_state = Counter[str]()
            for state, count, of_state in zip(states, counted, owned, strict=True):
                from_state += _from_state(customer_id, state, log, of_state, count, done)
            from_audit = None if audit is None else audit.forget(customer_id)
        except Exception as error:
            for note in done:
                error.add_note(note)
            raise
    return ForgetReport(
        dict(from_state) if states else None,
        from_events,
        from_audit,
        " and ".join(shown(url) for url, each in found.items() if each is not None)
        or shown(settings.state_url),
        shown(settings.events_url),
        audit_path,
        next((each.why_not for each in counted if each.why_not is not None), None),
    )


class _Counted:
    """Whether sums hold orders of the customer, and what is needed to count them anew."""

    def __init__(self, settings: Settings, spaces: Spaces) -> None:
        self.horizon_us = int(settings.horizon_hours * _HOUR_US)
        self.models: list[ModelState] | None = None
        self.why_not: str | None = None
        self._spaces = spaces

    def look(self, state: StateStore, customer_id: str, owned: Owned) -> None:
        """Read the champions where the state knows the customer, unless that was done."""
        if self.models is not None or self.why_not is not None:
            return
        if owned.lines or state.get_many([state_key("live", "customer", customer_id)]):
            self.models, self.why_not = _models(state, self._spaces)


def _places(settings: Settings) -> tuple[str, ...]:
    """Wherever there may be a state: the one that serves, the one before, and a challenger's."""
    url = settings.challenger_state_url
    return (*places(settings.state_url), *(() if url is None else (url,)))


def _state(url: str) -> StateStore | None:
    try:
        open_state(url, readonly=True).close()
    except NoStateError:
        return None
    return open_state(url)


def _from_events(
    customer_id: str,
    log: EventLog | None,
    state: StateStore | None,
    owned: Owned,
    done: list[str],
) -> int | None:
    if log is None:
        return None
    known = None if state is None else partial(standing, state)
    count = log.forget_customer(customer_id, lines=owned.lines, claims=owned.claims, known=known)
    done.append(f"{count:,} events were removed from the log of events {log.where}")
    return count


def _from_state(
    customer_id: str,
    state: StateStore,
    log: EventLog | None,
    owned: Owned,
    counted: _Counted,
    done: list[str],
) -> Counter[str]:
    """Keys removed; `counted` tells whether the sums that do not name the customer are right."""
    # A follower may have folded the customer's events since the first look; from here on one that
    # has read them is refused.
    hold_back(state)
    owned |= owned_by(state, customer_id)
    counted.look(state, customer_id, owned)
    if counted.models is None:
        removed = remove_keys(state, customer_id, owned)
    else:
        removed = count_anew(state, log, counted.models, customer_id, horizon_us=counted.horizon_us)
        state.forget_customer(customer_id, names_customer)  # the bytes of the file
    done.append(f"{sum(removed.values()):,} keys were removed from the online state {state.where}")
    return Counter(removed)


def _models(state: StateStore, spaces: Spaces) -> tuple[list[ModelState] | None, str | None]:
    """What the models of the state keep in it; or why that cannot be told."""
    meta = state.meta()
    if position(meta) is None:
        return None, "it was not filled to be kept up with live events"
    try:
        found = spaces()
    except BadInputError as error:
        return None, str(error)
    filled = {name.removeprefix("space."): of for name, of in meta.items() if "space." in name}
    for name, fingerprint in filled.items():
        if name not in found or found[name][0].fingerprint != fingerprint:
            return None, f"it was filled for another {name} than the champion"
    return [job_of(name).kept(_with_engine(found[name][0])) for name in filled], None


def _with_engine(space: Any) -> Any:
    """The space with the engine of the fold, whatever the histories of tables are counted by."""
    pinned = copy.copy(space)
    pinned.engine = _ENGINE
    return pinned


def _is_server(place: str) -> bool:
    return "://" in place


def _champions(settings: Settings) -> Spaces:
    def asked() -> Mapping[str, tuple[Space, str]]:
        file = settings.tracking_uri.removeprefix(_SQLITE)
        if file != settings.tracking_uri and not Path(file).exists():
            raise BadInputError(f"there is no model registry at {settings.tracking_uri}")
        from pipelines.online import champion_spaces
        from pipelines.tracking import Registry

        return champion_spaces(Registry(settings))

    return asked
