"""Modules of MicroPython with a clock that the test moves."""
