"""The routes, one module a noun. They read the request, call a client, and shape the answer; they decide nothing."""

from wf_api.routes import (
    audit,
    charts,
    creation,
    feed,
    health,
    hooks,
    instances,
    jobs,
    metrics,
    overview,
    received,
    schedules,
    standing,
    steps,
    tokens,
    workflows,
)

ROUTERS = (
    health.router,
    metrics.router,
    overview.router,
    charts.router,
    workflows.router,
    standing.router,
    schedules.router,
    creation.router,
    jobs.router,
    instances.router,
    steps.router,
    received.router,
    feed.router,
    audit.router,
    tokens.router,
    hooks.router,
)
