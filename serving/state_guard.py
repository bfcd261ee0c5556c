"""Refuse a state that was filled for another model than the one that is served."""

from __future__ import annotations

from features.state import StateError, StateReader
from serving.advisor import ModelLabel

__all__ = ["StateGuard"]


class StateGuard:
    """Watches the online state for one model.

    Positions of sizes and sums of histories are in the units of one feature space, so a state that
    was filled for another gives wrong answers without a sound.

    Parameters
    ----------
    state
        The online state. Each guard needs a connection of its own: whether it has changed is told
        once to each.
    label
        Name and version of the model that is served.
    fingerprint
        Of its feature space.

    Raises
    ------
    StateError
        When the state was filled for another.
    """

    def __init__(self, state: StateReader, label: ModelLabel, fingerprint: str) -> None:
        self._state = state
        self._label = label
        self._space = fingerprint
        self.check()

    def check(self) -> None:
        """Look whether the state was filled anew, and for whom; quick enough for every request.

        Raises
        ------
        StateError
            When it is for another model now. The next call asks again: filling the state for this
            model mends it without a restart.
        """
        if not self._state.changed():
            return
        filled = self._state.meta()
        name = self._label.name
        if filled.get(f"space.{name}") == self._space:
            return
        self._state.forget_version()
        version = filled.get(f"version.{name}")
        what = f"for version {version} of {name}" if version else f"without {name}"
        raise StateError(
            f"the online state at {self._state.where} was filled {what}, and version "
            f"{self._label.version} of {name} is being served"
        )
