"""Abuse of the returns policy: who, how it shows, and how little of it is ever judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data_contracts.tables import ABUSE_KIND
from pipelines.simulate.assumptions import BoolArray, FloatArray, IntArray, ShopAssumptions
from pipelines.simulate.shoppers import Shoppers, hashes

NO_ABUSE = -1
WARDROBING, ITEM_SWAP, EMPTY_BOX, NOT_RECEIVED, SERIAL, BRACKETING, FARMING = range(7)
assert ABUSE_KIND == (
    "wardrobing", "item_swap", "empty_box", "false_not_received", "serial_returner", "bracketing",
    "account_farming",
)  # fmt: skip

#: Chance that a line of such an account is abused, given that it is worth it.
_COMMITS = np.array([0.65, 0.50, 0.40, 0.45, 0.70, 0.90, 0.45])
#: Chance that such a return is judged; what leaves evidence is judged more often.
_JUDGED = np.array([0.35, 0.65, 0.75, 0.40, 0.30, 0.25, 0.45])
_FARM_SIZE = 4


def plant_abusers(
    rng: np.random.Generator, shoppers: Shoppers, assumptions: ShopAssumptions
) -> tuple[Shoppers, IntArray]:
    """Make some accounts abusers; farmed accounts come in linked groups opened within days.

    Parameters
    ----------
    rng : numpy.random.Generator
    shoppers : Shoppers
    assumptions : ShopAssumptions

    Returns
    -------
    (Shoppers, int array (c,))
        The shoppers with farmed accounts linked, and each account's kind of abuse: an index into
        `ABUSE_KIND` or `NO_ABUSE`.
    """
    c = shoppers.customer_id.size
    kind = np.full(c, NO_ABUSE, dtype=np.int64)
    if assumptions.abuser_share <= 0:
        return shoppers, kind
    total = min(c // 30, max(len(ABUSE_KIND), round(assumptions.abuser_share * c)))
    # Who hardly buys has little to abuse.
    lively = np.argsort(-shoppers.activity * rng.uniform(0.2, 1.0, c), kind="stable")
    pool = rng.permutation(lively[: c // 4])[:total]
    kind[pool] = np.resize(np.arange(len(ABUSE_KIND)), total)

    farms = np.flatnonzero(kind == FARMING)
    others = rng.permutation(np.flatnonzero(kind == NO_ABUSE))
    cluster, device, address = (
        x.copy() for x in (shoppers.cluster, shoppers.device, shoppers.address)
    )
    registered, activity = shoppers.registered_day.copy(), shoppers.activity.copy()
    names = hashes(rng, farms.size)
    for i, head in enumerate(farms):
        # Goods go to one address, so all accounts of a farm are in one market.
        near = others[
            (shoppers.market[others] == shoppers.market[head]) & (kind[others] != FARMING)
        ]
        more = near[: _FARM_SIZE - 1]
        group = np.append(more, head)
        kind[group] = FARMING
        cluster[group], device[group], address[group] = names[i], device[head], address[head]
        registered[group] = max(registered[head], 1.0) + rng.uniform(0.0, 12.0, group.size)
        activity[group] = activity[head] * 0.4
    linked = replace(
        shoppers,
        cluster=cluster,
        device=device,
        address=address,
        registered_day=np.minimum(registered, assumptions.days * 0.97),
        activity=activity,
    )
    return linked, kind


@dataclass(frozen=True)
class Temptation:
    """What decides whether a line is worth abusing; arrays over order lines (n,).

    Attributes
    ----------
    kind : int array
        The account's kind of abuse.
    order : int array
        Orders numbered from 0; a parcel is claimed lost as a whole.
    euros : float array
    formal : float array
        Whether the garment is worn for occasions, 0 to 1.
    bracketed : bool array
    delivered : bool array
    """

    kind: IntArray
    order: IntArray
    euros: FloatArray
    formal: FloatArray
    bracketed: BoolArray
    delivered: BoolArray


def commit(rng: np.random.Generator, t: Temptation) -> BoolArray:
    """Which lines are abused.

    Parameters
    ----------
    rng : numpy.random.Generator
    t : Temptation

    Returns
    -------
    bool array (n,)
    """
    n = t.kind.size
    own = rng.random(n)
    whole = rng.random(int(t.order.max()) + 1)[t.order]
    worth = np.ones(n, dtype=bool)
    worth &= (t.kind != WARDROBING) | (t.formal >= 0.3) | (t.euros > 70)
    worth &= ~np.isin(t.kind, (ITEM_SWAP, EMPTY_BOX)) | (t.euros > 35)
    worth &= (t.kind != BRACKETING) | t.bracketed
    u = np.where(t.kind == NOT_RECEIVED, whole, own)
    committed: BoolArray = (
        (t.kind != NO_ABUSE) & t.delivered & worth & (u < _COMMITS[np.maximum(t.kind, 0)])
    )
    return committed


@dataclass(frozen=True)
class Judgements:
    """What was decided about returns, over returns (r,).

    Attributes
    ----------
    judged, says_abuse : bool arrays
    kind : int array
        `NO_ABUSE` where it is not told.
    delay : float array
        Days the decision took.
    chargeback : bool array
        Decided by the bank rather than the shop's investigator.
    """

    judged: BoolArray
    says_abuse: BoolArray
    kind: IntArray
    delay: FloatArray
    chargeback: BoolArray


def judge(
    rng: np.random.Generator,
    *,
    kind: IntArray,
    not_received: BoolArray,
    odd: BoolArray,
    worn: BoolArray,
    euros: FloatArray,
    assumptions: ShopAssumptions,
) -> Judgements:
    """Which returns are judged, and how. Selection is biased and some judgements are wrong.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : int array (r,)
        True kind of abuse of the return, or `NO_ABUSE`.
    not_received, odd, worn : bool array (r,)
        Claimed lost; came back empty or as another thing; came back worn.
    euros : float array (r,)
        Value claimed.
    assumptions : ShopAssumptions

    Returns
    -------
    Judgements
    """
    n = kind.size
    abused = kind != NO_ABUSE
    honest = 0.010 + 0.20 * odd + 0.08 * worn + 0.05 * not_received + 0.02 * (euros > 150)
    chance = np.where(abused, _JUDGED[np.maximum(kind, 0)], honest) * assumptions.label_share
    judged = rng.random(n) < chance
    # Abuse is overlooked more often than honesty is doubted.
    error = assumptions.label_error * np.where(abused, 1.5, 0.75)
    says_abuse = abused ^ (rng.random(n) < error)
    chargeback = rng.random(n) < np.where(not_received, 0.5, 0.08)
    guess = np.where(
        not_received, NOT_RECEIVED, np.where(odd, ITEM_SWAP, np.where(worn, WARDROBING, SERIAL))
    )
    told = np.where(abused, kind, guess)
    # One kind is taken for another now and then.
    told = np.where(abused & (rng.random(n) < 0.08), guess, told)
    told = np.where(says_abuse & (rng.random(n) < 0.88), told, NO_ABUSE)
    delay = np.where(chargeback, rng.uniform(20.0, 70.0, n), 2.0 + rng.gamma(2.0, 5.0, n))
    if assumptions.label_share > 0:
        # The first case of each kind is how the shop learnt of it: a small shop has each label too.
        first = np.unique(kind, return_index=True)[1]
        first = first[kind[first] != NO_ABUSE]
        judged[first], says_abuse[first], told[first] = True, True, kind[first]
    return Judgements(judged, says_abuse, told, delay, chargeback)
