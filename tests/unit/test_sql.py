"""The files of named statements: where one begins, and that no two have one name."""

from __future__ import annotations

import pytest

from wf.sql import parse

TWO = """-- Of two things.

-- first: Gives one.
-- note: this is a comment.
select 1
-- and: this, too
  + 1

-- second: Gives two.
select 2
"""


def test_a_comment_with_a_colon_begins_no_statement() -> None:
    """It would cut the statement that it stands in, which would do something else, and say nothing."""
    assert parse(TWO) == {"first": "select 1\n  + 1", "second": "select 2"}


def test_a_name_stands_once() -> None:
    """Or one of the two would never run."""
    with pytest.raises(ValueError, match="'first' is defined twice"):
        parse(f"{TWO}\n-- first: Again.\nselect 3\n")
