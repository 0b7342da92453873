"""Workflows in the style of Cloudflare's Python documentation, which import from `workers`."""

import wf.compat.cloudflare  # noqa: F401  # makes that module importable
