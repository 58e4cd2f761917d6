"""The unit's way out as ``vernix run`` assembles it - outbox, delivery, link - without devices and models.

In this process, or in one of its own (``python -m tests.delivery.unit UNITDIR PORT HURRY``), whose clock a test can
set: one command a line on standard input (``append N``, ``look``), one line of JSON each on standard output.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Self

from daemon.clock import UnitClock
from daemon.config import load
from daemon.delivery import Delivery
from daemon.identity import OUTBOX, load_identity
from daemon.mqtt import LinkState, MqttLink, Timing
from daemon.outbox import Outbox, read_birth
from evidence.topics import CONTENT_TYPES, Channel
from tests.daemon.support import check_fields

TIMING = Timing(dial_s=3.0, answer_s=1.5, first_retry_s=0.05, longest_retry_s=0.5)
_PUMP_S = 0.2


@dataclass(frozen=True, slots=True)
class Look:
    """How far the unit is: the chain's end, what waits for a receipt, what was refused, and the link's state."""

    head: int
    waiting: int
    refused: int
    cause: str
    reason: str


class WorkingUnit:
    """Outbox, delivery and link at work; a thread pumps."""

    def __init__(
        self,
        toml: Path,
        port: int,
        *,
        hurry: float = 1.0,
        unanswered_s: float = TIMING.unanswered_s,
        clock: Callable[[dt.datetime | None], UnitClock] | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the outbox and make the link; nothing is sent yet.

        Args:
            toml: the unit's configuration.
            port: of the line to the broker, in place of the broker's own.
            hurry: how many times faster delivery's own clock runs: its pauses before sending again.
            unanswered_s: when the link takes the gateway's silence for a lost session.
            clock: the unit's clock.
            monotonic_s: by which delivery measures its pauses.
        """
        config = load(toml)
        identity = load_identity(config, dt.datetime.now(dt.UTC))
        config.unit.data.mkdir(exist_ok=True)
        self.address = config.address
        self.outbox = Outbox(
            config.unit.data / OUTBOX,
            identity={"unit": self.address.unit, "site": self.address.site, "software": {"version": "0.0.0"}},
            signer=identity.signer,
            recipients=identity.recipients,
            birth=lambda: read_birth(config.keys.birth, identity.certificate_der),
            clock=clock or (lambda floor: UnitClock(floor, ceiling=identity.until)),
        )
        self.link = MqttLink(
            dataclasses.replace(config.broker, port=port),
            config.address,
            on_message=self._received,
            on_state=self._link_changed,
            on_published=lambda _: self._wake.set(),
            remembered=toml.parent / "data" / "broker.json",
            timing=dataclasses.replace(TIMING, unanswered_s=unanswered_s),
            random=Random(1),
        )
        self.delivery = Delivery(
            self.outbox,
            config.address,
            identity.signer,
            identity.gateway_key,
            publish=lambda channel, payload: (
                self.link.publish(channel, payload, content_type=CONTENT_TYPES[channel]) is not None
            ),
            monotonic_s=lambda: monotonic_s() * hurry,
        )
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="delivery")

    def _publish(self, channel: Channel, payload: bytes) -> bool:
        return self.link.publish(channel, payload, content_type=CONTENT_TYPES[channel]) is not None

    def _received(self, channel: Channel, payload: bytes) -> None:
        self.delivery.receive(channel, payload)
        self._wake.set()

    def _link_changed(self, state: LinkState) -> None:
        if not state.connected:
            self.delivery.reconnected()
        self._wake.set()

    def _deliver(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_PUMP_S)
            self._wake.clear()
            self.delivery.pump()

    def __enter__(self) -> Self:
        self._thread.start()
        self.link.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.link.stop()
        self._stop.set()
        self._wake.set()
        self._thread.join(20)
        self.outbox.close()

    def append(self, count: int, *, alert: bool = False) -> None:
        """Commit ``count`` records."""
        for _ in range(count):
            self.outbox.append(check_fields(), alert=alert)
            self._wake.set()

    def look(self) -> Look:
        """How far it is."""
        assert self.link.failure is None, self.link.failure
        state = self.link.state
        return Look(
            self.outbox.head.seq, self.outbox.count_waiting(), self.delivery.refused, str(state.cause), state.reason
        )


def main(arguments: list[str]) -> None:
    """The process of its own; it ends with its standard input."""
    logging.disable(logging.CRITICAL)
    folder, port, hurry = Path(arguments[0]), int(arguments[1]), float(arguments[2])
    with WorkingUnit(folder / "unit.toml", port, hurry=hurry) as unit:
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "append":
                unit.append(int(rest[0]))
            answer: dict[str, Any] = dataclasses.asdict(unit.look())
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
