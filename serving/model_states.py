"""What each champion keeps in the state, for the state that was filled for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from features.abuse_space import AbuseSpace
from features.live.filling import model_states
from features.live.fold import ModelState
from features.live.windows import position
from features.return_risk_space import ReturnRiskSpace
from features.settings import Settings
from features.size_fit_space import SizeFitSpace
from serving.champions.copies import (
    CHALLENGER,
    Champion,
    ChampionError,
    check,
    copies_of,
    read_record,
)

__all__ = ["FollowError", "ModelStates"]

_SPACE: Final = "space."
# A window holds few rows, and starting an engine of big data costs more than all its work.
_ENGINE: Final = "polars"


class FollowError(RuntimeError):
    """A state that cannot be kept up as it is; the message says what to do."""


class _Kept(NamedTuple):
    fingerprint: str
    state: ModelState


_SPACES: Final[Mapping[str, Any]] = {
    "size_fit": SizeFitSpace,
    "return_risk": ReturnRiskSpace,
    "abuse": AbuseSpace,
}


def _load(name: str, folder: Path) -> _Kept:
    space = _SPACES[name].load(folder, engine=_ENGINE)
    (state,) = model_states({name: space})
    return _Kept(space.fingerprint, state)


class ModelStates:
    """What the champions keep in the state; each is read once.

    Parameters
    ----------
    settings
        Where the champions are.
    """

    names: ClassVar = tuple(_SPACES)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: dict[tuple[str, str], _Kept] = {}

    def of(self, meta: Mapping[str, str], where: str) -> dict[str, ModelState]:
        """What is to be kept up in a state, by model.

        All models it was filled for or none: one that is left out would miss these events for good.

        Parameters
        ----------
        meta
            What is said of the state.
        where
            Its name, for messages.

        Raises
        ------
        FollowError
            It was filled for another version, or in a way that cannot be followed.
        """
        filled = [name.removeprefix(_SPACE) for name in meta if name.startswith(_SPACE)]
        if not filled or position(meta) is None:
            raise FollowError(
                f"the online state at {where} was not filled to be kept up with live events;"
                " run: muslin materialize --data DIR"
            )
        return {name: self._of(name, meta, where) for name in filled}

    def _of(self, name: str, meta: Mapping[str, str], where: str) -> ModelState:
        if name not in _SPACES:
            raise FollowError(
                f"the online state at {where} was filled for {name}, which this version of Muslin"
                " does not know; run: muslin materialize --data DIR"
            )
        try:
            found, kept = self._read(name, meta[_SPACE + name])
        except ChampionError as error:
            raise FollowError(f"live events are not followed: {error}") from error
        if kept.fingerprint != meta[_SPACE + name]:
            raise FollowError(
                f"live events are not followed: the online state at {where} was filled for version"
                f" {meta.get(f'version.{name}', 'unknown')} of {name}, and version {found.version}"
                " is the champion; run: muslin materialize --data DIR"
            )
        return kept.state

    def _read(self, name: str, fingerprint: str) -> tuple[Champion, _Kept]:
        """The copy a state was filled for, or where that is damaged another of the same space."""
        damage: ChampionError | None = None
        for each in self._copies(name, fingerprint):
            kept = self._loaded.get((name, each.folder))
            try:
                if kept is None:
                    kept = _load(name, check(self._settings, each))
            except ChampionError as error:
                damage = damage or error
                continue
            self._loaded[name, each.folder] = kept
            return each, kept
        assert damage is not None
        raise damage

    def _copies(self, name: str, fingerprint: str) -> list[Champion]:
        """Copies a state was filled for: of the champion, those before it, or the challenger's."""
        champion = read_record(self._settings, name)
        offered = (
            champion,
            *copies_of(self._settings, name),
            *copies_of(self._settings, name, CHALLENGER),
        )
        return [each for each in offered if each.space == fingerprint] or [champion]
