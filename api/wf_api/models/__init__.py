"""What the routes take and give, as OpenAPI tells it: requests are checked by it, and tests hold the answers to it."""
