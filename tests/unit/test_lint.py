"""The rules of `wf lint`, on a corpus of workflows: what is expected is found, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wf.lint import RULES, check_paths, check_source
from wf.lint.report import as_text

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "lint_corpus"
BAD, GOOD = sorted(CORPUS.glob("bad/*.py")), sorted(CORPUS.glob("good/*.py"))
SAMPLES = "tests/conformance/samples/entrypoints.py"


def expected(source: str) -> list[tuple[int, str]]:
    """Lines and codes of the comments `# expect: WF101, WF102`."""
    lines = enumerate(source.splitlines(), 1)
    told = [(number, code) for number, line in lines for code in codes(line)]
    return sorted(told)


def codes(line: str) -> list[str]:
    """The codes that one line expects."""
    found = re.search(r"# expect: (.*)$", line)
    return re.findall(r"WF\d+", found[1]) if found else []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_is_bad_is_found_and_nothing_else(path: Path) -> None:
    """Every expectation of a file is a finding of that line, and every finding is expected."""
    source = path.read_text()
    findings = check_source(source, path.name)
    assert sorted((each.line, each.code) for each in findings) == expected(source), as_text(findings)
    assert findings


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_what_is_good_is_passed_over(path: Path) -> None:
    """Workflows as people write them are clean."""
    assert as_text(check_source(path.read_text(), path.name)) == ""


def test_the_corpus_knows_every_rule() -> None:
    """Each rule but that of unreadable files is broken somewhere in the corpus, which is big enough to tell."""
    told = {code for path in BAD for _, code in expected(path.read_text())}
    assert told == set(RULES) - {"WF100"}
    assert len(GOOD) >= 25


def test_what_we_show_is_clean() -> None:
    """The examples break no rule; of the samples for Cloudflare one does so on purpose."""
    paths = [str(ROOT / "examples"), str(ROOT / "tests/conformance/samples")]
    found = [(Path(each.path).relative_to(ROOT).as_posix(), each.code) for each in check_paths(paths)]
    assert found == [(SAMPLES, "WF101")]  # CarelessParent, whose test tells that it is refused when it runs


def test_the_readme_is_clean() -> None:
    """Each of its workflows breaks no rule."""
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    workflows = [each for each in snippets if "WorkflowEntrypoint" in each]
    assert len(workflows) >= 2
    for each in workflows:
        assert as_text(check_source(each, "README.md")) == ""
