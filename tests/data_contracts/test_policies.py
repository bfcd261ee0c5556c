import json
import re
from pathlib import Path

import pytest
import yaml

from data_contracts.policies import Policies, PolicyError, Situation, policy_files
from data_contracts.policies.documents import SANCTION, TermValues
from data_contracts.policies.reading import read_packaged, read_policy
from data_contracts.policies.rulebook import STARTING

EU = re.findall(
    r"\w+", "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
)


@pytest.fixture(scope="module")
def starting():
    return Policies.load()


@pytest.fixture
def shop(tmp_path):
    """Loads the starting policies with one file of the shop's, given as text."""

    def load(*texts):
        files = []
        for i, text in enumerate(texts):
            files.append(tmp_path / f"{i}.yaml")
            files[-1].write_text(text, encoding="utf-8")
        return Policies.load(files)

    return load


def rule(values, when="{}", name="shop.rule", **more):
    extra = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return f"  - id: {name}\n    text: why\n{extra}    when: {when}\n    set: {values}\n"


def rules(*each):
    return "rules:\n" + "".join(each)


# --- what the law gives


@pytest.mark.parametrize("market", EU)
def test_every_member_state_gives_fourteen_days_and_the_outbound_shipping(starting, market):
    terms = starting.terms(Situation(market=market, category="dress", reason="changed_mind"))
    assert (terms.withdrawal_days, terms.refund_within_days) == (14, 14)
    assert terms.refund_outbound_shipping
    assert terms.restocking_fee_share == 0
    assert terms.buyer_pays_return
    assert terms.fault_claim_days == 730
    decided = terms.rule("withdrawal_days")
    assert decided.statutory
    assert "2011/83/EU" in decided.text


@pytest.mark.parametrize(
    ("market", "days", "window"),
    [("GB", 14, 30), ("US", 0, 30), ("JP", 8, 30), ("CN", 7, 15), ("SA", 7, 15), ("AE", 0, 15)],
)
def test_other_markets(starting, market, days, window):
    terms = starting.terms(Situation(market=market, category="dress"))
    assert (terms.withdrawal_days, terms.return_window_days) == (days, window)


def test_faulty_goods_may_be_rejected_for_thirty_days_in_the_united_kingdom(starting):
    terms = starting.terms(Situation(market="GB", reason="quality_defect", days_since_delivery=20))
    assert terms.reject_faulty_days == 30
    assert terms.rule("reject_faulty_days").statutory
    assert not terms.buyer_pays_return


def test_the_american_restocking_fee_spares_faults(starting):
    fee = {
        reason: starting.terms(Situation(market="US", reason=reason)).restocking_fee_share
        for reason in ("changed_mind", "too_small", "quality_defect", "wrong_item", None)
    }
    assert fee == {
        "changed_mind": 0.1, "too_small": 0.1, "quality_defect": 0, "wrong_item": 0, None: 0.1,
    }  # fmt: skip


@pytest.mark.parametrize("market", ["DE", "GB", "CN", "SA", "US", "JP", None])
def test_goods_sealed_for_hygiene_come_back_closed_or_faulty(starting, market):
    def terms(**more):
        return starting.terms(Situation(market=market, hygiene_sealed=True, **more))

    assert terms(opened=False).returnable
    assert not terms(opened=True).returnable
    assert not terms(opened=True, reason="too_small").returnable
    assert terms(opened=True, reason="quality_defect").returnable


@pytest.mark.parametrize("market", ["DE", "GB", "CN", "SA"])
def test_the_law_s_own_exceptions_end_the_right_to_withdraw(starting, market):
    for exception in ({"custom_made": True}, {"hygiene_sealed": True, "opened": True}):
        terms = starting.terms(Situation(market=market, **exception))
        assert terms.withdrawal_days == 0
        assert terms.rule("withdrawal_days").statutory
        assert terms.rule("returnable").statutory
    assert starting.terms(Situation(market=market, hygiene_sealed=True)).withdrawal_days > 0


def test_food_comes_back_for_quality_only_where_no_statute_says_otherwise(starting):
    def quality_only(market, category):
        return starting.terms(Situation(market=market, category=category)).quality_only

    assert quality_only("US", "baby food")
    assert not quality_only("DE", "baby food")
    assert quality_only("DE", "fresh-food")
    assert not quality_only("US", "dress")


@pytest.mark.parametrize("asked", [{"category": "Romper"}, {"audience": "baby"}])
def test_baby_goods_have_a_longer_window_than_the_statute_asks(starting, asked):
    terms = starting.terms(Situation(market="DE", **asked))
    assert terms.return_window_days == 45
    assert terms.withdrawal_days == 14


def test_partial_refunds_are_for_small_flaws(starting):
    def shares(reason):
        terms = starting.terms(Situation(market="DE", reason=reason))
        return terms.partial_refund_share_min, terms.partial_refund_share_max

    assert shares("colour_mismatch") == (0.2, 0.3)
    assert shares("changed_mind") == (0, 0)


def test_packaged_files_are_read_as_the_shop_s_own():
    for path in STARTING:
        assert read_packaged(path) == read_policy(path)


def test_every_starting_file_says_what_it_is(starting):
    assert len(STARTING) == len(starting.documents)
    for path in STARTING:
        text = path.read_text("utf-8")
        assert text.startswith("# Starting values")
        assert "layer:" in text


def test_every_statutory_rule_cites_its_source(starting):
    law = ("Directive", "Regulations", "Act", "Law", "Decision", "Code", "Measures")
    statutory = [each.rule for each in starting.rules if each.rule.statutory]
    assert len(statutory) > 30
    for each in statutory:
        assert any(word in each.text for word in law), each.id
        assert any(mark in each.text for mark in ("art.", "reg.", "s. ")), each.id


# --- money


def test_money_comes_back_in_the_currency_of_the_line(starting):
    rates = starting.rates.per_base
    terms = starting.terms(Situation(market="DE", currency="GBP"))
    assert terms.currency == "GBP"
    assert terms.keep_item_below == round(20 / rates["USD"] * rates["GBP"], 2)
    assert terms.return_shipping == round(5 * rates["GBP"], 2)
    assert starting.terms(Situation(market="US")).keep_item_below == 20
    assert starting.terms(Situation(market="JP")).currency == "JPY"


@pytest.mark.parametrize("value", [None, 10.0])
def test_a_currency_without_a_rate_is_named_with_those_known(starting, value):
    with pytest.raises(PolicyError, match=r"currency 'XXX' \(known: AED, .*exchange_rates") as e:
        starting.terms(Situation(market="DE", currency="XXX", value=value))
    assert e.value.currency == "XXX"


def test_a_value_is_compared_in_its_own_currency(shop):
    text = rules(rule("{keep_item_below: 0 EUR}", "{value_from: 100 EUR}"))
    policies = shop("exchange_rates: {as_of: 2026-01-01, base: EUR, per_base: {JPY: 160}}\n" + text)

    def kept(value, currency):
        situation = Situation(market="DE", value=value, currency=currency)
        return policies.terms(situation).keep_item_below

    assert kept(99.99, "EUR") > 0
    assert kept(100, "EUR") == 0
    assert kept(15_999, "JPY") > 0
    assert kept(16_001, "JPY") == 0
    assert kept(None, "EUR") > 0
    assert kept(float("nan"), "EUR") > 0


# --- layers


def test_later_layers_and_files_win_and_what_lost_is_told(shop):
    first = rules(rule("{return_window_days: 60}", "{markets: [DE]}", "shop.one"))
    second = rules(rule("{return_window_days: 90}", "{markets: [DE]}", "shop.two"))
    market = "layer: market\n" + rules(rule("{return_window_days: 70}", "{}", "own.market"))
    policies = shop(first, second, market)
    terms = policies.terms(Situation(market="DE", category="romper"))
    assert terms.return_window_days == 90
    assert terms.rule("return_window_days").layer == "shop"
    assert [each.rule for each in terms.overridden("return_window_days")] == [
        "shop.one", "category.baby", "own.market", "eu.shop_window", "default.rights",
    ]  # fmt: skip
    assert policies.terms(Situation(market="US", category="romper")).return_window_days == 45
    assert policies.terms(Situation(market="US")).return_window_days == 70


def test_an_exception_wins_over_the_rule_it_names(shop):
    wide = rule("{return_shipping: 4 EUR}", "{markets: [DE]}", "shop.wide")
    narrow = rule(
        "{return_shipping: 7 EUR}", "{categories: [coat]}", "shop.narrow",
        exception_to="[shop.wide]",
    )  # fmt: skip
    for text in (rules(wide, narrow), rules(narrow, wide)):
        policies = shop(text)
        assert policies.terms(Situation(market="DE", category="coat")).return_shipping == 7
        assert policies.terms(Situation(market="DE", category="top")).return_shipping == 4


def test_days_since_delivery_are_counted_to_the_end_of_the_day(shop):
    policies = shop(rules(rule("{coupon_share: 0.5}", "{days_after: 14, days_up_to: 30}")))
    shares = [
        policies.terms(Situation(days_since_delivery=day)).coupon_share
        for day in (-1, 0, 14, 14.5, 30, 30.01)
    ]
    assert shares == [0.05, 0.05, 0.05, 0.5, 0.5, 0.05]


def test_a_group_takes_the_shop_s_own_words(shop):
    policies = shop("groups: {categories: {baby: [Baby Grow]}}\n")
    assert policies.terms(Situation(category="baby-grow")).return_window_days == 45


def test_norway_is_a_market(shop):
    policies = shop(rules(rule("{return_window_days: 31}", "{markets: [NO]}")))
    assert policies.terms(Situation(market="NO")).return_window_days == 31


def test_a_repeated_question_is_answered_from_memory(starting):
    asked = {"market": "DE", "category": "dress", "currency": "EUR"}
    first = starting.terms(Situation(**asked, value=50.0, days_since_delivery=3))
    assert starting.terms(Situation(**asked, value=50.5, days_since_delivery=3.2)) is first


def test_the_fingerprint_changes_with_the_rules(starting, shop):
    assert Policies.load().fingerprint == starting.fingerprint
    assert shop(rules(rule("{coupon_share: 0.1}"))).fingerprint != starting.fingerprint


# --- what the law gives is not taken


@pytest.mark.parametrize(
    ("values", "when", "statute"),
    [
        ("{withdrawal_days: 13}", "{markets: [DE]}", "eu.withdrawal"),
        ("{withdrawal_days: 13}", "{}", "eu.withdrawal"),
        ("{withdrawal_days: 0}", "{markets: [GB], abuse_bands: [severe]}", "gb.cancellation"),
        ("{withdrawal_days: 6}", "{markets: [CN], hygiene_sealed: true}", "cn.seven_days"),
        ("{restocking_fee_share: 0.1}", "{markets: [FR]}", "eu.withdrawal_refund"),
        ("{restocking_fee_share: 0.1}", "{days_up_to: 14}", "eu.withdrawal_refund"),
        ("{returnable: false}", "{categories: [underwear]}", "eu.withdrawal_refund"),
        ("{returnable: false}", "{hygiene_sealed: true, opened: true}", "eu.conformity_cost"),
        ("{quality_only: true}", "{markets: [EU], categories: [food]}", "eu.withdrawal_refund"),
        ("{buyer_pays_return: true}", "{markets: [GB]}", "gb.faulty_cost"),
        ("{refund_within_days: 30}", "{markets: [IT]}", "eu.withdrawal"),
        ("{refund_outbound_shipping: false}", "{markets: [PL]}", "eu.withdrawal_refund"),
        ("{reject_faulty_days: 14}", "{markets: [GB]}", "gb.reject_faulty"),
        ("{fault_claim_days: 365}", "{markets: [SE]}", "eu.conformity"),
    ],
)
@pytest.mark.parametrize("statutory", ["false", "true"])
def test_a_shop_cannot_take_a_statutory_right(shop, values, when, statute, statutory):
    name, value = next(iter(yaml.safe_load(values).items()))
    text = str(value).lower()
    with pytest.raises(PolicyError) as refused:
        shop(rules(rule(values, when, statutory=statutory)))
    (problem,) = refused.value.problems
    assert f"0.yaml: rule shop.rule: {name} = {text}: takes a statutory right away" in problem
    assert statute in problem
    assert "art." in problem or "reg." in problem or "s. " in problem


@pytest.mark.parametrize(
    ("values", "when"),
    [
        ("{withdrawal_days: 30}", "{markets: [EU]}"),
        ("{withdrawal_days: 0}", "{markets: [JP]}"),
        ("{withdrawal_days: 0}", "{markets: [DE], hygiene_sealed: true, opened: true}"),
        ("{restocking_fee_share: 0.15}", "{markets: [US]}"),
        ("{restocking_fee_share: 0.1}", "{markets: [FR], days_after: 14, reasons_except: [fault]}"),
        (
            "{returnable: false}",
            "{hygiene_sealed: true, opened: true, reasons_except: [fault]}",
        ),
        ("{quality_only: true}", "{markets: [EU], categories: [perishable]}"),
    ],
)
def test_a_shop_may_give_more_and_use_the_law_s_exceptions(shop, values, when):
    name = next(iter(yaml.safe_load(values)))
    assert any(
        each.rule.id == "shop.rule" and name in each.values
        for each in shop(rules(rule(values, when))).rules
    )


def test_what_a_shop_calls_statutory_is_safe_from_its_later_files(shop):
    first = rules(rule("{withdrawal_days: 21}", "{markets: [CH]}", "shop.ch", statutory="true"))
    second = rules(rule("{withdrawal_days: 14}", "{markets: [CH]}", "shop.less"))
    with pytest.raises(PolicyError, match=r"rule shop\.less: .*shop\.ch .*gives 21"):
        shop(first, second)


def test_no_sanction_denies_a_claim(starting):
    assert not {"deny", "reject", "refuse"} & {
        word for each in SANCTION for word in each.split("_")
    }
    with pytest.raises(PolicyError, match=r"sanctions\.severe\.0 = 'deny': must be one of"):
        Policies.load([_written("rules: [{id: a, text: b, set: {sanctions: {severe: [deny]}}}]")])


# --- faults in a file

_FOLDER: list[Path] = []


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    _FOLDER[:] = [tmp_path]


def _written(text):
    path = _FOLDER[0] / "shop.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layr: shop", "unknown key 'layr'; did you mean layer?"),
        (rules(rule("{coupon_shar: 0.1}")), "rule shop.rule: unknown key 'set.coupon_shar'; did"),
        (rules(rule("{coupon_share: 0.1}", "{market: [DE]}")), "unknown key 'when.market'; did"),
        (rules(rule("{coupon_share: 0.1}", words="x")), "rule shop.rule: unknown key 'words'"),
        (rules(rule("{partial_refund_share_min: 0.2, partial_refund_share_max: 1.2}")),
         "set.partial_refund_share_max = 1.2: is above 1 (100 %); give a share between 0 and 1"),
        (rules(rule("{partial_refund_share_min: 0.4, partial_refund_share_max: 0.3}")),
         "partial_refund_share_min = 0.4 is above partial_refund_share_max = 0.3; swap them"),
        (rules(rule("{partial_refund_share_max: 0.3}")), "give 'partial_refund_share_min' and"),
        (rules(rule("{fast_track_below: 50 EUR, inspect_above: 20 EUR}")), "; swap them"),
        (rules(rule("{fast_track_below: 5 EUR, inspect_above: 20 USD}")), "use one currency"),
        (rules(rule("{coupon_share: -0.1}")), "set.coupon_share = -0.1: must not be below 0"),
        (rules(rule("{coupon_share: true}")), "= true: must be a number, not true or false"),
        (rules(rule("{coupon_share: .nan}")), "set.coupon_share = nan: must be a finite number"),
        (rules(rule("{coupon_share: null}")), "set.coupon_share = null: must be a number"),
        (rules(rule("{return_window_days: 1.5}")), "= 1.5: must be a whole number"),
        (rules(rule("{handling: -5 USD}")), "= '-5 USD': must not be below 0"),
        (rules(rule("{handling: 5}")), "= 5: must be an amount and its currency; write it as 20"),
        (rules(rule("{handling: 5 XXX}")), "handling = 5 XXX: no exchange rate is known for XXX"),
        (rules(rule("{currency: XXX}")), "currency = XXX: no exchange rate is known for XXX"),
        (rules(rule("{returnable: yes}")), "set.returnable = 'yes': must be true or false"),
        (rules(rule("{}")), "set: sets no term; name at least one"),
        (rules(rule("{abuse_bands: {medium: 0.5, high: 0.4, severe: 0.9}}")), "must grow from"),
        (rules(rule("{abuse_bands: {medium: 0.5}}")), "high, severe is missing"),
        (rules(rule("{resale_share: {as_new: 1}}")), "must give every condition; worn, damaged,"),
        (rules(rule("{resale_fade: [{from_day: 3, share: 1}]}")), "from_day must begin at 0"),
        (rules(rule("{coupon_share: 0.1}", "{markets: [Germany]}")),
         "rule shop.rule: markets = 'Germany': is neither an ISO 3166 alpha-2 code"),
        (rules(rule("{coupon_share: 0.1}", "{reasons: [too_smal]}")), "did you mean too_small?"),
        (rules(rule("{coupon_share: 0.1}", "{abuse_bands: [bad]}")), "known: low, medium, high"),
        (rules(rule("{coupon_share: 0.1}", "{markets: [DE], markets_except: [FR]}")), "not both"),
        (rules(rule("{coupon_share: 0.1}", "{markets: []}")), "when.markets = []: must not be"),
        (rules(rule("{coupon_share: 0.1}", "{days_after: 9, days_up_to: 8}")), "; swap them"),
        (rules(rule("{coupon_share: 0.1}", "{value_from: 9 EUR, value_below: 8 EUR}")),
         "rule shop.rule: when: is for no situation at all; widen it"),
        (rules(rule("{coupon_share: 0.1}", name="default.lane")), "the id is taken by a rule of"),
        (rules(rule("{coupon_share: 0.1}", name="Shop rule")), "must be small letters, digits"),
        (rules(rule("{coupon_share: 0.1}", exception_to="[shop.x]")), "'shop.x': no rule of this"),
        (rules(rule("{coupon_share: 0.1}", exception_to="[shop.rule]")), "leads back to the rule"),
        ("rules: [{id: a, set: {coupon_share: 0.1}}]", "rule a: the key 'text' is missing; add it"),
        ("rules: [{text: a, set: {coupon_share: 0.1}}]", "rule number 1: the key 'id' is missing"),
        ("rules: [5]", "rule number 1: must hold keys"),
        ("exchange_rates: {as_of: 2026-01-01, base: USD, per_base: {EUR: 1}}", "are for one EUR"),
        ("exchange_rates: {as_of: 2026-01-01, base: EUR, per_base: {EUR: 2}}", "worth 1 of itself"),
        ("exchange_rates: {as_of: 2026-01-01, base: EUR, per_base: {USD: 0}}", "must be above 0"),
        ("exchange_rates: {as_of: soon, base: EUR, per_base: {USD: 1}}", "must be a date"),
        ("", "must hold keys such as 'rules', and holds nothing"),
        ("- 1", "must hold keys such as 'rules', and holds [1]"),
        ("rules: [", "line 1: is not YAML: "),
        ("layer: shop\nlayer: shop", "line 2: is not YAML: the key 'layer' is given twice"),
        ("a: &x [1]\nb: *x", "line 2: aliases (*x) are not taken"),
        ("a: " + "[" * 3000, "is nested deeper than 20 levels; flatten it"),
        ("a: !!python/object:os.system x", "is not YAML: could not determine a constructor"),
        (b"\xff\xfe\x00", "is not UTF-8 text; save it as UTF-8"),
        (b"#" * 1_000_001, "is larger than 1 MB; split it"),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_that_names_it(text, said):
    path = _written(text)
    with pytest.raises(PolicyError) as refused:
        Policies.load([path])
    (problem,) = refused.value.problems
    assert problem.startswith(f"{path}: ")
    assert said in problem


def test_every_fault_of_every_file_is_told_at_once(shop):
    with pytest.raises(PolicyError) as refused:
        shop(rules(rule("{coupon_share: 2, margin_share: -1}")), "layr: shop")
    assert len(refused.value.problems) == 3


def test_two_rules_of_a_file_that_contradict_each_other_are_refused(shop):
    one = rule("{return_window_days: 40}", "{markets: [FR], categories: [top]}", "shop.one")
    two = rule("{return_window_days: 50}", "{markets: [FR]}", "shop.two")
    with pytest.raises(PolicyError) as refused:
        shop(rules(one, two))
    (problem,) = refused.value.problems
    assert "rule shop.one and rule shop.two overlap: for market FR, category top" in problem
    assert "return_window_days to 40 and 50" in problem
    assert "write exception_to: [shop.two] in rule shop.one" in problem


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("{handling: 1 EUR}", "{markets: [DE]}"), ("{handling: 2 EUR}", "{markets: [FR]}")),
        (("{handling: 1 EUR}", "{}"), ("{handling: 1 EUR}", "{markets: [FR]}")),
        (("{handling: 1 EUR}", "{}"), ("{coupon_share: 0.1}", "{}")),
        (("{handling: 1 EUR}", "{days_up_to: 14}"), ("{handling: 2 EUR}", "{days_after: 14}")),
        (
            ("{handling: 1 EUR}", "{value_below: 20 EUR}"),
            ("{handling: 2 EUR}", "{value_from: 20 EUR}"),
        ),
        (("{handling: 1 EUR}", "{opened: true}"), ("{handling: 2 EUR}", "{opened: false}")),
        (
            ("{handling: 1 EUR}", "{reasons: [fault]}"),
            ("{handling: 2 EUR}", "{reasons_except: [fault]}"),
        ),
    ],
)
def test_rules_that_agree_or_never_meet_do_not_overlap(shop, one, two):
    policies = shop(rules(rule(*one, "shop.one"), rule(*two, "shop.two")))
    assert sum(not each.packaged for each in policies.rules) == 2


def test_the_shop_s_folder_is_read_by_name(tmp_path):
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / name).write_text("rules: []\n")
    assert [path.name for path in policy_files(tmp_path)] == ["a.yml", "b.yaml"]
    assert policy_files(None) == ()
    with pytest.raises(PolicyError, match="is not a folder; name the folder"):
        policy_files(tmp_path / "missing")
    with pytest.raises(PolicyError, match=r"missing\.yaml: cannot be read: No such file"):
        Policies.load([tmp_path / "missing.yaml"])


# --- the answer


def test_terms_have_an_attribute_and_a_decision_for_every_key(starting):
    terms = starting.terms(Situation(market="DE"))
    renamed = {"resale_share": "resale_shares"}
    for name in TermValues.model_fields:
        assert hasattr(terms, renamed.get(name, name))
        assert terms.rule(name).text
    assert set(terms.decisions) == set(TermValues.model_fields)


def test_resale_falls_with_condition_and_season(starting):
    terms = starting.terms(Situation(market="DE"))
    assert terms.resale_share("as_new") == 0.85
    assert terms.resale_share("as_new", 0) == 0.85
    assert terms.resale_share("as_new", 130) == pytest.approx(0.85 * 0.7)
    assert terms.resale_share("worn", 1000) == pytest.approx(0.3 * 0.3)
    assert terms.resale_share(None) == 0.75
    assert terms.resale_share("empty") == 0


@pytest.mark.parametrize(
    ("score", "band"), [(0, "low"), (0.3, "medium"), (0.59, "medium"), (0.6, "high"), (1, "severe")]
)
def test_a_score_falls_in_a_band_with_its_sanctions(starting, score, band):
    terms = starting.terms(Situation(market="DE"))
    assert terms.abuse_band(score) == band
    assert set(terms.sanctions[band]) <= set(SANCTION)


# --- what is published


def test_the_published_schema_is_that_of_the_models():
    from data_contracts.policies.schema import SCHEMA, schema_text

    assert SCHEMA.read_text("utf-8") == schema_text(), (
        "run python -m data_contracts.policies.schema"
    )


def test_the_published_schema_takes_and_refuses_what_the_loader_does():
    from jsonschema import Draft202012Validator

    from data_contracts.policies.schema import SCHEMA

    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in STARTING:
        plain = json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str))
        assert not list(validator.iter_errors(plain)), path.name
    for text in (
        "layr: shop",
        rules(rule("{coupon_share: 2}")),
        rules(rule("{coupon_share: -1}")),
        rules(rule("{coupon_share: null}")),
        rules(rule("{partial_refund_share_max: 0.3}")),
        rules(rule("{handling: 5}")),
        rules(rule("{}")),
        "exchange_rates: {as_of: '2026-01-01', base: EUR, per_base: {euro: 1}}",
    ):
        assert list(validator.iter_errors(yaml.safe_load(text))), text
