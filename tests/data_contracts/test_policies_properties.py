"""Properties of the policies over generated shop layers, judged by a second, plainer matcher."""

import dataclasses
import math

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from data_contracts.policies import ABUSE_BAND, Policies, PolicyError, Situation
from data_contracts.policies.documents import LAYER, SANCTION
from data_contracts.policies.reading import parse_policy, read_policy
from data_contracts.policies.statute import PROTECTED
from data_contracts.tables import AUDIENCE, CONDITION, RETURN_REASON

STARTING = Policies.load()
MARKETS = ["DE", "FR", "GB", "US", "JP", "CN", "SA", "AE", "BR"]
CATEGORIES = ["dress", "romper", "underwear", "food", "fresh_food", "hat"]
CURRENCIES = ["EUR", "USD", "JPY"]
LEAN = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))

flags = st.booleans()
days = st.integers(0, 40)
shares = st.floats(0, 1).map(lambda share: round(share, 3))
amounts = st.builds("{} {}".format, st.integers(0, 300), st.sampled_from(CURRENCIES))


def some(names):
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)


def partly(**keys):
    """Up to three of the keys: rules that are wide enough to meet each other."""
    names = st.lists(st.sampled_from(sorted(keys)), max_size=3, unique=True)
    return names.flatmap(lambda some: st.fixed_dictionaries({n: keys[n] for n in some}))


def one_way(when):
    for name in ("markets", "categories", "reasons"):
        if name in when:
            when.pop(f"{name}_except", None)
    if when.get("days_after", -1) >= when.get("days_up_to", math.inf):
        when.pop("days_after")
    return when


whens = partly(
    markets=some([*MARKETS, "EU", "GULF"]),
    markets_except=some([*MARKETS, "EU"]),
    categories=some([*CATEGORIES, "baby", "perishable"]),
    categories_except=some(CATEGORIES),
    audiences=some(AUDIENCE),
    hygiene_sealed=flags,
    opened=flags,
    custom_made=flags,
    reasons=some([*RETURN_REASON, "fault"]),
    reasons_except=some([*RETURN_REASON, "fault"]),
    conditions=some(CONDITION),
    abuse_bands=some(ABUSE_BAND),
    value_from=amounts,
    value_below=amounts,
    days_after=days,
    days_up_to=days,
).map(one_way)
rights = {
    "withdrawal_days": days,
    "reject_faulty_days": days,
    "fault_claim_days": st.integers(0, 3000),
    "refund_within_days": days,
    "returnable": flags,
    "quality_only": flags,
    "restocking_fee_share": shares,
    "refund_outbound_shipping": flags,
    "buyer_pays_return": flags,
}
others = {
    "return_window_days": days,
    "keep_item_below": amounts,
    "coupon_share": shares,
    "return_shipping": amounts,
    "margin_share": shares,
    "sanctions": st.dictionaries(st.sampled_from(ABUSE_BAND), some(SANCTION), max_size=4),
}
situations = st.builds(
    Situation,
    market=st.sampled_from([*MARKETS, None]),
    category=st.sampled_from([*CATEGORIES, None]),
    currency=st.sampled_from([*CURRENCIES, None]),
    hygiene_sealed=flags,
    opened=flags,
    custom_made=flags,
    audience=st.sampled_from([*AUDIENCE, None]),
    reason=st.sampled_from([*RETURN_REASON, None]),
    condition=st.sampled_from([*CONDITION, None]),
    abuse_band=st.sampled_from([*ABUSE_BAND, None]),
    value=st.none() | st.integers(0, 40_000).map(float),
    days_since_delivery=st.floats(-2, 50),
)


def layers(terms, *names):
    """Files of one to three rules."""
    sets = partly(**terms).filter(bool)
    rules = st.lists(st.tuples(whens, sets, flags), min_size=1, max_size=3)
    return st.builds(_file, st.sampled_from(names or LAYER), rules)


def _file(layer, rules):
    return {
        "layer": layer,
        "rules": [
            {"id": f"shop.r{i}", "text": "why", "statutory": law, "when": when, "set": values}
            for i, (when, values, law) in enumerate(rules)
        ],
    }


def load(*contents):
    files = [
        (f"shop{i}.yaml", parse_policy(_renamed(content, i), f"shop{i}.yaml"), False)
        for i, content in enumerate(contents)
    ]
    return Policies([*STARTING.documents, *files])


def problems_of(content):
    try:
        Policies([*STARTING.documents, ("x.yaml", parse_policy(content, "x.yaml"), False)])
    except PolicyError as error:
        return error.problems
    return ()


def _renamed(content, i):
    rules = [{**rule, "id": f"{rule['id']}.f{i}"} for rule in content["rules"]]
    return {**content, "rules": rules}


# --- a matcher that goes key by key, with nothing of the package's masks


def members(kind, names):
    found = set()
    for name in names:
        listed = [
            member
            for _, policy, _ in STARTING.documents
            for member in getattr(policy.groups, kind, {}).get(name, ())
        ]
        found |= set(listed) or {name}
    return found


def matches(when, s):
    told = {k: v for k, v in when.items() if v is not None}
    base = STARTING.rates.per_base
    currency = s.currency or STARTING.terms(Situation(market=s.market)).currency
    value = None if s.value is None else s.value / base[currency]
    checks = {
        "markets": lambda v: s.market in members("markets", v),
        "markets_except": lambda v: s.market not in members("markets", v),
        "categories": lambda v: s.category in members("categories", v),
        "categories_except": lambda v: s.category not in members("categories", v),
        "audiences": lambda v: s.audience in v,
        "hygiene_sealed": lambda v: s.hygiene_sealed is v,
        "opened": lambda v: s.opened is v,
        "custom_made": lambda v: s.custom_made is v,
        "reasons": lambda v: s.reason in members("reasons", v),
        "reasons_except": lambda v: s.reason not in members("reasons", v),
        "conditions": lambda v: s.condition in v,
        "abuse_bands": lambda v: s.abuse_band in v,
        "value_from": lambda v: value is not None and value >= in_base(v),
        "value_below": lambda v: value is not None and value < in_base(v),
        "days_after": lambda v: s.days_since_delivery > v,
        "days_up_to": lambda v: s.days_since_delivery <= v,
    }
    return all(checks[key](value) for key, value in told.items())


def in_base(money):
    amount, currency = money.split() if isinstance(money, str) else money
    return float(amount) / STARTING.rates.per_base[currency]


def not_on_an_edge(content, s):
    """Amounts meet exactly only up to rounding, which is no matter of policy."""
    if s.value is None:
        return True
    per_base = STARTING.rates.per_base
    value = s.value / per_base[s.currency or STARTING.terms(Situation(market=s.market)).currency]
    edges = [
        in_base(rule["when"][key])
        for rule in content["rules"]
        for key in ("value_from", "value_below")
        if key in rule["when"]
    ]
    return all(abs(value - edge) > 1e-6 for edge in edges)


def statutory_value(s, term):
    """What the law says, from the starting files alone: an exception comes after its rule."""
    said = None
    for _, policy, _ in STARTING.documents:
        for rule in policy.rules:
            if rule.statutory and term in rule.set.given and matches(rule.when.given, s):
                said = rule.set.given[term]
    return said


# --- the properties


@LEAN
@given(content=layers(rights | others), asked=st.lists(situations, min_size=4, max_size=6))
def test_no_layer_that_is_taken_gives_less_than_the_statute(content, asked):
    try:
        policies = load(content)
    except PolicyError:
        assume(False)
    for situation in asked:
        terms = policies.terms(situation)
        for term, worse in PROTECTED.items():
            law = statutory_value(situation, term)
            assert law is None or not worse(getattr(terms, term), law), (term, situation)


@LEAN
@given(when=whens, data=st.data(), situation=situations)
def test_a_rule_that_takes_a_right_in_any_situation_is_refused(when, data, situation):
    term = data.draw(st.sampled_from(sorted(rights)))
    value = data.draw(rights[term])
    law = statutory_value(situation, term)
    assume(law is not None and PROTECTED[term](value, law) and matches(when, situation))
    content = _file("shop", [(when, {term: value}, False)])
    assume(not_on_an_edge(content, situation))
    with pytest.raises(PolicyError, match="takes a statutory right away"):
        load(content)


@LEAN
@given(when=whens, data=st.data())
def test_a_rule_that_gives_as_much_as_any_statute_is_taken(when, data):
    best = {
        "withdrawal_days": 14,
        "reject_faulty_days": 30,
        "fault_claim_days": 2190,
        "refund_within_days": 7,
        "returnable": True,
        "quality_only": False,
        "restocking_fee_share": 0.0,
        "refund_outbound_shipping": True,
        "buyer_pays_return": False,
    }
    term = data.draw(st.sampled_from(sorted(best)))
    for problem in problems_of(_file("shop", [(when, {term: best[term]}, False)])):
        assert "for no situation" in problem


@LEAN
@given(
    first=layers(others, "shop"),
    second=layers(others, "shop"),
    situation=situations,
)
def test_the_later_file_that_speaks_decides(first, second, situation):
    try:
        policies = load(first, second)
    except PolicyError:
        assume(False)
    assume(not_on_an_edge(first, situation) and not_on_an_edge(second, situation))
    terms = policies.terms(situation)
    for term in others:
        for i, content in ((1, second), (0, first)):  # the later file before the earlier
            ids = [
                f"{rule['id']}.f{i}"
                for rule in content["rules"]
                if term in rule["set"] and matches(rule["when"], situation)
            ]
            if ids:
                assert terms.rule(term).rule in ids
                break
        else:
            assert not terms.rule(term).rule.startswith("shop.")


@LEAN
@given(content=layers(rights | others), situation=situations)
def test_terms_are_finite_and_in_range(content, situation):
    try:
        terms = load(content).terms(situation)
    except PolicyError:
        assume(False)
    for each in dataclasses.fields(terms):
        value = getattr(terms, each.name)
        if each.name.endswith("_share") or "_share_" in each.name:
            assert 0 <= value <= 1
        elif isinstance(value, (int, float)):
            assert math.isfinite(value)
            assert value >= 0
    assert terms.partial_refund_share_min <= terms.partial_refund_share_max
    assert terms.fast_track_below <= terms.inspect_above


plain = st.none() | flags | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | amounts
words = st.sampled_from(
    ["layer", "rules", "groups", "exchange_rates", "id", "text", "when", "set", "markets",
     "categories", "value_from", "per_base", "base", "as_of", "exception_to", *rights, *others]
)  # fmt: skip
keys = words | st.text(max_size=5) | st.integers() | st.none() | flags
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)


@settings(LEAN, max_examples=300)
@given(content=anything)
def test_any_content_is_a_policy_or_a_policy_error(content):
    for problem in problems_of(content):
        assert problem.startswith("x.yaml: ")


@settings(LEAN, max_examples=200)
@given(content=layers(rights | others), data=st.data())
def test_any_change_of_a_policy_is_a_policy_or_a_policy_error(content, data):
    rule = content["rules"][0]
    place = data.draw(st.sampled_from([content, rule, rule["when"], rule["set"]]))
    place[data.draw(keys if data.draw(flags) else st.sampled_from([*place, "id"]))] = data.draw(
        anything
    )
    for problem in problems_of(content):
        assert "x.yaml" in problem


@settings(LEAN, max_examples=150)
@given(text=st.text(alphabet="ab:-[]{}&*!%@|>'\"#\n\t ,?0é\x00", max_size=60) | st.binary())
def test_any_file_is_a_policy_or_a_policy_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        read_policy(path)
    except PolicyError as error:
        problems = error.problems
    else:
        problems = ()
    for problem in problems:
        assert problem.startswith(f"{path}: ")
