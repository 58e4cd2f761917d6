"""Ports for the programs of a stage that nothing else takes between being chosen and being used."""

import itertools
import os
import socket
from collections import deque
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_FIRST: Final = 20_000
_SYSTEMS_OWN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_APART: Final = 257
"""How far processes that were started one after the other begin from each other."""
_HELD: Final = 64
"""So many choices later a port has long been bound, or is not needed any more."""
_turn = itertools.count()
_held: Final = deque[socket.socket](maxlen=_HELD)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses, and that the system gives to no connection by itself.

    A port that the system picks is one it may pick again for somebody's connection before the caller has bound it.
    These lie below its range (ip(7), ``ip_local_port_range``). Each process goes through them from a place of its own,
    and what it chose it holds against the stages side by side with it, seconds before a program binds it, by a name
    that ends with the process (unix(7), abstract sockets).

    Raises:
        OSError: every one of them is taken.
    """
    span = int(_SYSTEMS_OWN.read_text("ascii").split()[0]) - _FIRST
    for _ in range(span):
        port = _FIRST + (os.getpid() * _APART + next(_turn)) % span
        if _unused(port) and (name := _reserved(port)) is not None:
            _held.append(name)
            return port
    raise OSError(f"no free port of {HOST} from {_FIRST} to {_FIRST + span - 1}")


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _reserved(port: int) -> socket.socket | None:
    """What holds ``port`` while it is open; None: somebody else does."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0vernix-port-{port}")
    except OSError:
        name.close()
        return None
    return name
