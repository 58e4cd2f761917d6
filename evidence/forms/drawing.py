"""What a drawn name is: a small PNG of 8-bit pixels (W3C PNG, third edition), looked at without a picture library.

A page may send anything. What passes here is set on a form without surprise: every chunk is whole, and the pixels are
as many as the header says and no more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

LARGEST = 48_000
"""Bytes of a drawing; the screen's pad makes some 10 000."""
WIDEST, HIGHEST = 2000, 1000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Samples a pixel by colour type (11.2.1): grey, colour, each without and with alpha. A pad makes no palette."""


class NotADrawing(ValueError):
    """The bytes are no picture of a name. Says what is wrong with their form."""


def picture_of(png: bytes) -> bytes:
    """``png`` without what may stand beside its pixels: only that is set on a form.

    Raises:
        NotADrawing: it is no picture, or larger than any name needs.
    """
    if len(png) > LARGEST:
        raise NotADrawing(f"larger than {LARGEST} bytes")
    # Bit 5 of a type's first byte is 0 in critical chunks (5.4): a reader may do without all others.
    chunks = [one for one in _chunks(png) if not one[0][0] & 0x20]
    kinds = [kind for kind, _ in chunks]
    if len(kinds) < 3 or kinds != [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"]:
        raise NotADrawing("not a header, pixels and an end")
    _check_pixels(chunks[0][1], b"".join(data for kind, data in chunks if kind == b"IDAT"))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk (5.3)."""
    if not png.startswith(_SIGNATURE):
        raise NotADrawing("not a PNG")
    at = len(_SIGNATURE)
    while at < len(png):
        if at + 12 > len(png):
            raise NotADrawing("a chunk is cut off")
        length, kind = struct.unpack_from(">I4s", png, at)
        end = at + 8 + length
        if end + 4 > len(png) or zlib.crc32(png[at + 4 : end]) != struct.unpack_from(">I", png, end)[0]:
            raise NotADrawing("a chunk is cut off, or its check sum is wrong")
        yield kind, png[at + 8 : end]
        at = end + 4


def _check_pixels(header: bytes, packed: bytes) -> None:
    if len(header) != 13:
        raise NotADrawing("its header is none")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if not (0 < width <= WIDEST and 0 < height <= HIGHEST):
        raise NotADrawing(f"not within {WIDEST} by {HIGHEST} pixels")
    if colour not in _CHANNELS or (depth, compression, filtering, interlace) != (8, 0, 0, 0):
        raise NotADrawing("not plain pixels of 8 bits")
    row = 1 + width * _CHANNELS[colour]
    inflater = zlib.decompressobj()
    try:
        pixels = inflater.decompress(packed, row * height + 1)
    except zlib.error:
        raise NotADrawing("its pixels cannot be unpacked") from None
    if len(pixels) != row * height or not inflater.eof or inflater.unused_data:
        raise NotADrawing("not as many pixels as its header says")
    if max(pixels[::row]) > 4:  # a row's first byte is its filter's type (9.2)
        raise NotADrawing("a row has no filter that there is")
