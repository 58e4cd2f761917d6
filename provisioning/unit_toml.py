"""The unit's configuration file, as the unit's program reads it."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.errors import KeyUnusableError, MalformedError
from evidence.pkcs11_uri import parse_pkcs11_uri
from evidence.slip_keys import FILE as SLIP_KEYS
from evidence.topics import Address, check_name
from hw.errors import BadDeviceUri
from hw.uri import DeviceUri
from provisioning.broker import Broker
from provisioning.errors import BadValueError
from provisioning.toml_text import write_toml

FILE_KEY = "file:record.key"


@dataclass(frozen=True, slots=True)
class UnitSettings:
    """What is decided at the bench for one unit: where it will stand and what is plugged in.

    Attributes:
        checkpoint: the checkpoint's id in the policy pack.
        photo_decoder: ``simulated``, or ``ctypes:`` and the vendor library's description.
        policy: id of a policy pack, or the path of one.
        record_key: where the record key is made and stays: ``file:record.key`` in the unit's folder, or ``pkcs11:...``.
    """

    checkpoint: str
    card_reader: str = "serial:///dev/ttyUSB0"
    photo_decoder: str = "simulated"
    camera: str = "picamera:0"
    fingerprint: str = "none:"
    policy: str = "neutral"
    production: bool = False
    record_key: str = FILE_KEY


def check_record_key(uri: str) -> str:
    """``uri`` if a unit's record key may be made there.

    Raises:
        BadValueError: neither a file in the unit's folder nor a key in a PKCS #11 token; the URI is not repeated.
    """
    scheme, _, rest = uri.partition(":")
    try:
        if scheme == "pkcs11":
            parse_pkcs11_uri(uri)
            return uri
        if scheme == "file" and rest.endswith(".key"):
            check_name("key file", rest)
            return uri
    except (KeyUnusableError, MalformedError) as error:
        raise BadValueError(f"key: {error}", "see provisioning/README.md") from error
    raise BadValueError("key: neither file:NAME.key nor pkcs11:...", "see provisioning/README.md")


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
    check_record_key(settings.record_key)
    decoder = settings.photo_decoder
    if decoder != "simulated" and not decoder.startswith("ctypes:"):
        raise BadValueError(
            f"photo decoder: {decoder!r} is neither 'simulated' nor 'ctypes:...'", "see hw/card_reader/README.md"
        )
    return settings


def unit_toml(address: Address, broker: Broker, settings: UnitSettings, *, slips: bool = False) -> bytes:
    """``unit.toml`` for the unit at ``address``; ``slips``: the site's slip keys lie beside it.

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
                "record": settings.record_key,
                "certificate": "record.pem",
                "birth": "birth.jws",
                "authority": "authority.pem",
                "gateway_signing": "gateway-signing.pem",
                "gateway_encryption": "gateway-encryption.pub",
                "recovery": "recovery.pub",
                **({"slips": SLIP_KEYS} if slips else {}),
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
