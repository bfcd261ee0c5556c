"""The page on faults names the test of each row, and the OpenAPI document what a client sees."""

import re
from pathlib import Path

from features.settings import Settings
from serving.openapi import openapi_document

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "faults.md"


def test_every_row_names_a_test_that_is_there():
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    file = None
    for row in rows:
        told = row.rstrip(" |").rpartition("| ")[2]
        if told == "the same":
            continue
        names = re.findall(r"`([\w./]+\.py)?(?:::(\w+))?`", told)
        assert any(any(each) for each in names), row
        for path, name in names:
            file = HERE / path if path else file
            assert file.is_file(), row
            assert not name or f"def {name}(" in file.read_text("utf-8"), row


def test_the_document_tells_of_degraded_answers():
    schemas = openapi_document(Settings())["components"]["schemas"]
    for name in ("SizeAdviceResponse", "ReturnRiskResponse", "ReturnReviewResponse"):
        assert "degraded" in schemas[name]["required"]
        told = schemas[name]["properties"]["degraded"]
        assert told["type"] == "boolean"
        assert "without any history" in told["description"]
        assert told["examples"] == [False]
