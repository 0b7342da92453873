"""`wf lint` on source that nobody would write: it says what is wrong, or finds what it can, and never breaks."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from wf.lint import check_paths, check_source
from wf.lint.linter import check_bytes

CORPUS = Path(__file__).parent / "lint_corpus"
BEGIN = "import time\nfrom wf import WorkflowEntrypoint\n\n\n"
HEAD = f"{BEGIN}class A(WorkflowEntrypoint):\n    async def run(self, event, step):\n"


def codes(source: str) -> list[str]:
    """The rules that a source breaks."""
    return [each.code for each in check_source(source)]


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"x = 1\ndef (:\n", 2, "invalid syntax"),
        (b"x = 1\ny = '\xff'\n", 2, "not utf-8: byte 0xff"),
        (b"# coding: latin-9999\n", 1, "unknown encoding"),
        (b"x = '\0'\n", 1, "null bytes"),
        (b"class A:\n\tdef a():\n        pass\n", 3, "inconsistent use of tabs"),
        (b"x = " + b"(" * 300 + b")" * 300, 1, "too many nested parentheses"),
        (b"x = " + b"-" * 60_000 + b"1", 1, "nests too deeply"),
        (b"x = 0" + b"\n" + b"y = x" + b"+x" * 90_000, 1, "nests too deeply"),
        (b"x = " + b"9" * 5_000, 1, "limit"),
    ],
    ids=["syntax", "bytes", "coding", "null", "tabs", "parentheses", "unary", "sum", "number"],
)
def test_what_cannot_be_read_is_told_with_its_line(data: bytes, line: int, says: str) -> None:
    """One finding, WF100, at the line that is wrong."""
    [finding] = check_bytes(data, "a.py")
    assert (finding.path, finding.line, finding.code) == ("a.py", line, "WF100")
    assert says in finding.message


def test_declared_encodings_and_marks_are_read() -> None:
    """A file in Latin-1 that says so, and one with a byte order mark, are checked as any other."""
    body = f"{HEAD}        time.time()  # é\n"
    assert [each.code for each in check_bytes(f"# coding: latin-1\n{body}".encode("latin-1"), "a.py")] == ["WF102"]
    assert [each.code for each in check_bytes(body.encode("utf-8-sig"), "a.py")] == ["WF102"]
    assert [each.code for each in check_bytes(body.replace("\n", "\r\n").encode(), "a.py")] == ["WF102"]


@pytest.mark.parametrize("source", ["", "\n\n", "# only a comment", "'only a text about WorkflowEntrypoint'"])
def test_empty_files_are_clean(source: str) -> None:
    """Nothing is found where nothing is."""
    assert codes(source) == []


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "await step.do()",
        "await step.do(*event.payload, **event.payload)",
        "step",
        "return run",
        "x = x",
        "x = y\n        y = x\n        x()",
        "a, *b = c, *d = step\n        await step.do(f'{a}', b)",
        "self = self\n        self.x.y.z()",
        "del event, step, self",
        "for step in step: step.do('x', step)",
        "f = lambda f=lambda: f(): f()\n        f()(f)(f())",
        "def a(): return a()\n        a()()\n        await step.do('x', a)",
        "x = step.do\n        x = x(x)(x)\n        await x()",
        "class step: do = step\n        step.do.do()",
        "[x for x in x for x in x if (x := x)]",
        "global event\n        event = 1",
        "match event:\n            case {'a': [x, *y], **z}: pass\n            case _ as q: pass",
        "try: await step\n        except* ValueError: pass",
        "super().run(event, step)\n        super().super().x",
        "self.a = self.b\n        self.b = self.a\n        self.a()",
        "async with step as (a, [b, c]): pass",
        "type(self).run(self, event, step)\n        await self.run(event, step)",
        "print(f'{step.do(f\"{event}\", lambda: step)!r:>{event}}')",
    ],
)
def test_odd_code_breaks_nothing(body: str) -> None:
    """Circles, shadows and nonsense are looked at without an error."""
    assert "WF100" not in codes(f"{HEAD}        {body}\n")


def test_classes_in_circles_break_nothing() -> None:
    """A class that derives from itself, or from one that derives from it, is looked at without an error."""
    source = "import wf\nclass A(A): pass\nclass B(C): pass\nclass C(B, wf.WorkflowEntrypoint):\n    run = 1\n"
    assert codes(f"{source}class D(C):\n    def run(self): pass\nclass E(D):\n    def run(self, *a, **b): pass\n") == []


def test_what_python_can_nest_is_checked() -> None:
    """Long chains and deep blocks, as generated code has them, do not hide what is beside them."""
    deep = "".join(f"{'    ' * (number + 2)}if event:\n" for number in range(80)) + "    " * 82 + "time.time()\n"
    assert codes(HEAD + deep) == ["WF102"]
    chain = "x = event" + ".x()" * 250 + "\n        time.time()\n"
    assert codes(f"{HEAD}        {chain}") == ["WF102"]
    functions = "".join(f"{'    ' * (number + 2)}def f{number}():\n" for number in range(60)) + "    " * 62 + "pass\n"
    assert codes(f"{HEAD}{functions}        time.time()\n") == ["WF102"]
    calls = "x = " + "step.do(" * 80 + "'x'" + ", 1)" * 80
    assert "WF100" not in codes(f"{HEAD}        {calls}\n        time.time()\n")


def test_much_code_takes_no_longer_than_it_must() -> None:
    """Twelve thousand lines of steps, helpers and aliases are checked within seconds, and each mistake is found."""
    steps = "".join(
        f"        x{n} = await step.do(f'step {n} {{x{n - 1}}}', lambda: helper{n % 500}(x{n - 1}))\n"
        for n in range(1, 5_000)
    )
    helpers = "".join(f"def helper{n}(x):\n    y = x\n    return helper{n - 1}(y)\n\n\n" for n in range(1, 1_400))
    source = f"{HEAD}        x0 = helper1399(1)\n{steps}\n\n{helpers}def helper0(x):\n    return time.time()\n"
    began = time.process_time()
    assert codes(source) == ["WF102"]
    assert time.process_time() - began < 60
    assert source.count("\n") > 11_000


def test_circular_aliases_take_no_longer_than_they_must() -> None:
    """Names that may each be all the others end, and soon."""
    body = "".join(f"        x{n} = x{(n * 7 + 1) % 60} or x{(n * 3 + 2) % 60} or step.do\n" for n in range(60))
    began = time.process_time()
    assert "WF100" not in codes(f"{HEAD}{body}" + "".join(f"        x{n}()\n" for n in range(60)))
    assert time.process_time() - began < 60


def test_mutilated_files_break_nothing() -> None:
    """Files of the corpus, each without some of its lines, give findings or a syntax error, and nothing worse."""
    chance = random.Random(7)
    for path in sorted(CORPUS.glob("*/*.py")):
        lines = path.read_text().splitlines(keepends=True)
        for _ in range(15):
            kept = [line for line in lines if chance.random() > 0.1]
            source = "".join(kept)
            if chance.random() < 0.5:
                names = re.findall(r"\b[a-z_]{3,}\b", source)
                source = source.replace(chance.choice(names), chance.choice(names))
            for each in check_source(source, path.name):
                assert 1 <= each.line <= len(kept) + 1


def test_the_order_is_that_of_the_lines(tmp_path: Path) -> None:
    """Findings come by file, line and column, whichever rule finds them, and twice the same."""
    body = (
        "        step.sleep('a', time.time())\n        event.payload['x'] = time.time()\n        step.sleep('b', 1)\n"
    )
    for name in ("b.py", "a.py"):
        (tmp_path / name).write_text(HEAD + body)
    found = list(check_paths([str(tmp_path)]))
    assert [(Path(each.path).name, each.line) for each in found] == [
        (name, line) for name in ("a.py", "b.py") for line in (7, 7, 8, 8, 9)
    ]
    assert found == sorted(found) == list(check_paths([str(tmp_path)]))
