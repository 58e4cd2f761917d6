"""The unit assembled from its configuration: every part made, told of the others, started and ended in order."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from pathlib import Path
from typing import Any

from daemon import own_camera, parts, sd_notify, troubles
from daemon.cards import CardTask
from daemon.config import Config
from daemon.delivery import Delivery
from daemon.door import CoprocessorDoor, Door, NoDoor
from daemon.duty import Duty
from daemon.entrance import EntranceTask
from daemon.events import Begin, Event, OnDuty
from daemon.faces import FaceTask
from daemon.fingers import FingerTask
from daemon.identity import Identity, bring_into_force, load_identity
from daemon.journal import Journal
from daemon.key_counters import FILE as KEY_COUNTERS
from daemon.key_counters import KeyCounters
from daemon.kiosk.asks import Asks
from daemon.kiosk.newest import NewestView
from daemon.kiosk.server import KioskServer
from daemon.kiosk.service import findings
from daemon.kiosk.touches import Touches
from daemon.kiosk.view import page_facts, view
from daemon.liveness.eyes import open_eyes
from daemon.liveness.inspection import Means
from daemon.liveness.light import RingLight
from daemon.mqtt import LinkState, MessageTooLargeError, MqttLink
from daemon.named import decoder_of, matcher_of, policy_of
from daemon.officers import Roster, read_roster
from daemon.outbox.known_events import EventId
from daemon.pins import PinEntranceTask
from daemon.policy import Policy
from daemon.policy.words import Role
from daemon.preview import only_while
from daemon.printing.forms import NO_PRINTER, FormDesk, open_forms
from daemon.revoked import FILE as REVOKED
from daemon.revoked import RevokedKeys
from daemon.room import Room
from daemon.roster import FILE as ROSTER
from daemon.roster import RosterBook
from daemon.seen import SeenDocuments
from daemon.slips import slips_of
from daemon.state import Step
from daemon.storage import LOOK_S, Storage
from daemon.supervisor import Supervisor
from daemon.unit import Unit
from daemon.worklist import Worklist
from evidence.instants import china_day
from evidence.topics import CONTENT_TYPES, Channel
from evidence.worklist import announce
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

_PUMP_S = 1.0
_SETTLE_S = 3.0
"""Before a device that was just opened is called silent: a co-processor holds its last session for 1.5 s."""


class Assembly:
    """Everything of a running unit, put together; :meth:`run` is its life."""

    def __init__(self, config: Config) -> None:
        """Load and check all that the configuration names, before anything is started.

        Raises:
            TreeError, EvidenceError, HardwareError, OutboxDamaged, RosterUnusable, LinkError, OSError:
                what is wrong in the environment; nothing was overwritten.
        """
        self.config = config
        self.policy: Policy = policy_of(config)
        identity = load_identity(config, dt.datetime.now(dt.UTC))
        self.revoked = RevokedKeys(
            config.keys.certificate.parent / REVOKED, config.unit.data / REVOKED, identity.authority
        )
        self._gateway_kid = identity.gateway_kid
        self.eyes = open_eyes(config.models.liveness)
        self.storage = Storage(config.unit.data)
        self.outbox = parts.open_outbox(config, identity, self.policy.debts.outcomes)
        bring_into_force(self.outbox, identity)
        self.storage.look(self.outbox)
        self._rosters = RosterBook(config.unit.data / ROSTER)
        first = read_roster(config.unit.officers)
        self.roster = Roster(
            self._rosters.read() or first,
            self.outbox.clock.moment,
            counters=KeyCounters(config.unit.data / KEY_COUNTERS),
            tell=lambda event: self.unit.post(event),
        )
        self.duty = Duty(
            self.roster, self.outbox.clock.moment, config.limits.duty_s, tell=lambda event: self.unit.post(event)
        )
        self._wake = threading.Event()
        self.room = Room(self.outbox.clock.moment, config.limits.inside_s, told=self._wake.set)
        self._around_shown: tuple[OnDuty | None, bool, bool] | None = None
        self.seen = SeenDocuments(lambda: self.duty.shift)
        self.worklist = Worklist()
        coprocessor = self.coprocessor = parts.coprocessor_of(config)
        # Without a key no event is proven, so none is known again: then its own word must do.
        known = self.outbox.has_counter if config.keys.coprocessor else lambda _counter: True
        door = CoprocessorDoor(coprocessor, known, lambda: self.room.night) if coprocessor else None
        self.pins = parts.pins_of(config)
        self.door: Door = door or self.pins or NoDoor()
        self.thermal = parts.thermal_of(config)
        self.unit = self._make_unit()
        self.entrance: EntranceTask | PinEntranceTask | None = None
        place, post = config.unit.checkpoint, self.unit.post
        if coprocessor and door:
            self.entrance = EntranceTask(coprocessor, self, place, post=post, pressed=door.pressed)
        elif self.pins:
            self.entrance = PinEntranceTask(self.pins, self, place, post=post)
        self._troubles: troubles.Troubles = ()
        self.supervisor = Supervisor()
        self.link = self._make_link(config.unit.data)
        self.delivery = self._make_delivery(identity)
        self.kiosk = self._make_kiosk()
        self._views = NewestView(self.kiosk.show)

    def _make_unit(self) -> Unit:
        unit = Unit(
            self.config,
            self.policy,
            self.outbox,
            Journal(self.config.unit.data / "journal"),
            self.door,
            changed=lambda _desk: self._changed(),
            stored=self._wake.set,
            give_reserve=self.storage.give_reserve,
            compared=self._compared,
            forms=self._forms(),
        )
        matcher = matcher_of(self.config)
        unit.fingers = FingerTask(
            DeviceUri.parse(self.config.devices.fingerprint),
            post=unit.post,
            slips=slips_of(self.config, self.outbox.signer, self.outbox.clock, self.revoked.refuses_said),
            matcher=matcher,
        )
        unit.cards = CardTask(
            DeviceUri.parse(self.config.devices.card_reader),
            decoder_of(self.config),
            today=lambda: china_day(self.outbox.clock.moment()),
            post=unit.post,
            laid=unit.laid,
            prints=unit.fingers.lay_prints if matcher and unit.fingers.fitted else None,
        )
        unit.faces = FaceTask(
            DeviceUri.parse(self.config.devices.camera),
            self.eyes,
            post=unit.post,
            means=self._means(),
            told=self._changed,
            own=own_camera.OwnCamera(self.config.unit.data / own_camera.FILE, unit.post),
        )
        return unit

    def _forms(self) -> FormDesk | None:
        find = self.outbox.find_check
        return open_forms(self.config, self.policy, find, self._changed, lambda check: self.unit.fingers.slip(check))

    def _means(self) -> Means:
        ring = RingLight(self.coprocessor) if self.coprocessor else None
        thermal = self.thermal
        return Means.of(self.policy, ring, (lambda: thermal.view) if thermal else None)

    def _compared(self, event: Event, begin: Begin) -> Event:
        mothers = None if begin.role == Role.CLAIMANT else begin.visit  # a claimant's name is not the visit's
        return self.seen.compared(self.worklist.compared(event, mothers), begin)

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
            fingers=self.unit.fingers,
            origin=lambda: self.kiosk.origin,
            site=config.unit.site,
            is_another=lambda check, visit: self.seen.is_another(check, self.worklist.number_of(visit)),
            waits=dt.timedelta(seconds=config.limits.statement_s),
        )
        asks = Asks(
            self.outbox,
            self.roster,
            lambda: findings(config, self._troubles),
            touches.prepare,
            config.unit.site,
            slip=lambda: self.unit.fingers.slip(self.unit.state.check),
            visit_of=self.seen.visit_of,
            on_duty=lambda: self.duty.current,
        )
        page = page_facts(config.unit, self.policy)
        mirror = only_while(self.unit.faces.preview, lambda: self.unit.state.step is Step.FACE)
        room = self.room.touched
        return KioskServer(config.kiosk, touches, self.unit, page, asks=asks, mirror=mirror, room=room)

    def _make_delivery(self, identity: Identity) -> Delivery:
        return Delivery(
            self.outbox,
            self.config.address,
            self.outbox.signer,
            self.revoked.guard(identity.gateway_key),
            publish=self._publish,
            storage=lambda: self.storage.state.to_dict(),
            troubles=lambda: self._troubles,
            dropped=lambda: self.link.counters.oversize + self.link.counters.foreign,
            roster=lambda body: self.roster.replace(self._rosters.take(body)),
            roster_version=lambda: self.roster.version,
            worklist=self.worklist.take,
            revocations=self.revoked.take,
            revocations_number=lambda: self.revoked.number,
        )

    def _make_link(self, data: Path) -> MqttLink:
        return MqttLink(
            self.config.broker,
            self.config.address,
            on_message=self._received,
            on_state=self._link_changed,
            on_published=lambda _identifier: self._wake.set(),
            remembered=data / "broker.json",
            software=parts.software_version(),
            about={"boot": self.outbox.boot, "worklist_key": self._announced_key()},
        )

    def _announced_key(self) -> str:
        return announce(self.worklist.key, self.config.address, self.outbox.boot, self.outbox.signer)

    # --- the book of the entrance ------------------------------------------------------------------------------

    def has_event(self, event: EventId) -> bool:
        """Whether this event at the entrance is recorded."""
        return self.outbox.has_event(event)

    def has_press(self, press: EventId) -> bool:
        """Whether this press of the button belongs to a check that is recorded."""
        return self.outbox.has_press(press)

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: EventId | None) -> None:
        """Commit the record of an event at the entrance."""
        self.unit.durably(lambda: self.outbox.append(fields, alert=alert, event=event))
        self._wake.set()

    # --- what the parts tell each other ------------------------------------------------------------------------

    def _around(self) -> tuple[OnDuty | None, bool, bool]:
        """What changes on the screen by itself, as time goes on."""
        return self.duty.current, self.room.night, self.room.attended

    def _changed(self) -> None:
        number, desk, link = self._views.begin(), self.unit.shown, self.link.state
        self._around_shown = duty, night, attended = self._around()
        self.seen.end_shift()
        shown = view(
            desk,
            waiting=self.outbox.count_waiting(),
            online=link.connected,
            why_offline=None if link.connected else link.reason,
            storage=self.storage.state.to_dict(),
            troubles=self._troubles,
            owed=self.outbox.owed,
            duty=duty,
            expected=self.worklist.entries,
            finger_fitted=self.unit.fingers.fitted,
            asked=self.unit.faces.asked,
            hint=self.unit.faces.hint,
            printing=self.unit.forms.view(desk.active) if self.unit.forms else NO_PRINTER,
            night=night,
            attended=attended,
        )
        self._views.show(number, shown)

    def _received(self, channel: Channel, payload: bytes) -> None:
        self.delivery.receive(channel, payload)
        self._changed()
        self._wake.set()

    def _link_changed(self, state: LinkState) -> None:
        log.info("broker: %s", "connected" if state.connected else state.reason)
        if not state.connected:  # and not when it is back: what went out since is on its way
            self.delivery.reconnected()
        self._changed()
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
        if isinstance(self.door, CoprocessorDoor) and not self.outbox.unaccounted:
            self.door.clear_emergency()  # a cut may have come between the account and this
        self._changed()  # before the page is served: there is always a view
        start = self.supervisor.start
        start("writer", self.unit.run_writer)
        start("cards", self.unit.cards.run)
        start("faces", self.unit.faces.run)
        start("fingers", self.unit.fingers.run)
        if self.entrance is not None:
            start("entrance", self.entrance.run)
        if self.thermal is not None:
            start("thermal", self.thermal.run)
        if self.unit.forms is not None:
            start("printing", self.unit.forms.spool.run)
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
                self._changed()
                look_due_s = time.monotonic() + LOOK_S
            if time.monotonic() >= troubles_due_s:
                self._look_for_troubles()
                troubles_due_s = time.monotonic() + _PUMP_S
            if self._around() != self._around_shown:
                self._changed()
            self.delivery.pump()
            if self.link.failed.is_set() and self.link.failure is not None:
                raise self.link.failure

    def _look_for_troubles(self) -> None:
        found = troubles.of_reader(self.unit.cards.state) + troubles.of_models(self.eyes.problem)
        if self.coprocessor is not None:
            unproven = isinstance(self.entrance, EntranceTask) and self.entrance.heard_unproven
            has_key = self.config.keys.coprocessor is not None
            found += troubles.of_coprocessor(self.coprocessor, has_key=has_key, unproven=unproven)
        if self.pins is not None:
            pins = self.pins.pins
            facts = {"held": self.pins.held, "one_shot": pins.one_shot, "emergency": pins.emergency}
            found += troubles.of_pins(self.pins.problem, **facts)
        self.revoked.refresh()
        found += troubles.of_gateway(revoked=self.revoked.names(self._gateway_kid))
        found += troubles.of_camera(self.unit.faces.own) + troubles.of_light(self.unit.faces.unseen)
        found += troubles.of_fingers(self.unit.fingers.problem)
        found += troubles.of_thermal(self.thermal.problem if self.thermal else None)
        found += troubles.of_emergencies(found, waiting=bool(self.outbox.unaccounted))
        if found != self._troubles:
            self._troubles = found
            log.warning("devices: %s", ", ".join(found) or "all in order again")
            self._changed()

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
        self.unit.fingers.close()
        if self.entrance is not None:
            self.entrance.close()
        if self.thermal is not None:
            self.thermal.close()
        if self.unit.forms is not None:
            self.unit.forms.spool.close()
        self.kiosk.close()
        self.link.stop()
        self.unit.close()
        late = self.supervisor.join()
        if late:
            log.warning("did not end in time: %s", ", ".join(late))
        self.outbox.close()
