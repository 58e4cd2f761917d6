"""An ID card's chip photo made from an ordinary picture: 102x126 pixels, WebP of at most 1010 bytes.

The closed codec of real cards is not at hand; WebP at the same size and byte count stands for it. `flatten` puts a
plain background outside a soft head-and-shoulders outline, as on a card, whose bytes then all go to the person.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.detector import Face
from models.image import FloatArray, Image

WIDTH_PX, HEIGHT_PX = 102, 126
MAX_BYTES = 1010
MIN_QUALITY, MAX_QUALITY = 1, 100
FACE_HEIGHT = 0.55
"""Height of the face's box (hairline to chin) in the photo's height."""
FACE_CENTRE = 0.52
"""Where the box's centre stands, from the top in the photo's height: hair above it, shoulders below."""
BACKGROUND = 238
OUTLINE_SOFT_PX = 2.5


class DoesNotFit(Exception):
    """Even the poorest WebP has more than 1010 bytes."""


def chip_photo(image: Image, face: Face, *, flatten: bool, max_bytes: int = MAX_BYTES) -> Image:
    """What a reader would decode from the chip, made of ``face`` in ``image``; (126, 102, 3).

    Raises:
        DoesNotFit: no WebP quality gives so few bytes.
    """
    photo = portrait(image, face)
    return decode(encode(flattened(photo, outline(face)) if flatten else photo, max_bytes))


def portrait(image: Image, face: Face) -> Image:
    """The picture cut and scaled so that the face has its place; edges are repeated where it ends too early."""
    left, top, width, height = face.box
    crop_height = height / FACE_HEIGHT
    crop_width = crop_height * WIDTH_PX / HEIGHT_PX
    x = round(left + width / 2 - crop_width / 2)
    y = round(top + height / 2 - FACE_CENTRE * crop_height)
    crop = cut(image, x, y, max(2, round(crop_width)), max(2, round(crop_height)))
    return np.asarray(cv2.resize(crop, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def cut(image: Image, x: int, y: int, width: int, height: int) -> Image:
    """The rectangle, its parts outside the picture filled with the nearest pixels."""
    columns = np.clip(np.arange(x, x + width), 0, image.shape[1] - 1)
    rows = np.clip(np.arange(y, y + height), 0, image.shape[0] - 1)
    return np.ascontiguousarray(image[rows[:, None], columns])


def outline(face: Face) -> FloatArray:
    """Weight of each pixel, (126, 102), 1 on head, neck and shoulders, 0 on the background, soft between."""
    height = FACE_HEIGHT * HEIGHT_PX
    width = height * face.box[2] / face.box[3]
    x, y = WIDTH_PX / 2, FACE_CENTRE * HEIGHT_PX
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    draw_ellipse(mask, (x, y - 0.10 * height), (0.64 * width, 0.64 * height))
    draw_ellipse(mask, (x, y + 1.20 * height), (1.40 * width, 0.72 * height))
    neck = round(x - 0.36 * width), round(y), round(x + 0.36 * width), HEIGHT_PX
    mask[neck[1] : neck[3], neck[0] : neck[2]] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), OUTLINE_SOFT_PX), np.float32)


def draw_ellipse(mask: FloatArray, centre: tuple[float, float], axes: tuple[float, float]) -> None:
    """Fill an upright ellipse with ones; ``axes`` are its half width and half height, in pixels."""
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    inside = ((columns - centre[0]) / axes[0]) ** 2 + ((rows - centre[1]) / axes[1]) ** 2 <= 1
    mask[inside] = 1


def flattened(photo: Image, mask: FloatArray) -> Image:
    """``photo`` where ``mask`` is 1, a plain light background where it is 0."""
    weight = mask[:, :, np.newaxis]
    return np.asarray(np.rint(photo * weight + BACKGROUND * (1 - weight)), np.uint8)


def encode(photo: Image, max_bytes: int = MAX_BYTES) -> bytes:
    """The WebP file of the highest quality that has at most 1010 bytes.

    Raises:
        DoesNotFit: none has.
    """
    low, best = MIN_QUALITY, b""
    high = MAX_QUALITY
    while low <= high:
        quality = (low + high) // 2
        data = webp(photo, quality)
        if len(data) <= max_bytes:
            low, best = quality + 1, data
        else:
            high = quality - 1
    if not best:
        raise DoesNotFit(f"the poorest WebP of this photo has more than {max_bytes} bytes")
    return best


def webp(photo: Image, quality: int) -> bytes:
    """One WebP file."""
    return cv2.imencode(".webp", photo, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()


def decode(data: bytes) -> Image:
    """The picture in a WebP file."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
