"""Pages, read and filled in as a browser does it, without one: many cases in little time."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from tests.support.api import Api

HTML = {"Accept": "text/html"}

Fields = dict[str, Any]


class Reading(HTMLParser):
    """What a page holds.

    Attributes:
        words: Its text, with single blanks.
        numbers: The numbers that are marked, as they are shown.
        links: Where its links lead.
        forms: The fields of each form that is sent by POST, as they are, by its address.
        buttons: The texts of its buttons.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.numbers: dict[str, str] = {}
        self.forms: dict[str, Fields] = {}
        self.buttons: list[str] = []
        self._words: list[str] = []
        self._form: Fields = {}
        self._number, self._field, self._silent, self._button = "", "", False, False
        self.feed(re.sub(r".*<main", "<main", html, count=1, flags=re.DOTALL).partition("</main>")[0])
        self.words = " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._number = given.get("data-number", self._number)
        match tag:
            case "a":
                self.links.append(given["href"])
            case "form":
                self._form = {}
                if given.get("method") == "post":
                    self.forms[given["action"]] = self._form
            case "input" if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self._form.setdefault(given["name"], []).append(given.get("value", "on"))
            case "textarea":
                self._field = given["name"]
                self._form[self._field] = [""]
            case "select":
                self._field = given["name"]
            case "option" if self._field:  # those of a datalist are offers
                if "selected" in given or self._field not in self._form:
                    self._form[self._field] = [given.get("value", "")]
            case "button":
                self._button = True
                self.buttons.append("")
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        if tag == "span":
            self._number = ""
        if tag in {"textarea", "select"}:
            self._field = ""
        if tag == "button":
            self._button = False
        if tag in {"p", "dd", "dt", "td", "th", "li", "h1", "h2", "option", "label", "legend"}:
            self._words.append(" ")

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        if self._number:
            self.numbers[self._number] = data.strip()
        if self._button:
            self.buttons[-1] += data.strip()
        if self._field and self._field in self._form and data.strip() and self.lasttag == "textarea":
            self._form[self._field] = [data.removeprefix("\n")]  # as browsers do


class Unnamed(HTMLParser):
    """What of a page's text has a digit and is no marked number.

    Attributes:
        texts: It, without times, pictures, payloads, names of rows, what users have written, commands and forms.
    """

    _SILENT = frozenset({"time", "pre", "svg", "bdi", "code", "form", "title", "progress"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(re.sub(r".*<main", "<main", html, count=1, flags=re.DOTALL).partition("</main>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        silent = (
            tag in self._SILENT
            or "data-number" in given
            or given.get("scope") == "row"
            or "mono" in (given.get("class") or "").split()
        )
        if tag not in {"input", "br", "wbr", "link", "img"}:
            self._open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:  # what HTML lets open, such as a list's entries
            pass

    def handle_data(self, data: str) -> None:
        if re.search(r"\d", data) and not any(silent for _, silent in self._open):
            self.texts.append(" ".join(data.split()))


class Pages:
    """Somebody who reads pages.

    Args:
        api: The server.
        headers: What they show of themselves.
    """

    def __init__(self, api: Api, headers: dict[str, str] | None = None) -> None:
        self.api, self.headers = api, HTML | (headers or {})

    def get(self, path: str, status: int = 200) -> Reading:
        """A page."""
        return self.read(self.api("GET", path, headers=self.headers), status)

    @staticmethod
    def read(answer: httpx.Response, status: int = 200) -> Reading:
        """The page that an answer is."""
        assert answer.status_code == status, answer.text
        return Reading(answer.text)

    def send(self, path: str, where: str = "", **changes: Any) -> httpx.Response:
        """Send the form of a page, with what is changed in it; None takes a field out.

        Args:
            path: Of the page.
            where: The address of the form, if it is another one.
            **changes: New values.
        """
        fields = self.get(path).forms[where or path.partition("?")[0]]
        return self.post(where or path.partition("?")[0], fields | changes)

    def post(self, where: str, fields: Fields) -> httpx.Response:
        """Send fields."""
        data = {name: value for name, value in fields.items() if value is not None}
        return self.api("POST", where, data=data, headers=self.headers)

    @staticmethod
    def read_links(html: str) -> list[str]:
        """Where the links of a page lead."""
        return Reading(html).links
