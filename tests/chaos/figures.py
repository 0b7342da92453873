"""How soon things went on: the time between a piece of work being ready and somebody doing it.

All of it is read from the journal's own times, and compared with when the monkey did what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.chaos.plan import BEAT_LIMIT, FLUSH_LIMIT, KILL_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.evidence import Evidence, Row
    from wf.settings import Settings

EVER = 4e9
"""Later than anything that has happened; in seconds since the epoch."""


@dataclass(frozen=True)
class Work:
    """A piece of work: ready at one time, and begun at another."""

    what: str
    instance: str
    ready: float
    begun: float

    @property
    def late(self) -> float:
        """Seconds in between."""
        return max(self.begun - self.ready, 0.0)


def works(found: Evidence) -> list[Work]:
    """All pieces of work of all instances; those that a pause held up, or that nobody did, are left out."""
    result = []
    for key, instance in found.instances.items():
        held = _paused(found.transitions[key], instance["ended_at"] or EVER)
        done = [*_steps(found, key, instance["id"]), *_idle(found, key, instance, held)]
        result += [
            one for one in done
            if one.begun < EVER and not any(begin < one.begun and one.ready < end for begin, end in held)
        ]  # fmt: skip
    return sorted(result, key=lambda work: work.begun)


def starts(found: Evidence, key: int, step: Row) -> list[tuple[float, float, str]]:
    """Every attempt of a step: when it began and ended, and how."""
    tries = [(row["started_at"], row["ended_at"], row["outcome"]) for row in found.attempts[key, step["seq"]]]
    if step["attempt"] > len(tries) and step["attempt_at"] is not None:
        tries.append((step["attempt_at"], step["ended_at"] or EVER, step["status"]))
    return tries


def _steps(found: Evidence, key: int, id: str) -> Iterator[Work]:
    taken = {row["consumed_by"]: row["accepted_at"] for row in found.events[key]}
    for step in found.steps[key]:
        if step["kind"] in {"do", "rollback"}:
            tries = starts(found, key, step)
            if tries:
                yield Work("step", id, step["started_at"], tries[0][0])
            retries = [row["retry_at"] for row in found.attempts[key, step["seq"]]]
            for retry_at, (begun, _, _) in zip(retries, tries[1:], strict=False):
                if retry_at is not None:
                    yield Work("retry", id, retry_at, begun)
        elif step["status"] == "complete" and step["kind"] == "sleep":
            yield Work("sleep", id, step["wake_at"], step["ended_at"])
        elif step["status"] == "complete" and step["seq"] in taken:
            yield Work("event", id, max(taken[step["seq"]], step["started_at"]), step["ended_at"])


def _idle(found: Evidence, key: int, instance: Row, held: Sequence[tuple[float, float]]) -> Iterator[Work]:
    """The gaps in which nothing of an instance ran, slept, waited or backed off: somebody should have gone on."""
    busy = [(instance["created_at"], instance["created_at"]), *held]
    taken = {row["consumed_by"]: row["accepted_at"] for row in found.events[key]}
    for step in found.steps[key]:
        end = step["ended_at"] or EVER
        if step["kind"] in {"do", "rollback"}:
            busy += [(begin, end) for begin, end, _ in starts(found, key, step)]
            busy += [(row["ended_at"], row["retry_at"]) for row in found.attempts[key, step["seq"]] if row["retry_at"]]
        elif step["kind"] == "sleep":
            busy.append((step["started_at"], min(step["wake_at"] or end, end)))
        else:
            busy.append((step["started_at"], min(max(taken.get(step["seq"], end), step["started_at"]), end)))
    until = instance["ended_at"] or EVER
    last = instance["created_at"]
    for begin, end in [*sorted(busy), (until, until)]:
        if begin > last:
            yield Work("go on", instance["id"], last, min(begin, until))
        last = max(last, end)


def _paused(transitions: Sequence[Row], end: float) -> list[tuple[float, float]]:
    """From when to when it was paused, or about to be."""
    result, since = [], None
    for row in transitions:
        if row["status"] in {"paused", "waitingForPause"}:
            since = since or row["at"]
        elif since is not None:
            result.append((since, row["at"]))
            since = None
    return result if since is None else [*result, (since, end)]


def recoveries(found: Evidence, deeds: Sequence[Row]) -> list[Row]:
    """Each attempt that was lost, by which deed, and how long after it the step was claimed again."""
    result = []
    for key, steps in found.steps.items():
        for step in steps:
            tries, rows = starts(found, key, step), found.attempts[key, step["seq"]]
            for row, (begun, _, _) in zip(rows, tries[1:], strict=False):
                deed = _cause(row, deeds) if row["outcome"] == "lost" else None
                if deed is not None:
                    entry = {"at": begun, "deed": deed["what"], "trial": deed["trial"], "since": deed["at"]}
                    result.append(entry | {"step": step["name"], "seconds": begun - deed["at"]})
    return sorted(result, key=lambda entry: float(entry["at"]))


def _cause(row: Row, deeds: Sequence[Row]) -> Row | None:
    """The deed that took the worker of a lost attempt while it ran: the last one before the lease was over."""
    fitting = [
        deed for deed in deeds
        if "pid" in deed and row["worker"].endswith(f":{deed['pid']}")
        and row["started_at"] - 0.5 <= deed["at"] <= row["ended_at"]
    ]  # fmt: skip
    return max(fitting, key=lambda deed: float(deed["at"]), default=None)


def figures(found: Evidence, deeds: Sequence[Row], settings: Settings) -> dict[str, Any]:
    """The figures of recovery, and in `late` a sentence for each trial in which one does not hold."""
    work, lost = works(found), recoveries(found, deeds)
    trials = [deed for deed in deeds if deed["trial"] and deed.get("whole")]
    kills, flushes, beats = [], [], []
    for deed in trials:
        if deed["what"] == "kill worker":
            times = [entry["seconds"] for entry in lost if entry["since"] == deed["at"]]
            kills.append(_figure(deed, times, settings.lease + KILL_LIMIT))
        elif deed["what"] == "flush":
            times = [one.begun - deed["at"] for one in work if one.ready <= deed["at"] < one.begun]
            flushes.append(_figure(deed, times, settings.renudge + FLUSH_LIMIT))
        else:
            times = [one.late for one in work if deed["at"] < one.ready < deed["until"]]
            beats.append(_figure(deed, times, BEAT_LIMIT))
    trials = [*kills, *flushes, *beats]
    return {
        "kill_worker": kills, "flush": flushes, "no_beat": beats, "recoveries": lost,
        "late": [
            f"{one['what']}: {one['seconds']:.2f} s, and {one['limit']:.0f} s are the limit"
            for one in trials if one["number"] and one["seconds"] > one["limit"]
        ],
        "latency": {name: _at(sorted(one.late for one in work if one.what == "go on"), share) for name, share in
                    (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        "latency_over_time": _over_time(work),
    }  # fmt: skip


def _figure(deed: Row, times: list[float], limit: float) -> Row:
    """What was in flight when it happened, and after how many seconds the last of it went on."""
    seconds = round(max(times, default=0.0), 3)
    return {"what": deed["what"], "at": deed["at"], "number": len(times), "seconds": seconds, "limit": limit}


def _over_time(work: list[Work], width: float = 5.0) -> list[tuple[float, float, float]]:
    """Median and 99th percentile of the time until somebody goes on, in windows of some seconds."""
    late: dict[float, list[float]] = {}
    for one in work:
        if one.what == "go on":
            late.setdefault(one.begun // width * width, []).append(one.late)
    return [(at, _at(sorted(some), 0.5), _at(sorted(some), 0.99)) for at, some in sorted(late.items())]


def _at(values: list[float], share: float) -> float:
    return round(values[min(int(len(values) * share), len(values) - 1)], 3) if values else 0.0
