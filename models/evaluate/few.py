"""`python -m models.evaluate few`: few pictures that serve many pairs, where each of them takes seconds."""

from __future__ import annotations

import argparse
import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path

from models.evaluate.pairs import HEADER, Half, PairsError, person_keys, read_pairs


@dataclass(frozen=True, slots=True)
class Few:
    """``rows`` as in a list of pairs, ``pictures`` paths below the root."""

    pictures: tuple[str, ...]
    rows: tuple[tuple[str, str, int], ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--pairs", type=Path, required=True, help="CSV with the columns a,b,same to choose from")
    parser.add_argument("--half", type=Half, choices=list(Half), help="only people that the learned maps saw, or not")
    parser.add_argument("--people", type=int, default=40, help="at most so many (default: %(default)s)")
    parser.add_argument("--each", type=int, default=3, help="pictures of each person (default: %(default)s)")


def evaluate(options: argparse.Namespace) -> Few:
    """The first ``each`` pictures of people who have so many, evenly over the list, and all their genuine pairs.

    Both ways round, as a chip photo is made of one and not of the other. Impostor pairs need no listing: the
    evaluation compares everybody with everybody.

    Raises:
        PairsError: the list cannot be used, or nobody has so many pictures.
    """
    listed = read_pairs(options.pairs, half=options.half).pictures
    albums: defaultdict[str, list[str]] = defaultdict(list)
    for picture, key in zip(listed, person_keys(listed), strict=True):
        albums[key].append(picture)
    rich = [album[: options.each] for album in albums.values() if len(album) >= options.each]
    if not rich or options.each < 2:
        raise PairsError(f"{options.pairs}: nobody with {options.each} pictures, or too few for a pair")
    count = min(options.people, len(rich))
    chosen = [rich[number * len(rich) // count] for number in range(count)]
    rows = tuple((a, b, 1) for album in chosen for a, b in permutations(album, 2))
    strangers = tuple((first[0], second[0], 0) for first, second in combinations(chosen, 2))
    return Few(tuple(picture for album in chosen for picture in album), rows + strangers)


def to_text(few: Few) -> str:
    """A list of pairs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([HEADER, *few.rows])
    return text.getvalue().rstrip("\n")
