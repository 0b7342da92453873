"""Workflows in the style of Cloudflare's Python documentation, which import from `workers`."""

from wf.compat import cloudflare
from wf.views import give_attributes

__all__ = ["cloudflare"]

give_attributes(False)  # other tests of this process look at plain dicts; those of these workflows ask for it
