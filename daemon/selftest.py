"""``vernix selftest``: does everything that the configuration names work? For the engineer, before a unit goes to work.

Each test asks one thing of the real device, file or network and says in one sentence what it found.
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from daemon import devices, memory_risks, own_camera, record_fields, troubles
from daemon.clock import read_kernel
from daemon.config import Config
from daemon.events import Noted
from daemon.identity import load_identity, open_following
from daemon.liveness.eyes import Eyes
from daemon.liveness.own_network import MOST, Cost, manifest_of, tried
from daemon.lock import DataFolder
from daemon.mqtt.broker import client_context
from daemon.named import decoder_of, policy_of
from daemon.officers import read_roster
from daemon.own_camera import OwnCamera
from daemon.parts import open_outbox
from daemon.printing.printer import Printer, PrinterGone, PrinterRefuses
from evidence.forms.fonts import FontMissing
from evidence.forms.fonts import find as find_fonts
from evidence.keys import SOFT
from hw.camera.driver import Camera
from hw.camera.sources import Setting
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import read_event_key
from hw.errors import HardwareError
from hw.gpio.driver import PinDoor
from hw.uri import DeviceUri
from models import golden
from models.selfcheck import here

_BROKER_S = 10.0
_REFUSAL_S = 1.0
_LISTEN_S = 0.5
_COLOURS_MOVE = (
    ": where it corrects its colours meanwhile, the light challenge is unsure; choose a camera with this control"
)


class Failed(Exception):
    """The test found something that must be mended."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    test: str
    ok: bool
    text: str


def _policy(config: Config) -> str:
    policy = policy_of(config)
    return f"{policy.id} version {policy.version}, checkpoint {config.unit.checkpoint}"


def _keys(config: Config) -> str:
    identity = load_identity(config, dt.datetime.now(dt.UTC))
    following = [signer for _, signer, _ in open_following(identity)]
    for signer in (identity.signer, *following):
        if config.unit.production and signer.protection in SOFT:
            where = "a file" if signer.protection == "file" else f"software ({signer.protection})"
            raise Failed(f"the record key lies in {where}; a unit in production keeps it in a TPM or secure element")
    waits = f"; {len(following)} more come into force at the next start" if following else ""
    return f"record key kept in {identity.signer.protection}; certificates hold{waits}"


def _outbox(config: Config) -> str:
    with DataFolder(config.unit.data):
        outbox = open_outbox(config, load_identity(config, dt.datetime.now(dt.UTC)))
        try:
            return f"{outbox.head.seq} records, {outbox.count_waiting()} waiting"
        finally:
            outbox.close()


def _officers(config: Config) -> str:
    officers = read_roster(config.unit.officers)
    if len(officers) < 2:
        raise Failed(f"{len(officers)} officers in the roster; decisions about unconscious women need two")
    return f"{len(officers)} officers"


def _clock(_config: Config) -> str:
    kernel = read_kernel()
    if not kernel.synchronised:
        raise Failed("the clock is not synchronised; records will say so")
    return f"synchronised within {kernel.error.total_seconds() * 1000:.0f} ms"


def _models(config: Config) -> str:
    eyes = Eyes.load(config.models.liveness)
    return (
        ", ".join(f"{role} {digest[:12]}" for role, digest in eyes.hashes.items()) + "; they compute what was recorded"
    )


def _card_reader(config: Config) -> str:
    decoder_of(config)
    found = devices.ask(config, "card_reader")
    if found == devices.NONE_FITTED:
        raise Failed("no card reader is configured")
    return found


def _camera(config: Config) -> str:
    """Nothing is kept of it: the first camera of a unit is the one with which the unit is started first."""
    with Camera(DeviceUri.parse(config.devices.camera)) as camera:
        height, width = camera.latest().image.shape[:2]
        holds = _holds(camera)
    own = OwnCamera(config.unit.data / own_camera.FILE)
    if own.is_another(camera.identity):
        meant = troubles.meaning(troubles.ANOTHER_CAMERA)
        raise Failed(f"{camera.identity}, and not {own.identity or 'one that is known'}: {meant}")
    return f"frames of {width} x {height}, {camera.identity}; {holds}"


def _holds(camera: Camera) -> str:
    """What of an open camera stands still while the ring's light is measured; the next opening lets it go.

    What it cannot hold is a note and no finding: the unit works, and officers decide what its light leaves open.
    """
    camera.hold(True)
    number = -1
    while (held := camera.held) is None:
        number = camera.latest(number).number
    lacking = [one for one in Setting if one not in held]
    found = [f"holds {_listed(held)} while the light runs"] if held else []
    found += [f"cannot hold {_listed(lacking)}"] if lacking else []
    return "; ".join(found) + (_COLOURS_MOVE if Setting.WHITE_BALANCE in lacking else "")


def _listed(settings: Sequence[Setting]) -> str:
    *first, last = (one.replace("_", " ") for one in settings)
    return f"{', '.join(first)} and {last}" if first else last


def accept_camera(config: Config) -> Result:
    """Make the camera that delivers now the unit's own, see :meth:`~daemon.own_camera.OwnCamera.accept`.

    Raises:
        DataFolderBusy: the unit is running.
        HardwareError: no camera delivers.
        OSError, sqlite3.Error, EvidenceError, OutboxDamaged: it cannot be recorded or kept; the old one stays.
    """
    with DataFolder(config.unit.data), Camera(DeviceUri.parse(config.devices.camera)) as camera:
        camera.latest()
        own = OwnCamera(config.unit.data / own_camera.FILE)
        before = own.identity or "not known"
        if own.identity != camera.identity:
            with closing(open_outbox(config, load_identity(config, dt.datetime.now(dt.UTC)))) as outbox:
                own.accept(camera.identity, lambda one: outbox.append(record_fields.noted(one), alert=one.alert))
    return Result("accept", True, f"this unit's own camera is {camera.identity}; before: {before}")


def accept_liveness(config: Config, most: Cost = MOST) -> Result:
    """Make what the hospital's own passive network answers on this unit what every start asks of it.

    It is written into `golden.json` beside the network's manifest, after the chain holds who was accepted. One that
    takes more time or memory than ``most`` is not accepted.

    Raises:
        DataFolderBusy: the unit is running.
        ModelsError: it cannot be used, or this machine does not compute the other networks as they were measured.
        OSError, sqlite3.Error, EvidenceError, OutboxDamaged: it cannot be recorded or kept.
    """
    manifest = config.models.liveness
    if manifest is None:
        return Result("accept", False, "no network to accept: unit.toml has no line liveness under [models]")
    with DataFolder(config.unit.data):
        Eyes.load()  # a machine that computes those otherwise is no witness for this one
        own = manifest_of(manifest)
        passive, cost = tried(own)
        if fault := passive.fault() or (None if cost.within(most) else f"it takes {cost}; the most is {most}"):
            return Result("accept", False, f"{manifest}: {fault}")
        path = golden.beside(manifest)
        before = golden.load(path) if path.exists() else []
        facts = {"network": passive.sha256, "manifest": own.sha256, "threshold": passive.threshold, "by": "selftest"}
        with closing(open_outbox(config, load_identity(config, dt.datetime.now(dt.UTC)))) as outbox:
            outbox.append(record_fields.noted(Noted("liveness.accepted", facts, alert=True)), alert=True)
        golden.save(path, [*before, golden.Golden.of(own.sha256, here(), passive.answer())])
    of = f"passive network {passive.sha256[:12]}, live from {passive.threshold:g} on, {cost}"
    return Result("accept", True, f"{of}: what it answers with {' on '.join(here())} is kept in {path}")


def _fingerprint(config: Config) -> str:
    return devices.ask(config, "fingerprint")


def _mended(found: troubles.Troubles) -> None:
    if found:
        raise Failed("; ".join(f"{one}: {troubles.meaning(one)}" for one in found))


def _coprocessor(config: Config) -> str:
    """Nothing is confirmed here, so every event it keeps is told to the unit again."""
    uri = DeviceUri.parse(config.devices.coprocessor)
    if uri.scheme == "none":
        return devices.NONE_FITTED
    key = config.keys.coprocessor
    with Coprocessor(uri, event_key=read_event_key(key) if key else None) as device:
        unproven = _hears_unproven(device)
        _mended(troubles.of_coprocessor(device, has_key=key is not None, unproven=unproven))
        if device.status is None:
            raise Failed("it answers, but does not tell its status")
        version, kept = device.wait_ready(0.0).version, device.status.pending
        return f"link version {version}, flash ring, event key; housing closed, {kept} events kept for the unit"


def _hears_unproven(device: Coprocessor) -> bool:
    """Listen for a moment; its status and the events it keeps come by themselves."""
    until_s, unproven = time.monotonic() + _LISTEN_S, False
    while (left_s := until_s - time.monotonic()) > 0:
        event = device.next_event(left_s)
        unproven = unproven or (event is not None and not event.authentic)
    return unproven


def _door(config: Config) -> str:
    """Whether a circuit hangs on the pins no program can see: that is the engineer's word, in the URI."""
    uri = DeviceUri.parse(config.devices.door)
    if uri.scheme == "none":
        return devices.NONE_FITTED
    with PinDoor(uri) as pins:
        unexplained = (config.unit.data / "emergency").exists()
        _mended(troubles.of_pins(None, held=pins.held, one_shot=pins.one_shot, emergency=unexplained))
    return "pins answer, button not pressed; no tamper events, and nobody power-cycles a Pi that hangs"


def _thermal(config: Config) -> str:
    return devices.ask(config, "thermal")


def _memory(config: Config) -> str:
    """What could bring a face, or a visit, from memory onto a disk or out with one. A demo's machine may."""
    found = "; ".join(memory_risks.risks(config.unit.data))
    if found and config.unit.production:
        raise Failed(found)
    return f"no finding, since this is no unit in production: {found}" if found else "no swap, no dumps, disk encrypted"


def _broker(config: Config) -> str:
    """TCP and TLS only. A CONNECT in the unit's name would take its session, and the receipts in it."""
    broker = config.broker
    try:
        with socket.create_connection((broker.host, broker.port), _BROKER_S) as plain:
            if broker.tls is None:
                return f"{broker} answers, without TLS"
            with client_context(broker.tls).wrap_socket(plain, server_hostname=broker.host) as secure:
                secure.settimeout(_REFUSAL_S)
                _wait_for_refusal(secure)
                return f"{broker} answers, {secure.version()}, certificates hold"
    except OSError as error:
        raise Failed(f"{broker}: {getattr(error, 'reason', None) or error}") from error


def _wait_for_refusal(secure: ssl.SSLSocket) -> None:
    """In TLS 1.3 a server refuses a client's certificate only after the handshake."""
    try:
        if secure.recv(1) == b"":
            raise Failed("the broker closed the connection: it may not accept this unit's certificate")
    except TimeoutError:
        return


def _printing(config: Config) -> str:
    printing = config.printing
    if printing.uri == "none:":
        return "no printer is configured: forms are printed from the gateway"
    try:
        fonts = find_fonts()
        status = Printer(printing.uri, printing.authority).status()
    except FontMissing as error:
        raise Failed(str(error)) from error
    except (PrinterGone, PrinterRefuses) as error:
        raise Failed(f"printing.uri: {error}") from error
    if not status.takes_pdf:
        raise Failed(f"{printing.uri}: takes no PDF; print through a CUPS queue that does")
    stopped = "out of paper" if status.paper_out else "stopped" if status.stopped or not status.accepts else ""
    if stopped:
        raise Failed(f"{printing.uri}: {stopped}")
    return f"{printing.uri} is ready, {len(fonts)} fonts are there"


TESTS: dict[str, Callable[[Config], str]] = {
    "policy": _policy,
    "keys": _keys,
    "outbox": _outbox,
    "officers": _officers,
    "clock": _clock,
    "models": _models,
    "card_reader": _card_reader,
    "camera": _camera,
    "fingerprint": _fingerprint,
    "coprocessor": _coprocessor,
    "door": _door,
    "thermal": _thermal,
    "memory": _memory,
    "broker": _broker,
    "printing": _printing,
}


def run_tests(config: Config, expected: tuple[type[Exception], ...]) -> Iterator[Result]:
    """Run every test; ``expected`` are the errors that are findings here, anything else is a bug and raised."""
    for name in TESTS:
        yield run_test(config, name, expected)


def run_test(config: Config, name: str, expected: tuple[type[Exception], ...]) -> Result:
    """Run one of :data:`TESTS`; ``expected`` as in :func:`run_tests`."""
    try:
        return Result(name, True, TESTS[name](config))
    except Failed as error:
        return Result(name, False, str(error))
    except expected as error:
        advice = f"; {error.advice}" if isinstance(error, HardwareError) else ""
        return Result(name, False, f"{error}{advice}")
