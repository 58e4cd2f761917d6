"""The broker's files: where it is, and how mosquitto is told who may do what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from evidence.encoding import MAX_BYTES
from evidence.topics import DOWN, UP, Channel, every_unit
from provisioning.errors import BadValueError

GATEWAY = "gateway"
"""CN of the gateway's certificates, and so its user name at the broker."""
SERVER = "broker"
"""CN of the broker's own certificate."""
CRL = "revocations.crl"
"""The list of revoked certificates, in the folders of authority and broker."""
RESERVED = (GATEWAY, SERVER)
"""Names no unit may have: a unit called ``gateway`` would read every unit's records."""
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker listens: host name or IP address, and TCP port."""

    host: str
    port: int


def check_broker(broker: Broker) -> Broker:
    """``broker`` if a certificate can name its host and a socket its port.

    Raises:
        BadValueError: neither an IP address nor a host name (RFC 1123), or no TCP port.
    """
    if not 1 <= broker.port <= 65535:
        raise BadValueError(f"the broker's port is {broker.port}", "give one from 1 to 65535")
    try:
        ip_address(broker.host)
    except ValueError:
        # Digits and dots that are no address are a mistyped address, not a name.
        if not _HOST.fullmatch(broker.host) or re.fullmatch(r"[0-9.]+", broker.host):
            raise BadValueError(
                f"the broker's host {broker.host!r} is neither an IP address nor a host name",
                "give it as units and gateway will reach it, without a port",
            ) from None
    return broker


def mosquitto_conf(port: int) -> bytes:
    """``mosquitto.conf`` (mosquitto 2.0 and later); its paths are relative to the folder it is started in."""
    return f"""\
# Start it in this folder: mosquitto -c mosquitto.conf
# The account it runs under (mosquitto, when started as root) must own this folder.
listener {port}
cafile authority.pem
certfile server.pem
keyfile server.key
tls_version tlsv1.2
# Certificates that are not believed any more. Restart the broker for a new list: a reload (SIGHUP) leaves connections
# open, and mosquitto 2.0.11 has died of one.
crlfile {CRL}

# Nobody without a certificate of this site; its CN is the user name, whatever the client says.
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file acl

# One session per certificate: no unit can take another's by using its client id.
use_username_as_clientid true

# An envelope has at most {MAX_BYTES} bytes; a unit keeps its records until the receipt, so queues may be short.
max_packet_size {MAX_BYTES + 65536}
max_queued_messages 1000
max_queued_bytes {64 * MAX_BYTES}

persistence true
persistence_location data/
autosave_interval 60

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
""".encode()


def access_rules(site: str) -> bytes:
    """mosquitto's ``acl``: a unit writes its own up topics and reads its own down topics; the gateway the reverse."""

    def own(channel: Channel) -> str:
        # %u, the client's user name, takes the unit's place.
        return every_unit(site, channel).replace("+", "%u")

    return "\n".join(
        [
            f"user {GATEWAY}",
            *(f"topic read {every_unit(site, channel)}" for channel in UP),
            *(f"topic write {every_unit(site, channel)}" for channel in DOWN),
            "",
            *(f"pattern write {own(channel)}" for channel in UP),
            *(f"pattern read {own(channel)}" for channel in DOWN),
            "",
        ]
    ).encode()
