"""How our console scripts end when somebody stops them, or when nobody reads what they print any more: quietly."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

INTERRUPTED = 130
"""What a shell reports for a program that Ctrl-C stopped (128 + SIGINT)."""
UNREAD = 141
"""What a shell reports for a program whose reader was gone (128 + SIGPIPE), as in ``... | head -1``."""


def quietly(run: Callable[[], int]) -> int:
    """``run``'s exit status, or :data:`INTERRUPTED` or :data:`UNREAD` without a word."""
    try:
        try:
            status = run()
        finally:  # argparse's --help leaves by an exception
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still in the buffers goes nowhere, else the interpreter complains of it as it ends.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        return UNREAD
    return status


def start(module: str) -> int:
    """Run ``main`` of ``module``. Imported only here: that takes long enough for a Ctrl-C to come."""
    return quietly(lambda: int(importlib.import_module(module).main()))
