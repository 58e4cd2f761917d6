"""The firmware as it goes onto the device, compiled once for all tests that run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.firmware.micropython import compile_firmware


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled firmware."""
    return compile_firmware(tmp_path_factory.mktemp("compiled"))
