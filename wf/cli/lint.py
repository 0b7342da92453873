"""`wf lint`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from wf.cli.given import Refused
from wf.cli.words import safe

if TYPE_CHECKING:
    from wf.lint import Rule

_CODES = "Codes or their beginnings, separated by commas, such as WF101,WF12."


@click.command()
@click.argument("paths", nargs=-1)
@click.option("--select", metavar="CODES", default="", help=f"Only these rules. {_CODES}")
@click.option("--ignore", metavar="CODES", default="", help=f"All rules but these. {_CODES}")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option("--explain", metavar="CODE", help="Tell why a rule is one, with an example, and check nothing.")
@click.option("--list", "list_rules", is_flag=True, help="List the rules, and check nothing.")
def lint(*, paths: tuple[str, ...], select: str, ignore: str, form: str, explain: str | None, list_rules: bool) -> None:
    """Check the source of workflows against the rules for `run`, without importing it.

    PATHS are files and folders, this folder if there are none. Exit code 0 if nothing is found, 1 if something is, 2 if
    a path cannot be read. Lines that end with `# noqa` or `# noqa: WF101` are passed over.
    """
    from wf.lint import check_paths, report  # noqa: PLC0415  (not for other commands)
    from wf.lint.findings import chosen  # noqa: PLC0415

    if list_rules or explain is not None:
        click.echo(report.listed() if explain is None else report.explained(_rule(explain)))
        return
    wanted, unwanted = _codes(select), _codes(ignore)
    try:
        found = chosen(check_paths(paths or (".",)), wanted, unwanted)
    except FileNotFoundError as error:
        raise Refused(f'There is no file or folder "{safe(error.filename or error)}".') from None
    except OSError as error:
        raise Refused(f'"{safe(error.filename)}" cannot be read: {error.strerror}.') from None
    if text := report.FORMATS[form](found):
        click.echo("\n".join(map(_printable, text.split("\n"))))
    sys.exit(1 if found else 0)


def _printable(line: str) -> str:
    """A line without what would steer a terminal, or what no encoding has: names of files may hold either."""
    return safe(line).encode(errors="backslashreplace").decode()


def _rule(code: str) -> Rule:
    from wf.lint import RULES  # noqa: PLC0415  (not for other commands)

    if (rule := RULES.get(code.upper())) is None:
        raise Refused(f'There is no rule "{safe(code)}"; the rules are {", ".join(RULES)}.')
    return rule


def _codes(text: str) -> list[str]:
    """The beginnings of codes in an option.

    Raises:
        Refused: No rule begins so.
    """
    from wf.lint import RULES  # noqa: PLC0415  (not for other commands)

    codes = [each.strip().upper() for each in text.split(",") if each.strip()]
    for code in codes:
        if not any(each.startswith(code) for each in RULES):
            raise Refused(f'No rule begins with "{safe(code)}"; the rules are {", ".join(RULES)}.')
    return codes
