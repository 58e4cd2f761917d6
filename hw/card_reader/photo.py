"""Chip photo to picture, through a plug-in named in the configuration.

The codec of real cards (WLT) is closed, so a vendor's library is called: ``ctypes:/path/lib.so?symbol=unpack&
convention=unpack&code=602&swap_rb=1&flip_v=1&flip_h=0``. It runs in a child process of its own per picture. Simulated
cards carry a WebP picture behind the same header: ``simulated``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from hw.card_reader.photo_child import CONVENTIONS, Outcome
from hw.errors import HardwareError

Picture = NDArray[np.uint8]
"""BGR, shape (126, 102, 3)."""

BLOCK_SIZE: Final = 1024
WIDTH: Final = 102
HEIGHT: Final = 126
HEADER: Final = bytes.fromhex("574C66007E00320000FF85005151")
"""How a simulated photo begins; real ones differ behind the sixth byte."""

_SANE_START: Final = HEADER[:6]  # "WL", width, height; what follows differs between cards
_CHILD: Final = Path(__file__).with_name("photo_child.py")
_BMP_HEADER: Final = 54
_OPTIONS: Final = {"symbol", "convention", "code", "swap_rb", "flip_v", "flip_h"}
_SWITCH: Final = {"0": False, "1": True, "false": False, "true": True}


class PhotoError(HardwareError):
    """No picture from this chip photo; ``device`` is the decoder as configured."""

    advice = "compare with the person yourself, or with another enrolled picture"


class BadPhotoSpec(PhotoError):
    """The configuration names the decoder in a way nobody understands."""

    advice = "correct photo_decoder in the configuration"


class PhotoLibraryMissing(PhotoError):
    """The vendor's library, or the symbol in it, is not there or not for this machine."""

    advice = "install the vendor's photo library, or correct photo_decoder in the configuration"


class BadPhotoBlock(PhotoError):
    """The block is no chip photo: a card without one, or a damaged read."""

    advice = "lay the card again; if it stays so, compare with the person yourself"


class PhotoDecoderFailed(PhotoError):
    """The vendor's library refused, crashed, hung, or wrote where it must not."""

    advice = "lay the card again; if it stays so, check library, convention and code in the configuration"


class PhotoDecoderStarved(PhotoError):
    """The machine has no room, process or descriptor left to run the vendor's library in."""

    advice = "compare with the person yourself; make room in /dev/shm or restart the unit if it stays so"


class PhotoDecoder(Protocol):
    """What every plug-in does."""

    def decode(self, block: bytes) -> Picture:
        """The picture, BGR, shape (126, 102, 3).

        Raises:
            PhotoError: there is none, and why.
        """


def photo_decoder(spec: str, *, timeout_s: float = 5.0) -> PhotoDecoder:
    """The decoder ``spec`` names: ``simulated`` or ``ctypes:...``.

    Raises:
        BadPhotoSpec: unknown decoder, convention or option.
        PhotoLibraryMissing: there is no file at the library's path.
    """
    if spec == "simulated":
        return SimulatedDecoder()
    return CtypesDecoder.from_spec(spec, timeout_s)


class SimulatedDecoder:
    """Decodes what :func:`hw.card_reader.simulated_photo.encode_simulated` makes."""

    def decode(self, block: bytes) -> Picture:
        """See :class:`PhotoDecoder`."""
        _check_block("simulated", block)
        content = block[len(HEADER) :]
        size = int.from_bytes(content[4:8], "little") + 8
        if not block.startswith(HEADER) or not _is_small_webp(content) or size > len(content):
            raise BadPhotoBlock("simulated", "not a simulated photo")
        try:
            image = cv2.imdecode(np.frombuffer(content[:size], np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            image = None
        if image is None or image.shape != (HEIGHT, WIDTH, 3):
            raise BadPhotoBlock("simulated", "the picture in it is damaged")
        return np.asarray(image, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class CtypesDecoder:
    """Calls a vendor's library in a killable child process.

    ``swap_rb``: the library gives RGB. ``flip_v``, ``flip_h``: it gives the picture upside down, mirrored.
    """

    spec: str
    library: Path
    symbol: str
    convention: str
    code: int
    swap_rb: bool
    flip_v: bool
    flip_h: bool
    timeout_s: float

    @classmethod
    def from_spec(cls, spec: str, timeout_s: float) -> CtypesDecoder:
        """Parse ``ctypes:/path/lib.so?symbol=..&convention=..``; see :func:`photo_decoder` for the errors."""
        try:
            parts = urlsplit(spec)
        except ValueError as error:  # brackets of an IPv6 address, for instance
            raise BadPhotoSpec(spec, "not a URI") from error
        if parts.scheme != "ctypes":
            raise BadPhotoSpec(spec, "unknown photo decoder; known: simulated, ctypes:/path/lib.so?convention=...")
        options = _options(spec, parts.query)
        library = Path(unquote(parts.path))
        if not library.is_absolute() or not _is_file(library):
            raise PhotoLibraryMissing(spec, f"no file {library} (an absolute path is needed)")
        convention = options.get("convention", "unpack")
        if convention not in CONVENTIONS:
            raise BadPhotoSpec(spec, f"unknown convention {convention!r}; known: {', '.join(sorted(CONVENTIONS))}")
        symbol = options.get("symbol", CONVENTIONS[convention].symbol)
        return cls(
            spec,
            library,
            symbol,
            convention,
            _code(spec, options),
            swap_rb=_switch(spec, options, "swap_rb"),
            flip_v=_switch(spec, options, "flip_v"),
            flip_h=_switch(spec, options, "flip_h"),
            timeout_s=timeout_s,
        )

    def decode(self, block: bytes) -> Picture:
        """See :class:`PhotoDecoder`. Takes tens of milliseconds, at most ``timeout_s``."""
        _check_block(self.spec, block)
        output = self._run(block)
        raw = CONVENTIONS[self.convention].raw
        picture = _from_raw(self.spec, output) if raw else _from_bmp(self.spec, output)
        picture = picture[:: -1 if self.flip_v else 1, :: -1 if self.flip_h else 1, :: -1 if self.swap_rb else 1]
        return np.ascontiguousarray(picture)

    def _run(self, block: bytes) -> bytes:
        arguments = [str(self.library), self.symbol, self.convention, str(self.code), str(self.timeout_s)]
        # -I -S: no site packages, no user's environment: fast to start, and nothing else to crash in.
        command = [sys.executable, "-I", "-S", str(_CHILD), *arguments]
        try:
            with tempfile.TemporaryDirectory(prefix="vernix-photo-", dir=_memory_folder()) as folder:
                done = subprocess.run(
                    command,
                    input=block,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    timeout=self.timeout_s,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            # "from None": the original carries what the library wrote so far, and may be shown in a traceback.
            raise PhotoDecoderFailed(self.spec, f"no result in {self.timeout_s:g} s; stopped") from None
        except OSError as error:
            raise PhotoDecoderStarved(self.spec, f"cannot run the library: {error.strerror or error}") from error
        return self._result(done.returncode, done.stdout)

    def _result(self, status: int, output: bytes) -> bytes:
        if status < 0:
            raise PhotoDecoderFailed(self.spec, f"the library crashed (signal {-status})")
        if status or not output:
            raise PhotoDecoderFailed(self.spec, f"the library ended the process (exit status {status})")
        outcome, rest = output[0], output[1:]
        if outcome == Outcome.PICTURE:
            return rest
        if outcome == Outcome.NOT_LOADED:
            raise PhotoLibraryMissing(self.spec, f"cannot load {self.symbol!r}: {rest.decode(errors='replace')}")
        if outcome == Outcome.OVERRUN:
            raise PhotoDecoderFailed(self.spec, "the library wrote outside its buffers")
        raise PhotoDecoderFailed(self.spec, f"the library refused: {rest.decode(errors='replace')}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no name that a file can have
        return False


def _options(spec: str, query: str) -> Mapping[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    unknown = sorted({name for name, _ in pairs} - _OPTIONS)
    if unknown or len(dict(pairs)) != len(pairs):
        raise BadPhotoSpec(spec, f"unknown or repeated option; known: {', '.join(sorted(_OPTIONS))}")
    return dict(pairs)


def _switch(spec: str, options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "0").lower()
    if value not in _SWITCH:
        raise BadPhotoSpec(spec, f"option {name!r} must be 0 or 1")
    return _SWITCH[value]


def _code(spec: str, options: Mapping[str, str]) -> int:
    try:
        return int(options.get("code", "0"))
    except ValueError:
        raise BadPhotoSpec(spec, "option 'code' must be an integer") from None


def _check_block(device: str, block: bytes) -> None:
    if len(block) != BLOCK_SIZE or not block.startswith(_SANE_START):
        raise BadPhotoBlock(device, f"no chip photo in the card's {len(block)} bytes")


def _is_small_webp(content: bytes) -> bool:
    # Lossy WebP ("VP8 ") with the card's geometry in its frame header: nothing that unpacks to gigabytes.
    geometry = WIDTH.to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    return content[:4] == b"RIFF" and content[8:16] == b"WEBPVP8 " and content[26:30] == geometry


def _memory_folder() -> str | None:
    # Some libraries insist on files; a face must not reach a disk for it.
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _from_raw(device: str, output: bytes) -> Picture:
    if len(output) != WIDTH * HEIGHT * 3:
        raise PhotoDecoderFailed(device, f"{len(output)} bytes of picture; {WIDTH * HEIGHT * 3} expected")
    return np.frombuffer(output, np.uint8).reshape(HEIGHT, WIDTH, 3)


def _from_bmp(device: str, output: bytes) -> Picture:
    """A 24-bit BMP, rows padded to four bytes, bottom row first unless its height is negative."""
    row = (WIDTH * 3 + 3) // 4 * 4
    if len(output) < _BMP_HEADER or output[:2] != b"BM":
        raise PhotoDecoderFailed(device, "the library gave no BMP")
    start, width, height, bits = (
        int.from_bytes(output[at : at + size], "little", signed=True)
        for at, size in ((10, 4), (18, 4), (22, 4), (28, 2))
    )
    if (width, abs(height), bits) != (WIDTH, HEIGHT, 24):
        raise PhotoDecoderFailed(device, f"BMP of {width} x {abs(height)}, {bits} bit; {WIDTH} x {HEIGHT}, 24 expected")
    if start < _BMP_HEADER or len(output) < start + row * HEIGHT:
        raise PhotoDecoderFailed(device, "the BMP is cut off")
    rows = np.frombuffer(output, np.uint8, row * HEIGHT, start).reshape(HEIGHT, row)
    picture = rows[:, : WIDTH * 3].reshape(HEIGHT, WIDTH, 3)
    return picture[::-1] if height > 0 else picture
