"""Which size system the shops of a market use."""

from __future__ import annotations

from functools import lru_cache

from features.size_systems.catalogue import size_table
from features.size_systems.reading import read_data

__all__ = ["usual_system"]

_CHILD = {"girls": "child", "boys": "child"}


@lru_cache(maxsize=4096)
def usual_system(market: str | None, audience: str | None, family: str | None) -> str:
    """The size system a shopper of a market expects.

    Parameters
    ----------
    market : str or None
        ISO 3166 alpha-2. An unknown one has letters, European shoes and baby lengths.
    audience : str or None
        Unknown: an adult's.
    family : str or None
        None (goods of one size): ONE.

    Returns
    -------
    str
        A system that has a table for this audience and family.

    Examples
    --------
    >>> usual_system("GB", "women", "dress"), usual_system("JP", "men", "shoes")
    ('UK', 'SHOE_JP')
    >>> usual_system("XX", "baby", "dress")
    'BABY_CM'
    """
    if family is None:
        return "ONE"
    data = read_data("markets.yaml")
    who = _CHILD.get(audience or "", audience or "any")
    habits = [data["groups"][data["markets"].get((market or "").upper(), "anywhere")]]
    habits.append(data["groups"]["anywhere"])
    for habit in habits:
        for key in (who, "any"):
            by_family = habit.get(key, {})
            system = by_family.get(family, by_family.get("any"))
            if system and size_table(system, audience or "women", family):
                return str(system)
    return "ALPHA" if family != "shoes" else "SHOE_EU"
