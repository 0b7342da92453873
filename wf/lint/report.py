"""Findings as flake8 prints them, as JSON, or as annotations of GitHub Actions; and rules, explained."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from wf.lint.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.lint.findings import Finding
    from wf.lint.rules import Rule


def as_text(findings: Iterable[Finding]) -> str:
    """One line each: `path:line:column: code message`."""
    return "\n".join(f"{each.path}:{each.line}:{each.column}: {each.code} {each.message}" for each in findings)


def as_json(findings: Iterable[Finding]) -> str:
    """One document: a list."""
    return json.dumps([asdict(each) | {"title": RULES[each.code].title} for each in findings], indent=2)


def as_github(findings: Iterable[Finding]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    return "\n".join(
        f"::error file={_property(each.path)},line={each.line},col={each.column},title={each.code}::"
        f"{_data(each.message)}"
        for each in findings
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS = {"text": as_text, "json": as_json, "github": as_github}
"""By name."""


def listed() -> str:
    """All rules, one line each."""
    return "\n".join(f"{rule.code}  {rule.title}" for rule in RULES.values())


def explained(rule: Rule) -> str:
    """A rule with its reason, and an example of each kind."""
    return "\n".join(
        [
            f"{rule.code}: {rule.title}",
            "",
            f"It {rule.why}.",
            rule.mend.replace("{name}", "step"),
            "",
            "Instead of",
            *(f"    {line}" for line in rule.bad.splitlines()),
            "write",
            *(f"    {line}" for line in rule.good.splitlines()),
            "",
            f"A line that ends with `# noqa: {rule.code}` is passed over.",
        ]
    )
