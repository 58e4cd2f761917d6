"""What stands before the simulated camera, as light: every layer has its own radiance and its own answer to the ring.

A pixel's radiance is ``own + own * gain * ring``: ``own`` what it sends without the ring, ``gain`` how much of the
ring's light it sends back in proportion. For a surface that the room lights, ``gain`` is the ratio of two irradiances
(ring to room); its paint cancels out. Of a head it follows the shape (Lambert's cosine, distance), of paper it is flat,
of a screen nearly nothing, of a picture fed in behind the lens nothing at all.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from hw.camera.simulated_head import Array, HeadFrame, depth, normals, outline

DISTANCE: Final = 8.0
"""Camera to face, in eye distances: half a metre."""
ROOM_DISTANCE: Final = 20.0
"""Camera to what is behind, 1.25 m: the ring's light falls with the square."""
SCREEN_REFLECTS: Final = 0.004
"""The ring's light that a screen's glass sends back, against white paper: a hundredth, of a screen thrice as bright."""
BENDS_UP_TO: Final = 0.9
"""Share of its radius to which a bent sheet is round, to either side; farther out it goes on straight."""
CRUMPLES: Final = 0.3
"""How far crumples of a sheet reach, in eye distances."""


@unique
class Kind(StrEnum):
    """Who or what it is."""

    NOBODY = "nobody"
    LIVE = "live"
    PRINT = "print"
    """A sheet with the picture, held before the camera."""
    POSTER = "poster"
    """A print that fills the camera's whole view."""
    BENT = "bent"
    """A sheet bent about an axis, like a head about an upright one; crumpled too, if asked."""
    CUTOUT = "cutout"
    """A print cut along head and shoulders."""
    SCREEN = "screen"
    INJECTED = "injected"
    """A recording in the camera's place."""
    TINT = "tint"
    """An injected recording, tinted all over with the light that is seen."""


@unique
class Act(StrEnum):
    """What she is asked to do, and does."""

    STILL = "still"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    BLINK = "blink"


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene file. ``picture`` and ``face`` (five landmarks in it, see `HeadFrame`) are needed by all but nobody.

    ``ratio``: irradiance of the ring's full primary colour on the face, to that of the room. ``delay_ms``: the answer
    to the light comes so much later. ``face_px``: width of the face in the frame. ``motion``: 1 is somebody who stands
    still as people do. ``side_light``: share of the room's light that comes from one side, 0 to 1. ``exposure_drift``
    and ``white_drift``: by what share exposure, and red against blue, go up and down while they are not held. ``seed``
    draws the rest. ``roll_deg``: the picture is turned so far clockwise about the face: she lies. ``radius``: of a bent
    sheet, in eye distances (a head is 1.2 wide to either side), below 0 bent away; its print is stretched and looks
    right from the front. ``bend_deg``: its axis, clockwise from upright. ``crumple``: root mean square of its slope.
    """

    kind: Kind = Kind.NOBODY
    picture: str = field(default="", repr=False)
    face: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    act: Act = Act.STILL
    ratio: float = 0.05
    delay_ms: float = 0.0
    face_px: float = 190.0
    motion: float = 1.0
    side_light: float = 0.3
    exposure_drift: float = 0.0
    white_drift: float = 0.0
    seed: int = 0
    roll_deg: float = 0.0
    radius: float = 2.0
    bend_deg: float = 0.0
    crumple: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Scene:
        """From the JSON of a scene file.

        Raises:
            ValueError: not JSON, an unknown name, or a value that means nothing.
        """
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("a scene is a JSON object")
        unknown = sorted(set(document) - {item.name for item in fields(cls)})
        if unknown:
            raise ValueError(f"a scene has no {unknown[0]!r}")
        try:
            return cls(**{name: _value(name, value) for name, value in document.items()})
        except TypeError as error:
            raise ValueError(f"a scene's value is of the wrong type: {error}") from error

    def to_json(self) -> str:
        """The scene file's text."""
        return json.dumps({item.name: getattr(self, item.name) for item in fields(self)})


def _value(name: str, value: Any) -> Any:
    if name in {"kind", "act"}:
        return (Kind if name == "kind" else Act)(value)
    if name == "picture":
        return str(value)
    if name == "face":
        return tuple((float(x), float(y)) for x, y in value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is not finite")
    if name == "radius" and number == 0:
        raise ValueError("a sheet cannot be bent to a radius of 0")
    return int(number) if name == "seed" else number


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Something before the camera, float32 maps of the frame's size: `layer` makes it.

    ``own`` and ``reflex`` (own times gain, per unit of the ring's light) are red, green, blue.
    ``cover`` is 1 where it is, 0 where one sees past it. ``depth``: height towards the camera in eye distances, None
    for what is flat and stiff. ``added``: light of the ring that comes back whatever is painted there (a screen's
    glass), in units of ``own``.
    """

    own: Array
    reflex: Array
    cover: Array
    depth: Array | None
    added: float = 0.0


def layer(own: Array, gain: Array, cover: Array, depth_map: Array | None = None, added: float = 0.0) -> Layer:
    """A layer whose pixels answer the ring's light by ``gain``."""
    return Layer(own, own * gain[..., np.newaxis], cover, depth_map, added)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The room and what stands in it; ``head`` where its head is in the frame."""

    room: Layer
    front: Layer | None
    head: HeadFrame
    x: Array
    y: Array


def linear(picture: npt.NDArray[np.uint8]) -> Array:
    """Light from an sRGB picture (IEC 61966-2-1), 0 to 1, BGR to RGB."""
    table = np.arange(256) / 255.0
    table = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    return np.asarray(table.astype(np.float32)[picture[..., ::-1]], np.float32)


def build(scene: Scene, width: int, height: int) -> Stage:
    """Everything of ``scene`` that does not move.

    Raises:
        ValueError: the picture cannot be read, or ``face`` are no five landmarks.
    """
    chance = np.random.default_rng(scene.seed)
    if scene.kind is Kind.NOBODY:
        head = HeadFrame(width / 2, height / 2, scene.face_px / 2.2, 0.0)
        x, y = head.coordinates(width, height)
        return Stage(room_layer(scene, chance, width, height), None, head, x, y)
    picture, head = placed(scene, width, height)
    x, y = head.coordinates(width, height)
    if scene.kind in {Kind.LIVE, Kind.INJECTED, Kind.TINT}:
        room = behind(scene, chance, picture, outline(x, y))
    else:
        room = room_layer(scene, chance, width, height)
    return Stage(room, front_layer(scene, chance, picture, head, x, y), head, x, y)


def placed(scene: Scene, width: int, height: int) -> tuple[Array, HeadFrame]:
    """The picture's light in the frame, the face in its middle with ``face_px`` from ear to ear."""
    image = cv2.imread(scene.picture, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("the scene's picture is missing or damaged")
    source = HeadFrame.from_landmarks(scene.face)
    scale, roll = scene.face_px / 2.2 / source.scale_px, math.radians(scene.roll_deg)
    turn = scale * np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    shift = np.array([width / 2, height * 0.42]) - turn @ np.array([source.x, source.y])
    matrix = np.column_stack([turn, shift])
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    frame = cv2.warpAffine(image, matrix, (width, height), flags=kind, borderMode=cv2.BORDER_REPLICATE)
    head = HeadFrame(width / 2, height * 0.42, source.scale_px * scale, source.roll + roll)
    return linear(np.asarray(frame, np.uint8)) * np.float32(0.8) + np.float32(0.01), head


def room_layer(scene: Scene, chance: np.random.Generator, width: int, height: int) -> Layer:
    """A wall with some things on it; it answers the ring, from farther away."""
    coarse = chance.uniform(0.05, 0.35, (7, 9, 1)) * chance.uniform(0.8, 1.2, (7, 9, 3))
    own = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    gain = np.full((height, width), scene.ratio * wall_gain(chance), np.float32)
    return layer(np.asarray(own, np.float32), gain, np.ones((height, width), np.float32))


def wall_gain(chance: np.random.Generator) -> float:
    """The wall's answer against the face's: by distance, and by how light the room is there."""
    return float((DISTANCE / ROOM_DISTANCE) ** 2 / chance.uniform(0.5, 1.5))


def behind(scene: Scene, chance: np.random.Generator, picture: Array, person: Array) -> Layer:
    """The picture's own background; where the person stands it is filled in from the sides."""
    keep = (1 - person)[..., np.newaxis]
    weight = smoothed(1 - person)[..., np.newaxis]
    filled = picture * keep + smoothed(picture * keep) / np.maximum(weight, 1e-3) * (1 - keep)
    ratio = scene.ratio * wall_gain(chance) if scene.kind is Kind.LIVE else 0.0
    return layer(filled.astype(np.float32), np.full(person.shape, ratio, np.float32), np.ones_like(person))


def smoothed(picture: Array) -> Array:
    """Blurred by a twelfth of its width; done on an eighth of the pixels each way, a scene must come up quickly."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), width / 8 / 12)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def front_layer(
    scene: Scene, chance: np.random.Generator, picture: Array, head: HeadFrame, x: Array, y: Array
) -> Layer:
    """The person, the paper or the screen."""
    flat = np.full(x.shape, scene.ratio, np.float32)
    sheet = rectangle(x, y, 2.2, -2.2, 2.9)
    z = depth(x, y)
    match scene.kind:
        case Kind.LIVE:
            return layer(picture, scene.ratio * shaped(scene, chance, head, x, y, z), outline(x, y), z)
        case Kind.INJECTED | Kind.TINT:
            return layer(picture, np.zeros_like(flat), outline(x, y), z)
        case Kind.SCREEN:
            return layer(picture * np.float32(1.1), np.zeros_like(flat), sheet, None, scene.ratio * SCREEN_REFLECTS)
        case Kind.BENT:
            z = bent(scene, chance, head, x, y)
            return layer(picture, scene.ratio * shaped(scene, chance, head, x, y, z), sheet, z)
        case Kind.POSTER:
            return layer(picture, leaning(flat, x, y, chance), np.ones_like(flat))
        case Kind.CUTOUT:
            return layer(picture, leaning(flat, x, y, chance), outline(x, y))
        case _:
            return layer(picture, leaning(flat, x, y, chance), sheet)


def shaped(scene: Scene, chance: np.random.Generator, head: HeadFrame, x: Array, y: Array, z: Array) -> Array:
    """Ring's to room's irradiance on what has a shape, 1 on the average of the face's front."""
    normal = normals(z, head.scale_px)
    cos, sin = math.cos(head.roll), math.sin(head.roll)
    to_ring = np.stack([sin * y - cos * x, -sin * x - cos * y, DISTANCE - (z - z.max())], axis=-1)
    distance = np.linalg.norm(to_ring, axis=-1)
    ring = np.maximum((normal * to_ring).sum(axis=-1) / distance, 0) * (DISTANCE / distance) ** 2
    gain = ring / room_light(scene, chance, normal, z, head.scale_px)
    front = (np.abs(x) < 0.8) & (np.abs(y - 0.5) < 1.0)
    return np.asarray(gain / gain[front].mean(), np.float32)


def room_light(scene: Scene, chance: np.random.Generator, normal: Array, z: Array, scale_px: float) -> Array:
    """The room's irradiance on a head: a bright ceiling all around, a lamp or window from one side, hollows darker."""
    azimuth, height = chance.uniform(0, 2 * np.pi), chance.uniform(0.2, 1.0)
    lamp = np.array([np.cos(azimuth), -height, abs(np.sin(azimuth)) + 0.2], np.float32)
    directed = np.maximum(normal @ (lamp / np.linalg.norm(lamp)), 0)
    ceiling = 0.7 - 0.3 * normal[..., 1]
    hollow = 1 + 0.8 * np.clip(z - cv2.GaussianBlur(z, (0, 0), 0.26 * scale_px), -0.4, 0)
    light = ((1 - scene.side_light) * ceiling + scene.side_light * 1.6 * directed) * hollow
    return np.asarray(np.maximum(light, 0.12), np.float32)


def leaning(flat: Array, x: Array, y: Array, chance: np.random.Generator) -> Array:
    """A flat sheet, held a little askew: the ring's light falls off slowly over it, and so does the room's."""
    slope_x, slope_y = chance.normal(0, 0.04, 2)
    square = 1 - (x**2 + y**2) / DISTANCE**2
    return np.asarray(flat * (1 + slope_x * x + slope_y * y) * square, np.float32)


def bent(scene: Scene, chance: np.random.Generator, head: HeadFrame, x: Array, y: Array) -> Array:
    """Depth of a bent sheet in eye distances, 0 at its middle, with its crumples."""
    axis = math.radians(scene.bend_deg)
    z = bow(x * np.float32(math.cos(axis)) + y * np.float32(math.sin(axis)), scene.radius)
    return z + crumples(scene, chance, head, z.shape) if scene.crumple else z


def bow(across: Array, radius: float) -> Array:
    """Depth of a sheet ``across`` its axis."""
    off = np.abs(across) / abs(radius)
    round_part = 1 - np.sqrt(1 - np.minimum(off, BENDS_UP_TO) ** 2)
    steepness = BENDS_UP_TO / math.sqrt(1 - BENDS_UP_TO**2)
    return np.asarray(-radius * (round_part + steepness * np.maximum(off - BENDS_UP_TO, 0)), np.float32)


def crumples(scene: Scene, chance: np.random.Generator, head: HeadFrame, size: tuple[int, ...]) -> Array:
    """Heights that make slopes of ``scene.crumple`` in a sheet, in eye distances."""
    rough = cv2.GaussianBlur(chance.standard_normal(size, np.float32), (0, 0), CRUMPLES * head.scale_px)
    slope = float(np.sqrt(np.square(np.gradient(rough)).sum(axis=0).mean())) * head.scale_px
    return np.asarray(rough * np.float32(scene.crumple / slope), np.float32)


def rectangle(x: Array, y: Array, half_width: float, top: float, bottom: float) -> Array:
    """1 inside, 0 outside, with an edge of a few pixels."""
    inside = np.minimum(half_width - np.abs(x), np.minimum(y - top, bottom - y))
    return np.asarray(np.clip(inside / 0.03, 0, 1), np.float32)


def load_scene(path: Path) -> Scene:
    """The scene of a file; nobody when there is none.

    Raises:
        ValueError: it is no scene.
    """
    try:
        return Scene.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return Scene()
