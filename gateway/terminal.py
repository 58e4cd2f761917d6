"""What is asked at the terminal and said there. Secrets are never arguments of a command: those are in every list."""

from __future__ import annotations

import getpass
import sys

from gateway.officers import OfficerError


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")


def secret(what: str) -> str:
    """What somebody types without an echo, or one line of standard input where that is no terminal.

    Raises:
        OfficerError: nothing was given.
    """
    line = getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise OfficerError(f"{what}: standard input holds none; write it there as one line")
    return line


def new_secret(what: str) -> str:
    """The same, of a terminal typed twice.

    Raises:
        OfficerError: nothing was given, or twice not the same.
    """
    first = secret(what)
    if sys.stdin.isatty() and secret(f"{what} once more") != first:
        raise OfficerError(f"{what}: the two are not the same")
    return first


def operator() -> str:
    """Under which account of the operating system this runs; for the audit."""
    return getpass.getuser()
