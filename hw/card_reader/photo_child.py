"""The child process that calls a vendor's photo library. Standard library only; started as a script, killed at will.

Arguments: library, symbol, convention, code, timeout in seconds. Standard input: the chip photo's 1024 bytes. Standard
output: one byte of :class:`Outcome`, then the picture or a reason. The library's own output goes nowhere.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, unique
from pathlib import Path
from typing import BinaryIO, Final

SOURCE_SIZE: Final = 1024
RAW_SIZE: Final = 102 * 126 * 3
BMP_SIZE: Final = 54 + 126 * 308
GUARD_SIZE: Final = 64 * 1024
_GUARD_BYTE: Final = 0xA5
_MEMORY_LIMIT: Final = 1 << 30
_FILE_LIMIT: Final = 4 << 20
_OPEN_FILES_LIMIT: Final = 64
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4


@unique
class Outcome(IntEnum):
    """First byte of the answer."""

    PICTURE = 1
    NOT_LOADED = 2
    REFUSED = 3
    OVERRUN = 4


class Arena:
    """Source and target buffer with 64 KiB of known bytes before, between and behind them."""

    def __init__(self, source: bytes, source_size: int, target_size: int) -> None:
        self._memory = ctypes.create_string_buffer(bytes((_GUARD_BYTE,)) * (3 * GUARD_SIZE + source_size + target_size))
        self._source_at = GUARD_SIZE
        self._target_at = 2 * GUARD_SIZE + source_size
        self._source_size, self._target_size = source_size, target_size
        base = ctypes.addressof(self._memory)
        self.source = ctypes.c_void_p(base + self._source_at)
        self.target = ctypes.c_void_p(base + self._target_at)
        ctypes.memmove(self.source, source.ljust(source_size, b"\0"), source_size)
        ctypes.memset(self.target, 0, target_size)

    def result(self) -> bytes:
        """The target buffer."""
        return ctypes.string_at(self.target, self._target_size)

    def is_overrun(self) -> bool:
        """Did somebody write outside both buffers?"""
        memory = self._memory.raw
        source_end = self._source_at + self._source_size
        target_end = self._target_at + self._target_size
        guards = memory[: self._source_at], memory[source_end : self._target_at], memory[target_end:-1]
        return any(guard.count(_GUARD_BYTE) != len(guard) for guard in guards)


Call = Callable[["ctypes._NamedFuncPointer", Arena, int], tuple[bool, int]]
"""Calls the function; gives (did it succeed, how many bytes of the target are the picture)."""


def _unpack(function: ctypes._NamedFuncPointer, arena: Arena, code: int) -> tuple[bool, int]:
    return function(arena.source, arena.target, ctypes.c_int(code)) == 1, RAW_SIZE


def _unpack_sized(function: ctypes._NamedFuncPointer, arena: Arena, code: int) -> tuple[bool, int]:
    length = ctypes.c_int(code)
    done = function(arena.source, ctypes.c_int(SOURCE_SIZE), arena.target, ctypes.byref(length)) == 1
    return done, length.value


def _unpack_length(function: ctypes._NamedFuncPointer, arena: Arena, _: int) -> tuple[bool, int]:
    length = int(function(arena.source, arena.target, ctypes.c_int(SOURCE_SIZE)))
    return length > 0, length


def _pair_unchecked(function: ctypes._NamedFuncPointer, arena: Arena, _: int) -> tuple[bool, int]:
    function(arena.source, arena.target)  # what it returns is not documented; the BMP itself is checked
    return True, BMP_SIZE


def _pair(function: ctypes._NamedFuncPointer, arena: Arena, _: int) -> tuple[bool, int]:
    return function(arena.source, arena.target) == 1, BMP_SIZE


def _capacity(function: ctypes._NamedFuncPointer, arena: Arena, _: int) -> tuple[bool, int]:
    return function(arena.source, arena.target, ctypes.c_int(BMP_SIZE)) == 1, BMP_SIZE


def _file(function: ctypes._NamedFuncPointer, arena: Arena, code: int) -> tuple[bool, int]:
    return _by_file(arena, lambda path: int(function(path, ctypes.c_int(code))), "photo.bmp")


def _file_only(function: ctypes._NamedFuncPointer, arena: Arena, _: int) -> tuple[bool, int]:
    return _by_file(arena, lambda path: int(function(path)), "photo.bmp")


def _by_file(arena: Arena, call: Callable[[ctypes.c_char_p], int], made: str) -> tuple[bool, int]:
    Path("photo.wlt").write_bytes(ctypes.string_at(arena.source, SOURCE_SIZE))
    done = call(ctypes.c_char_p(os.fsencode(Path("photo.wlt").resolve()))) == 1
    bmp = Path(made)
    if not done or not bmp.is_file() or bmp.stat().st_size > BMP_SIZE:
        return False, 0
    content = bmp.read_bytes()
    ctypes.memmove(arena.target, content, len(content))
    return True, len(content)


@dataclass(frozen=True, slots=True)
class Convention:
    """How a family of libraries is called.

    ``symbol``: its usual name; ``raw``: gives pixels without a header, else a BMP; ``target_size``: what it may write.
    """

    symbol: str
    raw: bool
    target_size: int
    call: Call
    source_size: int = SOURCE_SIZE


CONVENTIONS: Final = {
    # libwlt2bmp, libwlt2019, libwlt-x86-64, libwlt_wei: unpack(src, dst, code) -> 1; code is the vendor's (602, 158, 0)
    "unpack": Convention("unpack", True, RAW_SIZE, _unpack),
    # libwlt2bmp of another vendor: _Unpack(src, 1024, dst, &length) -> 1
    "unpack_sized": Convention("_Unpack", False, 40960, _unpack_sized),
    # libwlt2bmp-x86-32: Unpack(src, dst, 1024) -> length
    "unpack_length": Convention("Unpack", False, 80000, _unpack_length),
    # libidr220s_reader; what it returns is not documented
    "dewlt_buffer": Convention("iDR220S_Dewlt", False, 40960, _pair_unchecked),
    # libtermbhf: WltToBmp(wlt, bmp) -> 1; reads and writes beyond what it needs
    "wlt_to_bmp": Convention("WltToBmp", False, 39886, _pair, source_size=2048),
    # libzkwltdecode: wlt2bmpBuffer(wlt, bmp, capacity) -> 1
    "wlt_buffer": Convention("wlt2bmpBuffer", False, 40960, _capacity),
    # WltRS, libwltrs: GetBmp(path.wlt, interface) -> 1, writes path.bmp; code 1 serial, 2 USB
    "get_bmp": Convention("GetBmp", False, 40960, _file),
    # Dewlt of the Routon kits: dewlt(path.wlt) -> 1, writes photo.bmp into the working folder
    "dewlt_file": Convention("dewlt", False, 40960, _file_only),
}


def limit_resources(timeout_s: float) -> None:
    """A library that runs wild is stopped by the kernel, and leaves no memory dump of somebody's face."""
    cpu_s = math.ceil(timeout_s) + 1
    for kind, limit in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, _MEMORY_LIMIT),
        (resource.RLIMIT_FSIZE, _FILE_LIMIT),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_LIMIT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def decode(library: str, symbol: str, convention_name: str, code: int, block: bytes) -> tuple[Outcome, bytes]:
    """Call the library once."""
    convention = CONVENTIONS[convention_name]
    try:
        function = getattr(ctypes.CDLL(library), symbol)
    except (OSError, AttributeError) as error:
        return Outcome.NOT_LOADED, str(error).encode()
    function.restype = ctypes.c_int
    arena = Arena(block, convention.source_size, convention.target_size)
    done, size = convention.call(function, arena, code)
    if arena.is_overrun():
        return Outcome.OVERRUN, b""
    if not done or not 0 <= size <= convention.target_size:
        return Outcome.REFUSED, b"it returned no success"
    return Outcome.PICTURE, arena.result()[:size]


def serve(arguments: list[str], source: BinaryIO, target: BinaryIO) -> None:
    """Decode the one block in ``source`` and tell ``target`` how it went."""
    library, symbol, convention, code = arguments
    outcome, content = decode(library, symbol, convention, int(code), source.read(SOURCE_SIZE))
    target.write(bytes((outcome,)) + content)


def main(arguments: list[str]) -> int:
    """Read the block, call the library, write the outcome."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    limit_resources(float(arguments.pop()))
    with os.fdopen(answer, "wb") as pipe:
        serve(arguments, sys.stdin.buffer, pipe)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
