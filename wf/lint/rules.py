"""The rules: a code, what it is called, why it is one, and how to mend what breaks it."""

from __future__ import annotations

from dataclasses import dataclass

_REPLAY = "`run` is replayed from its first line after every step"


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        code: As it is selected, ignored, and named in `# noqa`.
        title: What breaks the rule, in a few words.
        why: What happens then; goes on where a finding has named the place, so it begins with a verb.
        mend: What to write instead.
        bad: A short example that breaks the rule.
        good: The same, mended.
    """

    code: str
    title: str
    why: str
    mend: str
    bad: str
    good: str


_ALL = (
    Rule(
        "WF100",
        "the file cannot be read as Python",
        "cannot be checked",
        "Mend the syntax first.",
        "async def run(self, event, step)",
        "async def run(self, event, step):",
    ),
    Rule(
        "WF101",
        "I/O outside a step",
        f"reaches the outside world from `run`: {_REPLAY}, so it happens again each time",
        "Put it into a step: `await step.do(name, callback)`.",
        "user = httpx.get(url).json()",
        'user = await step.do("get user", lambda: httpx.get(url).json())',
    ),
    Rule(
        "WF102",
        "the clock outside a step",
        f"gives another time at every replay ({_REPLAY})",
        "Take `step.now()`, which replays, or return the time from a step.",
        "if datetime.now(UTC) > deadline:",
        "if step.now() > deadline:",
    ),
    Rule(
        "WF103",
        "a blocking sleep in `run`",
        "blocks the worker, and again at every replay",
        'Write `await step.sleep(name, "3 days")`, which survives restarts and needs no worker.',
        "time.sleep(60)",
        'await step.sleep("cool down", 60)',
    ),
    Rule(
        "WF104",
        "randomness outside a step",
        f"gives another value at every replay ({_REPLAY})",
        "Take `step.random()` or `step.uuid4()`, which replay, or return the value from a step.",
        "key = uuid.uuid4()",
        "key = step.uuid4()",
    ),
    Rule(
        "WF105",
        "the surroundings of the process read outside a step",
        "differs between workers and deploys, so that a replay may take another way",
        "Read it in a step, or hand it in by the params.",
        'if os.environ["REGION"] == "eu":',
        'if await step.do("region", lambda: os.environ["REGION"]) == "eu":',
    ),
    Rule(
        "WF106",
        "a thread, a process or a loop of its own in `run`",
        "does not work on the loop that replays `run`",
        "Call it inside a step's callback.",
        "text = await asyncio.to_thread(read, path)",
        'text = await step.do("read", lambda: read(path))',
    ),
    Rule(
        "WF110",
        "a step that nobody awaits",
        "is not awaited: its result and its error are lost, and it is cancelled when `run` ends",
        "Write `await` before it, or gather it with others.",
        'step.do("charge", charge)',
        'await step.do("charge", charge)',
    ),
    Rule(
        "WF111",
        "a step that nobody calls",
        "is decorated as a step but never called, so it never runs",
        "Call and await it: `await {name}()`.",
        '@step.do("charge")\nasync def charge(): ...',
        '@step.do("charge")\nasync def charge(): ...\nawait charge()',
    ),
    Rule(
        "WF112",
        "a step inside a step",
        "is called inside a step's callback, which is refused when it runs",
        "Call it in `run`, and hand results over by `return`.",
        'await step.do("outer", lambda: step.do("inner", work))',
        'await step.do("inner", work)',
    ),
    Rule(
        "WF113",
        "a step's name that differs at every replay",
        "makes the name of a step differ at every replay; the name is the key of its result, so the step runs again",
        "Make names of the payload, of results of steps, or of a counter.",
        'await step.do(f"charge {uuid4()}", charge)',
        'await step.do(f"charge {order_id}", charge)',
    ),
    Rule(
        "WF114",
        "steps in the order of a set",
        "is a set, whose order differs between processes, so that a replay asks for steps in another order",
        "Iterate `sorted(...)` of it.",
        'for name in {"a", "b"}:\n    await step.do(name, work)',
        'for name in sorted({"a", "b"}):\n    await step.do(name, work)',
    ),
    Rule(
        "WF115",
        "a loop of steps without an end",
        "makes steps without an end: every replay gets longer, until the limit of steps fails the instance",
        "Give it a way out (a counter, `break`, `return`), or begin a new instance for the next round.",
        'while True:\n    await step.do("poll", poll)',
        'for _ in range(100):\n    if await step.do("poll", poll):\n        break',
    ),
    Rule(
        "WF116",
        "a race between steps whose losers are left alone",
        "goes on with the first step, but the others have begun all the same, and their effects stay",
        "Race inside one `step.do`, or cancel or await the others.",
        "done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)",
        "done, late = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)\n"
        "for each in late:\n    each.cancel()",
    ),
    Rule(
        "WF120",
        "a change made inside a step and read outside of it",
        "is changed inside a step and read outside of it; a replay takes the step's result without running it, so that "
        "the change is lost",
        "Return it from the step.",
        'await step.do("count", lambda: found.append(1))\nreturn found',
        'found.append(await step.do("count", lambda: 1))\nreturn found',
    ),
    Rule(
        "WF121",
        "the event changed",
        "changes the event, which every replay gets anew and every step expects as it was created: what a step changes "
        "in it is lost",
        "Work on a copy: `dict(event.payload)` or `copy.deepcopy(...)`.",
        'event.payload["total"] = 3',
        'order = {**event.payload, "total": 3}',
    ),
    Rule(
        "WF122",
        "an `except` that swallows the signals of the engine",
        "also catches the signals by which the engine stops `run`",
        "Write `except Exception`, or `raise` at its end.",
        "try:\n    await charge()\nexcept BaseException:\n    pass",
        "try:\n    await charge()\nexcept Exception:\n    pass",
    ),
)

RULES = {rule.code: rule for rule in _ALL}
"""By code, in order."""
