"""The routes, one module a noun. They read the request, call a client, and shape the answer; they decide nothing."""

from wf_api.routes import browser, health, hooks, tokens

ROUTERS = (health.router, tokens.router, hooks.router, browser.router)
