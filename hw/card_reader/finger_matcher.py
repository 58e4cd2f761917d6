"""A card's own fingerprint record against a live image, through a plug-in named in the configuration.

The record's minutiae are in the form of a designated algorithm (GA/T 1012), which no open matcher takes, so a certified
library is called: ``ctypes:/path/libID_Fpr.so?convention=ga1012&threshold=0.6``, in a child process of its own per
comparison. Simulated cards carry a digest of the simulated module's image: ``simulated``. ``none``: cards' prints are
not compared here.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from hw.card_reader.finger_child import CONVENTIONS, HEIGHT, RECORD_SIZE, SIMILARITY, WIDTH
from hw.card_reader.finger_record import MARKER, Registration
from hw.card_reader.photo_child import Outcome
from hw.errors import HardwareError

DEFAULT_THRESHOLD: Final = 0.6
"""Similarity from 0 to 1. Set the vendor's own figure for the false match rate that is wanted."""
_ROOT: Final = Path(__file__).parents[2]
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from hw.card_reader import finger_child; "
    "raise SystemExit(finger_child.main(sys.argv[2:]))"
)
_OPTIONS: Final = {"convention", "threshold"}
_WHITE: Final = b"\xff"
_HEADER: Final = 7


class FingerMatchError(HardwareError):
    """No comparison with this card's print; ``device`` is the matcher as configured."""

    advice = "go on with the face, her slip, or two officers"


class BadMatcherSpec(FingerMatchError):
    """The configuration names the matcher in a way nobody understands."""

    advice = "correct finger_matcher in the configuration"


class MatcherLibraryMissing(FingerMatchError):
    """The vendor's library, or a function in it, is not there or not for this machine."""

    advice = "install the certified fingerprint library, or correct finger_matcher in the configuration"


class MatcherFailed(FingerMatchError):
    """The vendor's library refused, crashed, hung, or wrote where it must not."""

    advice = "try again; if it stays so, check library and convention in the configuration"


class IdCardFingerMatcher(Protocol):
    """What every plug-in does."""

    @property
    def threshold(self) -> float:
        """From this similarity on the finger is the card's."""

    def match(self, record: bytes, pixels: bytes, width: int, height: int) -> float:
        """How alike, from 0 to 1, the card's ``record`` (512 bytes) and an image are (8-bit grey rows, 500 dpi).

        Raises:
            FingerMatchError: it could not be compared, and why.
        """


def finger_matcher(spec: str, *, timeout_s: float = 5.0) -> IdCardFingerMatcher | None:
    """The matcher ``spec`` names: ``none``, ``simulated`` or ``ctypes:...``.

    Raises:
        BadMatcherSpec: unknown matcher, convention or option.
        MatcherLibraryMissing: there is no file at the library's path.
    """
    if spec == "none":
        return None
    return SimulatedMatcher() if spec == "simulated" else CtypesMatcher.from_spec(spec, timeout_s)


def usable_prints(block: bytes) -> tuple[bytes, ...]:
    """The records of a card's fingerprint block in which a print is registered, 512 bytes each."""
    slots = (block[at : at + RECORD_SIZE] for at in range(0, len(block), RECORD_SIZE))
    return tuple(
        one for one in slots if len(one) == RECORD_SIZE and one[0] == MARKER and one[4] == Registration.REGISTERED
    )


def encode_simulated(finger_code: int, pixels: bytes) -> bytes:
    """A simulated card's record: a true header, and in place of minutiae a digest of the simulated module's image."""
    head = bytes((MARKER, 1, 0, 0, Registration.REGISTERED, finger_code, 80))
    return (head + hashlib.sha256(pixels).digest()).ljust(RECORD_SIZE, b"\0")


@dataclass(frozen=True, slots=True)
class SimulatedMatcher:
    """Says 1 for the image that :func:`encode_simulated` was given, 0 for others. It measures nothing."""

    threshold: float = DEFAULT_THRESHOLD

    def match(self, record: bytes, pixels: bytes, width: int, height: int) -> float:
        """See :class:`IdCardFingerMatcher`."""
        del width, height
        return float(record[_HEADER : _HEADER + 32] == hashlib.sha256(pixels).digest())


def padded(pixels: bytes, width: int, height: int) -> bytes:
    """The image in the middle of 256 x 360 white pixels, as certified libraries take it; cut where it is larger.

    Nothing is scaled: a print is compared at 500 dpi or not at all.
    """
    rows = [pixels[at * width : (at + 1) * width] for at in range(height)]
    cut = max(0, width - WIDTH) // 2
    rows = [row[cut : cut + WIDTH].center(WIDTH, _WHITE) for row in rows]
    above = max(0, HEIGHT - height) // 2
    over = max(0, height - HEIGHT) // 2
    rows = rows[over : over + HEIGHT]
    empty = _WHITE * WIDTH
    return b"".join([empty] * above + rows + [empty] * (HEIGHT - above - len(rows)))


@dataclass(frozen=True, slots=True)
class CtypesMatcher:
    """Calls a certified library in a killable child process."""

    spec: str
    library: Path
    convention: str
    threshold: float
    timeout_s: float

    @classmethod
    def from_spec(cls, spec: str, timeout_s: float) -> CtypesMatcher:
        """See :func:`finger_matcher`."""
        try:
            parts = urlsplit(spec)
        except ValueError as error:
            raise BadMatcherSpec(spec, "not a URI") from error
        if parts.scheme != "ctypes":
            known = "none, simulated, ctypes:/path/lib.so?convention=ga1012&threshold=0.6"
            raise BadMatcherSpec(spec, f"unknown finger matcher; known: {known}")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        options = dict(pairs)
        if options.keys() - _OPTIONS or len(options) != len(pairs):
            raise BadMatcherSpec(spec, f"unknown or repeated option; known: {', '.join(sorted(_OPTIONS))}")
        convention = options.get("convention", "ga1012")
        if convention not in CONVENTIONS:
            raise BadMatcherSpec(spec, f"unknown convention {convention!r}; known: {', '.join(sorted(CONVENTIONS))}")
        library = Path(unquote(parts.path))
        if not library.is_absolute() or not library.is_file():
            raise MatcherLibraryMissing(spec, f"no file {library} (an absolute path is needed)")
        return cls(spec, library, convention, _threshold(spec, options.get("threshold")), timeout_s)

    def match(self, record: bytes, pixels: bytes, width: int, height: int) -> float:
        """See :class:`IdCardFingerMatcher`. Takes up to ``timeout_s``."""
        if len(record) != RECORD_SIZE or len(pixels) != width * height:
            raise MatcherFailed(self.spec, f"a record of {len(record)} and an image of {len(pixels)} bytes")
        output = self._run(record + padded(pixels, width, height))
        (similarity,) = SIMILARITY.unpack(output)
        return float(similarity)

    def _run(self, given: bytes) -> bytes:
        arguments = [str(_ROOT), str(self.library), self.convention, str(self.timeout_s)]
        command = [sys.executable, "-I", "-S", "-c", _START, *arguments]
        try:
            with tempfile.TemporaryDirectory(prefix="vernix-print-", dir=_memory_folder()) as folder:
                done = subprocess.run(
                    command,
                    input=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    timeout=self.timeout_s,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            # "from None": the original carries what the library wrote so far.
            raise MatcherFailed(self.spec, f"no result in {self.timeout_s:g} s; stopped") from None
        except OSError as error:
            raise MatcherFailed(self.spec, f"cannot run the library: {error.strerror or error}") from error
        return self._result(done.returncode, done.stdout)

    def _result(self, status: int, output: bytes) -> bytes:
        if status < 0:
            raise MatcherFailed(self.spec, f"the library crashed (signal {-status})")
        if status or not output:
            raise MatcherFailed(self.spec, f"the library ended the process (exit status {status})")
        outcome, rest = output[0], output[1:]
        if outcome == Outcome.NOT_LOADED:
            raise MatcherLibraryMissing(self.spec, f"cannot use it: {rest.decode(errors='replace')}")
        if outcome == Outcome.OVERRUN:
            raise MatcherFailed(self.spec, "the library wrote outside its buffers")
        if outcome != Outcome.PICTURE or len(rest) != SIMILARITY.size:
            raise MatcherFailed(self.spec, f"the library refused: {rest.decode(errors='replace')}")
        return rest


def _memory_folder() -> str | None:
    # A library that insists on files must not leave a print on a disk.
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _threshold(spec: str, text: str | None) -> float:
    try:
        value = DEFAULT_THRESHOLD if text is None else float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= 1.0:
        raise BadMatcherSpec(spec, "option 'threshold' must be a number above 0, at most 1")
    return value
