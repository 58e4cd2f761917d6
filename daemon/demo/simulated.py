"""``vernix run --simulated``: the demo's stage with a unit to touch, kept running until Ctrl-C.

Typed commands play the people: who stands in front of the camera, and whose card lies on the reader.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import sys
import time
from collections.abc import Callable
from functools import partial

from daemon.demo.people import ANNA, BELLA, STRANGER, document_of
from daemon.demo.ports import HOST, free_port
from daemon.demo.process import quiet_signals
from daemon.demo.screen import DemoError
from daemon.demo.stage import APPROVERS, OFFICERS, PASSWORDS, Stage
from evidence.instants import china_day

_PEOPLE = {"a": ANNA, "b": BELLA, "c": STRANGER}
KIOSK_PORT = 8080


def _commands(stage: Stage) -> dict[str, Callable[[], None]]:
    today = china_day(dt.datetime.now(dt.UTC))
    commands: dict[str, Callable[[], None]] = {"lift": stage.reader.lift, "nobody": lambda: stage.look(None)}
    for key, person in _PEOPLE.items():
        card = stage.studio.card(person, document_of(person, today))
        commands[f"card {key}"] = partial(stage.reader.lay, card)
        commands[f"face {key}"] = partial(stage.look, person)
    return commands


def _kiosk_port() -> int:
    """The usual port, or another one where that is taken."""
    try:
        with socket.create_server((HOST, KIOSK_PORT)):
            return KIOSK_PORT
    except OSError:
        return free_port()


def run_simulated() -> int:
    """Run until Ctrl-C or ``quit``; exit status 0, or 3 when the stage could not be set up."""
    quiet_signals()
    try:
        with Stage(lambda text: print(text, flush=True), _kiosk_port()) as stage:
            commands = _commands(stage)
            stage.enrol_approvers()
            print(f"\nThe unit's screen: {stage.url}")
            print(f"Officers: {', '.join(f'{officer} PIN {pin}' for officer, pin in OFFICERS.items())}")
            print(f"Officers' accounts, roster: vernix-gateway --config {stage.gateway_toml} officer --help")
            people = (f"{name} for {place}, password {PASSWORDS[name]}" for place, name in APPROVERS.items())
            print(f"Who approves them: {'; '.join(people)}")
            print(f"Type: {', '.join(commands)}, quit", flush=True)
            _serve(commands)
    except DemoError as error:
        print(f"vernix run: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # it may be the terminal that is gone
            print("stopped", flush=True)
    return 0


def _serve(commands: dict[str, Callable[[], None]]) -> None:
    for line in sys.stdin:
        word = " ".join(line.split())
        if word == "quit":
            return
        if word in commands:
            commands[word]()
            print(f"ok: {word}", flush=True)
        elif word:
            print(f"known: {', '.join(commands)}, quit", flush=True)
    while True:  # no terminal (a service, a closed pipe): stay until a signal comes
        time.sleep(1)  # a signal that another thread took is answered only once this one wakes
