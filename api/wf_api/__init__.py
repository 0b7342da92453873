"""The HTTP side: REST below `/api`, signed webhooks, health and metrics. `wf api` serves it."""
