"""The routes, one module a noun. They read the request, call a client, and shape the answer; they decide nothing."""

from wf_api.routes import health, overview

ROUTERS = (health.router, overview.router)
