"""The dashboard: pages that are made here and can be read without a script.

A page is a route like any other: it says who may see it (`wf_api.access`), asks the same functions of the library that
the API's routes ask, so that both tell the same numbers, and fills a template in (`wf_api.pages.render`). What a page
changes, it changes by a form: first a page that says what will happen, then a POST that does it and leads back.

Scripts only make it quicker (`static/*.js`, ours, as they are): `/live` renders a page again whenever there is news and
sends what has changed (`wf_api.live`), forms and steps open over the page they belong to, and keys move through rows.
"""

from fastapi.routing import APIRoute

from wf_api.pages import (
    actions,
    activity,
    attention,
    audit,
    breakers,
    bulk,
    creation,
    events,
    forking,
    home,
    instance,
    instances,
    jobs,
    live,
    login,
    removal,
    settings,
    told,
    workflow,
)

PAGES = (
    actions.router,
    activity.router,
    attention.router,
    audit.router,
    breakers.router,
    bulk.router,
    creation.router,
    events.router,
    forking.router,
    home.router,
    instance.router,
    instances.router,
    jobs.router,
    live.router,
    login.router,
    removal.router,
    settings.router,
    told.router,
    workflow.router,
)

SHOWN = tuple(router for router in PAGES if router not in (live.router, login.router))
"""Those with pages that can be followed, and that a login leads back to."""

for _router in (*SHOWN, login.router):
    for _route in _router.routes:
        if isinstance(_route, APIRoute) and _route.methods and "GET" in _route.methods:
            _route.methods.add("HEAD")  # which Starlette adds to its own routes, and FastAPI to none
