"""Chip photos: the simulated block, and a vendor's library that behaves and misbehaves in every way."""

from __future__ import annotations

import io
import resource
import subprocess
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.card_reader import photo, photo_child
from hw.card_reader.photo import (
    HEADER,
    BadPhotoBlock,
    BadPhotoSpec,
    CtypesDecoder,
    PhotoDecoderFailed,
    PhotoDecoderStarved,
    PhotoError,
    PhotoLibraryMissing,
    photo_decoder,
)
from hw.card_reader.photo_child import CONVENTIONS, Outcome
from hw.card_reader.simulated_photo import demo_portrait, encode_simulated
from tests.hw.card_reader.support import PHOTO

SIMULATED = photo_decoder("simulated")
SOURCE = Path(__file__).with_name("vendor_library.c")


@pytest.fixture(scope="module")
def library(program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vendor") / "libvendor.so"
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-O0", "-o", made, SOURCE], check=True)
    return made


def expected() -> np.ndarray:
    rows, columns = np.mgrid[0:126, 0:102]
    return np.stack([columns, rows, np.full_like(rows, 201)], axis=2).astype(np.uint8)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the child processes work, for this test alone."""
    monkeypatch.setattr(photo, "_memory_folder", lambda: str(tmp_path))
    return tmp_path


# Simulated


@pytest.mark.parametrize("shape", [(126, 102), (1260, 1020), (300, 900), (900, 300), (40, 30), (3, 1)])
def test_any_picture_fits_a_simulated_block(shape):
    picture = cv2.resize(demo_portrait(), shape[::-1])
    block = encode_simulated(picture)
    assert len(block) == 1024
    assert block.startswith(HEADER)
    assert SIMULATED.decode(block).shape == (126, 102, 3)


def test_the_simulated_picture_resembles_its_original():
    picture = cv2.resize(demo_portrait(), (102, 126), interpolation=cv2.INTER_AREA)
    decoded = SIMULATED.decode(encode_simulated(picture))
    assert np.abs(decoded.astype(int) - picture.astype(int)).mean() < 12
    assert decoded.dtype == np.uint8


def test_the_best_quality_that_fits_is_taken():
    picture = cv2.resize(demo_portrait(), (102, 126), interpolation=cv2.INTER_AREA)
    sizes = {
        quality: cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].size
        for quality in range(1, 101)
    }
    best = max(quality for quality, size in sizes.items() if size <= 1010)
    block = encode_simulated(picture)
    assert int.from_bytes(block[18:22], "little") + 8 == sizes[best]


def test_pure_noise_fits_too():
    noise = np.random.default_rng(3).integers(0, 256, (126, 102, 3), np.uint8)
    assert SIMULATED.decode(encode_simulated(noise)).shape == (126, 102, 3)


GOOD = encode_simulated(demo_portrait())
BAD_BLOCKS = {
    "empty": b"",
    "short": GOOD[:-1],
    "long": GOOD + b"\0",
    "zeros": bytes(1024),
    "header only": HEADER.ljust(1024, b"\0"),
    "other header": GOOD[:13] + b"\0" + GOOD[14:],
    "real card's": PHOTO,
    "other geometry": GOOD[:40] + b"\xff\x3f\xff\x3f" + GOOD[44:],
    "lossless": GOOD[:26] + b"VP8L" + GOOD[30:],
    "longer than the block": GOOD[:18] + b"\xff\xff\0\0" + GOOD[22:],
    "one byte longer than the block": GOOD[:18] + (1024 - 14 - 8 + 1).to_bytes(4, "little") + GOOD[22:],
    "no size": GOOD[:18] + bytes(4) + GOOD[22:],
}


@pytest.mark.parametrize("block", BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_blocks_that_are_no_simulated_photo(block):
    with pytest.raises(BadPhotoBlock):
        SIMULATED.decode(block)


@pytest.mark.parametrize("name", ["longer than the block", "one byte longer than the block"])
def test_a_length_beyond_the_block_reaches_no_decoder(name):
    with pytest.raises(BadPhotoBlock, match="not a simulated photo"):
        SIMULATED.decode(BAD_BLOCKS[name])


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(14, 1023), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_blocks_are_a_picture_or_an_error(damage):
    block = bytearray(GOOD)
    for index, value in damage:
        block[index] = value
    try:
        picture = SIMULATED.decode(bytes(block))
    except PhotoError:
        return
    assert picture.shape == (126, 102, 3)


# A vendor's library


WORKING = {
    "unpack": "code=602",
    "unpack_sized": "",
    "unpack_length": "",
    "dewlt_buffer": "",
    "wlt_to_bmp": "",
    "wlt_buffer": "",
    "get_bmp": "code=1",
    "dewlt_file": "",
}


@pytest.mark.parametrize(("convention", "options"), WORKING.items(), ids=WORKING)
def test_right_result_by_every_convention(library, workplace, convention, options):
    decoder = photo_decoder(f"ctypes:{library}?convention={convention}&{options}")
    picture = decoder.decode(PHOTO)
    assert np.array_equal(picture, expected())
    assert picture.flags.c_contiguous
    assert list(workplace.iterdir()) == []


def test_every_convention_is_tested():
    assert set(WORKING) == set(CONVENTIONS)


@pytest.mark.parametrize(
    ("options", "turned"),
    [
        ("swap_rb=1", lambda p: p[:, :, ::-1]),
        ("flip_v=1", lambda p: p[::-1]),
        ("flip_h=true", lambda p: p[:, ::-1]),
        ("swap_rb=1&flip_v=1&flip_h=1", lambda p: p[::-1, ::-1, ::-1]),
        ("swap_rb=0&flip_v=false", lambda p: p),
    ],
)
def test_orientation_and_colour_order(library, options, turned):
    decoder = photo_decoder(f"ctypes:{library}?convention=unpack&code=602&{options}")
    assert np.array_equal(decoder.decode(PHOTO), turned(expected()))


MISBEHAVING = {
    "wrong code": ("unpack", "unpack", "refused"),
    "wrong length": ("wrong_length", "unpack_sized", "cut off"),
    "impossible length": ("impossible_length", "unpack_sized", "refused"),
    "negative length": ("negative_length", "unpack_length", "refused"),
    "wrong geometry": ("wrong_geometry", "wlt_to_bmp", "358 x 441"),
    "wrong depth": ("wrong_depth", "wlt_to_bmp", "8 bit"),
    "pixels begin too late": ("wrong_start", "wlt_to_bmp", "cut off"),
    "pixels begin in the header": ("early_start", "wlt_to_bmp", "cut off"),
    "pixels begin before the picture": ("negative_start", "wlt_to_bmp", "cut off"),
    "no bmp": ("no_bmp", "wlt_to_bmp", "no BMP"),
    "crash": ("crash", "wlt_to_bmp", "crashed"),
    "exit": ("leave", "wlt_to_bmp", "ended the process"),
    "bad exit": ("leave_badly", "wlt_to_bmp", "exit status 3"),
    "one byte beyond": ("beyond_target", "wlt_to_bmp", "outside its buffers"),
    "one byte before": ("before_target", "wlt_to_bmp", "outside its buffers"),
    "long before the source": ("before_source", "wlt_to_bmp", "outside its buffers"),
    "far beyond": ("far_beyond", "wlt_to_bmp", "crashed"),
    "eats memory": ("hungry", "wlt_to_bmp", "refused"),
    "huge file": ("dewlt_huge", "dewlt_file", "refused"),
    "no file": ("dewlt_nothing", "dewlt_file", "refused"),
    "interface of another kind": ("GetBmp", "get_bmp", "refused"),
}


@pytest.mark.parametrize(("symbol", "convention", "message"), MISBEHAVING.values(), ids=MISBEHAVING)
def test_misbehaving_library(library, symbol, convention, message):
    decoder = photo_decoder(f"ctypes:{library}?symbol={symbol}&convention={convention}", timeout_s=30.0)
    with pytest.raises(PhotoDecoderFailed, match=message):
        decoder.decode(PHOTO)


def test_endless_loop_is_stopped_and_leaves_nothing(library, workplace):
    decoder = photo_decoder(f"ctypes:{library}?symbol=hang&convention=wlt_to_bmp", timeout_s=0.5)
    with pytest.raises(PhotoDecoderFailed, match=r"no result in 0\.5 s"):
        decoder.decode(PHOTO)
    assert list(workplace.iterdir()) == []
    lines = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not any(str(library) in line for line in lines)


def test_machine_without_room_for_a_child(library, monkeypatch, tmp_path):
    """The memory file system is gone, or no folder can be made in it any more."""
    monkeypatch.setattr(photo, "_memory_folder", lambda: str(tmp_path / "gone"))
    with pytest.raises(PhotoDecoderStarved, match="No such file"):
        photo_decoder(f"ctypes:{library}?convention=unpack&code=602").decode(PHOTO)


def test_machine_without_descriptors_for_a_child(library, workplace):
    decoder = photo_decoder(f"ctypes:{library}?convention=unpack&code=602")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(PhotoDecoderStarved, match="Too many open files") as caught:
            decoder.decode(PHOTO)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(caught.value, PhotoError)
    assert "compare with the person" in caught.value.advice
    assert not [path for path in workplace.rglob("*") if path.is_file()]
    assert np.array_equal(decoder.decode(PHOTO), expected()), "the next one is decoded"


def test_symbol_that_is_not_there(library):
    decoder = photo_decoder(f"ctypes:{library}?symbol=nothing")
    with pytest.raises(PhotoLibraryMissing, match="nothing"):
        decoder.decode(PHOTO)


def test_library_that_is_none(tmp_path):
    file = tmp_path / "lib.so"
    file.write_text("no library")
    with pytest.raises(PhotoLibraryMissing, match="cannot load"):
        photo_decoder(f"ctypes:{file}").decode(PHOTO)


@pytest.mark.parametrize("path", ["/nowhere/lib.so", "lib.so", "/tmp"])
def test_library_that_is_not_there(path):
    with pytest.raises(PhotoLibraryMissing):
        photo_decoder(f"ctypes:{path}")


@pytest.mark.parametrize(
    "query", ["convention=magic", "flip_v=2", "code=x", "colour=1", "flip_v=1&flip_v=0"], ids=lambda q: q
)
def test_options_that_nobody_understands(tmp_path, query):
    file = tmp_path / "lib.so"
    file.write_text("")
    with pytest.raises(BadPhotoSpec):
        photo_decoder(f"ctypes:{file}?{query}")


@pytest.mark.parametrize("spec", ["", "wlt", "simulated:", "none:"])
def test_unknown_decoders(spec):
    with pytest.raises(BadPhotoSpec):
        photo_decoder(spec)


def test_a_block_that_is_no_chip_photo_does_not_reach_the_library(library):
    with pytest.raises(BadPhotoBlock):
        photo_decoder(f"ctypes:{library}").decode(bytes(1024))


def test_a_cut_raw_picture(library, monkeypatch):
    decoder = photo_decoder(f"ctypes:{library}?convention=unpack&code=602")
    assert isinstance(decoder, CtypesDecoder)
    monkeypatch.setattr(CtypesDecoder, "_run", lambda *_: bytes(100))
    with pytest.raises(PhotoDecoderFailed, match="100 bytes"):
        decoder.decode(PHOTO)


@pytest.mark.parametrize(("convention", "options"), WORKING.items(), ids=WORKING)
def test_what_the_child_does_without_a_child(library, tmp_path, monkeypatch, convention, options):
    monkeypatch.chdir(tmp_path)
    code = options.removeprefix("code=") or "0"
    target = io.BytesIO()
    photo_child.serve([str(library), CONVENTIONS[convention].symbol, convention, code], io.BytesIO(PHOTO), target)
    assert target.getvalue()[0] == Outcome.PICTURE
    assert len(target.getvalue()) > photo_child.RAW_SIZE


def test_the_child_is_fenced_in(library):
    decoder = photo_decoder(f"ctypes:{library}?symbol=fenced&convention=wlt_to_bmp")
    assert np.array_equal(decoder.decode(PHOTO), expected())


def test_without_a_child_nothing_is_fenced(library):
    assert photo_child.decode(str(library), "fenced", "wlt_to_bmp", 0, PHOTO)[0] is Outcome.REFUSED


def test_guards_in_this_process(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert photo_child.decode(str(library), "dewlt_huge", "dewlt_file", 0, PHOTO)[0] is Outcome.REFUSED
    assert photo_child.decode(str(library), "unpack", "unpack", 602, PHOTO) == (Outcome.PICTURE, expected().tobytes())
    assert photo_child.decode(str(library), "beyond_target", "wlt_to_bmp", 0, PHOTO) == (Outcome.OVERRUN, b"")
    assert photo_child.decode(str(library), "nothing", "wlt_to_bmp", 0, PHOTO)[0] is Outcome.NOT_LOADED
    assert photo_child.decode(str(library), "unpack", "unpack", 0, PHOTO)[0] is Outcome.REFUSED
