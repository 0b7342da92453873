"""Introspectors: looking into instances by id and by workflow, waiting, outputs and errors (reference section G.1)."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from wf import Client, InstanceNotFound, NonRetryableError, WorkflowEntrypoint, WorkflowNotFound
from wf.testing import SessionActive, UnreachableError, WaitTimeout
from wf.testing.waits import PATIENCE
from wf.workflow import registry

if TYPE_CHECKING:
    from wf.testing import Workbench


class Order(WorkflowEntrypoint, name="looked-at-order"):
    """Two steps, a nap, an approval."""

    async def run(self, event: Any, step: Any) -> Any:
        price = await step.do("price", lambda: event.payload.get("price", 5))
        again = await step.do("price", lambda: price + 1)
        secret = await step.do("secret", lambda: "card", config={"sensitive": "output"})
        await step.sleep("cool down", "3 days")
        approval = await step.wait_for_event("approval", "approved", timeout="1 hour")
        return {"price": price, "again": again, "card": secret, "by": approval.payload}


class Broken(WorkflowEntrypoint, name="looked-at-broken"):
    """Fails in its step."""

    async def run(self, event: Any, step: Any) -> Any:
        def fail() -> None:
            raise NonRetryableError("no stock")

        await step.do("reserve", fail)


def test_an_instance_is_followed_from_its_first_line(wf: Workbench) -> None:
    """An introspector that was there before the instance changes it, waits for its steps and gives its output."""
    with wf.introspect_instance(Order, "o-1") as order:
        order.modify(lambda m: m.disable_sleeps().mock_event({"type": "approved", "payload": "ann"}))
        wf.workflow(Order).create("o-1", {"price": 7})
        assert order.wait_for_step_result("price") == 7
        order.wait_for_status("complete")
        assert order.get_output() == {"price": 7, "again": 8, "card": "card", "by": "ann"}


@pytest.mark.parametrize("selector", [("price", 2), {"name": "price", "index": 2}])
def test_a_step_is_selected_by_name_and_index(wf: Workbench, selector: Any) -> None:
    """The second step of a name is found by its index, in either form."""
    order = wf.introspect_instance(Order, "o-1")
    wf.workflow(Order).create("o-1")
    assert order.wait_for_step_result(selector) == 6


@pytest.mark.parametrize("selector", [3, ("price", 0), ("price", True), {"name": "price", "count": 2}, ("a", 1, "do")])
def test_a_selector_that_means_nothing_is_refused(wf: Workbench, selector: Any) -> None:
    """Selectors of other forms are refused at once."""
    with pytest.raises(ValueError, match=r"select|name"):
        wf.introspect_instance(Order, "o-1").wait_for_step_result(selector)


def test_a_sensitive_result_is_not_shown(wf: Workbench) -> None:
    """The result of a sensitive step is redacted, as on every surface."""
    wf.workflow(Order).create("o-1")
    assert wf.introspect_instance(Order, "o-1").wait_for_step_result("secret") == "[REDACTED]"


def test_the_error_of_a_step_is_raised(wf: Workbench) -> None:
    """Waiting for the result of a step that has failed raises what it failed with."""
    wf.workflow(Broken).create("b-1")
    with pytest.raises(NonRetryableError, match="no stock"):
        wf.introspect_instance(Broken, "b-1").wait_for_step_result("reserve")


def test_a_step_that_will_never_be_is_told_of(wf: Workbench) -> None:
    """When the instance has ended without the step, waiting for it ends at once, with the reason."""
    wf.workflow(Broken).create("b-1")
    with pytest.raises(UnreachableError, match=r"reached status 'errored' without a result of step 'pack'.*no stock"):
        wf.introspect_instance(Broken, "b-1").wait_for_step_result("pack")


def test_a_status_that_cannot_be_reached_is_told_of(wf: Workbench) -> None:
    """Waiting for a status ends when the instance has ended in another one."""
    wf.workflow(Broken).create("b-1")
    with pytest.raises(UnreachableError, match="prevents it from ever reaching the expected status of 'complete'"):
        wf.introspect_instance(Broken, "b-1").wait_for_status("complete")


def test_a_wrong_status_is_refused(wf: Workbench) -> None:
    """A status that does not exist is refused with those that do."""
    with pytest.raises(ValueError, match=r"no status 'done'.*complete"):
        wf.introspect_instance(Order, "o-1").wait_for_status("done")


def test_queued_is_reached_at_once(wf: Workbench) -> None:
    """`queued` never has to be waited for, even before the instance exists."""
    wf.introspect_instance(Order, "o-1").wait_for_status("queued", timeout=0)


def test_output_and_error_need_their_status(wf: Workbench) -> None:
    """Only a complete instance has an output, and only an errored one an error."""
    wf.workflow(Broken).create("b-1")
    wf.workflow(Order).create("o-1")
    broken, order = wf.introspect_instance(Broken, "b-1"), wf.introspect_instance(Order, "o-1")
    broken.wait_for_status("errored")
    order.wait_for_status("waiting")
    assert (broken.get_error().name, broken.get_error().message) == ("NonRetryableError", "no stock")
    with pytest.raises(
        UnreachableError, match=r'Cannot retrieve output: .* in status "errored" but must be "complete"'
    ):
        broken.get_output()
    with pytest.raises(UnreachableError, match=r'Cannot retrieve error: .* in status "waiting" but must be "errored"'):
        order.get_error()


def test_a_wait_without_hope_says_what_to_do(wf: Workbench) -> None:
    """When the instance sleeps for longer than the test waits, the wait ends soon, and names the sleep and ways on."""
    wf.workflow(Order).create("o-1")
    with pytest.raises(
        WaitTimeout, match=r"nothing will happen by itself.*'cool down'.*in 2591\d\d s.*wf\.time\.advance"
    ):
        wf.introspect_instance(Order, "o-1").wait_for_status("complete")


def test_a_wait_for_an_instance_that_nobody_creates_says_so(wf: Workbench) -> None:
    """A wrong id is told of as such."""
    with pytest.raises(WaitTimeout, match=r"'o-2' .* does not exist"):
        wf.introspect_instance(Order, "o-2").wait_for_status("complete")


def test_a_wait_for_a_workflow_that_nobody_knows_says_so(wf: Workbench) -> None:
    """When the class was not imported, or is gone, no worker of the test can run the instance."""

    class Gone(WorkflowEntrypoint, name="looked-at-gone"):
        async def run(self, event: Any, step: Any) -> None:
            await step.sleep("nap", "1 day")

    gone = wf.introspect_instance(Gone, "g-1")
    wf.workflow(Gone).create("g-1")
    registry.remove(Gone)
    with pytest.raises(WaitTimeout, match=r"nobody here knows the workflow\. Import the module"):
        gone.wait_for_status("complete")
    with pytest.raises(WorkflowNotFound, match="There is no workflow 'looked-at-gone'"):
        wf.introspect("looked-at-gone")
    gone.dispose()


def test_a_wait_that_is_told_how_long_waits_so_long(wf: Workbench) -> None:
    """With a timeout of its own a wait does not give up early, because somebody may do something later."""
    order = wf.introspect_instance(Order, "o-1").modify(lambda m: m.disable_sleeps())
    wf.workflow(Order).create("o-1")
    order.wait_for_status("waiting")
    sender = threading.Timer(PATIENCE * 3, lambda: wf.client.workflow(Order).get("o-1").send_event("approved", "bob"))
    sender.start()
    order.wait_for_status("complete", timeout=20)
    sender.join()


def test_a_status_that_has_passed_meanwhile_was_reached(wf: Workbench) -> None:
    """An instance that is complete has been running; and one that goes through a status between two looks was there."""
    for number in range(5):
        with wf.introspect_instance(Order, f"o-{number}") as order:
            order.modify(lambda m: m.disable_sleeps().mock_event(type="approved"))
            wf.workflow(Order).create(f"o-{number}")
            order.wait_for_status("running")
            order.wait_for_status("complete")


def test_another_thread_may_do_what_is_waited_for(wf: Workbench) -> None:
    """A wait goes on while somebody else moves the instance."""
    order = wf.introspect_instance(Order, "o-1").modify(lambda m: m.disable_sleeps())
    wf.workflow(Order).create("o-1")
    order.wait_for_status("waiting")
    sender = threading.Timer(0.2, lambda: wf.client.workflow(Order).get("o-1").send_event("approved", "bob"))
    sender.start()
    order.wait_for_status("complete")
    sender.join()
    assert order.get_output()["by"] == "bob"


def test_the_instance_is_gone_after_the_block(wf: Workbench) -> None:
    """At its end a `with` block removes the instance; disposing again is harmless."""
    with wf.introspect_instance(Order, "o-1") as order:
        wf.workflow(Order).create("o-1")
    with pytest.raises(InstanceNotFound):
        wf.client.workflow(Order).get("o-1")
    order.dispose()


def test_instances_that_the_code_under_test_creates_are_found(wf: Workbench) -> None:
    """By workflow, every instance is seen and changed that is created afterwards, by whatever client, in its order."""

    def code_under_test() -> None:
        with Client() as client:
            client.workflow("looked-at-order").create("first", {"price": 1})
            client.workflow("looked-at-order").create_batch([{"id": "second"}, {"id": "third"}])

    wf.workflow(Order).create("before")
    with wf.introspect(Order) as orders:
        orders.modify_all(lambda m: m.disable_sleeps())
        orders.modify_all(lambda m: m.mock_step_result("price", 9).mock_event(type="approved", payload="ann"))
        code_under_test()
        found = orders.get()
        assert [order.id for order in found] == ["first", "second", "third"]
        for order in found:
            order.wait_for_status("complete")
            assert order.get_output() == {"price": 9, "again": 10, "card": "card", "by": "ann"}
    assert wf.client.workflow(Order).get("before").status().status == "waiting"
    with pytest.raises(InstanceNotFound):
        wf.client.workflow(Order).get("first")


def test_changes_are_for_instances_that_come_after_them(wf: Workbench) -> None:
    """`modify_all` does not touch instances that exist already."""
    with wf.introspect(Order) as orders:
        wf.workflow(Order).create("early")
        orders.modify_all(lambda m: m.mock_step_result("price", 9))
        wf.workflow(Order).create("late")
        early, late = orders.get()
        assert (early.wait_for_step_result("price"), late.wait_for_step_result("price")) == (5, 9)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_class_that_a_test_defines_is_its_own(wf: Workbench, replaced: bool) -> None:
    """A class in a test takes the place of the module's one of the same name; the next test has the module's again."""
    if replaced:

        class Other(WorkflowEntrypoint, name="looked-at-broken"):
            async def run(self, event: Any, step: Any) -> str:
                return "another"

    broken = wf.introspect_instance("looked-at-broken", "b-1")
    wf.workflow("looked-at-broken").create("b-1")
    broken.wait_for_status("complete" if replaced else "errored")


def test_one_introspector_of_a_workflow_at_a_time(wf: Workbench) -> None:
    """A second one is refused while the first is open, and a disposed one refuses everything."""
    with wf.introspect(Order) as orders:
        with pytest.raises(SessionActive, match="already has an active introspection session"):
            wf.introspect("looked-at-order")
        with wf.introspect(Broken):
            pass
    with pytest.raises(UnreachableError, match="does not have an active introspection session"):
        orders.get()
    orders.dispose()
    wf.introspect(Order).dispose()


def test_a_binding_is_as_good_as_a_class(wf: Workbench) -> None:
    """What `self.env` or a client gives names the workflow, too; anything else does not."""
    assert wf.introspect_instance(wf.client.workflow("looked-at-order"), "o-1").workflow == "looked-at-order"
    with pytest.raises(TypeError, match="its name, its class or a client's workflow"):
        wf.introspect_instance(3, "o-1")


def test_an_async_change_is_refused_where_nobody_awaits_it(wf: Workbench) -> None:
    """The sync introspector says that it cannot take an async function."""

    async def change(m: Any) -> None:
        m.disable_sleeps()

    with pytest.raises(TypeError, match="async function"):
        wf.introspect_instance(Order, "o-1").modify(change)


async def follow(wf: Workbench) -> Any:
    async def change(m: Any) -> None:
        m.disable_sleeps()

    async with wf.introspect(Order) as orders:
        await orders.modify_all(change)
        await wf.async_client.workflow(Order).create("o-1")
        (order,) = await orders.get()
        await order.modify(lambda m: m.mock_event(type="approved", payload="ann"))
        assert await order.wait_for_step_result("price") == 5
        await order.wait_for_status("complete")
        output = await order.get_output()
    async with wf.introspect_instance(Broken, "b-1") as broken:
        await wf.async_client.workflow(Broken).create("b-1")
        await broken.wait_for_status("errored")
        return output, (await broken.get_error()).message


def test_async_tests_have_the_same_methods(wf: Workbench) -> None:
    """With `async with`, every method is awaited; an async change is, too."""
    output, message = asyncio.run(follow(wf))
    assert (output["by"], message) == ("ann", "no stock")
