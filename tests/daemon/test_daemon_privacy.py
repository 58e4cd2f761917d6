"""What is left of a person after her check: nothing that anybody could read, in any file the unit has written."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.demo.people import ANNA, STRANGER, Person, Studio, document_of, drawn_name
from daemon.demo.room import Room
from daemon.demo.screen import View
from hw.card_reader.simulator import SimulatedReader
from hw.coprocessor.simulator import SimulatedCoprocessor
from models.face import FaceModels
from tests.daemon.liveness.booth import open_room
from tests.daemon.support import PINS, Home, RunningUnit, now
from tests.residue.marks import PICTURES, personal, spellings

VISIT = "VISIT-4711-PRIVATE"
OFFICER, PIN = next(iter(PINS.items()))


def written(home: Home) -> dict[Path, bytes]:
    """Every file that the unit's process could have written."""
    folders = (home.toml.parent, home.folder / "temporary")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in [*files, home.folder / "unit.log"]}


def found(files: dict[Path, bytes], needles: dict[str, list[bytes]]) -> list[str]:
    return [
        f"{name} in {path.name}"
        for path, content in files.items()
        for name, forms in needles.items()
        if any(form in content for form in forms)
    ]


@pytest.fixture
def reader() -> Iterator[SimulatedReader]:
    with SimulatedReader() as simulated:
        yield simulated


@pytest.fixture
def room(face_models: FaceModels, tmp_path: Path) -> Iterator[tuple[Room, SimulatedCoprocessor]]:
    with open_room(tmp_path, face_models) as made:
        yield made


def prepare(home: Home, reader: SimulatedReader, room: Room, person: Person) -> None:
    room.stand(person)
    home.edit('card_reader = "none:"', f'card_reader = "{reader.uri}"')
    home.edit('camera = "none:"', f'camera = "{room.uri}"')


def until(unit: RunningUnit, step: str) -> View:
    return unit.screen.wait(f"step {step}", lambda shown: shown["step"] == step)


def test_needles_would_be_found(tmp_path: Path) -> None:
    """A search that finds nothing anywhere proves nothing."""
    number = "990000199407120249"
    for encoding in ("utf-8", "utf-16-le", "gb18030"):
        raw = number.encode(encoding)
        for content in (raw, raw.hex().encode(), *(base64.urlsafe_b64encode(b"x" * shift + raw) for shift in range(3))):
            assert found({tmp_path: b"a" + content + b"z"}, {"number": list(spellings(number))}), (encoding, content)


def test_nothing_is_left_of_her(
    home: Home, reader: SimulatedReader, face_models: FaceModels, room: tuple[Room, SimulatedCoprocessor]
) -> None:
    studio = Studio(face_models)
    prepare(home, reader, room[0], ANNA)
    home.edit("[devices]", f'[devices]\ncoprocessor = "{room[1].uri}"')
    needles = personal(studio, face_models, ANNA)
    drawing = base64.b64decode(drawn_name())
    needles |= {"PIN": [PIN.encode()], "signature": [drawing, drawing.hex().encode(), drawn_name().encode()]}
    with RunningUnit(home) as unit:
        unit.screen.touch("log_in", officer=OFFICER, pin=PIN)
        unit.screen.touch("begin", visit=VISIT)
        until(unit, "notice")
        unit.screen.touch("consent")
        until(unit, "card")
        reader.lay(studio.card(ANNA, document_of(ANNA, now().date())))
        until(unit, "sign")
        unit.screen.touch("sign", png=drawn_name())
        shown = until(unit, "done")
        assert shown["outcome"] == "passed"
        during = written(home)
        unit.screen.touch("close")
        shown = until(unit, "idle")
        assert (shown["document"], shown["face"]) == (None, None)
        assert unit.stop() == 0
    for files in (during, written(home)):
        assert found(files, needles) == []
        for kind, pattern in PICTURES.items():
            hits = [path.name for path, content in files.items() if re.search(pattern, content, re.DOTALL)]
            assert hits == [], kind
    assert found(written(home), {"visit": list(spellings(VISIT))}) == []
    assert list(unit.temporary.rglob("*")) == []
    outbox = home.outbox()
    assert home.opened(outbox)[-1].payload["document"]["name"] == ANNA.name, "only the keys' owners read it"
    outbox.close()


def test_nothing_is_left_of_her_after_a_cut(
    home: Home, reader: SimulatedReader, face_models: FaceModels, room: tuple[Room, SimulatedCoprocessor]
) -> None:
    """Killed while her face is compared, and again while officers decide; then looked at, then started again."""
    studio = Studio(face_models)
    prepare(home, reader, room[0], STRANGER)
    needles = personal(studio, face_models, ANNA) | {"PIN": [PIN.encode()]}
    card = studio.card(ANNA, document_of(ANNA, now().date()))
    with RunningUnit(home) as unit:
        unit.screen.touch("begin", visit="V-1")
        until(unit, "notice")
        unit.screen.touch("consent")
        until(unit, "card")
        reader.lay(card)
        until(unit, "face")
        unit.kill()
    assert found(written(home), needles) == []
    reader.lift()
    with RunningUnit(home) as unit:
        unit.screen.touch("begin", visit="V-2")
        until(unit, "notice")
        unit.screen.touch("consent")
        until(unit, "card")
        reader.lay(card)
        until(unit, "decision")
        unit.screen.touch("propose", outcome="unable", reason="a reason in words")
        until(unit, "confirm")
        unit.screen.touch("confirm", officer=OFFICER, pin=PIN)
        unit.screen.wait("the first officer", lambda shown: bool(shown["decision"] and shown["decision"]["confirmed"]))
        unit.kill()
    assert found(written(home), needles) == []
    with RunningUnit(home) as unit:
        until(unit, "idle")
        assert unit.stop() == 0
    assert found(written(home), needles) == []
    outbox = home.outbox()
    records = [record.payload for record in home.opened(outbox)[1:]]
    assert [(record["outcome"], record["step_reached"]) for record in records if record["kind"] == "check"] == [
        ("interrupted", "card"),
        ("interrupted", "face"),
    ]
    assert all("document" not in record for record in records)
    assert home.verified(outbox).sound
    outbox.close()
