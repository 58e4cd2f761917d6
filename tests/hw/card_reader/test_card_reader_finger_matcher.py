"""A card's fingerprint record against an image: the simulated matcher, and a certified library in a child process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hw.card_reader.finger_matcher import (
    DEFAULT_THRESHOLD,
    BadMatcherSpec,
    CtypesMatcher,
    FingerMatchError,
    MatcherFailed,
    MatcherLibraryMissing,
    encode_simulated,
    finger_matcher,
    padded,
    usable_prints,
)
from hw.card_reader.finger_record import parse_fingers
from hw.errors import DeviceProtocolError
from hw.fingerprint.image import SIZES, FingerImage
from tests.support.programs import FindProgram

SOURCE = Path(__file__).with_name("vendor_prints.c")
IMAGE = FingerImage.from_bytes("-", bytes(index * 7 % 251 for index in range(36864)))


@pytest.fixture(scope="module")
def library(program: FindProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vendor") / "libprints.so"
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-O0", "-o", made, SOURCE], check=True)
    return made


def record(behaviour: int = 0, *, hers: bool = True) -> bytes:
    made = bytearray(512)
    made[:7] = bytes.fromhex("43018812010b51")
    made[100] = behaviour
    whole = padded(IMAGE.pixels, IMAGE.width, IMAGE.height)
    made[200:208] = whole[len(whole) // 2 :][:8] if hers else bytes(8)
    return bytes(made)


def matched(spec: str, one: bytes, timeout_s: float = 5.0) -> float:
    matcher = finger_matcher(spec, timeout_s=timeout_s)
    assert matcher is not None
    return matcher.match(one, IMAGE.pixels, IMAGE.width, IMAGE.height)


@pytest.mark.parametrize(("convention", "similarity"), [("ga1012", 0.75), ("ga1012_features", 0.9)])
def test_certified_library(library: Path, convention: str, similarity: float) -> None:
    spec = f"ctypes:{library}?convention={convention}&threshold=0.7"
    assert matched(spec, record()) == pytest.approx(similarity)
    assert matched(spec, record(hers=False)) < 0.2
    matcher = finger_matcher(spec)
    assert matcher is not None
    assert matcher.threshold == 0.7


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [(1, "refused"), (2, "no result in"), (3, "crashed"), (4, "outside its buffers"), (5, "no similarity")],
)
def test_library_that_misbehaves(library: Path, behaviour: int, said: str) -> None:
    with pytest.raises(MatcherFailed, match=said) as caught:
        matched(f"ctypes:{library}", record(behaviour), timeout_s=2.0)
    assert caught.value.__cause__ is None


def test_library_without_the_functions(library: Path, program: FindProgram) -> None:
    empty = library.with_name("libempty.so")
    subprocess.run([program("gcc"), "-shared", "-o", empty, "-x", "c", "/dev/null"], check=True)
    with pytest.raises(MatcherLibraryMissing, match="FP_Begin"):
        matched(f"ctypes:{empty}", record())


def test_record_or_image_of_another_size(library: Path) -> None:
    matcher = CtypesMatcher.from_spec(f"ctypes:{library}", 5.0)
    with pytest.raises(MatcherFailed, match="a record of 3"):
        matcher.match(b"abc", IMAGE.pixels, IMAGE.width, IMAGE.height)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("vendor", BadMatcherSpec),
        ("ctypes://[", BadMatcherSpec),
        ("ctypes:/dev/null?convention=other", BadMatcherSpec),
        ("ctypes:/dev/null?threshold=0.5&threshold=0.6", BadMatcherSpec),
        ("ctypes:/dev/null?colour=red", BadMatcherSpec),
        ("ctypes:relative.so", MatcherLibraryMissing),
        ("ctypes:/nowhere/lib.so", MatcherLibraryMissing),
    ],
)
def test_specs_that_are_refused(spec: str, error: type[FingerMatchError]) -> None:
    with pytest.raises(error) as caught:
        finger_matcher(spec)
    assert caught.value.device == spec


@pytest.mark.parametrize("threshold", ["0", "1.5", "nan", "much"])
def test_threshold_that_is_none(library: Path, threshold: str) -> None:
    with pytest.raises(BadMatcherSpec, match="threshold"):
        finger_matcher(f"ctypes:{library}?threshold={threshold}")


def test_none() -> None:
    assert finger_matcher("none") is None


def test_simulated() -> None:
    one = encode_simulated(16, IMAGE.pixels)
    assert matched("simulated", one) == 1.0
    assert matched("simulated", encode_simulated(16, b"other")) == 0.0
    (header,) = parse_fingers(one)
    assert (header.finger_name, header.is_usable) == ("left thumb", True)
    matcher = finger_matcher("simulated")
    assert matcher is not None
    assert matcher.threshold == DEFAULT_THRESHOLD


def test_usable_prints() -> None:
    good, failed = record(), bytearray(record())
    failed[4] = 2
    assert usable_prints(good + bytes(failed)) == (good,)
    assert usable_prints(bytes(1024)) == ()
    assert usable_prints(b"") == ()
    assert usable_prints(good[:300]) == ()


@pytest.mark.parametrize(("width", "height"), [(256, 360), (256, 288), (192, 192), (300, 400), (1, 1)])
def test_padding_keeps_the_middle(width: int, height: int) -> None:
    pixels = bytes(range(256)) * (width * height // 256 + 1)
    made = padded(pixels[: width * height], width, height)
    assert len(made) == 256 * 360
    if (width, height) == (256, 288):
        assert made[36 * 256 : (36 + 288) * 256] == pixels[: width * height]
        assert set(made[: 36 * 256]) == {255}


@pytest.mark.parametrize("size", SIZES)
def test_image_of_a_known_module(size: int) -> None:
    image = FingerImage.from_bytes("-", bytes([0x0F]) + bytes(size - 1))
    assert (image.pixels[:3], len(image.pixels)) == (b"\x00\xff\x00", image.width * image.height)
    assert image.pixels.hex() not in repr(image)


def test_image_of_an_unknown_module() -> None:
    with pytest.raises(DeviceProtocolError, match="an image of 7 bytes"):
        FingerImage.from_bytes("-", bytes(7))
