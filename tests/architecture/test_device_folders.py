"""Every device folder has the same files (design: codec, driver, simulator, README)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT

FILES = ("codec.py", "driver.py", "simulator.py", "README.md")
DEVICES = sorted(folder.parent for folder in (ROOT / "hw").glob("*/__init__.py"))


@pytest.mark.parametrize("folder", DEVICES, ids=lambda folder: folder.name)
@pytest.mark.parametrize("name", FILES)
def test_has_file(folder: Path, name: str) -> None:
    assert (folder / name).is_file(), f"{folder.relative_to(ROOT)} has no {name}"


def test_first_devices_are_there() -> None:
    assert {"card_reader", "fingerprint", "camera"} <= {folder.name for folder in DEVICES}
