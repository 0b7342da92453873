"""The HTTP side: REST below `/api`, signed webhooks, a login for browsers, health and metrics. `wf api` serves it.

A request on its way::

    headers, limit of the body, metrics      wf_api.headers, wf_api.bodies, wf_api.metrics; plain ASGI
    who calls, and may they                  wf_api.door says who, wf_api.access what: Reader, Writer, Admin
    what they want                           wf_api.models, strict: what it does not know, it refuses
    the route                                wf_api.routes, one module a noun: calls a client, decides nothing
    the answer                               wf_api.envelope; its names stand in wf.wire, which reads them, too
    an error                                 wf_api.problems and wf.http: one table from class to status and number

Routes are plain functions on threads, because the clients are; only feeds live on the event loop, and wait there for
`wf_api.watch`, which asks Postgres once for all of them. Webhooks show by a signature who sends them (`wf_api.hooks`).
"""
