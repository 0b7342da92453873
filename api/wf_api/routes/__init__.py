"""The routes, one module a noun. They read the request, call a client, and shape the answer; they decide nothing."""

from wf_api.routes import (
    attention,
    audit,
    browser,
    creation,
    feed,
    health,
    hooks,
    instances,
    jobs,
    metrics,
    overview,
    schedules,
    tokens,
    workflows,
)

ROUTERS = (
    health.router, metrics.router, overview.router, attention.router, workflows.router, schedules.router,
    creation.router, jobs.router, instances.router, feed.router, audit.router, tokens.router, hooks.router,
    browser.router,
)  # fmt: skip
