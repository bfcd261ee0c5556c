from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.tables import RETURN_REASON
from models.return_risk.answer import LabelRisk
from models.return_risk.whatif import by_size, suggest_colour, suggest_size
from models.size_fit.advice import SizeAdvice, SizeOutlook

CLOSE = 1e-9
LABELS = ("XS", "S", "M", "L", "XL")

weight = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))


@st.composite
def outlooks(draw):
    found = []
    for label in LABELS[: draw(st.integers(1, len(LABELS)))]:
        small, fit, large = (draw(weight) for _ in range(3))
        total = small + fit + large
        if total == 0:
            small, fit, large, total = 0.0, 1.0, 0.0, 1.0
        found.append(SizeOutlook(label, small / total, fit / total, large / total))
    return found


@st.composite
def chances(draw):
    """Reasons that sum to any chance of a return, one among them."""
    shares = [draw(weight) for _ in RETURN_REASON]
    total = sum(shares) or 1.0
    p = draw(st.one_of(st.just(0.0), st.just(1.0), st.floats(0.0, 1.0)))
    return {name: p * share / total for name, share in zip(RETURN_REASON, shares, strict=True)}


case = {"reasons": chances(), "sizes": outlooks(), "data": st.data()}


def one_of(data, sizes):
    return data.draw(st.sampled_from([each.label for each in sizes]))


@given(**case)
@settings(deadline=None)
def test_the_shoppers_own_size_keeps_the_models_own_chances(reasons, sizes, data):
    own = one_of(data, sizes)
    (kept,) = [each for each in by_size(reasons, sizes, own) if each.label == own]
    assert (kept.too_small, kept.too_large) == (reasons["too_small"], reasons["too_large"])
    assert kept.p_return == pytest.approx(sum(reasons.values()), abs=CLOSE)


@given(**case)
@settings(deadline=None)
def test_a_size_that_fits_likelier_never_comes_back_likelier(reasons, sizes, data):
    fit = {each.label: each.p_fit for each in sizes}
    risks = by_size(reasons, sizes, one_of(data, sizes))
    ordered = sorted(risks, key=lambda each: -fit[each.label])
    for better, worse in pairwise(ordered):
        assert better.p_return <= worse.p_return + CLOSE


@given(**case)
@settings(deadline=None)
def test_chances_are_chances_and_reasons_sum_to_them(reasons, sizes, data):
    others = sum(reasons.values()) - reasons["too_small"] - reasons["too_large"]
    for each in by_size(reasons, sizes, one_of(data, sizes)):
        assert all(0.0 <= p <= 1.0 for p in (each.too_small, each.too_large, each.p_return))
        told = others + each.too_small + each.too_large
        assert told == pytest.approx(each.p_return, abs=CLOSE)


@given(**case)
@settings(deadline=None)
def test_small_and_large_are_split_as_size_fit_splits_them(reasons, sizes, data):
    outlook = {each.label: each for each in sizes}
    own = one_of(data, sizes)
    for each in by_size(reasons, sizes, own):
        told = outlook[each.label]
        if each.label != own and told.p_small + told.p_large > 0:
            ratio = told.p_small / (told.p_small + told.p_large)
            both = each.too_small + each.too_large
            assert each.too_small == pytest.approx(ratio * both, abs=CLOSE)


SIZES = (
    SizeOutlook("S", 0.8, 0.2, 0.0),
    SizeOutlook("M", 0.3, 0.6, 0.1),
    SizeOutlook("L", 0.05, 0.9, 0.05),
)


def risks(of_size, others, own):
    reasons = {"too_small": of_size, "too_large": 0.0, "changed_mind": others}
    return {each.label: each.p_return for each in by_size(reasons, SIZES, own)}


def test_where_there_is_room_as_many_misfits_come_back_in_every_size():
    found = risks(0.2, 0.1, "M")
    for label, misfit in (("S", 0.8), ("L", 0.1)):
        share = (misfit + 0.01) / (0.4 + 0.01)
        assert found[label] == pytest.approx(0.1 + 0.2 * share)


def test_where_there_is_none_the_order_is_kept_and_no_chance_passes_one():
    found = risks(0.85, 0.1, "M")
    assert found["M"] == pytest.approx(0.95)
    assert found["L"] < found["M"] < found["S"] < 1.0


def test_the_formula_is_smooth_where_the_room_begins_to_count():
    room = 0.9
    edge = room * (0.4 + 0.01) / 1.01
    below, above = (risks(edge * shift, 0.1, "M") for shift in (1 - 1e-7, 1 + 1e-7))
    for label in ("S", "M", "L"):
        assert below[label] == pytest.approx(above[label], abs=1e-5)


def test_a_size_the_product_does_not_have_has_no_what_if():
    assert risks(0.2, 0.1, "XXL") == {}
    assert by_size({"too_small": 0.1}, (), None) == ()


def test_one_who_chose_no_size_is_taken_to_choose_the_best():
    assert risks(0.2, 0.1, None) == risks(0.2, 0.1, "L")


ADVISED = SizeAdvice("advised", recommended="L", sizes=SIZES)


def suggestion(own, of_size=0.2, advice=ADVISED):
    reasons = {"too_small": of_size, "too_large": 0.0, "changed_mind": 0.1}
    return suggest_size(advice, by_size(reasons, SIZES, own), own)


def test_the_advised_size_is_suggested_with_what_it_saves():
    told = suggestion("M")
    assert (told.kind, told.label) == ("size", "L")
    assert told.p_from == pytest.approx(0.3)
    assert told.p_to == pytest.approx(0.1 + 0.2 * 0.11 / 0.41)


@pytest.mark.parametrize(
    "advice",
    [
        SizeAdvice("between_sizes", recommended="L", sizes=SIZES),
        SizeAdvice("not_enough_information", sizes=SIZES),
        SizeAdvice("no_good_size", sizes=SIZES),
        SizeAdvice("advised", recommended="XXL", sizes=SIZES),
    ],
)
def test_only_a_clear_advice_for_a_size_there_is_becomes_a_suggestion(advice):
    assert suggestion("M", advice=advice) is None


def test_no_size_is_suggested_for_a_little_or_to_one_who_has_it():
    assert suggestion("M", of_size=0.02) is None
    assert suggestion("L") is None
    assert suggestion(None) is None


def test_a_colour_is_suggested_where_it_comes_back_a_good_deal_less():
    others = [LabelRisk("blue", 0.3), LabelRisk("green", 0.2)]
    told = suggest_colour(0.4, others)
    assert (told.kind, told.label, told.p_from, told.p_to) == ("colour", "green", 0.4, 0.2)
    assert suggest_colour(0.21, others) is None  # hardly less
    assert suggest_colour(0.9, [LabelRisk("blue", 0.8)]) is None  # less by a ninth only
    assert suggest_colour(0.4, []) is None
