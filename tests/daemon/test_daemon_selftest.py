"""The self-test's words about a device that works, and does less than it might."""

from __future__ import annotations

import pytest

from daemon.selftest import TESTS
from tests.daemon.support import Home

UNSURE = ": where it corrects its colours meanwhile, the light challenge is unsure; choose a camera with this control"


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ("", "holds exposure, gain and white balance while the light runs"),
        ("&lacks=gain", "holds exposure and white balance while the light runs; cannot hold gain"),
        ("&lacks=white_balance", f"holds exposure and gain while the light runs; cannot hold white balance{UNSURE}"),
        ("&lacks=exposure,gain,white_balance", f"cannot hold exposure, gain and white balance{UNSURE}"),
    ],
)
def test_selftest_says_what_the_camera_holds(home: Home, lacks: str, words: str) -> None:
    """A note: the unit works with any of these."""
    uri = f"sim:person?scene={home.folder}/room&light={home.folder}/light{lacks}&width=64&height=48"
    home.edit('camera = "none:"', f'camera = "{uri}"')
    assert TESTS["camera"](home.config()) == f"frames of 64 x 48, {uri}; {words}"
