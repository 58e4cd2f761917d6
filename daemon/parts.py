"""What a unit is put together of, opened as the configuration names it: outbox, co-processor, pins, thermal sensor."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection

from daemon.clock import UnitClock
from daemon.config import Config
from daemon.identity import OUTBOX, Identity
from daemon.outbox import Outbox, read_birth
from daemon.pins import PinEntrance, open_entrance
from daemon.thermal import ThermalTask
from evidence.record import OWED, Outcome
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import read_event_key
from hw.thermal.driver import ThermalSensor
from hw.uri import DeviceUri


def software_version() -> str:
    """The installed version of this software."""
    return importlib.metadata.version("vernix")


def open_outbox(config: Config, identity: Identity, debts: Collection[Outcome] = OWED) -> Outbox:
    """The unit's outbox in its data folder; ``debts``: outcomes after which a check is still owed.

    Raises:
        OutboxDamaged: it cannot be used; nothing was overwritten.
    """
    return Outbox(
        config.unit.data / OUTBOX,
        identity={"unit": config.unit.id, "site": config.unit.site, "software": {"version": software_version()}},
        signer=identity.signer,
        recipients=identity.recipients,
        birth=lambda: read_birth(config.keys.birth, identity.certificate_der),
        clock=lambda floor: UnitClock(floor, ceiling=identity.until),
        debts=debts,
    )


def coprocessor_of(config: Config) -> Coprocessor | None:
    """The co-processor that the configuration names, not yet started.

    Raises:
        BadEventKey: the event key's file cannot be used.
    """
    uri = DeviceUri.parse(config.devices.coprocessor)
    if uri.scheme == "none":
        return None
    key = config.keys.coprocessor
    return Coprocessor(uri, event_key=read_event_key(key) if key else None)


def pins_of(config: Config) -> PinEntrance | None:
    """The door on the Pi's own pins, if the configuration names it; no pin is taken yet."""
    uri = DeviceUri.parse(config.devices.door)
    return open_entrance(uri, config.unit.data) if uri.scheme != "none" else None


def thermal_of(config: Config) -> ThermalTask | None:
    """The thermal sensor that the configuration names, not yet opened."""
    uri = DeviceUri.parse(config.devices.thermal)
    return ThermalTask(ThermalSensor(uri), mounting=config.thermal) if uri.scheme != "none" else None
