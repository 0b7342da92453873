"""What may step between the engine and an author's code: nothing in production, `wf.testing` in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.attempt import Attempt
    from wf.core import Request
    from wf.facts import InstanceRow


class Interceptor:
    """Sees every request of `run` and every attempt. This one lets them pass; an engine without one is a bit faster.

    Attributes:
        strict: Whether every workflow is as if it were declared so.
    """

    strict = False

    def asked(self, instance: InstanceRow, request: Request) -> None:
        """`run` has asked for something, in this pass for the first time; the request may be changed in place.

        Called while `run` is replayed, so it must neither block nor do I/O.

        Args:
            instance: As it was loaded for this pass.
            request: What it asked for.
        """

    def call(self, attempt: Attempt, request: Request, result: Callable[[], Any]) -> Any:
        """An attempt runs: give its result, or raise what it fails with.

        Args:
            attempt: Which attempt it is; its `config` decides about the next one.
            request: What `run` asked for.
            result: Calls the author's callback and waits for what it gives.

        Raises:
            SystemExit: The worker shall end here; nothing is recorded.
        """
        del attempt, request
        return result()
