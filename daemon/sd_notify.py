"""Telling systemd how the service is: sd_notify(3), a datagram to ``$NOTIFY_SOCKET``. Without systemd, nothing."""

from __future__ import annotations

import os
import socket
import time


def notify(message: str) -> None:
    """Send ``READY=1``, ``STOPPING=1``, ``WATCHDOG=1`` or ``STATUS=...``.

    Raises:
        OSError: the socket systemd named cannot be reached.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect(address)
        channel.sendall(message.encode())


def watchdog_interval_s() -> float | None:
    """Half of the time after which systemd restarts a silent service, in seconds; None if it does not watch."""
    usec = os.environ.get("WATCHDOG_USEC")
    return int(usec) / 2_000_000 if usec else None


class Beat:
    """Tells systemd that the loop is alive, as often as it wants to hear it."""

    def __init__(self, interval_s: float | None) -> None:
        self._interval_s = interval_s
        self._due_s = 0.0

    def __call__(self) -> None:
        """Called by the loop on every turn."""
        if self._interval_s is not None and time.monotonic() >= self._due_s:
            notify("WATCHDOG=1")
            self._due_s = time.monotonic() + self._interval_s
