"""What the routes work with, connected; one of each for a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from wf.attention import Attention
from wf.charts import Charts
from wf.client import Client
from wf.clock import Clock, DatabaseClock
from wf.measures import Measures
from wf.overview import Overview
from wf.standing import Standing
from wf.tokens import Tokens
from wf_api.door import Door
from wf_api.feeds import Feeds
from wf_api.hooks import read_hooks
from wf_api.limits import Limits
from wf_api.live import Live
from wf_api.metrics import Metrics
from wf_api.nudging import Nudging
from wf_api.payloads import Payloads
from wf_api.readiness import Readiness
from wf_api.sessions import Sessions
from wf_api.watch import Watch

if TYPE_CHECKING:
    from wf.settings import Settings


class Parts:
    """The parts of one API process.

    Args:
        settings: Read once.
        clock: Takes the place of the database's clock, in tests.

    Raises:
        InvalidHooks: WF_HOOKS names a file that cannot be used.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or DatabaseClock()
        self.hooks = read_hooks(settings.hooks)
        self.nudging = Nudging(settings)
        self.client = Client(settings=settings, clock=clock, actor="api", dispatcher=self.nudging)
        self.payloads = Payloads(self.client.database, self.clock)
        self.tokens = Tokens(self.client.database, self.clock)
        self.sessions = Sessions(self.client.database, self.clock, settings.login_ttl)
        self.door = Door(self.tokens, self.sessions, Limits(settings), self.clock)
        self.watch = Watch(self.client.database, settings.api_feed_tick)
        self.feeds = Feeds(settings.api_max_feeds)
        self.pages = Feeds(settings.api_max_pages, "pages", "WF_API_MAX_PAGES")
        self.live = Live()
        self.readiness = Readiness(self.client)
        self.overview = Overview(self.client.database, self.clock, settings)
        self.standing = Standing(self.client.database, self.clock)
        self.charts = Charts(self.client.database, self.clock)
        self.attention = Attention(self.client.database, self.clock, settings, self.overview)
        self.metrics = Metrics(self.overview, Measures(self.client.database, self.clock), lambda: self.watch.watchers)

    def close(self) -> None:
        """Close the connections."""
        self.overview.close()
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
