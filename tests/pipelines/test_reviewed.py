import pandas as pd
import pytest

from data_contracts.validation import validate
from features.audit import Outcome, Review, SqliteAudit, new_audit_id
from pipelines.reviewed import NEAR, with_reviewed
from pipelines.simulate import simulate


@pytest.fixture(scope="module")
def shop():
    return simulate(1500, seed=5).tables


@pytest.fixture
def audit(tmp_path):
    with SqliteAudit(tmp_path / "audit.db") as store:
        yield store


@pytest.fixture
def unjudged(shop):
    """Returns that have no label, each the only one of its line."""
    claims = shop["returns"]
    free = claims[~claims["return_id"].isin(shop["abuse_labels"]["return_id"])]
    buyers = shop["order_lines"].set_index("order_line_id")["customer_id"]
    return (
        free.drop_duplicates("order_line_id", keep=False)
        .assign(buyer=lambda claims: claims["order_line_id"].map(buyers))
        .reset_index(drop=True)
    )


def judge(audit, claim, *, after_days=2.0, name_return=True, asked_after=None, **other):
    """A review of a return, and what a person decided."""
    requested = claim["requested_at"] + (asked_after or pd.Timedelta(0))
    kept = Review(
        audit_id=new_audit_id(),
        at=requested.timestamp() + 1,
        customer_id=claim["buyer"],
        order_line_id=claim["order_line_id"],
        return_id=claim["return_id"] if name_return else None,
        requested_at=requested.timestamp(),
        route="review",
        recommended="refund",
    )
    audit.append_review(kept)
    told = {"label": "abuse", "kind": "item_swap", "decided_by": "ann", "decision": "refund"}
    told |= {"at": requested.timestamp() + after_days * 86_400, **other}
    audit.append_outcome(Outcome(audit_id=kept.audit_id, **told))
    return kept


def label_of(tables, claim):
    labels = tables["abuse_labels"]
    return labels[labels["return_id"] == claim["return_id"]]


def test_a_decision_becomes_a_label_of_its_return(shop, audit, unjudged):
    claim = unjudged.iloc[0]
    judge(audit, claim)
    tables, note = with_reviewed(shop, audit)
    (label,) = label_of(tables, claim).to_dict("records")
    assert label == {
        "return_id": claim["return_id"],
        "customer_id": claim["buyer"],
        "label": "abuse",
        "kind": "item_swap",
        "decided_at": claim["requested_at"] + pd.Timedelta(days=2),
        "decided_by": "investigator",
    }
    assert len(tables["abuse_labels"]) == len(shop["abuse_labels"]) + 1
    assert note.startswith("1 outcome of return reviews: 1 taken as labels, 0 of them in place")
    assert tables.keys() == shop.keys()


def test_the_new_table_keeps_its_contract_and_its_types(shop, audit, unjudged):
    judge(audit, unjudged.iloc[0])
    judge(audit, unjudged.iloc[1], label="legitimate", kind=None, name_return=False)
    tables, _ = with_reviewed(shop, audit)
    report = validate(tables).tables["abuse_labels"]
    assert (report.quarantined, report.rows_in) == (0, len(shop["abuse_labels"]) + 2)
    assert (tables["abuse_labels"].dtypes == shop["abuse_labels"].dtypes).all()


@pytest.mark.parametrize("absent", [True, False])
def test_a_shop_without_labels_gets_its_first(shop, audit, unjudged, absent):
    judge(audit, unjudged.iloc[0], label="legitimate", kind=None)
    bare = {**shop, "abuse_labels": shop["abuse_labels"].iloc[:0]}
    if absent:
        del bare["abuse_labels"]
    tables, _ = with_reviewed(bare, audit)
    assert tables["abuse_labels"]["label"].tolist() == ["legitimate"]
    assert validate(tables).tables["abuse_labels"].quarantined == 0


def test_without_a_return_id_the_nearest_return_of_the_line_is_meant(shop, audit, unjudged):
    near = unjudged.iloc[0]
    far = near.copy()
    far["return_id"], far["requested_at"] = "other", near["requested_at"] + pd.Timedelta(days=9)
    both = {**shop, "returns": pd.concat([shop["returns"], far.drop("buyer").to_frame().T])}
    both["returns"] = both["returns"].astype(shop["returns"].dtypes)
    judge(audit, near, name_return=False, asked_after=pd.Timedelta(days=3))
    tables, _ = with_reviewed(both, audit)
    assert len(label_of(tables, near)) == 1
    assert label_of(tables, far).empty


def test_a_review_of_a_return_that_is_not_there_yet_waits_and_is_told(shop, audit, unjudged):
    claim, early = unjudged.iloc[0], unjudged.iloc[1]
    judge(audit, claim)
    judge(audit, early, name_return=False, asked_after=NEAR + pd.Timedelta(days=1))
    before = {
        **shop,
        "returns": shop["returns"][shop["returns"]["return_id"] != claim["return_id"]],
    }
    tables, note = with_reviewed(before, audit)
    assert label_of(tables, claim).empty
    assert "2 outcomes of return reviews: 0 taken" in note
    assert "2 about a return that is not in the tables yet" in note
    later, note = with_reviewed(shop, audit)
    assert len(label_of(later, claim)) == 1
    assert "1 about a return that is not in the tables yet" in note


def test_a_shop_without_returns_loses_no_decision(shop, audit, unjudged):
    judge(audit, unjudged.iloc[0])
    _, note = with_reviewed({k: v for k, v in shop.items() if k != "returns"}, audit)
    assert "1 about a return that is not in the tables yet" in note


@pytest.mark.parametrize(
    ("days", "by", "wins"),
    [(-1, "investigator", True), (1, "chargeback", False), (1, "model", True)],
)
def test_the_later_decision_stands_and_a_person_before_a_model(
    shop, audit, unjudged, days, by, wins
):
    claim = unjudged.iloc[0]
    judge(audit, claim, after_days=5.0)
    row = {
        "return_id": claim["return_id"],
        "customer_id": shop["order_lines"]["customer_id"].iloc[0],
        "label": "legitimate",
        "kind": None,
        "decided_at": claim["requested_at"] + pd.Timedelta(days=5 + days),
        "decided_by": by,
    }
    labels = shop["abuse_labels"]
    labels = pd.concat([labels, pd.DataFrame([row])], ignore_index=True).astype(labels.dtypes)
    tables, note = with_reviewed({**shop, "abuse_labels": labels}, audit)
    (label,) = label_of(tables, claim)["label"]
    assert label == ("abuse" if wins else "legitimate")
    assert ("1 of them in place of older ones" in note) is wins
    assert ("1 older than the label the tables have" in note) is not wins
    assert len(tables["abuse_labels"]) == len(labels)


def test_of_two_reviews_of_one_return_the_later_decision_counts(shop, audit, unjudged):
    claim = unjudged.iloc[0]
    judge(audit, claim, after_days=6.0, label="legitimate", kind=None)
    judge(audit, claim, after_days=4.0, name_return=False)
    tables, note = with_reviewed(shop, audit)
    assert label_of(tables, claim)["label"].tolist() == ["legitimate"]
    assert "1 decided again in another review of the same return" in note


def test_what_contradicts_the_tables_is_left_out_and_told(shop, audit, unjudged):
    stranger = unjudged.iloc[0].copy()
    stranger["order_line_id"] = unjudged.iloc[1]["order_line_id"]
    judge(audit, stranger)
    judge(audit, unjudged.iloc[2], after_days=-1.0)
    stranger = unjudged.iloc[3].copy()
    stranger["buyer"] = "another"
    judge(audit, stranger)
    tables, note = with_reviewed(shop, audit)
    assert "3 outcomes of return reviews: 0 taken as labels" in note
    assert "1 about a claim of another customer than the buyer" in note
    assert "1 about a return that the tables have under another order line" in note
    assert "1 decided before the tables say the return was asked for" in note
    pd.testing.assert_frame_equal(tables["abuse_labels"], shop["abuse_labels"])


def test_a_review_without_a_customer_is_of_the_buyer(shop, audit, unjudged):
    claim = unjudged.iloc[0].copy()
    claim["buyer"] = None
    judge(audit, claim)
    tables, _ = with_reviewed(shop, audit)
    assert label_of(tables, claim)["customer_id"].tolist() == [unjudged.iloc[0]["buyer"]]


def test_without_a_judgement_nothing_changes(shop, audit, unjudged):
    tables, note = with_reviewed(shop, audit)
    assert note == "no reviewer has judged the honesty of a return yet"
    judge(audit, unjudged.iloc[0], label=None, kind=None)
    tables, note = with_reviewed(shop, audit)
    assert tables["abuse_labels"] is shop["abuse_labels"]
    assert note == "no reviewer has judged the honesty of a return yet"


def test_the_given_tables_are_not_changed(shop, audit, unjudged):
    before = shop["abuse_labels"].copy()
    judge(audit, unjudged.iloc[0])
    with_reviewed(shop, audit)
    pd.testing.assert_frame_equal(shop["abuse_labels"], before)
