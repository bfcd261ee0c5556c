"""Which copy of a model should answer, and from the state at which place.

Nothing here looks at a disk or a server: a choice follows from the copies there are, from what
answers now, and from what is said of the states.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from features.places import FILLED_AT, space_name
from serving.champions.copies import Champion

__all__ = ["Serving", "States", "candidates", "choose", "fits", "ranked"]


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers now.

    Parameters
    ----------
    champion
        The copy.
    place
        Of the state it reads.
    advisor
        The loaded model.
    sizes
        The model of sizes it asks, if any.
    since
        When it began.
    """

    champion: Champion
    place: str
    advisor: Any
    sizes: Any
    since: str


@dataclass(frozen=True, slots=True)
class States:
    """What is known of the states.

    Parameters
    ----------
    found
        By place, what is said of the state there; of a place that cannot be read now, what was
        said last.
    lost
        The places that cannot be read now.
    """

    found: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lost: Collection[str] = ()

    def suit(self, champion: Champion, place: str) -> bool:
        """Whether the state at a place was filled for the feature space of a copy."""
        return place in self.found and fits(champion, self.found[place])

    def filled_at(self, place: str) -> str | None:
        """When the state at a place was filled; None where there is none."""
        return self.found.get(place, {}).get(FILLED_AT)


def fits(champion: Champion, meta: Mapping[str, str]) -> bool:
    """Whether a state was filled for the feature space of a copy."""
    return champion.space is None or meta.get(space_name(champion.name)) == champion.space


def candidates(
    copies: Sequence[Champion], served: Serving | None, refused: Callable[[Champion], bool]
) -> list[Champion]:
    """The copies of a model that may answer, the wanted first.

    Parameters
    ----------
    copies
        The champion's, and those before it.
    served
        What answers now: in memory it is as good as ever, whatever became of its files.
    refused
        Whether a copy was tested and failed.
    """
    rest = list(copies[1:]) if served is None else [served.champion]
    offered = {each.folder: each for each in (*copies[:1], *rest)}
    kept = [each for each in offered.values() if not refused(each)]
    if served is not None and served.champion.folder not in {each.folder for each in kept}:
        kept.append(served.champion)
    return kept


def ranked(wanted: Mapping[str, Sequence[Champion]], states: States) -> list[str]:
    """The places, first the one that suits most models, of these the one filled last.

    Parameters
    ----------
    wanted
        By model, its :func:`candidates`.
    states
        What is known of the places.
    """
    firsts = [each[0] for each in wanted.values() if each]

    def suits(place: str) -> tuple[int, str]:
        return sum(states.suit(each, place) for each in firsts), states.filled_at(place) or ""

    return sorted(states.found, key=suits, reverse=True)


def choose(
    offered: Sequence[Champion],
    served: Serving | None,
    order: Sequence[str],
    states: States,
    usual: str,
) -> tuple[Champion, str] | None:
    """The copy of a model that should answer, and the place of its state.

    Parameters
    ----------
    offered
        Its :func:`candidates`.
    served
        What answers now.
    order
        The places, as :func:`ranked`.
    states
        What is known of them.
    usual
        The place to open where none suits and nothing answers: that says what is missing.

    Returns
    -------
    champion, place
        None where there is nothing to answer with.
    """
    for each in offered:
        here = (
            served.place if served is not None and served.champion.folder == each.folder else None
        )
        for place in order:
            # Nobody goes to a place that cannot be read, and nobody leaves one only for that: what
            # is remembered of it answers better than an older state.
            if states.suit(each, place) and (place not in states.lost or place == here):
                return each, place
        if here is not None:
            return each, here
    if offered and served is None:
        return offered[0], usual
    return None
