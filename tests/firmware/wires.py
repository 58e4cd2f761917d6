"""What a bad line does to the bytes that travel on it. A wire keeps what it remembers; make one for each direction."""

from __future__ import annotations

import random
from collections.abc import Callable

Wire = Callable[[bytes], bytes]


def corrupting(share: float, seed: int) -> Wire:
    """Changes each byte with probability ``share``."""
    dice = random.Random(seed)

    def wire(data: bytes) -> bytes:
        return bytes(byte ^ dice.randrange(1, 256) if dice.random() < share else byte for byte in data)

    return wire


def hostile(seed: int) -> Wire:
    """Loses, doubles, truncates, delays past later ones and replays frames, lengthens them, and makes some up."""
    dice = random.Random(seed)
    old: list[bytes] = []

    def one(frame: bytes) -> bytes:
        deed = dice.randrange(10)
        if deed == 0:
            return b""
        if deed == 1:
            return frame * 2
        if deed == 2:
            return frame[: dice.randrange(len(frame))]
        if deed == 3:
            return frame[:-1] + dice.randbytes(dice.randrange(1, 200)) + frame
        if deed == 4:
            return dice.choice(old) + frame
        if deed == 5:
            return frame + dice.choice(old)
        return dice.choice(old) if deed == 6 else frame

    def wire(data: bytes) -> bytes:
        frames = [b"\0" + piece + b"\0" for piece in data.split(b"\0") if piece]
        old.extend(frames)
        del old[:-400]
        dice.shuffle(frames)
        return b"".join(map(one, frames))

    return wire
