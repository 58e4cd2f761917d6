"""Frames of the link, device's end: 00 | COBS(type, session, number 2, payload 0..55, CRC 2) | 00.

The same format as hw/coprocessor/codec.py, with the golden vectors of tests/vectors/coprocessor.json for both.
Fixed buffers; nothing here grows with what the line brings.
"""

from array import array

from micropython import const

from coprocessor.messages import MAX_BODY, MAX_FRAME, MAX_PAYLOAD

HEADER = const(4)
MIN_BODY = const(6)

NOTHING = const(0)
FRAME = const(1)
CHECKSUM = const(2)
STUFFING = const(3)
TOO_SHORT = const(4)
TOO_LONG = const(5)


def _crc_of_byte(byte: int) -> int:
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
    return crc & 0xFFFF


_TABLE = array("H", (_crc_of_byte(byte) for byte in range(256)))


def crc16(data: bytes | bytearray | memoryview, length: int) -> int:
    """CRC-16/IBM-3740 of the first ``length`` bytes: polynomial 0x1021, start 0xFFFF, not reflected."""
    table = _TABLE
    crc = 0xFFFF
    i = 0
    while i < length:
        crc = ((crc << 8) & 0xFF00) ^ table[(crc >> 8) ^ data[i]]
        i += 1
    return crc


def write_frame(out: bytearray, kind: int, session: int, number: int, payload: bytes | bytearray) -> int:
    """Put a frame into ``out`` (at least MAX_FRAME bytes); returns its length. ValueError: the payload is too long."""
    length = len(payload)
    if length > MAX_PAYLOAD:
        raise ValueError("payload")
    # The body first stands where COBS, going forward, never overtakes its own reading.
    body = memoryview(out)[2 : 2 + HEADER + length + 2]
    body[0] = kind
    body[1] = session
    body[2] = number & 0xFF
    body[3] = number >> 8
    body[HEADER : HEADER + length] = payload
    crc = crc16(body, HEADER + length)
    body[HEADER + length] = crc & 0xFF
    body[HEADER + length + 1] = crc >> 8
    end = 2 + HEADER + length + 2
    out[0] = 0
    mark = 1
    i = 2
    while i < end:
        if out[i] == 0:
            out[mark] = i - mark
            mark = i
        i += 1
    out[mark] = end - mark
    out[end] = 0
    return end + 1


class Parser:
    """Finds frames in a stream of bytes. After :meth:`take`, ``found`` says what ended at the place it returned."""

    def __init__(self) -> None:
        self.found = NOTHING
        self.kind = 0
        self.session = 0
        self.number = 0
        self.payload = b""
        self.damaged = 0
        self._chunk = bytearray(MAX_BODY + 1)
        self._length = 0
        self._too_long = False

    def take(self, data: bytes | bytearray | memoryview, at: int, end: int) -> int:
        """Read ``data[at:end]`` up to the end of the first frame or damage; returns where to go on."""
        self.found = NOTHING
        chunk = self._chunk
        length = self._length
        limit = len(chunk)
        while at < end:
            byte = data[at]
            at += 1
            if byte:
                if length < limit:
                    chunk[length] = byte
                    length += 1
                elif not self._too_long:
                    self._too_long = True
                    self._length = length
                    self._damage(TOO_LONG)
                    return at
            elif self._too_long:
                self._too_long = False
                length = 0
            elif length:
                self._length = 0
                self._finish(length)
                return at
        self._length = length
        return at

    def _damage(self, damage: int) -> None:
        self.found = damage
        self.damaged += 1

    def _finish(self, length: int) -> None:
        """A whole chunk lies in the buffer: undo COBS in place, check, split."""
        chunk = self._chunk
        at = 0
        while at < length:
            step = chunk[at]
            chunk[at] = 0
            at += step
        if at != length:
            self._damage(STUFFING)
            return
        body = memoryview(chunk)[1:length]
        size = length - 1
        if size < MIN_BODY:
            self._damage(TOO_SHORT)
            return
        if crc16(body, size - 2) != body[size - 2] | body[size - 1] << 8:
            self._damage(CHECKSUM)
            return
        self.kind = body[0]
        self.session = body[1]
        self.number = body[2] | body[3] << 8
        self.payload = bytes(body[HEADER : size - 2])
        self.found = FRAME


def new_frame() -> bytearray:
    """A buffer for one frame."""
    return bytearray(MAX_FRAME)
