"""How long the link waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits of the link, in seconds. Tests shorten them; the unit uses the defaults.

    Attributes:
        dial_s: TCP connection, and again the TLS handshake.
        answer_s: from CONNECT to CONNACK, and from SUBSCRIBE to SUBACK.
        keepalive_s: MQTT keep-alive: a silent connection is noticed after at most twice this.
        unanswered_s: records went out and nothing came back for so long: the connection is made anew. A broker may have
            lost the session while the connection stands (amqtt, when somebody took it over); nothing else would show.
            Doubled, up to 12 times this, as long as that does not help: the gateway is away then.
        first_retry_s: back-off after the first failure; it doubles with each further one.
        longest_retry_s: where doubling ends.
        steady_s: a connection that held this long starts the back-off over.
        farewell_s: how long stopping may wait for the broker to take the offline message.
    """

    dial_s: float = 3.0
    answer_s: float = 3.0
    keepalive_s: int = 20
    unanswered_s: float = 300.0
    first_retry_s: float = 0.5
    longest_retry_s: float = 30.0
    steady_s: float = 10.0
    farewell_s: float = 2.0

    def retry_s(self, failures: int, random: Random) -> float:
        """The pause after the ``failures``-th failure in a row: half of it fixed, half random.

        The random part keeps a hospital's units from coming back all at once when the broker does.
        """
        longest = min(self.longest_retry_s, self.first_retry_s * 2.0 ** min(failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)
