"""The routes, one module a noun. They read the request, call a client, and shape the answer; they decide nothing."""

from wf_api.routes import (
    audit,
    browser,
    creation,
    feed,
    forks,
    health,
    hooks,
    instances,
    jobs,
    metrics,
    overview,
    schedules,
    schemas,
    tokens,
    workflows,
)

ROUTERS = (
    health.router, metrics.router, overview.router, workflows.router, schemas.router, schedules.router,
    creation.router, jobs.router, instances.router, forks.router, feed.router, audit.router, tokens.router,
    hooks.router, browser.router,
)  # fmt: skip
