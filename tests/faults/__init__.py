"""Faults made on purpose: power cuts at every point of a record's way. ``python -m tests.faults --help``."""
