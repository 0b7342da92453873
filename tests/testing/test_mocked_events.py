"""Mocked events: each for the next wait of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing import Modifier, Workbench


class Letters(WorkflowEntrypoint, name="mocked-letters"):
    """Waits for a letter, for a parcel, and for a letter again."""

    async def run(self, event: Any, step: Any) -> Any:
        first = await step.wait_for_event("first", "letter")
        parcel = await step.wait_for_event("parcel", "parcel")
        await step.do("mid", lambda: None)
        second = await step.wait_for_event("second", "letter")
        return [first.payload, parcel.payload, second.payload]


def mocking(event: dict[str, Any]) -> Callable[[Modifier], Modifier]:
    """A change that mocks an event."""
    return lambda m: m.mock_event(event)


def test_types_are_counted_apart(wf: Workbench) -> None:
    """Events of two types in one instance both come."""
    with wf.introspect_instance(Letters, "l") as letters:
        letters.modify(
            lambda m: (
                m.mock_event(type="letter", payload=1)
                .mock_event(type="parcel", payload=2)
                .mock_event(type="letter", payload=3)
            )
        )
        wf.workflow(Letters).create("l")
        letters.wait_for_status("complete")
        assert letters.get_output() == [1, 2, 3]


def test_an_event_may_be_mocked_while_its_wait_is_open(wf: Workbench) -> None:
    """What is mocked late is sent at once, one after the other."""
    letters = wf.introspect_instance(Letters, "l")
    wf.workflow(Letters).create("l")
    for event in ({"type": "letter", "payload": 1}, {"type": "parcel", "payload": 2}, {"type": "letter", "payload": 3}):
        wf.settle()
        letters.modify(mocking(event))
    letters.wait_for_status("complete")
    assert letters.get_output() == [1, 2, 3]


def test_a_real_event_leaves_the_mocked_one_for_the_next_wait(wf: Workbench) -> None:
    """A wait that has got a real event uses up no mocked one."""
    letters = wf.introspect_instance(Letters, "l")
    instance = wf.workflow(Letters).create("l")
    instance.send_event("letter", "real")
    wf.settle()
    letters.modify(lambda m: m.mock_event(type="letter", payload="mocked").mock_event(type="parcel"))
    letters.wait_for_status("complete")
    assert letters.get_output() == ["real", None, "mocked"]


def test_a_restart_from_a_step_does_not_repeat_what_was_kept(wf: Workbench) -> None:
    """After a restart from a step, waits that are kept keep their events, and later ones get theirs again."""
    letters = wf.introspect_instance(Letters, "l").modify(
        lambda m: (
            m.mock_event(type="letter", payload=1)
            .mock_event(type="parcel", payload=2)
            .mock_event(type="letter", payload=3)
        )
    )
    instance = wf.workflow(Letters).create("l")
    letters.wait_for_status("complete")
    instance.restart(from_step="mid")
    wf.settle()
    letters.wait_for_status("complete")
    assert letters.get_output() == [1, 2, 3]


def test_changes_to_all_and_to_one_come_together(wf: Workbench) -> None:
    """An instance that was named before its creation gets what is recorded for all of its workflow, too."""
    with wf.introspect_instance(Letters, "l") as one, wf.introspect(Letters) as all_of_them:
        one.modify(lambda m: m.mock_event(type="letter", payload="own").mock_event(type="letter", payload="own"))
        all_of_them.modify_all(
            lambda m: m.mock_event(type="parcel", payload="all").mock_event(type="letter", payload="all")
        )
        wf.workflow(Letters).create("l")
        one.wait_for_status("complete")
        assert one.get_output() == ["own", "all", "own"]
