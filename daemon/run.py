"""``vernix run``: the unit assembled from its configuration, its threads owned, until somebody stops it."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
import logging
import signal
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from daemon import devices, sd_notify, troubles
from daemon.cards import CardTask
from daemon.clock import UnitClock
from daemon.config import Config
from daemon.delivery import Delivery
from daemon.desk import Desk
from daemon.door import CoprocessorDoor, Door, NoDoor
from daemon.duty import Duty, OnDuty
from daemon.entrance import EntranceTask
from daemon.faces import FaceTask
from daemon.identity import OUTBOX, Identity, bring_into_force, load_identity
from daemon.journal import Journal
from daemon.kiosk.asks import Asks
from daemon.kiosk.server import KioskServer
from daemon.kiosk.service import findings
from daemon.kiosk.tally import Tally
from daemon.kiosk.touches import Touches
from daemon.kiosk.view import page_facts, view
from daemon.lock import DataFolder
from daemon.mqtt import LinkState, MessageTooLargeError, MqttLink
from daemon.named import decoder_of, policy_of
from daemon.officers import Roster, read_roster
from daemon.outbox import Outbox, read_birth
from daemon.pins import PinEntrance, PinEntranceTask, open_entrance
from daemon.policy import Policy
from daemon.preview import only_while
from daemon.roster import FILE as ROSTER
from daemon.roster import RosterBook
from daemon.state import Step
from daemon.storage import LOOK_S, Storage
from daemon.supervisor import Supervisor
from daemon.thermal import ThermalTask
from daemon.unit import Unit
from daemon.worklist import Worklist
from evidence.record import OWED, Outcome
from evidence.topics import CONTENT_TYPES, Channel
from evidence.worklist import announce
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import read_event_key
from hw.errors import HardwareError
from hw.thermal.driver import ThermalSensor
from hw.uri import DeviceUri
from models import selfcheck
from models.face import FaceModels

log = logging.getLogger(__name__)

_PUMP_S = 1.0
_SETTLE_S = 3.0
"""Before a device that was just opened is called silent: a co-processor holds its last session for 1.5 s."""


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


def _coprocessor(config: Config) -> Coprocessor | None:
    """The co-processor that the configuration names, not yet started.

    Raises:
        BadEventKey: the event key's file cannot be used.
    """
    uri = DeviceUri.parse(config.devices.coprocessor)
    if uri.scheme == "none":
        return None
    key = config.keys.coprocessor
    return Coprocessor(uri, event_key=read_event_key(key) if key else None)


def _pins(config: Config) -> PinEntrance | None:
    """The door on the Pi's own pins, if the configuration names it; no pin is taken yet."""
    uri = DeviceUri.parse(config.devices.door)
    return open_entrance(uri, config.unit.data) if uri.scheme != "none" else None


def _thermal(config: Config) -> ThermalTask | None:
    """The thermal sensor that the configuration names, not yet opened."""
    uri = DeviceUri.parse(config.devices.thermal)
    return ThermalTask(ThermalSensor(uri)) if uri.scheme != "none" else None


class Assembly:
    """Everything of a running unit, put together; :meth:`run` is its life."""

    def __init__(self, config: Config) -> None:
        """Load and check all that the configuration names, before anything is started.

        Raises:
            TreeError, EvidenceError, HardwareError, ModelError, OutboxDamaged, RosterUnusable, LinkError, OSError:
                what is wrong in the environment; nothing was overwritten.
        """
        self.config = config
        self.policy: Policy = policy_of(config)
        identity = load_identity(config, dt.datetime.now(dt.UTC))
        self.models = FaceModels.load()
        selfcheck.run(self.models)
        self.storage = Storage(config.unit.data)
        self.outbox = open_outbox(config, identity, self.policy.debts.outcomes)
        bring_into_force(self.outbox, identity)
        self.storage.look(self.outbox)
        self._rosters = RosterBook(config.unit.data / ROSTER)
        first = read_roster(config.unit.officers)
        self.roster = Roster(self._rosters.read() or first, self.outbox.clock.moment)
        self.duty = Duty(self.roster, self.outbox.clock.moment, config.limits.duty_s)
        self._duty_shown: OnDuty | None = None
        self.worklist = Worklist()
        coprocessor = self.coprocessor = _coprocessor(config)
        # Without a key no event is proven, so none is known again: then its own word must do.
        known = self.outbox.has_counter if config.keys.coprocessor else lambda _counter: True
        door = CoprocessorDoor(coprocessor, known) if coprocessor else None
        self.pins = _pins(config)
        self.door: Door = door or self.pins or NoDoor()
        self._wake = threading.Event()
        self.unit = self._make_unit()
        self.entrance: EntranceTask | PinEntranceTask | None = None
        place, post = config.unit.checkpoint, self.unit.post
        if coprocessor and door:
            self.entrance = EntranceTask(coprocessor, self, place, post=post, pressed=door.pressed)
        elif self.pins:
            self.entrance = PinEntranceTask(self.pins, self, place, post=post)
        self.thermal = _thermal(config)
        self._troubles: troubles.Troubles = ()
        self.supervisor = Supervisor()
        self.link = self._make_link(config.unit.data)
        self.delivery = self._make_delivery(identity)
        self._tally = Tally(time.monotonic)
        self.kiosk = self._make_kiosk()

    def _make_unit(self) -> Unit:
        unit = Unit(
            self.config,
            self.policy,
            self.outbox,
            Journal(self.config.unit.data / "journal"),
            self.door,
            changed=self._changed,
            stored=self._wake.set,
            give_reserve=self.storage.give_reserve,
            on_duty=lambda: self.duty.current,
            compared=self.worklist.compared,
        )
        unit.cards = CardTask(
            DeviceUri.parse(self.config.devices.card_reader),
            decoder_of(self.config),
            today=lambda: self.outbox.clock.moment().astimezone().date(),
            post=unit.post,
            laid=unit.laid,
        )
        unit.faces = FaceTask(DeviceUri.parse(self.config.devices.camera), self.models, post=unit.post)
        return unit

    def _make_kiosk(self) -> KioskServer:
        config = self.config
        touches = Touches(
            self.policy,
            config.unit.checkpoint,
            self.roster,
            lambda: self.unit.state,
            self.outbox.clock.moment,
            self.outbox.find_check,
            duty=self.duty,
            origin=lambda: f"http://localhost:{urlsplit(self.kiosk.url).port}",
        )
        asks = Asks(self.outbox, self._tally, self.roster, lambda: findings(config, self._troubles))
        page = page_facts(config.unit, self.policy)
        mirror = only_while(self.unit.faces.preview, lambda: self.unit.state.step is Step.FACE)
        return KioskServer(config.kiosk, touches, self.unit.post, page, asks=asks, mirror=mirror)

    def _make_delivery(self, identity: Identity) -> Delivery:
        return Delivery(
            self.outbox,
            self.config.address,
            self.outbox.signer,
            identity.gateway_key,
            publish=self._publish,
            storage=lambda: self.storage.state.to_dict(),
            troubles=lambda: self._troubles,
            dropped=lambda: self.link.counters.oversize + self.link.counters.foreign,
            roster=lambda body: self.roster.replace(self._rosters.take(body)),
            worklist=self.worklist.take,
        )

    def _make_link(self, data: Path) -> MqttLink:
        return MqttLink(
            self.config.broker,
            self.config.address,
            on_message=self._received,
            on_state=self._link_changed,
            on_published=lambda _identifier: self._wake.set(),
            remembered=data / "broker.json",
            software=software_version(),
            about={"boot": self.outbox.boot, "worklist_key": self._announced_key()},
        )

    def _announced_key(self) -> str:
        return announce(self.worklist.key, self.config.address, self.outbox.boot, self.outbox.signer)

    # --- the book of the entrance ------------------------------------------------------------------------------

    def has_event(self, counter: int, fingerprint: int) -> bool:
        """Whether this event of the co-processor is recorded."""
        return self.outbox.has_event(counter, fingerprint)

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: tuple[int, int] | None) -> None:
        """Commit the record of an event at the entrance."""
        self.unit.durably(lambda: self.outbox.append(fields, alert=alert, event=event))
        self._wake.set()

    # --- what the parts tell each other ------------------------------------------------------------------------

    def _changed(self, desk: Desk) -> None:
        self._duty_shown = self.duty.current
        link = self.link.state
        self._tally.see(desk.active)
        self.kiosk.show(
            view(
                desk,
                waiting=self.outbox.count_waiting(),
                online=link.connected,
                why_offline=None if link.connected else link.reason,
                storage=self.storage.state.to_dict(),
                troubles=self._troubles,
                owed=self.outbox.owed,
                duty=self._duty_shown,
                expected=self.worklist.entries,
            )
        )

    def _received(self, channel: Channel, payload: bytes) -> None:
        self.delivery.receive(channel, payload)
        self._changed(self.unit.desk)
        self._wake.set()

    def _link_changed(self, state: LinkState) -> None:
        log.info("broker: %s", "connected" if state.connected else state.reason)
        if not state.connected:  # and not when it is back: what went out since is on its way
            self.delivery.reconnected()
        self._changed(self.unit.desk)
        self._wake.set()

    def _publish(self, channel: Channel, payload: bytes) -> bool:
        try:
            return self.link.publish(channel, payload, content_type=CONTENT_TYPES[channel]) is not None
        except MessageTooLargeError as error:
            # Kept and tried again like every record without a receipt; the records after it go on.
            log.warning("not delivered: %s", error)
            return True

    # --- its life ----------------------------------------------------------------------------------------------

    def run(self) -> BaseException | None:
        """Run until :meth:`stop` or until a part dies; what it died of, or None."""
        self.unit.recover()
        self._changed(self.unit.desk)  # before the page is served: there is always a view
        start = self.supervisor.start
        start("writer", self.unit.run_writer)
        start("cards", self.unit.cards.run)
        start("faces", self.unit.faces.run)
        if self.entrance is not None:
            start("entrance", self.entrance.run)
        if self.thermal is not None:
            start("thermal", self.thermal.run)
        start("delivery", self._deliver)
        start("kiosk", self.kiosk.run)
        self.link.start()
        start("session", lambda: self.unit.run(sd_notify.Beat(sd_notify.watchdog_interval_s())))
        sd_notify.notify("READY=1")
        log.info("ready: %s, boot %d, screen at %s", self.config.unit.id, self.outbox.boot, self.kiosk.url)
        self.supervisor.stop.wait()
        self._shut_down()
        return self.supervisor.failure

    def _deliver(self) -> None:
        look_due_s = time.monotonic() + LOOK_S
        troubles_due_s = time.monotonic() + _SETTLE_S
        while not self.supervisor.stop.is_set():
            self._wake.wait(_PUMP_S)
            self._wake.clear()
            if time.monotonic() >= look_due_s:
                self.storage.look(self.outbox)
                self._changed(self.unit.desk)
                look_due_s = time.monotonic() + LOOK_S
            if time.monotonic() >= troubles_due_s:
                self._look_for_troubles()
                troubles_due_s = time.monotonic() + _PUMP_S
            if self.duty.current != self._duty_shown:
                self._changed(self.unit.desk)
            self.delivery.pump()
            if self.link.failed.is_set() and self.link.failure is not None:
                raise self.link.failure

    def _look_for_troubles(self) -> None:
        found = troubles.of_reader(self.unit.cards.state)
        if self.coprocessor is not None:
            unproven = isinstance(self.entrance, EntranceTask) and self.entrance.heard_unproven
            has_key = self.config.keys.coprocessor is not None
            found += troubles.of_coprocessor(self.coprocessor, has_key=has_key, unproven=unproven)
        if self.pins is not None:
            pins = self.pins.pins
            facts = {"held": self.pins.held, "one_shot": pins.one_shot, "emergency": pins.emergency}
            found += troubles.of_pins(self.pins.problem, **facts)
        if self.thermal is not None:
            found += troubles.of_thermal(self.thermal.problem)
        if found != self._troubles:
            self._troubles = found
            log.warning("devices: %s", ", ".join(found) or "all in order again")
            self._changed(self.unit.desk)

    def stop(self) -> None:
        """End :meth:`run`."""
        self.supervisor.stop.set()
        self._wake.set()

    def _shut_down(self) -> None:
        sd_notify.notify("STOPPING=1")
        if self.supervisor.failure is None:
            # First of all, so that it is said even where something below hangs until systemd kills the process.
            self.door.rest()
        self._wake.set()
        self.unit.cards.close()
        self.unit.faces.close()
        if self.entrance is not None:
            self.entrance.close()
        if self.thermal is not None:
            self.thermal.close()
        self.kiosk.close()
        self.link.stop()
        self.unit.close()
        late = self.supervisor.join()
        if late:
            log.warning("did not end in time: %s", ", ".join(late))
        self.outbox.close()


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    yield


def _ask_devices(config: Config, *, degraded: bool) -> None:
    for name in devices.NAMES:
        try:
            devices.ask(config, name)
        except HardwareError as error:
            if not degraded:
                raise
            log.warning("goes on without %s: %s; %s", name, error, error.advice)


def run(config: Config, *, degraded: bool = False) -> BaseException | None:
    """Run the unit until SIGTERM or SIGINT; what it died of, or None.

    Args:
        degraded: start also when a device is missing; officers then decide what it would have told.

    Raises:
        As :class:`Assembly`; DataFolderBusy if another process runs this unit; HardwareError if a device is missing.
    """
    with DataFolder(config.unit.data):
        assembly = Assembly(config)
        _ask_devices(config, degraded=degraded)
        with _signals(assembly.supervisor.stop):
            return assembly.run()
