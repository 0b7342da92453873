"""The acceptance tests under settings that nobody would choose: `python -m tests.hostile`, and a part in the suite."""
