"""Forget a customer: what the service itself keeps of the person, and what it does not keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import BadInputError
from features.audit import Removed, SqliteAudit
from features.live.fold import drop_undo
from features.personal_keys import names_customer
from features.settings import Settings
from features.state import NoStateError
from features.stores import event_log_exists, open_event_log, open_state, shown

__all__ = ["NOT_TOUCHED", "ForgetReport", "forget"]

NOT_TOUCHED = (
    "the shop's own tables, whatever was imported, validated, put aside or back-tested from them:"
    " remove the person there, or the next muslin materialize and muslin train bring the person"
    " back",
    "models and MLflow's record: they hold sums over many customers, and the paths of the data",
    "histories of orders, addresses, devices and linked accounts in the online state: they do not"
    " name the customer, and the next muslin materialize counts them anew",
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
    """

    state: dict[str, int] | None
    events: int | None
    audit: Removed | None
    state_at: str
    events_at: str
    audit_path: Path

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
        if self.events is None:
            said.append(f"log of events: there is none at {self.events_at}")
        else:
            said.append(f"log of events {self.events_at}: {self.events:,} events removed")
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


def forget(customer_id: str, settings: Settings) -> ForgetReport:
    """Remove a customer from the online state, the log of events and the record of reviews.

    The log goes first: what is folded from it into the state meanwhile is then found there.

    Parameters
    ----------
    customer_id
        The shop's id, compared as a whole.
    settings
        Where the three are. What does not exist is not made.

    Raises
    ------
    BadInputError
        The id is blank.
    StateError, EventLogError, AuditError
        A store cannot be read or written; notes on the error say what was done before.
    """
    if not customer_id.strip():
        raise BadInputError("the customer's id is blank; give the id as the shop's tables have it")
    done: list[str] = []
    try:
        from_events = _from_events(customer_id, settings.events_url, done)
        from_state = _from_state(customer_id, settings.state_url, done)
        audit_path = Path(settings.audit_url)
        from_audit: Removed | None = None
        if audit_path.exists():
            with SqliteAudit(audit_path) as audit:
                from_audit = audit.forget(customer_id)
    except Exception as error:
        for note in done:
            error.add_note(note)
        raise
    return ForgetReport(
        from_state,
        from_events,
        from_audit,
        shown(settings.state_url),
        shown(settings.events_url),
        audit_path,
    )


def _from_events(customer_id: str, url: str, done: list[str]) -> int | None:
    if not event_log_exists(url):
        return None
    with open_event_log(url) as log:
        count = log.forget_customer(customer_id)
    done.append(f"{count:,} events were removed from the log of events {shown(url)}")
    return count


def _from_state(customer_id: str, url: str, done: list[str]) -> dict[str, int] | None:
    try:
        open_state(url, readonly=True).close()
    except NoStateError:
        return None
    with open_state(url) as state:
        drop_undo(state)  # first: removing the customer rebuilds the file without what was removed
        removed = state.forget_customer(customer_id, names_customer)
    done.append(f"{sum(removed.values()):,} keys were removed from the online state {shown(url)}")
    return removed
