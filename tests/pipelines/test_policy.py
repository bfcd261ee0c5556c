import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_contracts.policies import Policies, Situation, changes
from data_contracts.policies.documents import ExchangeRates, PolicyFile, Rule, TermValues, When
from pipelines.policy_cli import policy_app

DOCS = (Path(__file__).parents[2] / "docs/policies.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("COLUMNS", "MUSLIN_POLICY_DIR", "MUSLIN_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def shop(tmp_path):
    def write(text, name="shop.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def muslin(*words):
    return CliRunner().invoke(policy_app, [str(word) for word in words])


def row(output, term):
    """The cells of a term's row, of which a cell may take several lines."""
    (rows,) = [
        block for block in re.split(r"├[─┼]+┤|┡.*┩", output) if re.search(rf"│ {term} +│", block)
    ]
    lines = [line.split("│")[1:-1] for line in rows.splitlines() if line.startswith("│")]
    return [" ".join(cell.strip() for cell in cells).strip() for cells in zip(*lines, strict=True)]


# --- the documentation


def test_the_documented_example_does_what_it_says(shop):
    path = shop(EXAMPLE)
    checked = muslin("check", path)
    assert checked.exit_code == 0, checked.stderr
    policies = Policies.load([path])
    coat = {"market": "DE", "category": "coat", "reason": "too_small"}
    late = policies.terms(Situation(**coat, days_since_delivery=20))
    assert (late.restocking_fee_share, late.return_shipping) == (0.10, 6.9)
    assert policies.terms(Situation(**coat)).restocking_fee_share == 0
    assert policies.terms(Situation(market="DE", category="snowsuit")).return_window_days == 60
    assert policies.rates.per_base["USD"] == 1.09


@pytest.mark.parametrize("model", [PolicyFile, Rule, When, TermValues, ExchangeRates])
def test_every_key_is_documented(model):
    assert not [name for name in model.model_fields if f"`{name}`" not in DOCS]


# --- check


def test_check_says_what_a_file_changes(shop):
    done = muslin("check", shop(EXAMPLE))
    assert done.exit_code == 0
    assert re.search(r"shop\.baby_window +│ return_window_days +│ 60 +│ 45 \(category", done.stdout)
    assert "adds babygrow, snowsuit to the categories of group baby" in done.stdout
    assert "exchange rate of USD for one EUR: 1.09, was 1.17" in done.stdout
    assert "exchange rate of THB for one EUR: 38, was none" in done.stdout
    assert "no problem found" in done.stdout


def test_check_prints_brackets_as_they_stand(shop):
    path = shop("rules: [{id: a, text: t, set: {sanctions: {low: [review]}}}]")
    assert "low: [review]" in muslin("check", path).stdout


def test_check_says_which_rule_never_decides(shop):
    path = shop(
        "layer: market\n"
        "rules: [{id: own.coats, text: t, when: {categories: [romper], audiences: [baby]},"
        " set: {return_window_days: 20}}]"
    )
    done = muslin("check", path)
    assert done.exit_code == 0
    assert "rule own.coats: return_window_days decides nothing: stronger rules" in done.stdout
    assert "category.baby" in done.stdout


def test_check_says_when_nothing_changes(shop):
    assert "these files change nothing" in muslin("check", shop("layer: shop")).stdout


def test_check_names_every_fault_and_exits_with_two(shop):
    path = shop(
        "rules: [{id: a, text: t, when: {markets: [DE]}, set: {withdrawal_days: 3}},"
        " {id: b, text: t, set: {restocking_fee_share: 0.2}}]"
    )
    done = muslin("check", path, shop("layr: shop", "other.yaml"))
    assert done.exit_code == 2
    assert "other.yaml: unknown key 'layr'" in done.stderr
    done = muslin("check", path)
    assert done.exit_code == 2
    assert "rule a: withdrawal_days = 3: takes a statutory right away: eu.withdraw" in done.stderr
    assert "rule b: restocking_fee_share = 0.2: takes a statutory right away" in done.stderr
    assert "Traceback" not in done.output


def test_what_a_rule_replaces_is_only_what_it_meets(shop):
    path = shop("rules: [{id: a, text: t, when: {markets: [DE]}, set: {return_window_days: 3}}]")
    (change,) = changes(Policies.load([path])).rules
    replaced = {rule for rule, _ in change.instead_of}
    assert replaced == {
        "eu.shop_window", "category.baby", "category.baby_audience", "default.rights",
    }  # fmt: skip
    assert change.kept_out_by == ()


# --- explain


def test_explain_tells_the_rule_its_reason_and_what_it_overrides():
    done = muslin("explain", "--market", "DE", "--category", "dress")
    assert done.exit_code == 0
    _, value, rule, layer, why, over = row(done.stdout, "withdrawal_days")
    assert (value, rule, layer) == ("14", "eu.withdrawal statutory", "market")
    assert "Directive 2011/83/EU" in why
    assert "default.rights: 0" in over
    assert row(done.stdout, "keep_item_below")[1] == "17.09 EUR"


def test_explain_prints_brackets_as_they_stand(shop):
    path = shop("rules: [{id: a, text: 'see [/1] [b]', set: {coupon_share: 0.1}}]")
    done = muslin("explain", "--policy", path)
    assert row(done.stdout, "coupon_share")[4] == "see [/1] [b]"
    assert "medium: [no_fast_track]" in row(done.stdout, "sanctions")[1]


def test_explain_takes_everything_a_rule_may_look_at():
    done = muslin(
        "explain", "--market", "GB", "--category", "underwear", "--reason", "too_small",
        "--condition", "as_new", "--currency", "USD", "--value", "30", "--hygiene-sealed",
        "--opened", "--abuse-band", "high", "--audience", "women", "--days", "3",
    )  # fmt: skip
    assert done.exit_code == 0
    assert row(done.stdout, "returnable")[1:3] == ["false", "gb.hygiene_not_returnable statutory"]
    assert row(done.stdout, "keep_item_below")[1] == "20.00 USD"


def test_explain_reads_the_shop_s_folder_then_the_named_file(shop, monkeypatch, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "rules: [{id: a, text: t, set: {coupon_share: 0.07, warehouse: riga}}]"
    )
    monkeypatch.setenv("MUSLIN_POLICY_DIR", str(folder))
    later = shop("rules: [{id: b, text: t, set: {coupon_share: 0.08}}]")
    done = muslin("explain", "--market", "LV", "--policy", later)
    assert row(done.stdout, "coupon_share")[1:3] == ["0.08", "b"]
    assert row(done.stdout, "warehouse")[1:3] == ["riga", "a"]
    assert "a: 0.07" in row(done.stdout, "coupon_share")[5]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--market", "Germany"), "--market 'Germany' is not an ISO 3166 alpha-2 code such as DE"),
        (("--currency", "XXX"), "no exchange rate for the currency 'XXX' (known: AED"),
        (("--currency", "euro"), "--currency 'euro' is not an ISO 4217 code"),
        (("--reason", "tight"), "--reason 'tight' is not known; use too_small, too_large"),
        (("--abuse-band", "bad"), "--abuse-band 'bad' is not known; use low, medium, high, severe"),
        (("--policy", "missing.yaml"), "missing.yaml: cannot be read: No such file"),
    ],
)
def test_explain_refuses_what_cannot_be(words, said):
    done = muslin("explain", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not done.stdout
