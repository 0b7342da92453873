"""`python -m tests.bench`: how fast the engine is, against a bare Celery chain on the same machine in the same run."""
