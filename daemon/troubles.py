"""What is wrong with the devices, as short names: for the screen's line, the health message, the log and the self-test.

A name is ``device:what``. Everything here is a pure function of what a driver knows; nothing is asked of a device.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from daemon.liveness.unseen import Unseen
from daemon.own_camera import OwnCamera
from hw.card_reader.driver import ReaderState
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.errors import VersionMismatch
from hw.coprocessor.numbers import Feature, StatusFlag
from hw.errors import DeviceBusy, DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout, HardwareError
from hw.fingerprint.errors import WrongPassword
from hw.thermal.driver import BusStuck, Frozen, NotAcknowledged
from models.errors import ModelsError, ModelWrong, OwnNetworkUnusable

Troubles = tuple[str, ...]

_KINDS: Final[tuple[tuple[type[HardwareError], str], ...]] = (
    (VersionMismatch, "version"),
    (WrongPassword, "password"),
    (BusStuck, "bus_stuck"),
    (Frozen, "frozen"),
    (NotAcknowledged, "no_answer"),
    (DeviceMissing, "missing"),
    (DeviceBusy, "busy"),
    (DeviceTimeout, "no_answer"),
    (DeviceGone, "gone"),
    (DeviceProtocolError, "garbled"),
)

MEANING: Final = MappingProxyType(
    {
        "version": "the firmware is of another release, the door stays open: vernix-provision flash",
        "password": "it has another password than 0: set it back with the vendor's tool, or replace the module",
        "bus_stuck": "the I2C bus does not move: power-cycle the sensors on it",
        "frozen": "it gives the same picture again and again: power-cycle it, or replace it",
        "no_answer": "nobody answers: check power and wiring",
        "missing": "the port, bus or library is not there: check cable and URI",
        "busy": "another program holds it",
        "gone": "it was there and has disappeared",
        "garbled": "it answers what it must not: check model, rate and cable",
        "fault": "the log says what",
        "no_flash_ring": (
            "it keeps events in memory only, a power cut loses them: flash Vernix' build of MicroPython "
            "(vernix-provision flash --uf2)"
        ),
        "no_event_key": "it holds no event key, so no event can be proven: vernix-provision flash",
        "no_host_key": "keys.coprocessor is not set, so no event can be proven: vernix-provision flash writes the key",
        "not_authentic": "it tells events that this unit's key does not prove: is it this unit's own co-processor?",
        "events_missed": "it had no room for some events, they are lost and only counted: leave it connected",
        "power_cycled": "it has power-cycled this Pi since that last ran for an hour: read the log from before",
        "tamper_open": "its housing is open: close it",
        "no_room": "its flash has no room for the next emergency, so it does not lock: leave it connected",
        "emergency_open": "an emergency that nobody has explained holds the door open: touch emergency, explain it",
        "no_one_shot": (
            "nothing opens the door when the Pi hangs, unless the lock is wired through the one-shot of "
            "hw/gpio/README.md: fit and test it, then write gpio:?one_shot=fitted"
        ),
        "computes_otherwise": (
            "this machine does not compute the networks as they were measured, so officers decide about every face: "
            "use the runtime of constraints.txt"
        ),
        "unusable": (
            "a file of theirs, or the runtime that computes them, is missing or damaged, so officers decide about "
            "every face: the log names it; install the vernix package again"
        ),
        "not_accepted": (
            "the hospital's own passive network is damaged, or nobody has accepted it here, so officers decide about "
            "every face: the log says which; if it is the one that is meant, stop the unit: vernix selftest "
            "--accept-liveness"
        ),
        "another": (
            "another camera than this unit's own answers, so officers decide about every face: see what is plugged in "
            "and who was there; if you replaced it, stop the unit: vernix selftest --accept-camera"
        ),
        "unseen": (
            "nothing answers the ring's colours, check after check, so living women are taken for recordings: see that "
            "it is lit, dim while idle, white for a face; clean it, shade the lamp that outshines it, or replace it"
        ),
        "key_revoked": (
            "its key is revoked: nothing it says is believed and records are kept here; put the gateway's new "
            "gateway-signing.pem into this unit's folder and restart (provisioning/README.md)"
        ),
        "button_held": "the emergency button is pressed, or its wire is broken: the door stays open",
    }
)
"""What stands after the colon, for the person at the bench; the screen has its own words."""
ANOTHER_CAMERA: Final = "camera:another"


def of_error(device: str, error: HardwareError) -> str:
    """The name of what a driver raised."""
    return f"{device}:{next((name for kind, name in _KINDS if isinstance(error, kind)), 'fault')}"


def meaning(trouble: str) -> str:
    """A sentence for ``trouble``, for the engineer."""
    return MEANING[trouble.partition(":")[2]]


def of_coprocessor(device: Coprocessor, *, has_key: bool, unproven: bool = False) -> Troubles:
    """What is wrong with a co-processor that was started a few seconds ago or more.

    Args:
        has_key: the host has the event key.
        unproven: an event came whose seal is wrong.
    """
    if device.problem is not None:
        return (of_error("coprocessor", device.problem),)
    if not device.ready:
        return ("coprocessor:no_answer",)
    return tuple(f"coprocessor:{name}" for name in _complaints(device, has_key, unproven))


def _complaints(device: Coprocessor, has_key: bool, unproven: bool) -> Troubles:
    features, status = device.features, device.status
    flags = status.flags if status is not None else StatusFlag(0)
    found = {
        "no_flash_ring": Feature.FLASH_RING not in features,
        "no_event_key": Feature.EVENT_KEY not in features,
        "no_host_key": not has_key,
        "not_authentic": unproven and has_key and Feature.EVENT_KEY in features,
        "events_missed": status is not None and status.missed > 0,
        "power_cycled": status is not None and status.power_cycles > 0,
        "tamper_open": StatusFlag.TAMPER_OPEN in flags,
        "no_room": StatusFlag.NO_ROOM in flags,
        "emergency_open": StatusFlag.EMERGENCY in flags,
    }
    return tuple(name for name, so in found.items() if so)


def of_pins(problem: HardwareError | None, *, held: bool, one_shot: bool, emergency: bool = False) -> Troubles:
    """What is wrong with a door on the Pi's own pins; ``one_shot``: somebody has fitted and tested that circuit."""
    if problem is not None:
        return (of_error("door", problem),)
    found = {"door:button_held": held, "door:emergency_open": emergency, "door:no_one_shot": not one_shot}
    return tuple(name for name, so in found.items() if so)


def of_emergencies(found: Troubles, *, waiting: bool) -> Troubles:
    """That an emergency waits for its account, where no device in ``found`` says so: the unit holds the door open."""
    said = any(one.endswith(":emergency_open") for one in found)
    return ("door:emergency_open",) if waiting and not said else ()


def of_reader(state: ReaderState | None) -> Troubles:
    """What is wrong with the card reader, as far as a check has found out."""
    return (of_error("card_reader", state.error),) if state is not None and state.error is not None else ()


def of_gateway(*, revoked: bool) -> Troubles:
    """What is wrong with the hospital's gateway, as the site's list of revoked keys says."""
    return ("gateway:key_revoked",) if revoked else ()


def of_models(problem: ModelsError | None) -> Troubles:
    """What is wrong with the networks on this machine, see :mod:`daemon.liveness.eyes`."""
    if problem is None:
        return ()
    if isinstance(problem, OwnNetworkUnusable):
        return ("models:not_accepted",)
    return ("models:computes_otherwise" if isinstance(problem, ModelWrong) else "models:unusable",)


def of_camera(own: OwnCamera) -> Troubles:
    """Whether the camera is the unit's own. What else is wrong with it a check finds out: it is closed between them."""
    return (ANOTHER_CAMERA,) if own.replaced else ()


def of_light(unseen: Unseen) -> Troubles:
    """What is wrong with the ring's light, as far as people's faces tell."""
    return ("light:unseen",) if unseen.stands else ()


def of_fingers(problem: HardwareError | None) -> Troubles:
    """What is wrong with the fingerprint module, or with what compares the prints on cards."""
    return (of_error("fingerprint", problem),) if problem is not None else ()


def of_thermal(problem: HardwareError | None) -> Troubles:
    """What is wrong with the thermal sensor."""
    return (of_error("thermal", problem),) if problem is not None else ()
