"""HMAC-SHA256 (RFC 2104) over MicroPython's hashlib; this interpreter has no hmac. RFC 4231 vectors test it."""

from hashlib import sha256

from micropython import const

BLOCK = const(64)


class HmacSha256:
    """One key, prepared."""

    def __init__(self, key: bytes) -> None:
        if len(key) > BLOCK:
            key = sha256(key).digest()
        inner = bytearray(b"\x36" * BLOCK)
        outer = bytearray(b"\x5c" * BLOCK)
        for i, byte in enumerate(key):
            inner[i] ^= byte
            outer[i] ^= byte
        self._inner = inner
        self._outer = outer

    def digest(self, message: bytes | bytearray) -> bytes:
        """The 32 bytes of the MAC."""
        first = sha256(self._inner)
        first.update(message)
        second = sha256(self._outer)
        second.update(first.digest())
        return bytes(second.digest())
