import functools

import pandas as pd
import pytest
from typer.testing import CliRunner

from data_contracts.errors import BadInputError
from data_contracts.readers import write_tables
from pipelines.cli import app
from pipelines.read_labels import read_labels, shares_of

muslin = functools.partial(CliRunner().invoke, app, env={"COLUMNS": "160"})


@pytest.fixture
def tables():
    labels = [("dress", "36"), ("dress", "38"), ("dress", "40"), ("dress", "blue"), ("hat", "OS"),
              ("own", "571")]  # fmt: skip
    return {
        "products": pd.DataFrame(
            {
                "product_id": ["dress", "hat", "own"],
                "category": ["dress", "hat", "dress"],
                "audience": ["women", "unisex", "women"],
                "size_system": ["DE", "ONE", None],
            }
        ),
        "product_sizes": pd.DataFrame(labels, columns=["product_id", "size_label"]).assign(
            size_rank=range(6)
        ),
        "order_lines": pd.DataFrame(
            {
                "order_line_id": ["1", "2", "3", "4", "5", "6", "7", "8"],
                "order_id": "o",
                "customer_id": "c",
                "product_id": ["dress", "dress", "dress", "hat", "hat", "hat", "own", "hat"],
                "size_label": ["38", "38", "blue", "OS", "OS", "OS", "571", "OS"],
                "quantity": 1,
                "unit_price": 10.0,
                "currency": "EUR",
                "market": "DE",
                "ordered_at": pd.Timestamp("2026-01-01", tz="UTC"),
            }
        ),
    }


def test_every_label_of_every_product_is_read_beside_its_siblings(tables):
    read = read_labels(tables).set_index(["product_id", "size_label"])
    assert read.loc[("dress", "38"), ["system", "label", "lines"]].tolist() == ["DE", "38", 2]
    assert read.loc[("hat", "OS"), "system"] == "ONE"
    assert not read.loc[("dress", "blue"), "read"]
    assert read.loc[("own", "571"), ["read", "listed"]].tolist() == [True, False]


def test_shares_count_order_lines_and_name_what_is_not_read(tables):
    shares = shares_of(read_labels(tables))
    assert (shares.lines, shares.labels) == (8, 6)
    assert shares.read == pytest.approx(7 / 8)
    assert shares.listed == pytest.approx(6 / 8)
    assert shares.unread == {"blue": 1}
    assert shares.own == {"571": 1}


def test_without_order_lines_each_size_of_the_catalogue_counts_once(tables):
    del tables["order_lines"]
    assert shares_of(read_labels(tables)).read == pytest.approx(5 / 6)


def test_tables_without_size_labels_are_refused(tables):
    with pytest.raises(BadInputError, match="no size labels"):
        read_labels({"products": tables["products"]})


def test_parse_tells_every_meaning_and_that_there_are_several():
    done = muslin(["sizes", "parse", "42"])
    assert done.exit_code == 0, done.output
    assert {"SHOE_EU", "IT", "FR", "ambiguous"} <= set(done.output.replace(":", " ").split())
    told = muslin(["sizes", "parse", "42", "--audience", "women", "--system", "IT"])
    assert "ambiguous" not in told.output


def test_parse_tells_inseam_and_the_other_names_a_label_has():
    assert "inseam 34" in muslin(["sizes", "parse", "W32/L34"]).output
    said = muslin(["sizes", "parse", "EU 38 / UK 10", "--category", "dress"]).output
    assert "the label also says UK 10" in said


def test_a_label_that_is_not_read_has_an_exit_code_of_its_own():
    done = muslin(["sizes", "parse", "blue"])
    assert (done.exit_code, done.output) == (1, "'blue' is not read\n")


def test_convert_gives_the_size_of_the_same_body_in_each_system_wanted():
    wanted = ["--from", "DE", "--to", "UK", "--to", "IT", "--category", "dress"]
    done = muslin(["sizes", "convert", "38", *wanted])
    assert done.exit_code == 0, done.output
    rows = [line.split("│")[1:4] for line in done.output.splitlines() if line.startswith("│")]
    best = {row[0].strip(): row[1].strip() for row in reversed(rows)}
    assert (best["UK"], best["IT"]) == ("12", "44")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("parse 42 --audience ladies", "no audience 'ladies'; there is women"),
        ("parse 42 --system XX", "no system 'XX'; there is ALPHA"),
        ("convert blue --to UK", "'blue' is not read"),
        ("convert 38 --from DE --to XX", "no system 'XX'"),
        ("convert W32/L34 --from DE --to UK", "DE has no size 'W32/L34'; it reads as WAIST_INCH"),
        ("unread nowhere", "nowhere"),
    ],
)
def test_bad_input_is_explained_in_one_sentence(command, named):
    done = muslin(["sizes", *command.split()])
    assert done.exit_code == 2
    assert named in done.output


def test_unread_lists_the_labels_with_their_lines(tables, tmp_path):
    write_tables(tables, tmp_path)
    done = muslin(["sizes", "unread", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "87.50% read" in done.output
    assert "'blue'" in done.output
    assert "'571'" in done.output
