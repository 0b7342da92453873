"""Conformance: the sections of the reference, as tests."""
