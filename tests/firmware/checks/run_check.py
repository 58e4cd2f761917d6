"""Runs on MicroPython: one function of one module of checks. ``run_check.py MODULE FUNCTION``."""

import sys

module = __import__(sys.argv[1])
getattr(module, sys.argv[2])()
