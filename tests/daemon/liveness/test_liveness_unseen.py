"""A ring that lights nobody is told from three checks in a row, until somebody answers it; decided is as ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daemon import troubles
from daemon.demo.people import ANNA, Studio, document_of
from daemon.demo.screen import View
from daemon.liveness.unseen import Unseen
from hw.card_reader.simulator import SimulatedCard, SimulatedReader
from models.face import FaceModels
from models.liveness.fusion import Check
from models.liveness.result import not_performed
from tests.daemon.liveness.booth import open_room
from tests.daemon.support import PINS, Home, RunningUnit, now

TROUBLE = "light:unseen"
OFFICER, PIN = next(iter(PINS.items()))


@pytest.fixture
def reader() -> Iterator[SimulatedReader]:
    with SimulatedReader() as simulated:
        yield simulated


def light(**evidence: int) -> list[dict[str, Any]]:
    """A look's results with a light challenge of this evidence; what another check says is not about the ring."""
    moved = {"name": "motion", "decision": "live", "reasons": [], "evidence": {"answered": 1}}
    return [moved, {"name": "light", "decision": "attack", "reasons": ["no_response"], "evidence": evidence}]


DARK, LIT, NOTHING = light(answered=0), light(answered=1), light(frames=3)


def after(*looks: tuple[str, list[dict[str, Any]]]) -> troubles.Troubles:
    ring = Unseen()
    for check, results in looks:
        ring.saw(check, results)
    return troubles.of_light(ring)


def test_three_checks_in_a_row_raise_it_and_one_answer_clears_it() -> None:
    three = [(name, DARK) for name in "abc"]
    assert after() == after(*three[:2]) == ()
    assert after(*three) == after(*three, ("d", DARK)) == (TROUBLE,)
    assert after(*three, ("d", LIT)) == ()
    assert after(*three[:2], ("c", LIT), ("d", DARK), ("e", DARK)) == (), "in a row"
    assert after(*three, ("d", LIT), *three) == (TROUBLE,), "and it is raised anew"


def test_one_check_counts_once_however_often_it_looks() -> None:
    assert after(*[("a", DARK)] * 5, ("b", DARK)) == ()
    assert after(("a", DARK), ("a", DARK), ("b", DARK), ("c", DARK)) == (TROUBLE,)
    assert after(("a", LIT), ("a", DARK), ("b", DARK), ("c", DARK)) == (), "what was answered once is not dark"


def test_what_measured_nothing_neither_counts_nor_clears() -> None:
    """A co-processor that cannot show colours, an officer who leaves them out, a busy machine, another's face."""
    silent = [("x", NOTHING), ("y", []), ("z", [not_performed(Check.LIGHT, "no_light").to_dict()])]
    assert after(*silent, *silent, ("a", DARK)) == ()
    assert after(("a", DARK), *silent, ("b", DARK), *silent, ("c", DARK), *silent) == (TROUBLE,)


def look(unit: RunningUnit, reader: SimulatedReader, card: SimulatedCard, visit: str) -> View:
    """Bring a check of whose ``card`` it is to where the unit has decided about her face; the screen then."""
    unit.screen.touch("begin", visit=visit)
    unit.screen.wait("the notice", lambda shown: shown["step"] == "notice")
    unit.screen.touch("consent")
    unit.screen.wait("the card", lambda shown: shown["step"] == "card")
    reader.lay(card)
    unit.screen.wait("the colours", lambda shown: shown["asked"] == "light")
    reader.lift()  # while the colours play, so that the reader has seen it go before the next is laid
    return unit.screen.wait("the finding", lambda shown: shown["step"] in ("decision", "sign"))


def test_on_a_unit_whose_ring_is_unplugged(home: Home, reader: SimulatedReader, face_models: FaceModels) -> None:
    studio = Studio(face_models)
    with open_room(home.folder, face_models) as (room, device):
        shine, device.light = device.light, lambda _: None
        room.stand(ANNA)
        home.edit('card_reader = "none:"', f'card_reader = "{reader.uri}"')
        home.edit('camera = "none:"', f'camera = "{room.uri}"')
        home.edit("[devices]", f'[devices]\ncoprocessor = "{device.uri}"')
        card = studio.card(ANNA, document_of(ANNA, now().date()))
        with RunningUnit(home) as unit:
            unit.screen.touch("log_in", officer=OFFICER, pin=PIN)
            for number in range(3):
                found = look(unit, reader, card, f"V-{number}")
                assert found["step"] == "decision", "nobody is let through for it"
                assert found["trouble"] in ("liveness:light:no_response", "liveness:light:too_weak")
                unit.screen.touch("park")
                unit.screen.wait("idle", lambda shown: shown["step"] == "idle")
            unit.screen.wait("the trouble", lambda shown: TROUBLE in shown["devices"])
            device.light = shine
            look(unit, reader, card, "V-3")
            unit.screen.wait("mended", lambda shown: TROUBLE not in shown["devices"])
            assert unit.stop() == 0
    before, _, after_it = unit.log.read_text("utf-8").partition(TROUBLE)
    assert (before.count("face in"), after_it.count("face in")) == (3, 1)
