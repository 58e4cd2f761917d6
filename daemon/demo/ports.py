"""Ports for the programs of a stage that nothing else takes between being chosen and being used."""

import itertools
import os
import socket
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_FIRST: Final = 20_000
_SYSTEMS_OWN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_APART: Final = 257
"""How far processes that were started one after the other begin from each other."""
_turn = itertools.count()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses, and that the system gives to no connection by itself.

    A port that the system picks is one it may pick again for somebody's connection before the caller has bound it.
    These lie below its range (ip(7), ``ip_local_port_range``). Each process goes through them from a place of its own,
    so that stages side by side do not choose the same.

    Raises:
        OSError: every one of them is taken.
    """
    span = int(_SYSTEMS_OWN.read_text("ascii").split()[0]) - _FIRST
    for _ in range(span):
        port = _FIRST + (os.getpid() * _APART + next(_turn)) % span
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port of {HOST} from {_FIRST} to {_FIRST + span - 1}")
