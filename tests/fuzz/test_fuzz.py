"""Every decoder under a little fuzz; `make fuzz` goes on for longer. And that the fuzz finds what is there to find."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from hw.card_reader.photo import BadPhotoSpec, PhotoError, photo_decoder
from models.manifest import texts
from tests.fuzz.target import MOST_BYTES, Target, TooMuchError
from tests.fuzz.targets import NAMES, all_targets
from tests.support import ROOT

EXAMPLES = 40
SLOW = {"gateway: messages from the broker": 15}


@pytest.mark.parametrize("name", NAMES)
def test_only_the_named_errors_come_out(name: str) -> None:
    (target,) = (one for one in all_targets() if one.name == name)
    before = target.examples
    target.fuzz(SLOW.get(name, EXAMPLES))
    assert target.examples > before


def test_the_list_of_names_is_whole() -> None:
    assert [one.name for one in all_targets()] == list(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def _raises(_value: bytes) -> None:
    raise KeyError("not a named error")


def _hoards(value: bytes) -> None:
    assert len(bytearray(MOST_BYTES + 1)) > len(value)


@pytest.mark.parametrize(("run", "error"), [(_raises, KeyError), (_hoards, TooMuchError)])
def test_a_decoder_that_misbehaves_is_found(run: Callable[[bytes], None], error: type[Exception]) -> None:
    with pytest.raises(error):
        Target("bad", st.binary(max_size=10), run, (ValueError,)).fuzz(100)


def test_a_decoder_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.target.LONGEST_S", 0.01)
    with pytest.raises(TooMuchError):
        Target("slow", st.binary(max_size=10), lambda _: time.sleep(0.02)).fuzz(3)


def test_a_named_error_is_none() -> None:
    target = Target("good", st.binary(max_size=10), _raises, (KeyError,))
    target.fuzz(20)
    assert target.refused == target.examples > 0


def test_the_program_prints_a_line_a_target(tmp_path: Path) -> None:
    told = tmp_path / "fuzz.json"
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--budget",
        "1",
        "--only",
        "thermal",
        "--seed",
        "7",
        "--json",
        str(told),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(told.read_text())
    assert {one["target"] for one in results} == {name for name in NAMES if "thermal" in name}
    assert all(one["examples"] > 0 and not one["findings"] for one in results)


# --- what it has found ---


@pytest.mark.parametrize("spec", ["ctypes:/" + "9" * 5000, "ctypes://[", "ctypes:/a\0b"])
def test_photo_decoder_that_can_be_no_file(spec: str) -> None:
    with pytest.raises(PhotoError):
        photo_decoder(spec)


def test_photo_decoder_that_is_no_uri() -> None:
    with pytest.raises(BadPhotoSpec, match="not a URI"):
        photo_decoder("ctypes://[")


@pytest.mark.parametrize("origin", [None, 5, "text", []])
def test_manifest_whose_origin_is_no_object(origin: object) -> None:
    with pytest.raises(TypeError, match="expected an object"):
        texts(origin)
