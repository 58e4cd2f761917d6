"""A record's content as it lies in the database: the envelope and, in a last line, its SHA-256.

The unit cannot open its own envelopes, so this is how it sees that a disk has changed one: a changed envelope can be
delivered to nobody, and no record behind it can be verified.
"""

from __future__ import annotations

from evidence.encoding import sha256_hex

_TAIL = 1 + 64
"""A line feed and the hash."""


def pack(envelope: bytes) -> bytes:
    """``envelope`` with its hash."""
    return envelope + b"\n" + sha256_hex(envelope).encode("ascii")


def is_whole(content: bytes) -> bool:
    """Whether the envelope is what it was. One without a hash (schema before 0.1) ends as JSON does."""
    if content.endswith(b"}"):
        return True
    return content[-_TAIL:] == b"\n" + sha256_hex(content[:-_TAIL]).encode("ascii")


def unpack(content: bytes) -> bytes:
    """The envelope.

    Raises:
        ValueError: it has changed.
    """
    if not is_whole(content):
        raise ValueError("its content has changed on the disk")
    return content if content.endswith(b"}") else content[:-_TAIL]
