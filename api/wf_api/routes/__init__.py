"""The routes, one module a noun. They read the request, call a client, and shape the answer; they decide nothing."""

from wf_api.routes import audit, creation, feed, health, instances, schedules, workflows

ROUTERS = (
    health.router, workflows.router, schedules.router, creation.router, instances.router, feed.router, audit.router,
)  # fmt: skip
