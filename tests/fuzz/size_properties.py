"""What holds for any text given to the readers of sizes, kinds of goods, measures and cells.

Plain functions that raise AssertionError: :mod:`tests.fuzz.fuzz_sizes` drives them with inputs that
atheris makes, ``test_fuzz_sizes.py`` with the inputs that once broke them.
"""

import math
from itertools import pairwise

import numpy as np
import pandas as pd

from data_contracts.cells import READERS, WrongTypeError
from data_contracts.units import MEASURES, MeasureError, convert, read_measure, units_of
from features.size_systems import (
    AUDIENCES,
    FAMILIES,
    all_tables,
    binding_of,
    family_of,
    is_unsized,
    parse_size,
    size_table,
)
from features.size_systems import convert as convert_size
from features.size_systems.cells import OWN
from features.size_systems.notation import notations, written
from features.sizes import parse_labels, rank_labels

SYSTEMS = tuple(sorted({system for system, _, _ in all_tables()}))
AUDIENCE_CHOICES = (None, *AUDIENCES)
FAMILY_CHOICES = (None, *FAMILIES)
MARKETS = (None, "DE", "US", "GB", "FR", "IT", "JP", "CN", "KR", "AU", "ES", "de", "XX")
KINDS = ("one", "months", "years", "letters", "numbers", "girth", "bra", "waist")


def check_label(text, audience=None, family=None, market=None, system=None, siblings=()):
    """A label is read as meanings with likelihoods that tables know, or not at all."""
    read = parse_size(text, audience, family, market, system=system, siblings=siblings)
    assert read.text == text
    assert bool(read.readings) == bool(notations(text))
    assert 0.0 <= read.certainty <= 1.0
    likelihoods = [each.likelihood for each in read.readings]
    assert all(math.isfinite(p) and 0.0 < p <= 1.0 + 1e-9 for p in likelihoods)
    assert likelihoods == sorted(likelihoods, reverse=True)
    assert sum(likelihoods) <= 1.0 + 1e-6
    if read.readings:
        assert read.certainty >= likelihoods[0] - 1e-9
    for each in (*read.readings, *read.also):
        _check_reading(each, audience, family, system)
    if read.best is not None:
        _check_conversion(read.best)
    spaced = parse_size(f" \t{text}\n", audience, family, market, system=system, siblings=siblings)
    if text not in siblings and not any(text.split() == each.split() for each in siblings):
        assert [(r.system, r.label) for r in spaced.readings] == [
            (r.system, r.label) for r in read.readings
        ]


def _check_reading(each, audience, family, told):
    assert each.system in (*SYSTEMS, OWN, "ONE", told)
    assert each.label
    assert each.length in (None, "S", "R", "L")
    assert each.inseam is None or 0 <= each.inseam < 1000
    if not each.listed:
        return
    if each.system == "ONE":
        return
    table = size_table(each.system, each.audience, each.family)
    assert table is not None
    ends = (each.low, each.high) if each.low else (each.label, each.label)
    known = [t for t in (table, table.cups) if t is not None]
    where = (each.system, each.audience, each.family)
    assert any(all(t.find(end) is not None for end in ends) for t in known), where
    if not each.low:
        again = parse_size(each.label, each.audience, each.family, system=each.system)
        assert each.label in [r.label for r in again.readings if r.system == each.system], where


def _check_conversion(best):
    if not best.listed or best.audience is None:
        return
    for to in SYSTEMS:
        matches = convert_size(best.label, best.system, to, best.audience, best.family)
        if matches:
            assert abs(sum(match.share for match in matches) - 1.0) < 1e-9
            shares = [round(match.share, 6) for match in matches]
            assert all(more >= less - 2e-6 for more, less in pairwise(shares))


def check_forms(text):
    """Every form is finite, its ends in order, and can be written out."""
    for said in notations(text):
        assert said
        for form in said:
            assert math.isfinite(form.low)
            assert math.isfinite(form.high)
            assert form.low <= form.high
            assert form.length in (None, "S", "R", "L")
            assert written(form)


def check_product(labels):
    """The labels of a product have whole ranks without a gap, in whatever order they come."""
    for read in parse_labels(labels):
        assert read is None or (read.kind in KINDS and math.isfinite(read.place))
    ranks = rank_labels(labels)
    assert sorted(set(ranks)) == [float(i) for i in range(len(set(ranks)))]
    assert rank_labels(labels[::-1]) == ranks[::-1]


def check_category(text, audience=None):
    """Any words have a family or none, and what binds sums to one."""
    family = family_of(text, audience)
    assert family in FAMILY_CHOICES
    assert not (is_unsized(text) and family_of(text) is not None)
    weights = binding_of(text, family, audience)
    assert not weights or abs(sum(weights.values()) - 1.0) < 1e-9


def check_measure(text, name, unit=None):
    """A measure is inside the contract's limits, or refused with a message that names it."""
    low, high, target = MEASURES[name]
    amount, said = low, None
    try:
        amount = read_measure(text, name, unit=unit)
    except MeasureError as error:
        said = str(error)
    assert low <= amount <= high
    assert said is None or name.rsplit("_", 1)[0].replace("_", " ") in said
    assert said is None or len(said) < 2000
    assert units_of(target)
    column = pd.Series([text, None, "1"], dtype="str")
    read = convert(column, unit or target, target, (low, high))
    assert str(read.dtype) == "float64"
    assert not np.isinf(read.to_numpy()).any()


def check_cells(texts):
    """A column of any text is read to values and unreadable cells, which hold no value."""
    for dtype in ("str", "object"):
        column = pd.Series([*texts, "1"], dtype=dtype)
        for kind, reader in READERS.items():
            try:
                values, bad = reader(column)
            except WrongTypeError:
                continue
            assert len(values) == len(bad) == len(column), kind
            assert values[bad].isna().all(), kind
