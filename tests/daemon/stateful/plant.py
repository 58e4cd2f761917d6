"""The whole unit as it runs - broker, gateway, devices, ``vernix run`` - and what anybody may do to it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemon.demo.people import ANNA, BELLA, STRANGER, Person, document_of
from daemon.demo.screen import DemoError, Screen, TouchRefusedError, View
from daemon.demo.stage import OFFICERS, UNIT, Stage
from evidence.certificates import load_certificate
from evidence.verify import read_record, verify_records
from gateway.store import Store
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.fingerprint.simulator import SimulatedModule
from tests.daemon.stateful import records, views
from tests.daemon.stateful.camera_watch import CameraWatch
from tests.daemon.stateful.fingers import Fingers
from tests.daemon.stateful.keys import Keys
from tests.end_to_end.support import SiteMosquitto, silent
from tests.support.brokers import wait_for

PEOPLE: dict[str, Person | None] = {"anna": ANNA, "bella": BELLA, "stranger": STRANGER, "nobody": None}
LIMITS = {"card_s": 4.0, "face_s": 8.0, "decision_s": 6.0, "sign_s": 4.0, "parked_s": 8.0, "duty_s": 10.0}
PACKS = {"neutral": "delivery", "jiangxi": "delivery", "hainan": "admission", "chongqing_yubei": "delivery"}
"""The shipped policy packs, and where the unit stands by each."""
DOOR_S = 5.0
"""A busy machine's; ``tests.bench kiosk`` measures how long it really takes."""
_SETTLED_S = 60.0
_BARE = ("idle", "notice", "decision", "confirm", "sign", "done")
"""Steps at which no camera may run any more, once its process had time to end."""


def _is_new_emergency(view: View, before: set[str]) -> bool:
    return view["outcome"] == "emergency" and view["check"] not in before


class Plant(Stage):
    """Does what it is asked to, whatever state the unit is in, and looks at everything that can be seen of it.

    Attributes:
        trail: what was done, in words, for whoever reads of a fault.
        presses: emergencies that certainly were heard. ``may_be``: touched so shortly before a cut that nobody knows.
        fault, story: the first thing that went wrong, and what led to it.
    """

    unit_options = ("--degraded",)  # as systemd starts it

    def __init__(self, mosquitto: Path, pack: str = "neutral") -> None:
        super().__init__(silent, make_broker=SiteMosquitto.maker(mosquitto), make_coprocessor=self._make_box)
        self.trail: list[str] = []
        self.presses = self.may_be = 0
        self.begun: set[str] = set()
        self.shown: set[tuple[str, int, str]] = set()
        self.faults: list[str] = []
        self.fault: BaseException | None = None
        self.story = ""
        self._away: set[str] = set()
        self._judged: tuple[Screen | None, int] = (None, 0)
        self._pack, self._is_up = pack, False
        self.keys = Keys(self.touch, lambda: self.screen, self.url.rstrip("/"))

    def _make_box(self, key: bytes) -> SimulatedCoprocessor:
        self.box = SimulatedCoprocessor(key)
        return self.box

    def __enter__(self) -> Plant:
        super().__enter__()
        self.camera = CameraWatch(lambda: self.unit.pid if self._is_up and self.unit is not None else None)
        today = dt.datetime.now().astimezone().date()
        people = [one for one in PEOPLE.values() if one is not None]
        documents = {one: document_of(one, today) for one in people}
        self.cards = {one: self.studio.card(one, documents[one]) for one in people}
        # In full nowhere on the screen, and no officer's secret either.
        self._secret = [text for one in documents.values() for text in (one.name, one.number, one.address)]
        self._secret += [*OFFICERS.values(), "ERIKSSON", "L898902C3"]
        named = {name: documents[one] for name, one in PEOPLE.items() if one is not None}
        self.fingers.write_slips(self.unit_toml, named)
        return self

    def __exit__(self, *exc: object) -> None:
        if hasattr(self, "camera"):
            self.camera.close()
        super().__exit__(*exc)

    def _provision(self) -> None:
        """With waiting times that a test can wait for, a fingerprint module, and officers who have security keys."""
        super()._provision()
        self.fingers = Fingers(self._open.enter_context(SimulatedModule()))
        limits = "".join(f"{name} = {value}\n" for name, value in LIMITS.items())
        text = self.unit_toml.read_text("utf-8") + f"\n[limits]\n{limits}"
        text = re.sub(r"(?m)^fingerprint = .*$", f'fingerprint = "{self.fingers.module.uri}"', text)
        self.unit_toml.write_text(text, "utf-8")
        self._name_pack(self._pack)
        data = self.unit_toml.parent / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        (data / "roster.json").write_text(json.dumps(self.keys.roster()), "utf-8")

    def _name_pack(self, pack: str) -> None:
        text = self.unit_toml.read_text("utf-8")
        for key, value in (("policy", pack), ("checkpoint", PACKS[pack])):
            text = re.sub(rf'(?m)^{key} = ".*"$', f'{key} = "{value}"', text)
        self.unit_toml.write_text(text, "utf-8")

    def run_under(self, pack: str) -> None:
        """The unit is stopped in order, and started with another policy pack."""
        self.trail.append(f"the unit stops, and starts with the pack {pack}")
        screen = self.screen
        self.stop_unit()
        self._judge_views(screen)
        self._name_pack(pack)
        self.start_unit()

    def start_unit(self) -> None:
        """Start it; the cameras of its start are not looked at."""
        self._is_up = False  # while it starts it asks every device whether it is there: the camera opens, and closes
        super().start_unit()
        self._is_up = True

    # --- what anybody may do --------------------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The newest, after everything that was shown since the last look was judged."""
        self._judge_views(self.screen)
        return self.screen.wait("a view", lambda view: bool(view))

    def touch(self, name: str, **values: object) -> int:
        """One touch; the status of its answer. The next view has come, if there is one within a moment."""
        before, step = len(self.screen.shown), self.view["step"]
        self.trail.append(f"{step}: {name} {sorted(values)}")
        if name == "consent":
            self.camera.consent_is_sent()
        if name == "begin" and step in ("idle", "done"):
            self.camera.check_begins()
        try:
            self.screen.touch(name, **values)
        except TouchRefusedError as error:
            if error.status >= 500:
                self.faults.append(f"touch {name} at {step}: answered {error.status}")
            return error.status
        self.until(lambda _view: len(self.screen.shown) > before, 1.0)
        return 202

    def until(self, condition: Any, within_s: float) -> bool:
        """Whether a view fulfils ``condition`` within that time; a unit that died is a fault."""
        try:
            self.screen.wait("it", condition, within_s)
        except DemoError:
            if self.unit is None or not self.unit.running:
                raise
            return False
        return True

    def lay(self, who: str) -> None:
        """Her card on the reader; the unit may take its time to read it and to look at her."""
        person = PEOPLE[who]
        self.trail.append(f"card of {who}")
        self.reader.lift()
        if person is not None:
            self.reader.lay(self.cards[person])
            if self.view["step"] == "card":
                self.until(lambda view: view["step"] not in ("card", "face") or view["trouble"], 3.0)

    def stand(self, who: str) -> None:
        """Somebody else in front of the camera, from its next start on."""
        self.trail.append(f"{who} in front of the camera")
        self.look(PEOPLE[who])

    def emergency(self, how: str) -> None:
        """By the screen or the button: the door opens, and there is a check of its own on the screen, recorded.

        While one is on the screen it may be the same emergency (``daemon.unit.SAME_EMERGENCY_S``).
        """
        view = self.view
        before = {one["check"] for one in self.screen.shown if one["outcome"] == "emergency"}
        is_on = view["outcome"] == "emergency"
        heard = self._press(how)
        self.trail.append(f"{view['step']}: emergency by the {how}{'' if heard else ', pressed already'}")
        self._door_opens()
        if is_on or not heard:
            self.may_be += heard
            return
        self.presses += 1
        if how == "button" and "coprocessor" in self._away:
            return  # the unit hears of it when the cable is in again
        if not self.until(lambda now: now["step"] == "done" and _is_new_emergency(now, before), 20.0):
            self.faults.append(f"no emergency on the screen; {self.view}")

    def _press(self, how: str) -> bool:
        """Whether it is heard as a new one: the button is not, until the last press of it is cleared."""
        if how == "screen":
            self.screen.touch("emergency")
            return True
        held = self.box.emergency
        self.box.press_emergency()
        return not held

    def _door_opens(self) -> None:
        with contextlib.suppress(DemoError):
            self.wait_for_door(locked=False, within_s=DOOR_S)
            return
        self.faults.append(f"the door did not open within {DOOR_S:g} s")

    def cut(self, after_s: float, how: str | None) -> None:
        """Power cut, shortly after an emergency by ``how``, or after nothing; then the unit comes back."""
        self.trail.append(f"{how or 'nothing'}, and a power cut {after_s * 1e3:.0f} ms after")
        screen, is_on = self.screen, self.view["outcome"] == "emergency"
        if how is not None and self._press(how):
            if how == "screen" or is_on:
                self.may_be += 1
            else:
                self.presses += 1  # the co-processor keeps its own until it is recorded
        time.sleep(after_s)
        self.kill_unit()
        self._judge_views(screen)
        if how is not None:
            self._door_opens()
        self.start_unit()

    def away(self, part: str) -> None:
        """Something is unplugged, or dies."""
        self.trail.append(f"{part} goes")
        self._away.add(part)
        {
            "reader": self.reader.unplug,
            "coprocessor": self.box.unplug,
            "fingerprint": self.fingers.module.unplug,
            "gateway": self.kill_gateway,
            "broker": self.broker.kill,
        }[part]()

    def pull_module(self, packets: int) -> None:
        """The fingerprint module's cable goes after so many further packets of data."""
        self.trail.append(f"the module's cable goes after {packets} packets")
        self._away.add("fingerprint")
        self.fingers.module.data_until_unplugged = packets

    def back(self) -> None:
        """Everything that was away is there again."""
        self.trail.append("all back")
        self._away.clear()
        self.reader.plug()
        self.box.plug()
        self.fingers.module.data_until_unplugged = None
        self.fingers.module.plug()
        self.broker.start()
        if self.gateway_process is None or not self.gateway_process.running:
            self.start_gateway()

    # --- what is seen of it -------------------------------------------------------------------------------------

    def _judge_views(self, screen: Screen) -> None:
        known, seen = self._judged
        fresh = screen.shown[seen if screen is known else 0 :]
        for view in fresh:
            self.judge_view(view)
        self._judged = (screen, (seen if screen is known else 0) + len(fresh))

    def judge_view(self, view: View) -> None:
        """Note what ``view`` tells, and what is wrong with it."""
        self.begun |= {one["check"] for one in (view, *view["parked"]) if one["check"]}
        if view["seq"] is not None:
            self.shown.add((view["check"], view["seq"], view["outcome"]))
        self.faults += views.faults_of(view, self._secret)

    def judge(self) -> None:
        """What holds at any moment.

        Raises:
            AssertionError: something does not.
        """
        view = self.view
        self.fingers.judge(view)
        if view["step"] in _BARE and self.camera.running:
            deadline_s = time.monotonic() + 15.0
            while self.camera.running and self.view["step"] in _BARE:
                if time.monotonic() > deadline_s:
                    self.faults.append(f"a camera runs at {self.view['step']}")
                    break
                time.sleep(0.05)
        self._raise()

    def _raise(self) -> None:
        found = [*self.faults, *self.camera.faults, *self.fingers.faults, *self.keys.faults]
        self.faults, self.camera.faults, self.fingers.faults, self.keys.faults = [], [], [], []
        assert not found, "; ".join(found)

    def failed(self, error: BaseException) -> None:
        """Keep the first fault and what led to it.

        Hypothesis plays a day that failed again, and says something else when the unit, which lives on, does.
        """
        if self.fault is not None:
            return
        self.fault = error
        log = (self.folder / "unit.log").read_text("utf-8", "replace").splitlines()
        box = f"co-processor: emergency {self.box.emergency}, locked {self.box.locked}, keeps {list(self.box.events)}"
        self.story = "\n  ".join(["what led to it:", *self.trail, box, "the unit's log:", *log[-80:]])

    # --- the end of a day -------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything comes back, nobody is there any more, all is accounted for and receipted: then it is judged.

        Raises:
            AssertionError: as :meth:`judge`; or records are missing, doubled or unproven.
        """
        self.back()
        self.reader.lift()
        self.fingers.lay("nobody")
        wait_for(lambda: not self.box.events, "the co-processor's events to be recorded", _SETTLED_S)
        self._all_end()
        self.trail.append("the end of the day")
        for one in self.view["owed"]:
            if one["unaccounted"]:
                self._account(one["check"])
        self.wait_for_door(locked=True)
        wait_for(lambda: not self.fingers.left, "the module to hold nobody's template", _SETTLED_S)
        self.screen.wait("all receipts", lambda view: view["online"] and not view["waiting"], _SETTLED_S)
        wait_for(lambda: len(self._at_the_gateway()) == self._unit_has(), "the gateway to have what is receipted")
        self.judge()
        self._judge_records()
        self._raise()
        self.trail.clear()

    def _all_end(self) -> None:
        deadline_s = time.monotonic() + _SETTLED_S
        while (view := self.view)["step"] != "idle" or view["parked"]:
            assert time.monotonic() < deadline_s, f"the unit does not come to rest: {view['step']}"
            if view["step"] in ("done", "noting"):
                self.touch("close")
            elif view["step"] == "idle":
                officer, pin = next(iter(OFFICERS.items()))
                self.touch("log_in", officer=officer, pin=pin)  # whoever takes a check up is on duty
                self.touch("resume", check=view["parked"][0]["check"])
            else:
                self.touch("left")

    def _account(self, check: str) -> None:
        officer, pin = next(iter(OFFICERS.items()))
        asked = {"check": check, "what": "mistaken_emergency", "reason": "nobody", "officer": officer, "pin": pin}
        status = self.touch("amend", **asked)
        if status == 403:  # locked out by wrong PINs: the other one has to
            officer, pin = list(OFFICERS.items())[1]
            status = self.touch("amend", **{**asked, "officer": officer, "pin": pin})
        gone = self.until(
            lambda view: not any(one["check"] == check and one["unaccounted"] for one in view["owed"]), 20.0
        )
        if status != 202 or not gone:
            self.faults.append(f"an emergency cannot be accounted for: {status}")

    def records(self) -> list[dict[str, Any]]:
        """The payloads of all records that the gateway has verified."""
        return [dict(read_record(one).payload) for one in self._at_the_gateway()]

    def _at_the_gateway(self) -> list[str]:
        with self._store() as store:
            return store.chained_jws(UNIT)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store(self.folder / "site/gateway/data/gateway.db", create=False)
        try:
            yield store
        finally:
            store.close()

    def _judge_records(self) -> None:
        checks = [one for one in self.records() if one["kind"] == "check"]
        self.faults += records.faults_of(checks, self.begun, self.shown) + self.fingers.judge_records(checks)
        emergencies = sum(map(records.was_emergency, checks))
        if not self.presses <= emergencies <= self.presses + self.may_be:
            self.faults.append(
                f"{emergencies} emergencies recorded; {self.presses} to {self.presses + self.may_be} were"
            )
        self.presses, self.may_be = emergencies, 0

    def _unit_has(self) -> int:
        path = self.unit_toml.parent / "data/outbox.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT max(seq) FROM records").fetchone()[0])

    def verify_chain(self) -> int:
        """Verify every record that was ever made; how many there are."""
        tokens = self._at_the_gateway()
        authority = load_certificate(self.folder / "site/authority/authority.pem")
        found = verify_records(tokens, authority)
        assert found.sound, found.findings
        log = (self.folder / "unit.log").read_text("utf-8", "replace")
        assert not re.search("Traceback|died", log), "the unit's log has an error; see its last lines"
        return len(tokens)
