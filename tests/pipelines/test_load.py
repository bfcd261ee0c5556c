"""What a job reads, and what it says of it."""

import logging

import pandas as pd
import pytest

from pipelines.load import _tell_unknown_sizes, read_hold_out, shown_source


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
