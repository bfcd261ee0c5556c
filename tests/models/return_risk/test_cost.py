from dataclasses import dataclass, replace

import numpy as np
import pytest

from data_contracts.policies import Policies, Situation
from data_contracts.tables import RETURN_REASON
from models.return_risk.answer import LineRisk, Suggestion
from models.return_risk.cost import (
    PUBLIC_RULES,
    CostRule,
    judge_basket,
    mixed_rule,
    money_saved,
    return_rule,
)

RULE = CostRule(fixed=3.0, share=0.10, drop_share=0.5, margin_share=0.4)


def risk(p, **more):
    return LineRisk(p, p, p, {"other": p}, **more)


@dataclass
class Terms:
    return_shipping: float = 4.0
    handling: float = 1.0
    buyer_pays_return: bool = False
    duty_share: float = 0.12
    duty_reclaim_share: float = 0.5
    restocking_fee_share: float = 0.0
    keep_item_below: float = 20.0
    margin_share: float = 0.3
    warning_drop_share: float = 0.5

    def resale_share(self, condition=None, days_since_launch=None):
        return 0.8 if (days_since_launch or 0) < 100 else 0.4


def test_a_return_costs_the_way_back_handling_duty_and_what_resale_loses():
    rule = return_rule(Terms(), "other", 50.0)
    assert rule.of_return(50.0) == pytest.approx(4 + 1 + 50 * (0.06 + 0.2))
    assert (rule.drop_share, rule.margin_share) == (0.5, 0.3)
    late = return_rule(Terms(), "other", 50.0, days_since_launch=200)
    assert late.of_return(50.0) == pytest.approx(4 + 1 + 50 * (0.06 + 0.6))
    fee = return_rule(Terms(restocking_fee_share=0.1), "other", 50.0)
    assert fee.of_return(50.0) == pytest.approx(rule.of_return(50.0) - 5)
    paid = return_rule(Terms(buyer_pays_return=True), "other", 50.0)
    assert paid.of_return(50.0) == pytest.approx(rule.of_return(50.0) - 4)


def test_goods_that_stay_with_the_buyer_cost_their_value_and_no_way_back():
    rule = return_rule(Terms(), "other", 19.99)
    assert (rule.fixed, rule.share) == (0.0, pytest.approx(1.12))
    lost = return_rule(Terms(), "not_received", 500.0)
    assert (lost.fixed, lost.share) == (0.0, pytest.approx(1.12))


def test_each_reason_weighs_by_its_probability():
    rules = {
        "too_small": CostRule(5.0, 0.2, 0.5, 0.3),
        "changed_mind": CostRule(1.0, 0.4, 0.1, 0.3),
    }
    rule = mixed_rule(rules, {"too_small": 0.3, "changed_mind": 0.1})
    assert rule.fixed == pytest.approx(4.0)
    assert rule.share == pytest.approx(0.25)
    assert rule.drop_share == pytest.approx(0.4)
    assert rule.margin_share == pytest.approx(0.3)
    assert mixed_rule(rules, {"too_small": 0.0, "changed_mind": 0.2}).fixed == pytest.approx(1.0)


def test_a_line_that_never_comes_back_costs_nothing():
    rule = mixed_rule({"other": RULE}, {"other": 0.0})
    basket = judge_basket([risk(0.0)], [50.0], [rule])
    assert (basket.total, basket.action) == (0.0, "none")


def test_starting_policies_give_a_rule_in_every_market_they_know():
    policies = Policies.load()
    for market, currency in (("DE", "EUR"), ("US", "USD"), ("JP", "JPY"), (None, None)):
        for reason in RETURN_REASON:
            terms = policies.terms(Situation(market=market, currency=currency, reason=reason))
            value = 60.0 * policies.rates.per_base[terms.currency]
            rule = return_rule(terms, reason, value)
            assert 0.05 * value < rule.of_return(value) < 2 * value


def test_the_action_is_the_cheapest_and_no_threshold():
    # The same probability, and another decision: what a lost sale costs decides it.
    cheap_return = CostRule(3.0, 0.10, 0.5, 0.4)
    dear_return = CostRule(20.0, 0.40, 0.5, 0.4)
    lines = [risk(0.4)]
    assert judge_basket(lines, [60.0], [cheap_return]).action == "none"
    warned = judge_basket(lines, [60.0], [dear_return])
    assert warned.action == "confirm"
    assert warned.total == pytest.approx(0.4 * 44)
    assert warned.saving == pytest.approx(0.5 * (0.4 * 44 - 0.6 * 24))
    assert warned.costs["confirm"] == pytest.approx(warned.total - warned.saving)


def test_a_warning_is_only_about_lines_it_helps():
    rule = CostRule(3.0, 0.10, 0.5, 0.4)
    basket = judge_basket([risk(0.1), risk(0.95)], [60.0, 60.0], [rule, rule])
    assert (basket.action, basket.concerns) == ("confirm", (1,))
    assert basket.total == pytest.approx(0.1 * 9 + 0.95 * 9)


def test_size_advice_needs_a_size_to_suggest_and_loses_no_sale():
    colour = risk(0.4, suggestions=(Suggestion("colour", "red", 0.4, 0.1),))
    assert judge_basket([colour], [60.0], [RULE]).action == "none"
    size = risk(0.4, suggestions=(Suggestion("size", "L", 0.4, 0.2),))
    advised = judge_basket([size], [60.0], [RULE])
    assert (advised.action, advised.concerns) == ("show_size_advice", (0,))
    assert advised.saving == pytest.approx(0.5 * 0.2 * 9)
    # Where most come back, dropping the line saves more than another size.
    likely = risk(0.97, suggestions=(Suggestion("size", "L", 0.97, 0.9),))
    assert judge_basket([likely], [60.0], [RULE]).action == "confirm"


def test_of_two_sizes_the_likelier_return_is_dropped():
    rule = CostRule(8.0, 0.3, 0.5, 0.3)
    lines = [risk(0.6), risk(0.2, duplicate_of=0)]
    basket = judge_basket(lines, [60.0, 60.0], [rule, rule])
    assert (basket.action, basket.concerns) == ("drop_duplicate_size", (0,))
    # 0.2 * 0.4: the size that stays comes back, and the other would have been kept.
    assert basket.saving == pytest.approx(0.5 * (0.6 * 26 - 0.2 * 0.4 * 18))
    three = [risk(0.6), risk(0.2, duplicate_of=0), risk(0.5, duplicate_of=0)]
    assert judge_basket(three, [60.0] * 3, [rule] * 3).concerns == (0, 2)


def test_a_line_without_a_value_is_left_out():
    basket = judge_basket([risk(0.9), risk(0.5)], [None, 60.0], [RULE, RULE])
    assert basket.lines == (None, pytest.approx(0.5 * 9))
    assert basket.total == pytest.approx(0.5 * 9)
    assert judge_basket([risk(0.99)], [None], [RULE]).action == "none"


def test_what_is_bought_already_is_left_alone():
    lines = [risk(0.99, suggestions=(Suggestion("size", "L", 0.99, 0.1),))]
    assert judge_basket(lines, [60.0], [RULE]).action != "none"
    bought = judge_basket(lines, [60.0], [RULE], bought=True)
    assert (bought.action, bought.total) == ("none", pytest.approx(0.99 * 9))


def test_an_oracle_s_probabilities_save_what_the_oracle_saves():
    rng = np.random.default_rng(5)
    returned = (rng.random(500) < 0.4).astype(float)
    value = rng.uniform(10, 150, 500)
    for rule in PUBLIC_RULES.values():
        saved = money_saved(returned, returned, value, rule)
        assert saved.share == pytest.approx(1.0)
        assert saved.oracle == pytest.approx(0.5 * (returned * (3 + 0.1 * value)).sum())
        assert saved.warned == pytest.approx(returned.mean())


def test_knowing_more_saves_more_and_never_warns_for_nothing():
    rng = np.random.default_rng(6)
    p = rng.beta(0.6, 0.6, 20_000)
    returned = (rng.random(20_000) < p).astype(float)
    value = rng.uniform(10, 150, 20_000)
    margin = PUBLIC_RULES["a lost sale costs a margin of 40 %"]
    flat = np.full(20_000, returned.mean())
    known, unknown = (money_saved(each, returned, value, margin) for each in (p, flat))
    assert known.share > 0.1 > abs(unknown.share)
    free = money_saved(flat, returned, value, PUBLIC_RULES["a lost sale costs nothing"])
    assert (free.share, free.warned) == (pytest.approx(1.0), 1.0)
    full = money_saved(p, returned, value, PUBLIC_RULES["a lost sale costs its value"])
    assert 0 < full.share < known.share


def test_the_rule_s_own_figures_can_be_changed():
    twice = replace(RULE, fixed=6.0)
    assert twice.of_return(100.0) - RULE.of_return(100.0) == pytest.approx(3)


def test_a_line_without_a_price_is_refused_in_a_back_test():
    with pytest.raises(ValueError, match="leave lines without a price out"):
        money_saved(np.array([0.5]), np.array([1.0]), np.array([np.nan]), RULE)
    with pytest.raises(ValueError, match="lengths differ"):
        money_saved(np.array([0.5]), np.array([1.0, 0.0]), np.array([1.0]), RULE)


def test_no_lines_save_nothing():
    empty = np.array([])
    saved = money_saved(empty, empty, empty, RULE)
    assert (saved.model, saved.warned) == (0.0, 0.0)
    assert np.isnan(saved.share)
