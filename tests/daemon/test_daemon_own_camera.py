"""The unit's own camera: kept over restarts, told when another one takes its place, accepted by an engineer alone."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest

from daemon import troubles
from daemon.cli import ENVIRONMENT, FINDING
from daemon.events import Event, Noted
from daemon.kiosk.service import findings
from daemon.lock import DataFolder
from daemon.own_camera import FILE, OwnCamera
from hw.camera.identity import mark_of
from tests.daemon.conftest import Selftest
from tests.daemon.support import Home, RunningUnit

OWN, STICK = "uvcvideo, HD Camera, usb-1.2, serial 8F2C", "uvcvideo, USB Video, usb-1.2"
TROUBLE = "camera:another"
TAKEN = Noted("camera.accepted", {"camera": mark_of(OWN), "by": "first_use"})
SWAPPED = Noted("camera.changed", {"camera": mark_of(STICK), "own": mark_of(OWN)}, alert=True)
BACK = Noted("camera.changed", {"camera": mark_of(OWN), "own": mark_of(OWN)})


class Unit:
    """One life of a unit's program, as far as its camera goes."""

    def __init__(self, path: Path | None) -> None:
        self.told: list[Event] = []
        self.own = OwnCamera(path, self.told.append)

    def saw(self, *identities: str) -> Unit:
        for one in identities:
            self.own.saw(one)
        return self

    @property
    def troubles(self) -> troubles.Troubles:
        return troubles.of_camera(self.own)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def test_the_first_camera_is_the_units_own_over_restarts(path: Path) -> None:
    first = Unit(path).saw(OWN, OWN)
    assert (first.told, first.troubles) == ([TAKEN], ())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Unit(path)
    assert (again.own.identity, again.troubles) == (OWN, ())
    again.saw(OWN, OWN)
    assert (again.told, again.troubles) == ([], ())


def test_another_one_is_told_once_and_its_going_too(path: Path) -> None:
    """Between two checks, or while the unit was off: then in each life of the program."""
    unit = Unit(path).saw(OWN, STICK, STICK)
    assert (unit.told, unit.troubles) == ([TAKEN, SWAPPED], (TROUBLE,))
    for _ in range(2):
        again = Unit(path)
        assert again.troubles == (), "nobody has looked yet"
        again.saw(STICK, STICK)
        assert (again.told, again.troubles) == ([SWAPPED], (TROUBLE,))
    again.saw(OWN)
    assert (again.told, again.troubles) == ([SWAPPED, BACK], ())
    assert Unit(path).own.identity == OWN, "what merely answers is never kept"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"camera": 7}', b'{"camera": null}', b"\xff"])
def test_a_damaged_file_is_no_first_use(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    unit = Unit(path).saw(OWN)
    assert (unit.told, unit.troubles) == (
        [Noted("camera.changed", {"camera": mark_of(OWN)}, alert=True)],
        (TROUBLE,),
    )
    assert path.read_bytes() == content


def test_a_disk_that_takes_nothing_keeps_no_check_waiting(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "no such folder" / FILE).saw(OWN, STICK)
    assert (unit.told, unit.troubles) == ([TAKEN, SWAPPED], (TROUBLE,)), "known as long as the program runs"


def test_accepted_is_what_has_its_record_first(path: Path) -> None:
    order: list[tuple[Noted, bytes]] = []
    unit = Unit(path).saw(OWN, STICK)
    unit.own.accept(STICK, lambda one: order.append((one, path.read_bytes())))
    ((record, kept),) = order
    assert record == Noted("camera.accepted", {"camera": mark_of(STICK), "by": "selftest"}, alert=True)
    assert json.loads(kept) == {"camera": OWN}
    assert unit.troubles == ()
    assert Unit(path).saw(STICK).troubles == ()

    def full(_: Noted) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        unit.own.accept(OWN, full)
    assert (unit.own.identity, Unit(path).own.identity) == (STICK, STICK), "without a record nothing changes"


def test_a_unit_at_work_tells_it_in_its_self_test(home: Home) -> None:
    found = {one["test"]: one for one in findings(home.config(), (TROUBLE,))}["camera"]
    assert (found["ok"], found["troubles"]) == (False, [TROUBLE])
    assert "vernix selftest --accept-camera" in found["text"]


# --- the engineer -------------------------------------------------------------------------------------------------


@pytest.fixture
def camera(home: Home) -> Path:
    """The file that says which camera is fitted: the unit's own, once it is first used."""
    told = home.folder / "fitted"
    told.write_text(OWN, "utf-8")
    home.edit('camera = "none:"', f'camera = "sim:camera?width=64&height=48&identity={told}"')
    return told


def events(home: Home) -> list[tuple[str, str, bool]]:
    """What the chain holds of the camera: the event, which one it is, and whether it went out as an alert."""
    with closing(home.outbox()) as outbox:
        records, alerts = home.opened(outbox), {one.seq for one in outbox.waiting_alerts()}
        assert home.verified(outbox).sound
    told = [(one.payload["event"], one.seq in alerts) for one in records if "event" in one.payload]
    return [(one["type"], one["camera"], alert) for one, alert in told if one["type"].startswith("camera.")]


def test_a_self_test_keeps_nothing_and_names_another_camera(home: Home, camera: Path, selftest: Selftest) -> None:
    _, report, _ = selftest()
    assert report["camera"].startswith(f"frames of 64 x 48, {OWN}; ")
    data = home.config().unit.data
    assert not (data / FILE).exists()
    OwnCamera(data / FILE).saw(OWN)
    camera.write_text(STICK, "utf-8")
    status, report, _ = selftest()
    assert (status, report["camera"].startswith(f"{STICK}, and not {OWN}: another camera")) == (FINDING, True)
    assert "accept" not in report
    assert (OwnCamera(data / FILE).identity, events(home)) == (OWN, [])


def test_the_engineer_accepts_another_camera_and_the_chain_has_it(home: Home, camera: Path, selftest: Selftest) -> None:
    data = home.config().unit.data
    data.mkdir()
    OwnCamera(data / FILE).saw(OWN)
    camera.write_text(STICK, "utf-8")
    _, report, _ = selftest("--accept-camera")
    assert report["accept"] == f"this unit's own camera is {STICK}; before: {OWN}"
    assert report["camera"].startswith(f"frames of 64 x 48, {STICK}; ")
    selftest("--accept-camera")
    assert events(home) == [("camera.accepted", mark_of(STICK), True)], "accepted twice is accepted once"


def test_a_cut_between_the_record_and_the_file_is_accepted_again(home: Home, camera: Path, selftest: Selftest) -> None:
    data = home.config().unit.data
    data.mkdir()
    OwnCamera(data / FILE).saw(OWN)
    camera.write_text(STICK, "utf-8")
    (data / f".{FILE}.new").mkdir()  # where the new file would begin: nothing is written, as after a cut
    status, report, err = selftest("--accept-camera")
    assert (status, report, str(data) in err) == (ENVIRONMENT, {}, True)
    assert OwnCamera(data / FILE).identity == OWN
    (data / f".{FILE}.new").rmdir()
    selftest("--accept-camera")
    assert OwnCamera(data / FILE).identity == STICK
    assert events(home) == [("camera.accepted", mark_of(STICK), True)] * 2


@pytest.mark.parametrize("uri", ["none:", "sim:camera?fault=gone"])
def test_a_camera_that_does_not_deliver_is_not_accepted(uri: str, home: Home, selftest: Selftest) -> None:
    if uri != "none:":
        home.edit('camera = "none:"', f'camera = "{uri}"')
    status, report, err = selftest("--accept-camera")
    assert (status, report, uri in err) == (ENVIRONMENT, {}, True)
    assert (events(home), (home.config().unit.data / FILE).exists()) == ([], False)


def test_nobody_accepts_a_camera_while_the_unit_runs(home: Home, camera: Path, selftest: Selftest) -> None:
    assert camera.exists()
    with DataFolder(home.config().unit.data):
        status, _, err = selftest("--accept-camera")
    assert (status, "another process of this unit is running; stop it first" in err) == (ENVIRONMENT, True)


# --- a whole unit ---------------------------------------------------------------------------------------------------


def test_a_unit_that_is_started_with_another_camera(home: Home, camera: Path, selftest: Selftest) -> None:
    """Swapped while it was off: the trouble stands before anybody is checked, until the own one is back or accepted."""
    home.edit("[devices]", '[devices]\nthermal = "i2c:/dev/no-such-bus?address=0x69"')
    for fitted, stands in ((OWN, False), (STICK, True), (OWN, False), (STICK, True)):
        camera.write_text(fitted, "utf-8")
        assert stands_on_the_screen(home) is stands
    told = [("camera.accepted", mark_of(OWN), False), *[("camera.changed", mark_of(STICK), True)] * 2]
    assert events(home) == told
    selftest("--accept-camera")
    assert stands_on_the_screen(home) is False
    assert events(home) == [*told, ("camera.accepted", mark_of(STICK), True)]


def stands_on_the_screen(home: Home) -> bool:
    """Of a unit that starts, looks at its devices - a sensor is missing, so that this is seen - and stops."""
    with RunningUnit(home, "--degraded") as unit:
        shown = unit.screen.wait("the troubles", lambda shown: any("thermal" in one for one in shown["devices"]))
        assert unit.stop() == 0
    return TROUBLE in shown["devices"]
