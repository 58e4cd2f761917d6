"""A finger from registration to a later checkpoint on another unit of the site, both on simulated devices."""

from __future__ import annotations

import base64
import json
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.demo.people import ANNA, BELLA, Person, document_of
from daemon.demo.screen import Screen
from evidence.credentials import Role
from hw.card_reader.codec import CARD_NUMBER_SIZE
from hw.card_reader.finger_matcher import encode_simulated
from hw.card_reader.simulator import SimulatedCard, SimulatedReader
from hw.fingerprint.image import FingerImage
from hw.fingerprint.simulated_finger import Finger
from hw.fingerprint.simulator import SimulatedModule
from provisioning.broker import Broker
from provisioning.enrolment import enrol
from provisioning.officers import add_officer
from provisioning.site import init_site
from provisioning.unit_toml import UnitSettings
from tests.daemon.support import PINS, SITE, Home, RunningUnit, now
from tests.support import ROOT
from tests.support.brokers import wait_for
from tests.support.codes import read_qr

SHE = "she"
TEMPLATE = Finger(SHE).template(512)
NEUTRAL = ROOT / "daemon/policy/packs/neutral.toml"


@dataclass
class Ward:
    """One unit with its devices and its screen."""

    home: Home
    reader: SimulatedReader
    module: SimulatedModule
    screen: Screen

    def begin(self, checkpoint: str, card: SimulatedCard) -> None:
        """She chooses the finger, then lays her card."""
        self.touch("begin", visit="V-1", checkpoint=checkpoint)
        self.until("notice", lambda view: view["step"] == "notice")
        self.touch("consent")
        self.until("card", lambda view: view["step"] == "card")
        self.touch("finger")
        self.until("wish", lambda view: view["finger"]["wished"])
        self.reader.lay(card)
        self.until("finger", lambda view: view["step"] == "finger")
        self.reader.lift()

    def take_over(self) -> None:
        """An officer is on duty: somebody answers for a pass."""
        officer, pin = next(iter(PINS.items()))
        self.touch("log_in", officer=officer, pin=pin)
        self.until("duty", lambda view: view["duty"])

    def touch(self, name: str, **values: object) -> None:
        self.screen.touch(name, **values)

    def until(self, what: str, condition: Any) -> dict[str, Any]:
        return dict(self.screen.wait(what, condition, 60))

    def finish(self) -> None:
        self.until("sign", lambda view: view["step"] == "sign")
        self.touch("sign_later")
        view = self.until("done", lambda view: view["step"] == "done")
        assert view["outcome"] == "passed"
        self.touch("close")
        self.until("idle", lambda view: view["step"] == "idle")

    def slip(self) -> str:
        """What a scanner reads of the code on the screen."""
        rows = json.loads(self.screen._request("POST", "/ask/slip", b"{}"))["rows"]
        modules = np.array([[255 * (one == "0") for one in row] for row in rows], np.uint8)
        return read_qr(np.kron(modules, np.ones((4, 4), np.uint8)))

    def records(self) -> list[dict[str, Any]]:
        """Every check's record, opened with the site's recovery key after the unit has ended."""
        outbox = self.home.outbox()
        try:
            return [dict(one.payload) for one in self.home.opened(outbox) if one.payload["kind"] == "check"]
        finally:
            outbox.close()


def policy(folder: Path) -> str:
    """The neutral pack, with a finger that counts as much as a face, and a registration that enrols."""
    text = NEUTRAL.read_text("utf-8").replace('id = "neutral"', 'id = "finger"', 1)
    text = text.replace('factors = ["card", "face"]', 'factors = ["card"]\none_of = ["face", "finger"]', 1)
    text = re.sub(r'(id = "registration"\n)', r'\1holds_back = "registration"\n', text, count=1)
    (folder / "finger.toml").write_text(text, "utf-8")
    return str(folder / "finger.toml")


def card_of(person: Person, fingerprint: bytes | None = None) -> SimulatedCard:
    document = document_of(person, now().date())
    return SimulatedCard(document, bytes(1024), fingerprint, number=secrets.token_bytes(CARD_NUMBER_SIZE))


def prints_of(module: SimulatedModule) -> bytes:
    own = FingerImage.from_bytes("-", Finger(SHE).image(module.image_size))
    return encode_simulated(11, b"her other hand") + encode_simulated(16, own.pixels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site."""
    init_site(tmp_path / "a/site", SITE, Broker("127.0.0.1", 8883), now())
    return tmp_path


@contextmanager
def unit(folder: Path, name: str, matcher: str = "none") -> Iterator[tuple[Home, SimulatedReader, SimulatedModule]]:
    """The unit ``name`` of the site, enrolled, with a reader and a fingerprint module of its own."""
    own = folder / name
    if name != "a":
        shutil.copytree(folder / "a/site", own / "site")
    with SimulatedReader() as reader, SimulatedModule() as module:
        settings = UnitSettings(
            "delivery", card_reader=reader.uri, camera="none:", fingerprint=module.uri, policy=policy(folder)
        )
        enrol(folder / "a/site", f"unit-{name}", own / "unit", settings, now)
        for officer, pin in PINS.items():
            add_officer(own / "unit", officer, Role.OFFICER, pin, now())
        home = Home(own)
        home.edit("[devices]", f'[devices]\nfinger_matcher = "{matcher}"')
        yield home, reader, module


def test_finger_from_registration_to_a_later_checkpoint(folder: Path) -> None:
    with unit(folder, "a", "simulated") as (home, reader, module):
        with RunningUnit(home) as running:
            ward = Ward(home, reader, module, running.screen)
            ward.take_over()
            slip = registered(ward)
        first = ward.records()[-1]
        stays_nowhere(folder, slip, module)
    finger = first["finger"]
    assert (finger["decision"], finger["method"], finger["score"]) == ("match", "id_card", 1.0)
    assert (finger["consent"]["text_id"], finger["enrolment"]["decision"]) == ("vernix-finger-1", "enrolled")
    enrolment = finger["enrolment"]["consent"]
    assert enrolment["text_id"] == "vernix-finger-slip-1"
    with unit(folder, "b") as (home, reader, module):
        with RunningUnit(home) as running:
            later = Ward(home, reader, module, running.screen)
            later.take_over()
            at_a_later_checkpoint(later, slip)
            another_woman(later, slip)
            unplugged(later, slip)
            cut_off(later, slip)
        with RunningUnit(home) as running:  # after the power cut: what it left in the module is gone
            wait_for(lambda: not module.slots and TEMPLATE not in module.buffers.values(), "the module is wiped", 60)
        records = later.records()
        stays_nowhere(folder, slip, module)
    second = records[0]["finger"]
    assert (second["decision"], second["method"], second["threshold"]) == ("match", "slip", 3.0)
    assert second["slip"] == {**second["slip"], "consent": enrolment["id"], "unit": "unit-a"}
    assert [one["outcome"] for one in records] == ["passed", "manual", "device_fault", "interrupted"]
    assert records[1]["finger"]["slip_refused"] == "slip_other_person"
    assert "finger" not in records[3]


def registered(ward: Ward) -> str:
    """She passes with the print on her card, and enrols; her slip."""
    ward.begin("registration", card_of(ANNA, prints_of(ward.module)))
    ward.until("her card's print", lambda view: view["finger"]["ready"])
    ward.module.press(SHE)
    ward.touch("finger_consent", purpose="compare")
    ward.until("enrolment", lambda view: view["step"] == "enrol")
    ward.module.lift()
    ward.touch("finger_consent", purpose="enrol")
    ward.until("lay", lambda view: view["trouble"] == "finger_lay")
    ward.module.press(SHE)
    ward.until("once more", lambda view: view["trouble"] == "finger_once_more")
    ward.module.lift()
    ward.until("lay again", lambda view: view["trouble"] == "finger_lay")
    ward.module.press(SHE)
    ward.until("enrolled", lambda view: view["finger"]["enrolment"] == "enrolled")
    ward.module.lift()
    slip = ward.slip()
    ward.touch("enrol_end")
    ward.finish()
    return slip


def at_a_later_checkpoint(ward: Ward, slip: str) -> None:
    ward.begin("admission", card_of(ANNA))
    ward.touch("finger_consent", purpose="compare")
    ward.until("slip wanted", lambda view: view["trouble"] == "finger_slip_needed")
    ward.touch("slip", text=slip[:1000])
    ward.until("broken off", lambda view: view["trouble"] == "slip_truncated")
    ward.touch("slip", text=slip)
    ward.until("lay", lambda view: view["trouble"] == "finger_lay")
    ward.module.press(SHE)
    ward.finish()
    ward.module.lift()
    wait_for(lambda: TEMPLATE not in ward.module.buffers.values(), "the buffers are overwritten", 60)


def another_woman(ward: Ward, slip: str) -> None:
    """With the first one's slip: refused by name; the way without a finger is open, and the record tells."""
    ward.begin("admission", card_of(BELLA))
    ward.touch("finger_consent", purpose="compare")
    ward.touch("slip", text=slip)
    ward.until("refused", lambda view: view["trouble"] == "slip_other_person")
    ward.touch("decline", wish="other_way")
    ward.until("officers", lambda view: view["step"] == "decision")
    decide(ward, "manual", *PINS)


def unplugged(ward: Ward, slip: str) -> None:
    """In the middle of a transfer: officers go on."""
    ward.begin("admission", card_of(ANNA))
    ward.touch("slip", text=slip)
    ward.until("ready", lambda view: view["finger"]["ready"])
    ward.module.press(SHE)
    ward.module.data_until_unplugged = 2
    ward.touch("finger_consent", purpose="compare")
    ward.until("officers", lambda view: view["trouble"] == "device_lost:fingerprint")
    ward.until("said", lambda view: any(one.startswith("fingerprint:") for one in view["devices"]))
    decide(ward, "device_fault", next(iter(PINS)))
    ward.module.plug()
    ward.module.lift()


def cut_off(ward: Ward, slip: str) -> None:
    """The power fails while her finger is waited for; the module keeps what it had."""
    ward.begin("admission", card_of(ANNA))
    ward.touch("finger_consent", purpose="compare")
    ward.touch("slip", text=slip)
    ward.until("lay", lambda view: view["trouble"] == "finger_lay")
    ward.module.slots = {3: TEMPLATE}
    ward.module.buffers = {1: TEMPLATE, 2: TEMPLATE}


def decide(ward: Ward, outcome: str, *officers: str) -> None:
    ward.touch("propose", outcome=outcome, reason="test")
    for number, officer in enumerate(officers):
        ward.until("confirm", lambda view, done=number: view["decision"] and len(view["decision"]["confirmed"]) == done)
        ward.touch("confirm", officer=officer, pin=PINS[officer])
    if ward.until("decided", lambda view: view["step"] in ("sign", "done"))["step"] == "sign":
        ward.touch("sign_later")
    ward.until("done", lambda view: view["step"] == "done")
    ward.touch("close")
    ward.until("idle", lambda view: view["step"] == "idle")


def stays_nowhere(folder: Path, slip: str, module: SimulatedModule) -> None:
    """Nothing of her template on disk or in a log, in any spelling, and nothing in the module."""
    assert TEMPLATE not in (*module.buffers.values(), *module.slots.values())
    core = TEMPLATE[40:72]
    spellings = (core, core.hex().encode(), base64.b64encode(TEMPLATE)[56:90], slip[40:90].encode())
    files = [one for one in folder.rglob("*") if one.is_file()]
    assert any(one.name == "unit.log" for one in files)
    assert any(one.name == "outbox.db" for one in files)
    for path in files:
        content = path.read_bytes()
        assert not any(one in content for one in spellings), path.name
