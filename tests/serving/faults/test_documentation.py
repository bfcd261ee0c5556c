"""The page on faults names the test of each row."""

import re
from pathlib import Path

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
