"""Reviews with the real size model on the materialised state of a small simulated shop."""

from __future__ import annotations

import asyncio

import orjson
import pandas as pd
import pytest

from features.audit import SqliteAudit
from features.state import SqliteState
from pipelines.fit_size import fit_size_fit
from pipelines.materialize import materialize
from pipelines.simulate import simulate
from return_review.desk import POLICIES
from serving.advisor import ModelLabel
from serving.languages import Languages
from serving.return_review.build import build
from serving.size_advice import load_advisor

LABEL = ModelLabel("size_fit", "1")


@pytest.fixture(scope="module")
def tables():
    return simulate(1500, seed=5).tables


@pytest.fixture(scope="module")
def place(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("champion")
    params = {"n_estimators": 8, "members": 1, "min_child_samples": 20, "num_threads": 1}
    space, model, _ = fit_size_fit(tables, params=params)
    model.save(folder)
    space.save(folder)
    materialize(tables, {"size_fit": (space, LABEL.version)}, folder / "state.db")
    return folder


def test_every_claim_of_the_shop_is_reviewed_and_sizes_go_the_right_way(
    settings, tables, place, tmp_path
):
    given = settings.model_copy(update={"state_url": str(place / "state.db")})
    rank = tables["product_sizes"].set_index(["product_id", "size_label"])["size_rank"]
    lines = tables["order_lines"].set_index("order_line_id")
    rows = tables["returns"].head(120)
    with (
        SqliteState(given.state_url, readonly=True) as state,
        SqliteAudit(tmp_path / "audit.db") as audit,
    ):
        sizes = load_advisor(place, LABEL, given)
        review, _ = build(state, POLICIES, audit, Languages(), given, sizes=sizes)
        claims = [
            {
                "order_line_id": row["order_line_id"],
                "customer_id": lines.at[row["order_line_id"], "customer_id"],
                "reason": row["reason"],
                "requested_at": row["requested_at"].isoformat(),
                "return_id": row["return_id"],
                **({"condition": row["condition"]} if pd.notna(row["condition"]) else {}),
            }
            for row in rows.to_dict("records")
        ]
        answers = orjson.loads(asyncio.run(review(orjson.dumps(claims), "r")))
        assert [audit.get(each["audit_id"])[0].answer for each in answers] == answers
    exchanged = 0
    for claim, told in zip(claims, answers, strict=True):
        assert told["rules"] == [] or told["rules"][0]["rule"] != "line_not_on_record"
        assert told["options"][0]["amount"] is not None
        option = next(each for each in told["options"] if each["option"] == "exchange_size")
        if not option["allowed"] or option["into"]["same_article"]:
            continue
        line = lines.loc[claim["order_line_id"]]
        steps = (
            rank[line["product_id"], option["into"]["size"]]
            - rank[line["product_id"], line["size_label"]]
        )
        assert steps > 0 if claim["reason"] == "too_small" else steps < 0
        exchanged += 1
    assert exchanged > 10
