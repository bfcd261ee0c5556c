"""The shape of a basket: what stands beside a line says much of its fate.

One implementation for all orders of a shop and for the few lines of one question.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BASKET_FACTS", "basket_facts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BASKET_FACTS: tuple[str, ...] = (
    "basket_lines",
    "basket_value",
    "basket_mean_price",
    "basket_price_sd",
    "price_rank",
    "price_share",
    "price_of_dearest",
    "same_product",
    "sizes_of_product",
    "colours_of_product",
    "other_sizes_in_colour",
    "basket_products",
    "basket_brands",
    "basket_sizes",
    "same_size",
    "same_brand",
    "same_category",
    "same_scale",
    "scale_price_rank",
    "from_basket_place",
    "basket_doubles",
)
"""Names of the facts, in order."""


def basket_facts(
    basket: Ints,
    *,
    product: Ints,
    size: Ints,
    colour: Ints,
    brand: Ints,
    category: Ints,
    scale: Ints,
    price: Floats,
    quantity: Floats,
    position: Floats,
) -> Floats:
    """Facts of each line's basket.

    Parameters
    ----------
    basket
        Which basket the line is in, shape (n,). It and the other codes need not be dense; what is
        not known has a code of its own, such as -1.
    product, size, colour, brand, category, scale
        Codes of what the line is.
    price
        Of a piece; NaN where not told.
    quantity
        Pieces.
    position
        Place of the size on its scale, NaN where it has none.

    Returns
    -------
    ndarray
        Shape (n, len(BASKET_FACTS)).
    """
    b = _dense(basket)
    paid, known = np.nan_to_num(price), np.isfinite(price).astype("float64")
    lines, value, priced = _of(b), _of(b, paid * quantity), _of(b, known)
    bp = _pair(b, product)
    bps = _pair(bp, size)
    bpc = _pair(bp, colour)
    doubled = _distinct(bp, bps)
    bs, bb, bsc = _pair(b, size), _pair(b, brand), _pair(b, scale)
    has_place = np.isfinite(position).astype("float64")
    place = _of(bsc, np.nan_to_num(position)) / np.maximum(_of(bsc, has_place), 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _of(b, paid) / priced
        spread = np.sqrt(np.maximum(_of(b, paid * paid) / priced - mean * mean, 0.0))
        columns = (
            lines,
            value,
            mean,
            spread,
            _rank(b, price),
            price * quantity / value,
            price / _largest(b, paid),
            _of(bp, quantity),
            doubled,
            _distinct(bp, bpc),
            _distinct(bpc, _pair(bpc, size)),
            _distinct(b, bp),
            _distinct(b, bb),
            _distinct(b, bs),
            _of(bs),
            _of(bb),
            _of(_pair(b, category)),
            _of(bsc),
            _rank(bsc, price),
            position - place,
            _of(b, (doubled > 1).astype("float64")),
        )
    return np.column_stack(columns)


def _dense(codes: Ints) -> Ints:
    """Codes from 0 without gaps; of the few lines of a question at a third of `numpy.unique`."""
    order = np.argsort(codes, kind="stable")
    ranked = codes[order]
    new = np.zeros(len(codes), dtype=np.int64)
    np.not_equal(ranked[1:], ranked[:-1], out=new[1:], casting="unsafe")
    dense = np.empty_like(new)
    dense[order] = new.cumsum()
    return dense


def _pair(first: Ints, second: Ints) -> Ints:
    """One dense code for two."""
    low = int(second.min(initial=0))
    return _dense(first * (int(second.max(initial=0)) - low + 1) + (second - low))


def _of(group: Ints, amount: Floats | None = None) -> Floats:
    """Sum of the line's group; the number of its lines without an amount."""
    totals = np.bincount(group, amount)
    return totals[group].astype("float64")


def _distinct(group: Ints, finer: Ints) -> Floats:
    """How many finer groups (dense codes) the line's group holds."""
    owner = np.zeros(int(finer.max(initial=-1)) + 1, dtype=np.int64)
    owner[finer] = group
    counts = np.bincount(owner, minlength=int(group.max(initial=-1)) + 1)
    return counts[group].astype("float64")


def _largest(group: Ints, amount: Floats) -> Floats:
    largest = np.full(int(group.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(largest, group, amount)
    return largest[group]


def _rank(group: Ints, amount: Floats) -> Floats:
    """Share of the group's lines that are not dearer, ties in the middle."""
    order = np.lexsort((amount, group))
    g, a = group[order], amount[order]
    new_group = np.ones(len(g), dtype=bool)
    new_group[1:] = g[1:] != g[:-1]
    new_run = new_group.copy()
    new_run[1:] |= a[1:] != a[:-1]
    of_group, of_run = new_group.cumsum() - 1, new_run.cumsum() - 1
    starts, runs = np.flatnonzero(new_group), np.flatnonzero(new_run)
    middle = runs - starts[of_group[runs]] + (np.bincount(of_run) - 1) / 2.0
    share = np.empty(len(g))
    share[order] = (middle[of_run] + 1.0) / np.bincount(of_group)[of_group]
    share[~np.isfinite(amount)] = np.nan
    return share
