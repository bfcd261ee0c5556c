"""Forget a customer: what the service itself keeps of the person, and what it does not keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import BadInputError
from features.audit import Removed, SqliteAudit
from features.personal_keys import names_customer
from features.settings import Settings
from features.state import SqliteState

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
        Keys removed from the online state by kind; None when there is no such file.
    audit
        Rows removed from the record of reviews; None when there is no such file.
    state_path, audit_path
        The files.
    """

    state: dict[str, int] | None
    audit: Removed | None
    state_path: Path
    audit_path: Path

    @property
    def found(self) -> bool:
        """Whether anything was kept of the customer."""
        audit = self.audit or Removed()
        return bool(self.state) or bool(audit.reviews or audit.outcomes)

    def lines(self) -> list[str]:
        """Say what was removed from where, and what is left alone; the customer is not named."""
        said = [] if self.found else ["nothing was kept of this customer"]
        if self.state is None:
            said.append(f"online state: there is none at {self.state_path}")
        else:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.state.items()))
            total = sum(self.state.values())
            told = f" ({kinds})" if kinds else ""
            said.append(f"online state {self.state_path}: {total:,} keys removed{told}")
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
    """Remove a customer's rows from the online state and from the record of reviews.

    Parameters
    ----------
    customer_id
        The shop's id, compared as a whole.
    settings
        Where the two are. A file that does not exist is not made.

    Raises
    ------
    BadInputError
        The id is blank.
    StateError, AuditError
        A file cannot be read or written; when the first is done, a note on the second's error
        says so.
    """
    if not customer_id.strip():
        raise BadInputError("the customer's id is blank; give the id as the shop's tables have it")
    state_path, audit_path = Path(settings.state_url), Path(settings.audit_url)
    from_state: dict[str, int] | None = None
    from_audit: Removed | None = None
    if state_path.exists():
        with SqliteState(state_path) as state:
            from_state = state.forget_customer(customer_id, names_customer)
    if audit_path.exists():
        try:
            with SqliteAudit(audit_path) as audit:
                from_audit = audit.forget(customer_id)
        except Exception as error:
            if from_state is not None:
                error.add_note(
                    f"{sum(from_state.values()):,} keys were removed from the online state"
                    f" {state_path}"
                )
            raise
    return ForgetReport(from_state, from_audit, state_path, audit_path)
