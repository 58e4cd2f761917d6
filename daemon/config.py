"""The unit's configuration: one TOML file, one tree of frozen dataclasses.

How the file is read, and what its errors say: ``evidence/tree.py``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from daemon.mqtt.broker import BrokerAddress
from daemon.printing.printer import BadPrinterUri, Printer
from evidence.errors import MalformedError
from evidence.topics import Address, check_name
from evidence.tree import TreeError, load_tree
from hw.camera.driver import Camera
from hw.camera.sources import SOURCES
from hw.card_reader.driver import CardReader
from hw.coprocessor.driver import Coprocessor
from hw.errors import BadDeviceUri
from hw.fingerprint.driver import FingerprintModule
from hw.gpio.driver import PinDoor
from hw.thermal.driver import ThermalSensor
from hw.uri import DeviceUri
from models.liveness.thermal import OFF_DEG, PICTURE_DEG, TURNS_DEG, Mounting


@dataclass(frozen=True, slots=True)
class Unit:
    """Which unit this is and where it stands."""

    id: str
    site: str
    data: Path
    checkpoint: str
    officers: Path
    policy: str = "neutral"
    """A pack's name, or the path of one's own, ending in ``.toml``."""
    production: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys and certificates; ``record`` is a key URI, the rest are PEM files.

    ``coprocessor`` is the co-processor's event key, written by ``vernix-provision flash``; without it no event of the
    co-processor counts as authentic.
    """

    record: str
    certificate: Path
    birth: Path
    authority: Path
    gateway_signing: Path
    gateway_encryption: Path
    recovery: Path
    coprocessor: Path | None = None
    slips: Path | None = None
    """The site's slip keys, written by ``vernix-provision``; without them no fingerprint slip is written or read."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Device URIs; see ``hw/uri.py``."""

    card_reader: str
    camera: str
    photo_decoder: str = "simulated"
    fingerprint: str = "none:"
    finger_matcher: str = "none"
    """What compares the fingerprints on ID cards: ``none``, ``simulated`` or ``ctypes:...``."""
    coprocessor: str = "none:"
    door: str = "none:"
    """``gpio:`` where the lock hangs on the Pi's own pins, see ``hw/gpio/README.md``; never beside a co-processor."""
    thermal: str = "none:"


@dataclass(frozen=True, slots=True)
class Models:
    """Networks other than those of this software."""

    liveness: Path | None = None
    """Manifest of a passive liveness network of the hospital's own, see ``models/README.md``; taken into use by
    ``vernix selftest --accept-liveness``."""


@dataclass(frozen=True, slots=True)
class Kiosk:
    """Where the screen's page is served; localhost only, port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 8080


@dataclass(frozen=True, slots=True)
class Printing:
    """The printer of the forms, ``ipp://HOST/PATH`` or ``ipps://HOST/PATH``, and what the forms say of this place.

    ``authority``: PEM file that an ``ipps`` printer's certificate is checked by; else the system's authorities.
    """

    uri: str = "none:"
    institution: str = ""
    department: str = ""
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Waiting times of a check, in seconds."""

    card_s: float = 60.0
    face_s: float = 40.0
    finger_s: float = 60.0
    decision_s: float = 300.0
    sign_s: float = 300.0
    """She may read what she signs; who waits behind her has the touch that leaves the signature for later."""
    parked_s: float = 12 * 3600.0
    duty_s: float = 1800.0
    """After that long without an officer's action nobody is on duty any more."""
    inside_s: float = 120.0
    """After that long without a touch the screen goes back from what staff opened to the idle screen."""

    @property
    def statement_s(self) -> float:
        """How long a proposed decision can be confirmed: while it is on the screen, parked, and taken up again."""
        return self.parked_s + 2 * self.decision_s


@dataclass(frozen=True, slots=True)
class Config:
    """The whole tree."""

    unit: Unit
    keys: Keys
    broker: BrokerAddress
    devices: Devices
    kiosk: Kiosk = field(default_factory=Kiosk)
    limits: Limits = field(default_factory=Limits)
    printing: Printing = field(default_factory=Printing)
    models: Models = field(default_factory=Models)
    thermal: Mounting = field(default_factory=Mounting)
    """How the sensor of ``devices.thermal`` is mounted; without the table, as the camera is."""

    @property
    def address(self) -> Address:
        """The unit's place in the topics."""
        return Address(self.unit.site, self.unit.id)


def _check_values(config: Config) -> None:
    for path, name in (("unit.id", config.unit.id), ("unit.site", config.unit.site)):
        try:
            check_name(path, name)
        except MalformedError as error:
            raise TreeError(path, str(error)) from None
    if not 0 < len(config.unit.checkpoint) <= 64:
        raise TreeError("unit.checkpoint", "expected the id of a checkpoint of the policy pack, 1 to 64 characters")
    for path, port, least in (("broker.port", config.broker.port, 1), ("kiosk.port", config.kiosk.port, 0)):
        if not least <= port <= 65535:
            raise TreeError(path, f"expected a port from {least} to 65535, found {port}")
    if config.kiosk.host not in ("127.0.0.1", "::1", "localhost"):
        raise TreeError("kiosk.host", "the screen's page is served on localhost only")
    if config.unit.production and config.broker.tls is None:
        raise TreeError("broker.tls", "missing; a unit in production speaks to its broker over TLS")
    for item in dataclasses.fields(config.limits):
        if not 0 < getattr(config.limits, item.name) < math.inf:
            raise TreeError(f"limits.{item.name}", "expected a number of seconds above 0")


def _check_printing(printing: Printing) -> None:
    try:
        if printing.uri != "none:":
            Printer(printing.uri, printing.authority)
    except BadPrinterUri as error:
        raise TreeError("printing.uri", str(error)) from None


_MEASURED = "hw/thermal/README.md says how to measure it"


def _check_mounting(mounting: Mounting) -> None:
    if mounting.turned_deg not in TURNS_DEG:
        known = ", ".join(map(str, TURNS_DEG))
        raise TreeError("thermal.turned_deg", f"expected one of {known}, found {mounting.turned_deg}; {_MEASURED}")
    for name, (least, most) in (("picture_deg", PICTURE_DEG), ("right_deg", OFF_DEG), ("down_deg", OFF_DEG)):
        if not least <= (found := getattr(mounting, name)) <= most:
            raise TreeError(f"thermal.{name}", f"expected {least:g} to {most:g} degrees, found {found:g}; {_MEASURED}")


_DEVICES: dict[str, tuple[Callable[[DeviceUri], object], tuple[str, ...]]] = {
    "card_reader": (CardReader, ("serial",)),
    "camera": (Camera, tuple(SOURCES)),
    "fingerprint": (FingerprintModule, ("serial",)),
    "coprocessor": (Coprocessor, ("serial",)),
    "door": (PinDoor, ("gpio",)),
    "thermal": (ThermalSensor, ("i2c",)),
}
"""Driver and schemes of each device. The drivers know what their URIs may say; making one opens nothing."""


def _check_devices(config: Config) -> None:
    for name, (make, schemes) in _DEVICES.items():
        try:
            uri = DeviceUri.parse(getattr(config.devices, name))
            if uri.scheme == "none":
                continue
            if uri.scheme not in schemes:
                known = ", ".join(f"{scheme}:" for scheme in (*schemes, "none"))
                raise BadDeviceUri(
                    uri.text, f"no {name} is reached by {uri.scheme}: on this machine; use one of {known}"
                )
            make(uri)
        except (BadDeviceUri, ValueError) as error:
            raise TreeError(f"devices.{name}", f"expected a device URI: {error}") from None
    if config.devices.door != "none:" and config.devices.coprocessor != "none:":
        raise TreeError("devices.door", "the lock hangs on the Pi's pins or on devices.coprocessor, not on both")


def load(path: Path) -> Config:
    """Read and check the configuration file.

    Raises:
        TreeError: not readable, not TOML, an unknown or missing key, a wrong type or an impossible value.
    """
    config = load_tree(Config, path)
    _check_values(config)
    _check_devices(config)
    _check_printing(config.printing)
    _check_mounting(config.thermal)
    if not config.unit.policy.endswith(".toml"):
        return config
    policy = path.parent.absolute() / config.unit.policy  # relative paths are relative to this file's folder
    return dataclasses.replace(config, unit=dataclasses.replace(config.unit, policy=str(policy)))
