"""How a challenger's answer differs from the champion's, without anything about the person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["BINS", "Tally", "differences"]

BINS: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Upper ends of the bins of the largest difference of a probability; the last bin has none."""
_FAR: Final = 0.1
"""A difference of a probability that is worth a line."""

Found = dict[str, Any]


def differences(path: str, champion: Any, challenger: Any) -> Iterator[tuple[float, Found | None]]:
    """Compare two answers, question by question.

    Parameters
    ----------
    path
        Of the endpoint.
    champion, challenger
        The answers, as parsed.

    Yields
    ------
    dp, found
        Largest difference of a probability, and what differs; None where nothing that matters.
    """
    pairs = (
        zip(champion, challenger, strict=True)
        if isinstance(champion, list)
        else [(champion, challenger)]
    )
    compare = _sizes if path.endswith("size-advice") else _risks
    for one, other in pairs:
        yield compare(one, other)


def _sizes(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float, Found | None]:
    theirs = {each["label"]: each["fit"] for each in other["sizes"]}
    dp = max(
        (
            abs(share - theirs[each["label"]][fit])
            for each in one["sizes"]
            if each["label"] in theirs
            for fit, share in each["fit"].items()
        ),
        default=0.0,
    )
    found = {
        name: [one[name], other[name]]
        for name in ("status", "recommended")
        if one[name] != other[name]
    }
    if not found and dp < _FAR:
        return dp, None
    return dp, {"product_id": one["product_id"], "dp": round(dp, 4), **found}


def _risks(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float, Found | None]:
    pairs = list(zip(one["lines"], other["lines"], strict=True))
    dp = max((abs(a["p_return"] - b["p_return"]) for a, b in pairs), default=0.0)
    found = {"action": [one["action"], other["action"]]} if one["action"] != other["action"] else {}
    if not found and dp < _FAR:
        return dp, None
    products = [line["product_id"] for line, _ in pairs]
    return dp, {"products": products, "dp": round(dp, 4), **found}


class Tally:
    """Counts of one challenger against one champion.

    Parameters
    ----------
    champion, challenger
        Versions.
    since
        When it was begun.
    """

    def __init__(self, champion: str, challenger: str, since: str) -> None:
        self.champion, self.challenger, self.since = champion, challenger, since
        self.same = self.differ = self.failed = self.dropped = self.unready = 0
        self.dp = [0] * (len(BINS) + 1)

    def add(self, dp: float, found: Found | None) -> None:
        """Count one question."""
        self.dp[next((i for i, end in enumerate(BINS) if dp < end), len(BINS))] += 1
        if found is None:
            self.same += 1
        else:
            self.differ += 1

    def told(self) -> dict[str, Any]:
        """For the file."""
        return {
            "champion": self.champion,
            "challenger": self.challenger,
            "since": self.since,
            "same": self.same,
            "differ": self.differ,
            "failed": self.failed,
            "unready": self.unready,
            "dropped": self.dropped,
            "dp_below": list(BINS),
            "dp": self.dp,
        }
