"""The command line, called in this process, and instances for it to show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import structlog
from click.testing import CliRunner

from tests.support.processes import environment
from tests.support.waiting import wait_until
from wf.cli import main
from wf.client import Client
from wf.dispatch import Nudge
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from click.testing import Result

    from wf.settings import Settings
    from wf.workflow import WorkflowEntrypoint


class Shell:
    """Runs `wf ...` with the settings of a test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __call__(self, *args: str, **env: str) -> Result:
        """Run a command, which may fail; what it leaves unhandled is raised here."""
        try:
            return CliRunner().invoke(main, args, env=environment(self.settings, env), catch_exceptions=False)
        finally:
            structlog.reset_defaults()  # commands that log write to a standard error that is closed now

    def text(self, *args: str) -> str:
        """What a command that must succeed prints."""
        result = self(*args)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *args: str) -> Any:
        """What a command prints with --json: one document."""
        return json.loads(self.text(*args, "--json"))

    def refusal(self, *args: str, code: int = 1, **env: str) -> str:
        """What a command that must fail says: one line on standard error, nothing on standard output."""
        result = self(*args, **env)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        assert result.stderr.startswith("wf: ")
        assert result.stderr.count("\n") == 1
        return result.stderr


class Worked:
    """An engine without Celery that brings instances where a test wants them."""

    def __init__(self, settings: Settings) -> None:
        self.client = Client(settings=settings)
        self._runtime = Runtime(settings)

    def know(self, *classes: type[WorkflowEntrypoint]) -> None:
        """Register workflows, as a worker does."""
        for cls in classes:
            self._runtime.catalog.register(cls)

    def bring(self, cls: type[WorkflowEntrypoint], id: str, status: str, params: Any = None) -> None:
        """Create an instance and run it until it is in this status, and its steps rest."""
        self.know(cls)
        self.client.workflow(cls).create(id, params)
        self.go_on(cls, id, status)

    def go_on(self, cls: type[WorkflowEntrypoint], id: str, status: str) -> None:
        """Run an instance until it is in this status, and its steps rest."""
        find = "select key from wf.instance where workflow = %(workflow)s and id = %(id)s"
        [[key]] = self.client.database.rows(find, {"workflow": cls.workflow_name, "id": id})
        instance = self.client.workflow(cls).get(id)

        def there() -> bool:
            return not self._runtime.engine.advance(Nudge(key, 1, 0)).steps and instance.status().status == status

        wait_until(there, what=f"{id} is {status}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runtime.close()
        self.client.close()
