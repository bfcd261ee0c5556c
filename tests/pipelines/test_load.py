"""What a job reads, and what it says of it."""

import logging

import pandas as pd
import pytest

from data_contracts.errors import BadInputError
from pipelines.load import (
    _tell_unknown_sizes,
    check_needs,
    read_claims,
    read_hold_out,
    shown_source,
)


def test_a_source_is_shown_without_its_password():
    shown = shown_source("postgresql://reader:secret@db/shop")
    assert "secret" not in shown
    assert "reader" in shown
    assert shown_source("var/shop") == "var/shop"


@pytest.mark.parametrize("text", ["order_line_id\nL1\n L2 \nL1\n", "\ufefforder_line_id\nL1\nL2"])
def test_held_out_ids_come_once_and_in_order(tmp_path, text):
    path = tmp_path / "hold.csv"
    path.write_text(text, "utf-8")
    assert read_hold_out(path, ["L2", "L1"]) == ["L1", "L2"]


def test_an_id_with_a_space_of_its_own_is_found(tmp_path):
    path = tmp_path / "hold.csv"
    path.write_text("order_line_id\n L1\n", "utf-8")
    assert read_hold_out(path, [" L1", "L1"]) == [" L1"]


def test_sizes_the_products_do_not_have_are_told(caplog):
    lines = pd.DataFrame({"product_id": ["a", "a", "b"], "size_label": ["M", "m", None]})
    sizes = pd.DataFrame({"product_id": ["a"], "size_label": ["M"]})
    with caplog.at_level(logging.WARNING, "muslin.pipelines"):
        _tell_unknown_sizes({"order_lines": lines, "product_sizes": sizes})
    assert "1 of 2 sizes" in caplog.text
    assert "a in 'm'" in caplog.text


def claims(**columns):
    rows = {"return_id": ["R1", "R2"], "order_line_id": ["a", "b"], "reason": ["other"] * 2}
    rows |= {"requested_at": ["2024-03-01T10:00:00Z"] * 2, "quantity": ["1", "1"]}
    return pd.DataFrame(rows | columns)


def test_claims_on_other_lines_are_left_out_and_counted(tmp_path, caplog):
    file = tmp_path / "claims.csv"
    claims().to_csv(file, index=False)
    told = read_claims(file, ["b", "c"])
    assert told["return_id"].tolist() == ["R2"]
    assert str(told["requested_at"].dtype) == "datetime64[us, UTC]"
    assert "1 of 2 claims" in caplog.text
    claims().to_parquet(tmp_path / "claims.parquet")
    assert len(read_claims(tmp_path / "claims.parquet", ["a", "b"])) == 2


def test_claims_that_break_their_contract_are_refused_by_name(tmp_path):
    file = tmp_path / "claims.csv"
    claims().drop(columns="reason").to_csv(file, index=False)
    with pytest.raises(BadInputError, match=r"returns.*reason"):
        read_claims(file, ["a"])
    claims().to_csv(file, index=False)
    with pytest.raises(BadInputError, match=r"none of the 2 claims .* is on a held-out line"):
        read_claims(file, ["z"])


def test_what_is_needed_is_told_by_group():
    check_needs({"returns": None}, [("fit_feedback", "returns")], where="here")
    with pytest.raises(BadInputError, match=r"here .* neither fit_feedback nor returns"):
        check_needs({"products": None}, [("fit_feedback", "returns")], where="here")
    with pytest.raises(BadInputError, match="there is no abuse_labels, so"):
        check_needs({"returns": None}, [("returns",), ("abuse_labels",)], where="here")
