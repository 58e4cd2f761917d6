"""Teach the stem: what the whole embedder answers for a chip photo is to be what it answers for the live picture.

`python -m models.train.stem.fit --faces models/train/work/chips.npz --minutes 45`, in the training's environment, one
thread. The trunk and the live pictures' stem stay as published, so that both kinds of template lie in one space and
there is little that could be learned by heart: 135,000 numbers in twelve convolutions, 808,000 in all eighteen.
Every fifth person is held out to judge by.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.convert.simplify import Network
from models.convert.sources import EMBEDDING, STEM_CONVOLUTIONS, TAUGHT
from models.train.stem.network import Embedder, save

BATCH = 64
HELD_OUT = 5
MEMORY = 0.99
"""Of the moving average of the weights, a step; that average is what is kept."""
MARGIN, SHARPNESS, CLASSES_WEIGHT = 0.1, 32.0, 0.02
REPORT_S = 180


@dataclass(frozen=True, slots=True)
class Space:
    """Where templates are compared: less the people's mean, without the group's direction (`models/projection.py`)."""

    mean: Tensor
    direction: Tensor

    def project(self, vectors: Tensor) -> Tensor:
        """Unit vectors (n, 128) of the network's answers."""
        centred = functional.normalize(vectors) - self.mean
        return functional.normalize(centred - (centred @ self.direction)[:, None] * self.direction)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Chip faces, the live template that each is to have, its person's place among all people's templates."""

    chips: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    targets: Tensor
    persons: Tensor
    people: Tensor


@torch.no_grad()
def templates(embedder: Embedder, faces: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """Of live faces: both looks together."""
    found = []
    for part in torch.from_numpy(faces).split(BATCH):
        looks = [functional.normalize(embedder(look.float())) for look in (part, part.flip(2))]
        found.append(functional.normalize(looks[0] + looks[1]))
    return torch.cat(found)


def means(vectors: Tensor, persons: Tensor) -> Tensor:
    """The mean of each person's."""
    return torch.stack([vectors[persons == person].mean(0) for person in persons.unique()])


def lessons(path: Path, embedder: Embedder) -> tuple[Lesson, Lesson, Space]:
    """What is taught, what is held out, and the space learned from what is taught."""
    with np.load(path) as file:
        live, chips = file["live"], file["chips"]
        person, group, made_of = (torch.from_numpy(file[name]) for name in ("person", "group", "made_of"))
    found, held_out = templates(embedder, live), person % HELD_OUT == 0
    everybody, others = ((group == number) & ~held_out for number in (0, 1))
    mean = means(found[everybody], person[everybody]).mean(0)
    direction = means(found[others], person[others]).mean(0) - mean
    space = Space(mean, functional.normalize(direction, dim=0))

    def lesson(of: Tensor) -> Lesson:
        numbers = person[of].unique()
        chosen = of[made_of].nonzero()[:, 0]
        return Lesson(
            chips[chosen.numpy()],
            space.project(found)[made_of[chosen]],
            torch.searchsorted(numbers, person[made_of[chosen]]),
            space.project(means(found[of], person[of])),
        )

    return lesson(~held_out), lesson(held_out), space


def batch(lesson: Lesson, chosen: Tensor) -> Tensor:
    """Chip faces, mirrored or not, their light changed a little."""
    faces = torch.from_numpy(lesson.chips[chosen.numpy()]).float()
    mirrored = torch.rand(len(faces)) < 0.5
    faces[mirrored] = faces[mirrored].flip(2)
    contrast, light, colour = (torch.randn(len(faces), 1, 1, size) for size in (1, 1, 3))
    return ((faces - 128) * (1 + 0.06 * contrast) + 128 + 5 * light + 2 * colour).clamp(0, 255)


def loss(embedder: Embedder, lesson: Lesson, chosen: Tensor, space: Space) -> Tensor:
    """One less the cosine to the live template; and her own person before all others, by a margin."""
    found = space.project(embedder(batch(lesson, chosen)))
    cosine = (found * lesson.targets[chosen]).sum(1)
    scores = SHARPNESS * (found @ lesson.people.t())
    own = functional.one_hot(lesson.persons[chosen], len(lesson.people))
    classes = functional.cross_entropy(scores - SHARPNESS * MARGIN * own, lesson.persons[chosen])
    return (1 - cosine).mean() + CLASSES_WEIGHT * classes


@torch.no_grad()
def measured(embedder: Embedder, lesson: Lesson, space: Space) -> float:
    """Mean cosine to the live template of people held out."""
    found = torch.cat([embedder(part.float()) for part in torch.from_numpy(lesson.chips).split(BATCH)])
    return float((space.project(found) * lesson.targets).sum(1).mean())


def averaged(embedder: Embedder, kept: list[Tensor], step: int) -> None:
    """The moving average a step on; shorter at first."""
    memory = min(MEMORY, step / (step + 20))
    with torch.no_grad():
        for mean, parameter in zip(kept, embedder.parameters(), strict=True):
            mean.mul_(memory).add_(parameter, alpha=1 - memory)


def fit(embedder: Embedder, options: argparse.Namespace) -> None:
    """The loop, on the schedule of a single cosine; what is kept is written at each report."""
    train, test, space = lessons(options.faces, Embedder(Network.load(EMBEDDING.plain), 0))
    optimiser = torch.optim.Adam([p for p in embedder.parameters() if p.requires_grad], betas=(0.9, 0.99))
    kept = [parameter.detach().clone() for parameter in embedder.parameters()]
    started_s, reported_s, limit_s, step = time.monotonic(), 0.0, options.minutes * 60, 0
    while (spent_s := time.monotonic() - started_s) < limit_s:
        if step % (len(train.chips) // BATCH) == 0:
            order = iter(torch.randperm(len(train.chips)).split(BATCH))
        for group in optimiser.param_groups:
            decay = 0.5 + 0.5 * np.cos(np.pi * spent_s / limit_s)
            group["lr"] = options.rate * min(1.0, 0.05 + step / 50) * decay
        value = loss(embedder, train, next(order), space)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        step += 1
        averaged(embedder, kept, step)
        if spent_s - reported_s > REPORT_S:
            reported_s = spent_s
            report(embedder, kept, test, space, {"step": step, "loss": float(value.detach())})
    report(embedder, kept, test, space, {"step": step})


def report(embedder: Embedder, kept: list[Tensor], test: Lesson, space: Space, seen: dict[str, float]) -> None:
    """Judge and write what is kept, then go on from where the weights were."""
    now = [parameter.detach().clone() for parameter in embedder.parameters()]
    put(embedder, kept)
    cosine = measured(embedder, test, space)
    save(embedder)
    put(embedder, now)
    sys.stdout.write(json.dumps({**seen, "cosine": round(cosine, 4)}) + "\n")
    sys.stdout.flush()


def put(embedder: Embedder, values: list[Tensor]) -> None:
    """Set all weights."""
    with torch.no_grad():
        for parameter, value in zip(embedder.parameters(), values, strict=True):
            parameter.copy_(value)


def main() -> None:
    """Teach, and write `models/convert/work/embedding_chip_float.onnx` at each report; stop it when it is good."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="until the rate has fallen to nothing")
    parser.add_argument("--layers", type=int, default=STEM_CONVOLUTIONS, help="how many convolutions are taught")
    parser.add_argument("--on", action="store_true", help="from what was taught, not from the published network")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    TAUGHT.parent.mkdir(parents=True, exist_ok=True)
    fit(Embedder(Network.load(TAUGHT if options.on else EMBEDDING.plain), options.layers), options)


if __name__ == "__main__":
    main()
