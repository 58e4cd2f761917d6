"""The golden vectors against the firmware's codec."""

import json
from binascii import hexlify, unhexlify

from coprocessor import frames, messages
from coprocessor.hmac_sha256 import HmacSha256

DAMAGES = {
    frames.CHECKSUM: "checksum",
    frames.STUFFING: "stuffing",
    frames.TOO_SHORT: "too short",
    frames.TOO_LONG: "too long",
}


def vectors(part):
    with open("../vectors/coprocessor.json") as file:
        return json.load(file)[part]


def parsed(parser, data):
    """What the parser finds in ``data``."""
    at = 0
    while at < len(data):
        at = parser.take(data, at, len(data))
        if parser.found == frames.FRAME:
            yield {
                "type": parser.kind,
                "session": parser.session,
                "sequence": parser.number,
                "payload": hexlify(parser.payload).decode(),
            }
        elif parser.found != frames.NOTHING:
            yield {"damage": DAMAGES[parser.found]}


def check_crc():
    for vector in vectors("crc16"):
        data = unhexlify(vector["data"])
        assert frames.crc16(data, len(data)) == vector["crc"], vector


def check_streams_whole():
    for vector in vectors("streams"):
        assert list(parsed(frames.Parser(), unhexlify(vector["hex"]))) == vector["events"], vector["name"]


def check_streams_byte_by_byte():
    for vector in vectors("streams"):
        parser = frames.Parser()
        found = [one for byte in unhexlify(vector["hex"]) for one in parsed(parser, bytes([byte]))]
        assert found == vector["events"], vector["name"]


def check_frames_read():
    for vector in vectors("frames"):
        (found,) = parsed(frames.Parser(), unhexlify(vector["hex"]))
        for name, value in found.items():
            assert vector[name] == value, vector["name"]


def check_frames_written():
    out = frames.new_frame()
    for vector in vectors("frames"):
        payload = unhexlify(vector["payload"])
        length = frames.write_frame(out, vector["type"], vector["session"], vector["sequence"], payload)
        assert hexlify(out[:length]).decode() == vector["hex"], vector["name"]


def check_oversized_payload_is_refused():
    try:
        frames.write_frame(frames.new_frame(), 1, 0, 0, bytes(messages.MAX_PAYLOAD + 1))
    except ValueError:
        return
    raise AssertionError("a payload of 56 bytes was written")


def check_messages():
    import struct

    for vector in vectors("messages"):
        assert getattr(messages, vector["name"]) == vector["type"]
        layout = messages.LAYOUTS[vector["type"]]
        payload = unhexlify(vector["payload"])
        assert struct.calcsize(layout) == len(payload), vector["name"]
        assert struct.pack(layout, *struct.unpack(layout, payload)) == payload, vector["name"]


def check_hmac():
    for vector in vectors("hmac_sha256"):
        seal = HmacSha256(unhexlify(vector["key"]))
        assert hexlify(seal.digest(unhexlify(vector["data"]))).decode() == vector["mac"]
        assert hexlify(seal.digest(unhexlify(vector["data"]))).decode() == vector["mac"], "a key is used again"


def check_event_macs():
    import struct

    from coprocessor.journal import _COVERED, DOMAIN

    for vector in vectors("macs"):
        seal = HmacSha256(unhexlify(vector["key"]))
        mac = seal.digest(DOMAIN + struct.pack(_COVERED, *vector["fields"]))[: messages.MAC_SIZE]
        assert hexlify(mac).decode() == vector["mac"]


def check_any_bytes_never_raise():
    """A long stream of pseudo-random bytes, with frames strewn in, is survived and the frames behind it are found."""
    parser = frames.Parser()
    state = 1
    noise = bytearray(256)
    whole = frames.new_frame()
    length = frames.write_frame(whole, 0x11, 7, 2, b"")
    for _ in range(200):
        for i in range(len(noise)):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            noise[i] = state >> 16 & 0xFF
        list(parsed(parser, noise))
        found = list(parsed(parser, bytes(1) + whole[:length]))
        assert found[-1] == {"type": 0x11, "session": 7, "sequence": 2, "payload": ""}
