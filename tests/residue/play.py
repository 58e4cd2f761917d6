"""Whole checks on the real unit and its real page, and what is found of her while they run and after them."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Page, Request, sync_playwright

from daemon.demo.folder import PREFIX
from daemon.demo.people import ANNA, STRANGER
from daemon.demo.stage import OFFICERS, Stage
from daemon.policy import pack_path
from models.face import FaceModels
from tests.daemon.kiosk.support import Glass
from tests.daemon.kiosk.test_kiosk_page import SCAN
from tests.end_to_end.hands import Hands
from tests.end_to_end.support import silent
from tests.residue.marks import Marks, in_a_process, inside, personal, pieces_of, typed
from tests.residue.places import in_files, in_memory
from tests.support import ROOT
from tests.support.browsers import FLAGS

AFTER_MS = 12_000
"""The result, and what is personal about it, is gone from the screen ten seconds after it came."""
SHARED_MEMORY = Path("/dev/shm")
TEMPORARY = Path("/tmp")
SPECIMENS = json.loads((ROOT / "tests/vectors/mrz/icao_9303.json").read_text("utf-8"))["specimens"]
KINDS = ("unit", "camera", "browser")
_FIRST, _SECOND = OFFICERS
_GLANCE_MS = 60
PHONE = "13900000001"
_PASSPORT = SPECIMENS[0]["lines"]
TYPED = {"passport name": "ERIKSSON", "passport number": "L898902C3", "telephone": PHONE}
_OTHERS = (PREFIX, f".{PREFIX}", "pytest-of-")
"""Folders of other stages and tests in the folder of temporary files."""
_PIECES = 48
"""Of the newest frames; older ones are overwritten anyway."""


@dataclass(slots=True)
class Found:
    """What a day left behind.

    Attributes:
        files: hits of each item in all files together.
        memory: hits of each item, by moment and process.
        limits: of each of the unit's processes while a face was compared: soft and hard core limit.
    """

    files: Counter[str] = field(default_factory=Counter)
    memory: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    limits: dict[str, list[str]] = field(default_factory=dict)


class Ward(Stage):
    """Where her telephone number is asked for."""

    def _provision(self) -> None:
        super()._provision()
        ours = pack_path("neutral").read_text("utf-8").replace('id = "neutral"', 'id = "ours"', 1)
        here = 'id = "delivery"\n'
        pack = self.folder / "unit" / "ours.toml"
        pack.write_text(ours.replace(here, f"{here}own_phone = true\n", 1), "utf-8")
        text = self.unit_toml.read_text("utf-8")
        self.unit_toml.write_text(text.replace('policy = "neutral"', f'policy = "{pack}"'), "utf-8")


class Day:
    """One unit, one page, and everything of her that travels between them or lies in the camera's shared memory."""

    def __init__(self, stage: Stage, page: Page, profile: Path, kinds: Collection[str]) -> None:
        self._stage, self._page, self._profile, self._kinds = stage, page, profile, kinds
        page.on("request", self._sent)
        self.found = Found()
        self.marks: Marks = personal(stage.studio, FaceModels.load(), ANNA)
        self.marks |= {"camera frame": [], "signature": []} | typed(TYPED)
        self._before = set(TEMPORARY.iterdir())
        self._hands = Hands(stage, Glass(page, stage.url))

    def _sent(self, request: Request) -> None:
        if request.url.endswith("/touch/sign") and request.post_data:
            drawn = json.loads(request.post_data)["png"]
            self.marks["signature"] += [inside(base64.b64decode(drawn)), inside(drawn.encode())]

    # --- what happens -------------------------------------------------------------------------------------------

    def play(self) -> Found:
        """Pass with her telephone number, fail, a passport that waits for its second officer, refusal, emergency.

        Then ten seconds.
        """
        self._passed()
        self._parked()
        self._failed()
        self._refused()
        self._emergency()
        self._stage.reader.lift()
        self._page.wait_for_timeout(AFTER_MS)
        self.look_into_memory("10 s after")
        self._stage.stop_unit()
        self.look_into_memory("unit stopped")
        self.look_into_files()
        return self.found

    def _read(self, *steps: str) -> None:
        """Consent, card and face up to one of ``steps``; meanwhile frames and mirrored pictures are noted."""
        self._hands.consent()
        self._hands.lay()
        while self._page.get_attribute("#main", "data-step") not in steps:
            self._note_frames()
            self._page.wait_for_timeout(_GLANCE_MS)

    def _note_frames(self) -> None:
        for name, process in self._processes().items():
            if name.startswith("camera"):
                self.found.limits[name] = _core_limit(process)
                self.marks["camera frame"] = (self.marks["camera frame"] + _frames_of(process))[-_PIECES:]
            elif name == "unit":
                self.found.limits[name] = _core_limit(process)

    def _passed(self) -> None:
        """Or not, on a machine too busy for her challenge: then officers look, with all of her in memory too."""
        self._stage.look(ANNA)
        self._hands.begin("V-0201")
        self._read("sign", "decision")
        self.look_into_memory("during")
        if self._page.locator("#phone").count():
            self._hands.glass.type("phone", PHONE)
            self._hands.touch("保存")
            self._hands.glass.step("sign")
        self._decide_if_asked()
        self._end()

    def _failed(self) -> None:
        self._stage.look(STRANGER)
        self._hands.begin("V-0202")
        self._read("decision")
        self._decide_if_asked()
        self._end()

    def _decide_if_asked(self) -> None:
        if self._page.get_attribute("#main", "data-step") == "decision":
            self._hands.decide("未通过", "与证件照片不一致")
            self._hands.confirm(_FIRST)

    def _parked(self) -> None:
        """A passport, scanned; one officer confirms, the other is not there."""
        self._hands.begin("V-0205")
        self._hands.consent()
        self._hands.touch("没有身份证")
        self._hands.touch("没有居民身份证")
        self._hands.touch("录入其他证件")
        self._hands.touch("护照")
        for line in _PASSPORT:
            self._page.evaluate(SCAN, [line, 8])
        self._page.wait_for_selector("dl")
        self._hands.decide("人工核验", "护照")
        self._hands.confirm(_FIRST)
        self._hands.touch("第二人未到，先核验下一位")
        self._hands.glass.step("idle")

    def _refused(self) -> None:
        self._hands.begin("V-0203")
        self._hands.touch("拒绝核验")
        self._hands.glass.step("decision")
        self._hands.decide("拒绝", "本人拒绝")
        self._hands.confirm(_FIRST)
        self._end()

    def _emergency(self) -> None:
        self._stage.look(ANNA)
        self._hands.begin("V-0204")
        self._read("face", "sign", "decision")
        self._page.click("#emergency")
        self._hands.glass.step("done")
        self._hands.touch("说明紧急情况")
        self._hands.touch("胎儿娩出")
        self._hands.confirm(_SECOND)
        self._hands.glass.step("idle")

    def _end(self) -> None:
        self._page.wait_for_selector("#main[data-step=sign], #main[data-step=done]")
        if self._page.get_attribute("#main", "data-step") == "sign":
            self._hands.sign()
        self._hands.touch("完成")
        self._hands.glass.step("idle")
        self._stage.reader.lift()

    # --- where is looked ------------------------------------------------------------------------------------------

    def _processes(self) -> dict[str, psutil.Process]:
        """Unit, camera and browser by name; several of a kind are numbered."""
        named: dict[str, psutil.Process] = {}
        unit = self._stage.unit
        for one in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                line = " ".join(one.cmdline())
                if unit is not None and one.pid == unit.pid:
                    named["unit"] = one
                elif "hw.camera.capture" in line:
                    named[f"camera {one.pid}"] = one
                elif str(self._profile) in line:
                    kind = line.partition("--type=")[2].split(" ")[0] or "main"
                    named[f"browser {kind} {one.pid}"] = one
        return named

    def look_into_memory(self, moment: str) -> None:
        """Count what is there now."""
        by_kind: dict[str, Counter[str]] = {}
        marks = in_a_process(self.marks)
        for name, process in self._processes().items():
            kind = name.split(" ")[0]
            if kind in self._kinds:
                by_kind.setdefault(kind, Counter()).update(in_memory(process, marks))
        self.found.memory[moment] = by_kind

    def look_into_files(self) -> None:
        """In all that unit and browser hold, in shared memory, and in what came to the temporary files meanwhile."""
        folder = self._stage.folder
        # The gateway may read the records, and people and cards before the devices are the demo's own.
        but = [folder / "site", *folder.glob("room*"), *folder.glob("*.jpg"), *folder.glob("people*")]
        come = [one for one in TEMPORARY.iterdir() if one not in self._before and not one.name.startswith(_OTHERS)]
        self.found.files = in_files([folder, self._profile, SHARED_MEMORY, *come], self.marks, but)


def _core_limit(process: psutil.Process) -> list[str]:
    limits = Path(f"/proc/{process.pid}/limits").read_text("ascii").splitlines()
    return next(line.split()[4:6] for line in limits if line.startswith("Max core file size"))


def _frames_of(process: psutil.Process) -> list[bytes]:
    found: list[bytes] = []
    for link in Path(f"/proc/{process.pid}/fd").glob("*"):
        with suppress(OSError):  # a camera that has just ended
            if "vernix-camera-" in str(link.readlink()):
                ring = link.read_bytes()
                quarter = len(ring) // 4
                found += pieces_of(ring[at : at + quarter] for at in range(0, 4 * quarter, quarter))
    return found


@contextmanager
def opened_day(folder: Path, chromium: Path, kinds: Collection[str] = KINDS) -> Iterator[Day]:
    """A stage and a browser whose profile is kept in ``folder``; ``kinds``: processes whose memory is looked into."""
    profile = folder / "profile"
    with Ward(silent) as stage, sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=FLAGS, headless=True, locale="zh-CN"
        )
        yield Day(stage, context.pages[0], profile, kinds)
        context.close()
