"""The unit's configuration file, as the unit's program reads it."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.topics import Address
from hw.errors import BadDeviceUri
from hw.uri import DeviceUri
from provisioning.broker import Broker
from provisioning.errors import BadValueError
from provisioning.toml_text import write_toml


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """What is decided at the bench for one unit: where it will stand and what is plugged in.

    Attributes:
        checkpoint: the checkpoint's id in the policy pack.
        photo_decoder: ``simulated``, or ``ctypes:`` and the vendor library's description.
        policy: id of a policy pack, or the path of one.
    """

    checkpoint: str
    card_reader: str = "serial:///dev/ttyUSB0"
    photo_decoder: str = "simulated"
    camera: str = "picamera:0"
    fingerprint: str = "none:"
    policy: str = "neutral"
    production: bool = False


def check_settings(settings: UnitSettings) -> UnitSettings:
    """``settings`` if every device is named in a way that the drivers understand.

    Raises:
        BadValueError: a device URI of an unknown scheme or form, or an unknown photo decoder.
    """
    for option, uri in (
        ("card reader", settings.card_reader),
        ("camera", settings.camera),
        ("fingerprint", settings.fingerprint),
    ):
        try:
            DeviceUri.parse(uri)
        except (BadDeviceUri, ValueError) as error:
            raise BadValueError(f"{option}: {error}", "correct the device URI; see provisioning/README.md") from error
    decoder = settings.photo_decoder
    if decoder != "simulated" and not decoder.startswith("ctypes:"):
        raise BadValueError(
            f"photo decoder: {decoder!r} is neither 'simulated' nor 'ctypes:...'", "see hw/card_reader/README.md"
        )
    return settings


def unit_toml(address: Address, broker: Broker, settings: UnitSettings) -> bytes:
    """``unit.toml`` for the unit at ``address``.

    Raises:
        BadValueError: a setting that a configuration line cannot hold, or see :func:`check_settings`.
    """
    check_settings(settings)
    return write_toml(
        "Vernix unit. Relative paths are relative to this file's folder.",
        {
            "unit": {
                "id": address.unit,
                "site": address.site,
                "data": "data",
                "checkpoint": settings.checkpoint,
                "production": settings.production,
                "policy": settings.policy,
                "officers": "officers.json",
            },
            "keys": {
                "record": "file:record.key",
                "certificate": "record.pem",
                "birth": "birth.jws",
                "authority": "authority.pem",
                "gateway_signing": "gateway-signing.pem",
                "gateway_encryption": "gateway-encryption.pub",
                "recovery": "recovery.pub",
            },
            "broker": {"host": broker.host, "port": broker.port},
            "broker.tls": {"authority": "authority.pem", "certificate": "client.pem", "key": "client.key"},
            "devices": {
                "card_reader": settings.card_reader,
                "photo_decoder": settings.photo_decoder,
                "camera": settings.camera,
                "fingerprint": settings.fingerprint,
            },
            "kiosk": {"host": "127.0.0.1", "port": 8080},
        },
    )
