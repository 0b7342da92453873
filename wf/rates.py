"""How many instances may be created or restarted per second: two buckets in Redis, one of all and one a workflow.

Each bucket is one number: when it would be empty again (GCRA). It holds one second's worth. A batch that is bigger
than the bucket needs a full one, and those who come after it wait for what it took in advance.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import RedisError

from wf.dispatch import connect
from wf.errors import RateLimited
from wf.offloop import off_loop

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.settings import Settings

_TAKE = """
-- KEYS: buckets; ARGV: how many to take, the time or '', then the rate of each bucket. Takes from all or from none.
-- Returns the number of the bucket that is short, or 0, and the microseconds until it has enough.
local wanted, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local empty_at, short, wait = {}, 0, 0
for i, key in ipairs(KEYS) do
  local interval = 1 / tonumber(ARGV[2 + i])
  local room = math.max(1, interval)
  local from = math.max(tonumber(redis.call('GET', key) or 0), now)
  empty_at[i] = from + wanted * interval
  local late = math.min(empty_at[i], from + room) - now - room
  if late > 0.000002 and late > wait then
    short, wait = i, late
  end
end
if short == 0 then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.6f', empty_at[i]), 'PX', math.ceil((empty_at[i] - now) * 1000) + 1000)
  end
end
return {short, math.ceil(wait * 1000000)}
"""

log = structlog.get_logger("wf")


class Rates:
    """Counts what clients create. Without limits in the settings it does nothing, and connects to nothing.

    Args:
        settings: `creation_rate` and `workflow_creation_rate`.
        clock: Whose time, in tests.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._limits = [
            (name, rate)
            for name, rate in (
                ("WF_CREATION_RATE", settings.creation_rate),
                ("WF_WORKFLOW_CREATION_RATE", settings.workflow_creation_rate),
            )
            if rate
        ]

    def take(self, workflow: str, number: int = 1) -> None:
        """Count instances that are about to be created or restarted.

        Without Redis nothing is counted: a limit is no reason to refuse.

        Raises:
            RateLimited: They are too many now; none has been counted.
        """
        if not self._limits or not number:
            return
        prefix = f"{self._settings.key_prefix}rate:"
        of = {"WF_CREATION_RATE": prefix, "WF_WORKFLOW_CREATION_RATE": prefix + workflow}
        now = self._clock.override()
        values = [number, "" if now is None else now, *(rate for _, rate in self._limits)]
        try:
            short, wait = off_loop(self._script, [of[name] for name, _ in self._limits], values)
        except RedisError as error:
            log.warning("creation rate not checked", workflow=workflow, reason=str(error))
            return
        if short:
            name, rate = self._limits[short - 1]
            raise RateLimited(workflow, rate, wait / 1_000_000, name)

    def close(self) -> None:
        """Close the connection to Redis, if there is one."""
        if "_redis" in self.__dict__:
            self._redis.close()

    @cached_property
    def _redis(self) -> Any:
        # Half the patience: the nudge that follows will wait for a mute Redis, too, and both together at most a second.
        return connect(self._settings.model_copy(update={"redis_timeout": self._settings.redis_timeout / 2}))

    @cached_property
    def _script(self) -> Any:
        return self._redis.register_script(_TAKE)
