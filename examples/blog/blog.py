"""The world outside: the blog, its moderators and the mail, a table each. What comes twice with one key counts once."""

import os
import sqlite3
from contextlib import closing
from typing import Any

TABLES = """
create table if not exists review (post text primary key, title text, body text);
create table if not exists feed (key text primary key, post text, title text, body text);
create table if not exists mail (key text primary key, recipient text, body text);
"""


def ask_moderators(post: str, title: str, body: str) -> None:
    """Put a post onto the moderators' list."""
    _write("insert or ignore into review values (?, ?, ?)", post, title, body)


def strike_off(post: str) -> None:
    """Take it off again."""
    _write("delete from review where post = ?", post)


def publish(post: str, title: str, body: str, *, key: str) -> None:
    """Show a post to the world."""
    _write("insert or ignore into feed values (?, ?, ?, ?)", key, post, title, body)


def send_mail(recipient: str, body: str, *, key: str) -> None:
    """Write to somebody."""
    _write("insert or ignore into mail values (?, ?, ?)", key, recipient, body)


def reviews() -> list[dict[str, Any]]:
    """What the moderators have to look at."""
    return _read("select post, title, body from review order by rowid")


def feed() -> list[dict[str, Any]]:
    """What the world sees."""
    return _read("select post, title, body from feed order by rowid")


def mails() -> list[dict[str, Any]]:
    """What was written to whom."""
    return _read("select recipient, body from mail order by rowid")


def _open() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ.get("BLOG", "blog.sqlite"), timeout=30)
    connection.row_factory = sqlite3.Row
    connection.executescript(TABLES)
    return connection


def _write(statement: str, *values: str) -> None:
    with closing(_open()) as connection, connection:
        connection.execute(statement, values)


def _read(query: str) -> list[dict[str, Any]]:
    with closing(_open()) as connection:
        return [dict(row) for row in connection.execute(query)]
