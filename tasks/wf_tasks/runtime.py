"""What a worker process holds: connections, the engine, and a watch over the alarm. One for each process."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import structlog

from wf import guard
from wf.catalog import Catalog
from wf.database import Database
from wf.deployments import TooManySchedules
from wf.dispatch import Dispatcher
from wf.engine import Engine
from wf.env import Environment
from wf.journal import Journal
from wf.mailbox import Mailbox
from wf.meter import Meter
from wf.settings import Settings
from wf.workflow import registry
from wf_tasks.alarm import Alarm
from wf_tasks.feeding import Feeder

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.interceptor import Interceptor

log = structlog.get_logger("wf")


class Runtime:
    """The parts of one worker process, connected.

    Args:
        settings: Read once.
        clock: Takes the place of the database's clock, in tests.
        dispatcher: Publishes nudges, in place of one of its own.
        database: The journal's, in place of one of its own.
        interceptor: Steps between the engine and the classes of workflows, in tests.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, *, dispatcher: Dispatcher | None = None,
        database: Database | None = None, interceptor: Interceptor | None = None,
    ) -> None:  # fmt: skip
        guard.install()
        self.settings = settings
        self.database = database or Database(settings)
        self.journal = Journal(self.database, clock)
        self.catalog = Catalog(self.database, self.journal.clock)
        by_database = self.journal.clock.override() is None  # Celery knows nothing of the clock of a test
        wall = self.journal.clock.now if by_database else None
        self.dispatcher = dispatcher or Dispatcher(settings, wall=wall)
        self.mailbox = Mailbox(settings, self.journal)
        self.environment = Environment(settings, clock)
        self.meter, env = Meter(self.database, self.journal.clock), self.environment.env
        self.engine = Engine(
            settings, self.journal, self.mailbox, self.dispatcher, registry,
            meter=self.meter, env=env, interceptor=interceptor,
        )  # fmt: skip
        self.alarm = Alarm(settings, self.journal, self.dispatcher)
        self.feeder = Feeder(self.alarm, settings.alarm_tick)

    def prepare(self) -> None:
        """Check the schema, import the modules of workflows, make these known, and ask for their `env`.

        A workflow with too many schedules is told of in the log; it runs nevertheless, with its schedules of before.

        Raises:
            SchemaMismatch: The schema does not fit.
            JournalUnavailable: Postgres does not answer.
            ModuleUnusable: A module cannot be imported.
            InvalidSettings: The function of WF_ENV cannot be used.
        """
        self.database.check_schema()
        registry.load(self.settings.modules())
        for cls in registry.classes():
            try:
                self.catalog.register(cls, max_schedules=self.settings.max_schedules)
            except TooManySchedules as error:  # no reason to keep the others from their work
                log.error("workflow not registered", reason=str(error))  # noqa: TRY400  # the text says it all
        self.environment.load()
        if not registry.names():
            log.warning("this worker knows no workflow; name their modules in WF_WORKFLOWS or on the command line")
        self.database.disconnect()  # children may be forked next, and must not have the sockets of their parent

    def tick(self) -> None:
        """Run the alarm, and have it go on until the next tick if it is behind."""
        self.alarm.run_once()
        if self.alarm.is_behind:
            self.feeder.go_on()

    def close(self) -> None:
        """Stop the threads, close the connections."""
        self.feeder.stop()
        self.engine.close()
        self.meter.close()
        self.environment.close()
        self.database.close()
        self.dispatcher.close()
        self.mailbox.close()


_lock = threading.Lock()
_runtimes: dict[int, Runtime] = {}
_settings: Settings | None = None


def runtime() -> Runtime:
    """The runtime of this process; a forked child gets one of its own."""
    pid = os.getpid()
    if pid not in _runtimes:
        with _lock:
            if pid not in _runtimes:
                # The parent's entry stays: to drop it would end the parent's connections.
                _runtimes[pid] = Runtime(_settings or Settings())
    return _runtimes[pid]


def configure(settings: Settings) -> None:
    """Take these settings, not those of the environment, for this process and the children that it will fork."""
    global _settings  # noqa: PLW0603  # as the runtimes, it belongs to the process
    _settings = settings


class Watch(threading.Thread):
    """Runs the alarm when nobody else does, so that beat is no single point of failure."""

    SILENCE = 3
    """Ticks without an alarm after which a worker takes over."""

    def __init__(self, owner: Runtime) -> None:
        super().__init__(name="wf-watch", daemon=True)
        self._owner = owner
        self._stop = threading.Event()
        self._standing_in = False

    def run(self) -> None:
        """Look every tick: whoever looked as seldom as it takes to call it silence would notice after twice as long."""
        while not self._stop.wait(self.pause):
            try:
                self.look()
            except Exception as error:  # this thread must outlive whatever a tick runs into
                log.warning("alarm not watched", reason=f"{type(error).__name__}: {error}")

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return self._owner.settings.alarm_tick

    def look(self) -> None:
        """Run the alarm if it is silent."""
        tick = self._owner.settings.alarm_tick
        # Another stand-in has ticked a moment ago; beat would have ticked, too. Each looks a bit later than it.
        silence = tick * (1 if self._standing_in else self.SILENCE) * 0.9
        self._standing_in = self._owner.journal.alarm_is_silent(silence)
        if self._standing_in:
            self._owner.tick()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
