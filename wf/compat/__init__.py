"""Other systems' sources, run unmodified."""
