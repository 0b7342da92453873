"""URLs of databases: what libpq reads is what was meant."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from wf.urls import conninfo


@pytest.mark.parametrize(
    ("url", "params"),
    [
        ("postgresql://a%20b:p%20+%40@d/my%20db", {"user": "a b", "password": "p +@", "host": "d", "dbname": "my db"}),
        (
            "postgresql+psycopg:///db?host=/tmp/a%20b&options=-c%20search_path%3Dx%20-c%20y.z%3D1%2B1",
            {"dbname": "db", "host": "/tmp/a b", "options": "-c search_path=x -c y.z=1+1"},
        ),
        ("postgresql:///db?application_name=a+b", {"dbname": "db", "application_name": "a b"}),
    ],
)  # fmt: skip
def test_blanks_and_signs_reach_libpq_as_they_were_meant(url: str, params: dict[str, str]) -> None:
    """A blank in a name, a password, a folder or an option stays a blank, and a plus a plus."""
    assert conninfo_to_dict(conninfo(url)) == params
