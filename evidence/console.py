"""How our console scripts end when somebody stops them, or when nobody reads what they print any more: quietly."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


@contextmanager
def stopped_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop``, in a thread of its own, whenever SIGTERM or SIGINT comes while the block runs.

    A handler in Python would not do. It runs in the main thread once that wakes up, and the kernel wakes it for nothing
    where another thread takes the signal first, as one that starts a process may: a main thread that waits then waits
    on. It may also come while the main thread holds the very lock that ``stop`` needs. The number that the interpreter
    writes into a socket, in whatever thread the signal came, is read whatever the main thread does.

    Raises:
        ValueError: this is not the main thread.
    """
    told, tell = socket.socketpair()
    tell.setblocking(False)
    numbers = (signal.SIGTERM, signal.SIGINT)
    # First: what comes in between is kept in the socket until somebody listens.
    before_fd = signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}

    def listen() -> None:
        while number := told.recv(1):
            # Other signals that have a handler come here too.
            if number[0] in numbers:
                stop()

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before_fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        tell.close()
        listener.join()
        told.close()
