"""A simulated device at a console: one command a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TextIO


def run_commands(
    commands: Mapping[str, Callable[[], None]], describe: Callable[[], str], lines: TextIO
) -> Iterator[str]:
    """Obey ``commands`` by name, ``status`` and ``quit``; yields what to print."""
    for line in lines:
        word = line.strip()
        if word == "quit":
            return
        if word == "status":
            yield describe()
        elif word in commands:
            commands[word]()
            yield "ok"
        elif word:
            yield f"commands: {' | '.join(commands)} | status | quit"
