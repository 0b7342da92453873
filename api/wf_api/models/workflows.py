"""Workflows and their versions."""

from typing import Annotated, Literal

from pydantic import Field

from wf.keywords import CONCURRENCY_MAX
from wf.restart_policy import DELAY_MAX, RESTARTS_MAX
from wf_api.models import examples
from wf_api.models.common import Given, Json, Moment, Told, like

Count = dict[str, int]
NAME = r"^[^\x00]+$"
"""Postgres keeps no NUL in texts."""


class Schedule(Told):
    """When a workflow begins by itself."""

    cron: str = Field(examples=["0 9 * * MON-FRI"])
    next_instance: Moment
    last_instance: Moment | None = None


class LatestVersion(Told):
    """The version that a new instance gets."""

    id: str
    created_on: Moment | None
    modified_on: Moment | None


class Workflow(Told):
    """A workflow that workers have registered."""

    model_config = like(examples.WORKFLOW)

    id: str = Field(description="Its name.")
    name: str = Field(examples=["report"])
    script_name: str | None = Field(description="The module of its newest class.", examples=["shop.workflows"])
    class_name: str | None = Field(examples=["Report"])
    created_on: Moment
    modified_on: Moment
    triggered_on: Moment | None = Field(description="When its newest instance was created.")
    instances: Count = Field(description="How many are in each status.", examples=[{"complete": 41, "waiting": 3}])
    instances_capped: bool = Field(description="Whether a number of 1000 there means so many or more; in lists only.")
    schedules: list[Schedule]
    version: str = Field(description="What a new instance gets.")
    latest_version: LatestVersion
    versions: list[str]
    settings: dict[str, Json] = Field(description="The class keywords, and what operators have set over them.")


class Version(Told):
    """A version of a workflow, registered by a worker or still in flight."""

    model_config = like(examples.VERSION)

    id: str
    workflow_id: str
    class_name: str | None
    script_name: str | None
    created_on: Moment | None
    modified_on: Moment | None
    registered_on: Moment | None = Field(description="null: no worker knows it, but instances of it are in flight.")
    language: Literal["python"]
    has_dag: bool = Field(description="Whether there is a diagram of its code.")
    newest: bool
    instances: Count = Field(description="How many are in flight, by status.")
    capped: list[str] = Field(
        description="Statuses in which some instances were not looked at: there may be more of it than is said, and "
        "versions may be missing. Empty if all were counted."
    )
    limits: dict[str, int] | None
    concurrency: dict[str, int] | None
    default_retention: dict[str, float] | None = Field(description="In seconds.")
    settings: dict[str, Json] = Field(description="All keywords of the class, without what operators set over them.")


class Graph(Told):
    """A version with the diagram of its code."""

    model_config = like(examples.GRAPH)

    id: str
    workflow_id: str
    class_name: str | None
    created_on: Moment | None
    modified_on: Moment | None
    graph: dict[str, Json] | None = Field(description="null: the code could not be read.")


class Limits(Given):
    """How much an instance may do."""

    steps: int = Field(ge=1, le=1_000_000)


class Concurrency(Given):
    """How many instances may run at once."""

    limit: int = Field(ge=1, le=CONCURRENCY_MAX)


class Cron(Given):
    """A schedule."""

    cron: str = Field(max_length=256, examples=["0 9 * * *"])


class Retention(Given):
    """How long an instance is kept after its end, in seconds or as text; terminated counts as success."""

    success_retention: float | str | None = Field(default=None, examples=["7 days"])
    error_retention: float | str | None = None


class Restart(Given):
    """Which errored instances start again by themselves, when, and how often; from the next that fails."""

    model_config = Given.model_config | like(examples.RESTART)

    limit: int | None = Field(
        default=None, ge=0, le=RESTARTS_MAX, description="Restarts at most; 0: never. 3 by default."
    )
    delay: Annotated[float, Field(ge=0, le=DELAY_MAX)] | str | None = Field(
        default=None, description="Before the first one, in seconds or as text. A minute by default."
    )
    backoff: Literal["constant", "linear", "exponential"] | None = Field(
        default=None, description="How the delay grows. `exponential` by default."
    )
    on: list[Annotated[str, Field(min_length=1, max_length=256)]] | None = Field(
        default=None, max_length=100, description="Class names of errors that are worth it. Empty, the default: all."
    )
    from_: Literal["failed", "start"] | None = Field(
        default=None, alias="from", description="Where to begin again. `failed`, what failed, by default."
    )


class Settings(Given):
    """What operators set over the keywords of the class; what is absent is as the class says."""

    model_config = like(examples.SETTINGS)

    script_name: str = Field(description="The module of a registered class.", pattern=NAME)
    class_name: str = Field(description="A registered class.", pattern=NAME)
    limits: Limits | None = Field(default=None, description="Only as the class says: workers go by the class.")
    concurrency: Concurrency | None = None
    schedules: list[Cron] | None = Field(default=None, max_length=100, description="An empty list: none at all.")
    default_retention: Retention | None = None
    restart: Restart | None = None
    jurisdiction: str | None = Field(default=None, description="Accepted and ignored: there is one place here.")


class SettingsChange(Given):
    """What operators set anew over the keywords of the class; what is absent stays, null is as the class says."""

    model_config = Given.model_config | like(examples.CHANGE)

    concurrency: Concurrency | None = None
    schedules: list[Cron] | None = Field(default=None, max_length=100, description="An empty list: none at all.")
    default_retention: Retention | None = Field(default=None, description="What is not named stays as it is in force.")
    restart: Restart | None = Field(default=None, description="What is not named stays as it is in force.")


class Configured(Told):
    """A workflow whose settings were changed."""

    model_config = like(examples.CONFIGURED)

    id: str
    name: str
    version_id: str
    class_name: str | None
    script_name: str | None
    created_on: Moment
    modified_on: Moment
    triggered_on: Moment | None
    is_deleted: Literal[0]
    terminator_running: Literal[0, 1]
    settings: dict[str, Json]
