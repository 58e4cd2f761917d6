"""The command ``flash``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hw.errors import HardwareError
from hw.gpio.driver import CoprocessorLines, load_gpio
from provisioning.errors import BadValueError
from provisioning.flash import FIRMWARE, FlashError, MicroPythonImage, flash
from provisioning.key_commands import Adder, Result


def _path(text: str) -> Path:
    return Path(text).resolve()


def _image(args: argparse.Namespace) -> MicroPythonImage | None:
    if (args.uf2 is None) != (args.drive is None):
        raise BadValueError("--uf2 and --drive belong together", "give both, or neither")
    return None if args.uf2 is None else MicroPythonImage(args.uf2, args.drive)


def _flash(args: argparse.Namespace) -> Result:
    image = _image(args)
    try:
        lines = CoprocessorLines(load_gpio()) if args.gpio else None
        made = flash(args.folder, args.port, args.firmware, image, lines)
    except HardwareError as error:
        raise FlashError(str(error), error.advice) from error
    text = f"""\
Flashed the co-processor at {made.port}: {len(made.files)} files, read back and compared.
  event key {made.key_sha256[:16]} ({"made now" if made.key_is_new else "the unit's own, as before"})
Next: {"" if args.gpio else "release the service line and reset the co-processor; "}then vernix selftest on the unit."""
    plain = {"port": made.port, "files": made.files, "key_is_new": made.key_is_new, "key_sha256": made.key_sha256}
    return plain, text


def add(groups: Any, add_command: Adder) -> None:
    """Add the command to ``groups``."""
    summary = "put firmware and event key onto a unit's co-processor"
    parser = add_command(groups, "flash", summary, _flash)
    parser.add_argument("folder", metavar="UNITDIR", type=_path, help="the unit's folder; keeps the event key")
    parser.add_argument("--port", default="/dev/ttyACM0", metavar="PORT", help="its USB port; default: %(default)s")
    parser.add_argument("--firmware", default=FIRMWARE, metavar="DIR", type=_path, help="default: %(default)s")
    parser.add_argument("--uf2", metavar="FILE", type=_path, help="first write this MicroPython")
    parser.add_argument("--drive", metavar="DIR", type=_path, help="where the bootloader's drive is mounted")
    parser.add_argument("--gpio", action="store_true", help="work RUN, BOOTSEL and SERVICE by the Pi's pins")
