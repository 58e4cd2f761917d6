"""Telling systemd how the service is: sd_notify(3), a datagram to ``$NOTIFY_SOCKET``. Without systemd, nothing."""

from __future__ import annotations

import os
import socket


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
