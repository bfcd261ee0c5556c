import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.sizes import parse_label, rank_labels

LADDERS = {
    "letters": ["XXXS", "XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL", "5XL"],
    "words": ["small", "medium", "large"],
    "plus": ["L", "1X", "2X", "3X"],
    "between letters": ["XS", "XS/S", "S", "S/M", "M", "M-L", "L", "L/XL", "XL"],
    "numbers": ["0", "2", "4", "8", "10", "12", "20"],
    "shoes": ["36", "36.5", "37", "37 1/2", "38", "38 1/3", "38,5", "38⅔", "39", "39+"],
    "ranges": ["35-36", "37-38", "39-40", "41-42"],
    "months": ["0-3M", "3-6M", "6-9M", "9-12M", "12-18 months", "24M"],
    "toddlers": ["2T", "3T", "4 years", "5-6Y"],
    "centimetres": ["56", "62", "68", "74", "80", "86", "92", "98", "104", "110"],
    "waist and inseam": ["W28/L30", "W28/L32", "W30/L30", "w31 l34", "32x32", "W34L32"],
    "waist and inseam run together": ["2932", "3332", "3432", "3434", "3632", "4032"],
    "double sizes": ["32/34", "36/38", "40/42", "44/46"],
    "bras": ["75A", "75B", "80AA", "80A", "80DD", "85A"],
    "height and girth": ["155/80A", "160/84A", "165/88A", "170/92A"],
    "Japanese letters": ["SS", "S", "M", "L", "LL"],
    "Australian babies": ["0000", "000", "00", "0", "1", "2"],
    "words of a language": ["Gr. 36", "Größe 38", "T.40", "Talla 42"],
    "full width": ["\uff33", "\uff2d", "\uff2c", "\uff38\uff2c"],
    "full-width digits": ["\uff18", "\uff11\uff10", "\uff11\uff12"],
}
labels = st.one_of(
    st.text(max_size=12),
    st.sampled_from(list(itertools.chain.from_iterable(LADDERS.values()))),
    st.from_regex(r"\A\d{1,3}[-/.,XLTM+]?\d{0,2}[A-Z]?\Z"),
)


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)
def test_labels_stand_in_the_order_a_shop_would_print_them(ladder):
    shuffled = random.Random(3).sample(ladder, len(ladder))
    ranks = dict(zip(shuffled, rank_labels(shuffled), strict=True))
    assert sorted(shuffled, key=ranks.__getitem__) == ladder
    assert sorted(ranks.values()) == [float(rank) for rank in range(len(ladder))]


@pytest.mark.parametrize(
    ("one", "other"),
    [("xl", " X L "), ("XXL", "2XL"), ("\uff18", "8"), ("42 1/2", "42.5"), ("42½", "42.5"),
     ("42 \u00b9\u2044\u2082", "42.5"),
     ("38 2/3", "38⅔"), ("W32/L34", "32/34"),
     ("6-9M", "6 – 9 months"), ("one size", "ONESIZE"), ("Medium", "m")],
)  # fmt: skip
def test_spellings_of_one_size_read_the_same(one, other):
    assert parse_label(one) == parse_label(other)
    assert parse_label(one) is not None


@pytest.mark.parametrize(
    "label",
    ["blue", "", "   ", "A/B", "9-6M", "-", "-1", "- 38", "\u22121", "/88A", " /34", "165/",
     "38 / ", "1\u00b2", "M\u00b2", "\u00b9", "38\u2082"],
)  # fmt: skip
def test_what_is_no_size_is_not_read(label):
    assert parse_label(label) is None


def test_a_centimetre_size_is_not_taken_for_waist_and_inseam():
    read = parse_label("104")
    assert read is not None
    assert (read.kind, read.place) == ("numbers", 104.0)


@given(st.text())
def test_any_text_is_read_or_refused_but_never_raises(text):
    read = parse_label(text)
    assert read is None or read.place == read.place


@given(st.lists(labels, max_size=12), st.randoms())
def test_ranks_do_not_depend_on_the_order_of_the_labels(product, random_):
    order = list(range(len(product)))
    random_.shuffle(order)
    ranks = rank_labels(product)
    assert rank_labels([product[i] for i in order]) == [ranks[i] for i in order]


@given(st.lists(labels, min_size=1, max_size=12))
def test_ranks_are_whole_start_at_nil_and_leave_no_gap(product):
    ranks = rank_labels(product)
    assert sorted(set(ranks)) == [float(rank) for rank in range(len(set(ranks)))]
