"""Stand-in of ``rp2.Flash``: a file that behaves as NOR flash. A byte written twice without an erasure is an error."""

import os

from machine import tell

SECTOR = 4096
_BLANK = b"\xff" * 256
_path = os.getenv("STAND_IN_FLASH")
SIZE = int(os.getenv("STAND_IN_FLASH_SIZE") or 1441792)


class Flash:
    def __init__(self, start=0, len=SIZE):
        self._start = start
        self._len = len
        try:
            os.stat(_path)
        except OSError:
            with open(_path, "wb") as file:
                for _ in range(131072 // 256):
                    file.write(_BLANK)
        self._file = open(_path, "r+b", buffering=0)

    def _seek(self, block, offset):
        # The file holds the last 128 KiB only.
        self._file.seek(self._start + block * SECTOR + offset - (SIZE - 131072))

    def readblocks(self, block, buffer, offset=0):
        self._seek(block, offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset):
        self._seek(block, offset)
        before = self._file.read(len(buffer))
        if any(old != 0xFF and new != 0xFF for old, new in zip(before, buffer)):
            raise ValueError("byte is not blank")
        self._seek(block, offset)
        self._file.write(bytes(old & new for old, new in zip(before, buffer)))
        tell("wrote", block, offset)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._len // SECTOR
        if operation == 5:
            return SECTOR
        if operation == 6:
            self._seek(argument, 0)
            for _ in range(SECTOR // 256):
                self._file.write(_BLANK)
        return 0
