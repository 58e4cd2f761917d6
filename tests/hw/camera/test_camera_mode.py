"""Options of a camera URI, and the pace they set."""

from __future__ import annotations

import time

import pytest

from hw.camera.mode import Mode, Pace
from hw.camera.sources import entry_for
from hw.errors import BadDeviceUri
from hw.uri import DeviceUri


def test_defaults() -> None:
    assert Mode.from_uri(DeviceUri.parse("sim:camera")) == Mode(640, 480, None)


def test_options() -> None:
    mode = Mode.from_uri(DeviceUri.parse("sim:camera?width=320&height=240&fps=30"))
    assert mode == Mode(320, 240, 30)
    assert mode.frame_bytes == 230_400


@pytest.mark.parametrize(
    "options", ["width=0", "width=15", "width=1921", "height=-480", "fps=0", "fps=121", "fps=15.5", "width=", "fps=x"]
)
def test_values_out_of_range_name_the_option(options: str) -> None:
    with pytest.raises(BadDeviceUri, match=options.partition("=")[0]):
        Mode.from_uri(DeviceUri.parse(f"sim:camera?{options}"))


def test_an_unknown_option_is_named_with_the_known_ones() -> None:
    with pytest.raises(BadDeviceUri, match=r"'fsp'.*fps, height, width"):
        entry_for(DeviceUri.parse("replay:///scene?fsp=15"))


@pytest.mark.parametrize("uri", ["serial:///dev/ttyUSB0", "i2c:1"])
def test_a_scheme_without_a_source_is_named_with_the_served_ones(uri: str) -> None:
    with pytest.raises(BadDeviceUri, match="replay:, v4l2:, picamera:, sim:, none:"):
        entry_for(DeviceUri.parse(uri))


def test_pace_spaces_the_frames_and_stamps_them_on_the_monotonic_clock() -> None:
    pace, before = Pace(100), time.monotonic_ns()
    stamps = [pace.wait() for _ in range(6)]
    assert before <= stamps[0]
    assert stamps[-1] <= time.monotonic_ns()
    assert stamps[1] - stamps[0] >= 9_000_000
    assert stamps[-1] - stamps[0] >= 5 * 10_000_000


def test_a_source_that_fell_behind_does_not_race_to_catch_up() -> None:
    pace = Pace(50)
    pace.wait()
    time.sleep(0.2)
    late = pace.wait()
    pace.wait()
    assert pace.wait() - late >= 40_000_000
