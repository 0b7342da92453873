"""Stand-in for Cloudflare's module `workers.workflows`."""

from wf.errors import NonRetryableError

__all__ = ["NonRetryableError"]
