"""Rendered presentations of people never trained on, as pictures and a list for `python -m models.evaluate pad`.

`python -m models.train.render --pictures DIR --each 240 --out DIR` writes, for people of the unseen half, so many
frames of every species of `scene`, prints of the other printer, and the pictures as they are. Personal data: delete it
after.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from models.evaluate.pairs import Half
from models.evaluate.progress import progress
from models.image import Image
from models.train.other_printer import printed
from models.train.sample import Person, people
from models.train.scene import Species, shot

AS_IT_IS, OTHER = "photograph", "print_other_printer"
SEED = 30107


def presentations(persons: list[Person], each: int) -> Iterator[tuple[str, bool, int, Image]]:
    """Species, live, the person's number, the picture."""
    for species in (*Species, AS_IT_IS, OTHER):
        random = np.random.default_rng([SEED, len(species)])
        for index in range(each):
            person, other = persons[index * len(persons) // each], persons[int(random.integers(len(persons)))]
            if species == AS_IT_IS:
                yield AS_IT_IS, True, person.number, person.source.picture
            elif species == OTHER:
                yield OTHER, False, person.number, printed(person.source.picture, person.source.box, random)[0]
            else:
                frame = shot(person.source, other.source, Species(species), random)
                yield f"simulated_{species}", species is Species.LIVE, person.number, frame.picture


def main() -> None:
    """Write pictures and list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of live pictures, LFW's names")
    parser.add_argument("--each", type=int, default=240, help="so many of every species")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    persons = people([options.pictures], Half.UNSEEN)
    total = options.each * (len(Species) + 2)
    with (options.out / "list.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("path", "label", "species", "subject"))
        shown = progress(presentations(persons, options.each), total, "frames")
        for index, (species, live, number, picture) in enumerate(shown):
            name = f"{index:05d}.png"
            cv2.imwrite(str(options.out / name), picture)
            lines.writerow((name, "live" if live else "attack", species, f"p{number}"))


if __name__ == "__main__":
    main()
