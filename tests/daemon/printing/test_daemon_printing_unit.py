"""A whole check on a running unit, its form on paper, and nothing of it on the unit."""

from __future__ import annotations

import base64

import cv2

from daemon.demo.people import ANNA, Studio, document_of, drawn_name
from hw.card_reader.simulator import SimulatedReader
from models.face import FaceModels
from tests.daemon.printing.printers import RealPrinter
from tests.daemon.support import PINS, Home, RunningUnit, now
from tests.daemon.test_daemon_privacy import found, until, written
from tests.evidence.forms.pictures import SHOWN, drawn, text_of
from tests.residue.marks import personal


def test_form_comes_out_and_nothing_of_it_stays(home: Home, face_models: FaceModels, printer: RealPrinter) -> None:
    """On the way without biometrics: her card is read, two officers look at it, all three sign."""
    studio, before = Studio(face_models), len(printer.printed)
    with SimulatedReader() as reader:
        home.edit('card_reader = "none:"', f'card_reader = "{reader.uri}"')
        home.edit("[devices]", f'[printing]\nuri = "{printer.uri}"\ninstitution = "示例市妇幼保健院"\n\n[devices]')
        with RunningUnit(home) as unit:
            unit.screen.touch("begin", visit="V-1")
            until(unit, "notice")
            unit.screen.touch("decline", wish="other_way")
            until(unit, "card")
            reader.lay(studio.card(ANNA, document_of(ANNA, now().date())))
            until(unit, "decision")
            unit.screen.touch("propose", outcome="manual", reason="人证核对一致")
            until(unit, "confirm")
            for officer, pin in PINS.items():
                unit.screen.touch("confirm", officer=officer, pin=pin)
            assert until(unit, "sign")["signing"] == list(PINS)
            for officer in PINS:
                unit.screen.touch("sign_officer", officer=officer, png=drawn_name())
            unit.screen.wait("the officers' names", lambda shown: shown["signed"] == list(PINS))
            unit.screen.touch("sign", png=drawn_name())
            assert until(unit, "done")["printing"] == {"can": True, "state": "nothing"}
            printer.switch_off()
            unit.screen.touch("print")
            unit.screen.wait("no printer", lambda shown: shown["printing"] == {"can": False, "state": "gone"})
            waiting = written(home)  # what a power cut would leave while the form waits in memory
            printer.switch_on()
            unit.screen.touch("close")  # whoever closes at once gets the form all the same
            until(unit, "idle")
            unit.screen.wait("the paper", lambda shown: shown["printing"]["state"] == "printed", 60)
            during = written(home)
            assert unit.stop() == 0
    (pdf,) = printer.printed[before:]
    SHOWN.mkdir(parents=True, exist_ok=True)
    (SHOWN / "from_the_printer.pdf").write_bytes(pdf)
    cv2.imwrite(str(SHOWN / "from_the_printer.png"), drawn(pdf, 1.8)[0])
    text = text_of(pdf)
    for said in (ANNA.name, "身份核验确认单", "示例市妇幼保健院", *PINS):
        assert said in text
    (page,) = drawn(pdf, 1.0)
    assert page[340:460, 420:540].std() > 20  # a face stands in the portrait's place
    needles = personal(studio, face_models, ANNA) | {"signature": [base64.b64decode(drawn_name())], "PDF": [b"%PDF-"]}
    for files in (waiting, during, written(home)):
        assert found(files, needles) == []
    assert list(unit.temporary.rglob("*")) == []
    outbox = home.outbox()
    (record,) = [one for one in home.opened(outbox) if one.payload["kind"] == "check"]
    outbox.close()
    assert [one["id"] for one in record.payload["officer_signs"]] == list(PINS)
    assert [one["name"] for one in record.payload["attachments"]] == [
        "signature.png",
        *(f"signature-{one}.png" for one in PINS),
    ]
