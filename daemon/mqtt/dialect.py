"""Which MQTT version a broker speaks, and remembering it.

Everything starts with MQTT 5. A broker that refuses it, or says nothing to it for some seconds, is asked again in
3.1.1; if that works it is remembered, so that the next start does not lose the seconds again. After a day, or with
another version of this software, MQTT 5 is tried once more.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from enum import IntEnum, unique
from pathlib import Path

from daemon.mqtt.broker import BrokerAddress
from evidence.files import write_atomic

log = logging.getLogger(__name__)

_TRUST_S = 86400.0


@unique
class Dialect(IntEnum):
    """Protocol level in CONNECT (MQTT 3.1.1 and 5.0, section 3.1.2.2)."""

    MQTT_3_1_1 = 4
    MQTT_5 = 5


class DialectMemory:
    """The brokers that need 3.1.1, in memory and, if there is a path, in a small JSON file.

    The file is a convenience: when it is damaged or cannot be written, the only loss is a few seconds at a start.
    """

    def __init__(self, path: Path | None, software: str, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._software = software
        self._clock = clock
        self._since = self._load()

    def get(self, broker: BrokerAddress) -> Dialect:
        """What to try first with ``broker``."""
        since = self._since.get(str(broker))
        # A clock that was set back makes the age negative: then, too, ask again.
        if since is not None and 0 <= self._clock() - since < _TRUST_S:
            return Dialect.MQTT_3_1_1
        return Dialect.MQTT_5

    def learn(self, broker: BrokerAddress, dialect: Dialect) -> None:
        """``broker`` accepted a connection in ``dialect``, which was not what :meth:`get` had said."""
        if dialect == Dialect.MQTT_3_1_1:
            self._since[str(broker)] = self._clock()
        else:
            self._since.pop(str(broker), None)
        self._save()

    def _load(self) -> dict[str, float]:
        if self._path is None or not self._path.exists():
            return {}
        try:
            content = json.loads(self._path.read_bytes())
            if content["v"] != 1 or content["software"] != self._software:
                return {}
            return {str(broker): float(since) for broker, since in content["mqtt_3_1_1"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s: unusable, MQTT 5 is tried again (%s)", self._path, type(error).__name__)
            return {}

    def _save(self) -> None:
        if self._path is None:
            return
        content = {"v": 1, "software": self._software, "mqtt_3_1_1": self._since}
        try:
            write_atomic(self._path, json.dumps(content).encode())
        except OSError as error:
            log.warning("%s: cannot remember the broker's MQTT version: %s", self._path, error.strerror)
