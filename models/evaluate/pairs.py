"""The list of pairs, and which person a picture shows."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeAlias

HEADER = ("a", "b", "same")
Row: TypeAlias = tuple[str, str, bool]


class Half(StrEnum):
    """Half of all people, by a hash of their name: everything learned rests on one, every claim on the other."""

    LEARNED = "learned"
    UNSEEN = "unseen"


class PairsError(Exception):
    """The list cannot be used; the message says which line and why, without its pictures' names."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """``pictures`` are paths below the root, sorted; ``first``, ``second`` index them, ``same`` says one person.

    A picture whose partner was left out stays: it takes part as an impostor.
    """

    pictures: tuple[str, ...]
    people: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    same: tuple[bool, ...]


def read_pairs(path: Path, limit: int | None = None, half: Half | None = None, *, symmetric: bool = False) -> Pairs:
    """Read a CSV file with the columns a, b, same (1 or 0).

    ``half`` leaves out the other half's people. ``limit`` takes so many genuine and so many other pairs, evenly over
    the list, not its beginning only. ``symmetric``: both pictures are made the same way, so that ``a,b`` and
    ``b,a`` are one comparison.

    Raises:
        PairsError: no such file, another header, a line without two different pictures or without 0 or 1, or whose
            ``same`` is not what the names of its pictures say.
    """
    lines = parse(path)
    everybody = sorted({picture for a, b, _ in lines for picture in (a, b)})
    key_of = dict(zip(everybody, person_keys(everybody), strict=True))
    rows = either_way_once(lines) if symmetric else list(lines)
    listed = {picture for a, b, _ in rows for picture in (a, b)}
    if half is not None:
        listed = {picture for picture in listed if half_of(key_of[picture]) is half}
        rows = [row for row in rows if row[0] in listed and row[1] in listed]
    if limit is not None:
        rows = spread(rows, limit)
        listed = {picture for a, b, _ in rows for picture in (a, b)}
    if not any(same for _, _, same in rows):
        raise PairsError(f"{path}: no pair of one person")
    pictures = tuple(sorted(listed))
    index = {picture: number for number, picture in enumerate(pictures)}
    pairs = Pairs(
        pictures,
        numbered([key_of[picture] for picture in pictures]),
        first=tuple(index[a] for a, _, _ in rows),
        second=tuple(index[b] for _, b, _ in rows),
        same=tuple(same for _, _, same in rows),
    )
    for row, a, b in zip(rows, pairs.first, pairs.second, strict=True):
        if row[2] != (pairs.people[a] == pairs.people[b]):
            told = f"'same' says {int(row[2])}, {layout(everybody)} of its pictures say {int(not row[2])}"
            raise PairsError(f"{path}: line {lines[row]}: {told}")
    return pairs


def parse(path: Path) -> dict[Row, int]:
    """The file's rows, each once, and the first line of each: a line that is repeated is no second comparison."""
    lines: dict[Row, int] = {}
    for number, (a, b, same) in enumerate(listed(path, HEADER), start=2):
        if same not in ("0", "1") or not a or not b or a == b:
            raise PairsError(f"{path}: line {number} is not two different pictures and 0 or 1")
        lines.setdefault((a, b, same == "1"), number)
    return lines


def either_way_once(rows: Iterable[Row]) -> list[Row]:
    """Without those that list a pair once more, the other way round."""
    kept: dict[tuple[frozenset[str], bool], Row] = {}
    for a, b, same in rows:
        kept.setdefault((frozenset((a, b)), same), (a, b, same))
    return list(kept.values())


def listed(path: Path, header: tuple[str, ...]) -> list[list[str]]:
    """The lines of a CSV file below its ``header``, without spaces around the values.

    Raises:
        PairsError: no such file, no CSV, another header, a line of another length or with a null character.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [[value.strip() for value in line] for line in csv.reader(file)]
            while lines and not any(lines[-1]):
                lines.pop()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PairsError(f"{path}: {error}") from error
    if not lines or tuple(lines[0]) != header:
        raise PairsError(f"{path}: the first line is {','.join(header)}")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header) or "\0" in "".join(line):
            raise PairsError(f"{path}: line {number} is not {','.join(header)}")
    return lines[1:]


def whole(text: str) -> int:
    """A number from 1 on, of an option; ValueError otherwise."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def spread(rows: list[Row], limit: int) -> list[Row]:
    """At most ``limit`` rows of each kind, evenly over the list."""
    kept: list[Row] = []
    for kind in (True, False):
        some = [row for row in rows if row[2] is kind]
        count = min(limit, len(some))
        kept += [some[number * len(some) // count] for number in range(count)]
    return kept


def numbered(keys: Sequence[str]) -> tuple[int, ...]:
    """A number for each picture's person."""
    number = {key: index for index, key in enumerate(sorted(set(keys)))}
    return tuple(number[key] for key in keys)


def person_keys(pictures: Sequence[str]) -> list[str]:
    """Each person's name: the folder, or the file name up to its last `_` when all lie in one folder."""
    paths = [PurePosixPath(picture) for picture in pictures]
    if in_folders(pictures):
        return [path.parent.name for path in paths]
    return [path.stem.rpartition("_")[0] or path.stem for path in paths]


def in_folders(pictures: Sequence[str]) -> bool:
    """Whether a folder stands for a person: the pictures lie in more than one."""
    return len({PurePosixPath(picture).parent for picture in pictures}) > 1


def layout(pictures: Sequence[str]) -> str:
    """What a person is known by in this list, for a message."""
    return "the folders" if in_folders(pictures) else "all lie in one folder, the file prefixes (up to the last _)"


def half_of(key: str) -> Half:
    """The half that a person belongs to, the same in every list."""
    return Half.LEARNED if hashlib.sha256(key.encode()).digest()[0] % 2 == 0 else Half.UNSEEN
