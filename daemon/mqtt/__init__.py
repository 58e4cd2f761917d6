"""The unit's MQTT link: connected or not and why, messages up with their acknowledgements, messages down.

It knows topics and bytes, nothing of records. The outbox is the only store: what cannot be handed to the broker now is
not kept here.
"""

from __future__ import annotations

from daemon.mqtt.broker import BrokerAddress, LinkError, MessageTooLargeError, TlsFiles, TlsFilesError
from daemon.mqtt.dialect import Dialect
from daemon.mqtt.exchange import LinkCounters
from daemon.mqtt.link import MqttLink
from daemon.mqtt.state import Cause, LinkState
from daemon.mqtt.timing import Timing

__all__ = [
    "BrokerAddress",
    "Cause",
    "Dialect",
    "LinkCounters",
    "LinkError",
    "LinkState",
    "MessageTooLargeError",
    "MqttLink",
    "Timing",
    "TlsFiles",
    "TlsFilesError",
]
