"""What a network sees is what its entry says, for every byte and in every stacked picture."""

from __future__ import annotations

import numpy as np
import pytest

from models.preprocessing import Preprocessing, reversed_colours

EVERY_BYTE = np.arange(256 * 3, dtype=np.uint32).astype(np.uint8).reshape(16, 16, 3)


@pytest.mark.parametrize(("offset", "scale"), [(127.5, 0.0078125), (0.0, 1 / 255), (127.5, 1 / 127.5)])
def test_every_byte_is_moved_and_scaled_in_float32(offset: float, scale: float) -> None:
    found = Preprocessing("BGR", offset, scale).apply(EVERY_BYTE)
    assert found.shape == (1, 16, 16, 3)
    assert found.dtype == np.float32
    assert np.array_equal(found[0], (EVERY_BYTE.astype(np.float32) - np.float32(offset)) * np.float32(scale))


def test_colours_are_turned_within_each_stacked_picture() -> None:
    first, second = EVERY_BYTE, 255 - EVERY_BYTE
    stacked = np.concatenate([first, second], axis=2)
    expected = np.concatenate([first[..., ::-1], second[..., ::-1]], axis=2)
    assert np.array_equal(reversed_colours(stacked), expected)
    assert np.array_equal(Preprocessing("RGB", 0.0, 1.0).apply(stacked)[0], expected.astype(np.float32))
