"""Train the network on shards of `sample`; one thread, a checkpoint each epoch, validation on people never seen.

`python -m models.train.fit --data work/train --out work/fit.pt --minutes 30`
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

from models.train.network import OWN_CLASSES, TEACHER_CLASSES, Passive, scaled

BATCH = 64
LIVE, SCREEN, PRINT = 0, 1, 2
OWN_CLASS = (LIVE, SCREEN, SCREEN, PRINT, PRINT, PRINT, PRINT)
"""Of each species, in the order of `scene.Species`."""
DISTILLED = 0.3
"""Weight of the teachers' answers beside the own classes."""


@dataclass(frozen=True, slots=True)
class Data:
    """Crops uint8 (n, channels, side, side), own class, species, what the teachers answered (n, 2, 3)."""

    crops: Tensor
    own: Tensor
    species: Tensor
    teachers: Tensor


def load(paths: list[Path], without: frozenset[int] = frozenset()) -> Data:
    """All shards; ``without`` leaves species out (leave-one-out tests)."""
    shards = [np.load(path) for path in paths]
    species = np.concatenate([shard["species"] for shard in shards])
    kept = ~np.isin(species, list(without))
    crops = np.concatenate([shard["crops"] for shard in shards])[kept]
    teachers = np.concatenate([shard["teachers"] for shard in shards])[kept]
    return Data(
        torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous(),
        torch.tensor(OWN_CLASS)[torch.from_numpy(species[kept])],
        torch.from_numpy(species[kept]),
        torch.from_numpy(teachers),
    )


def varied(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, light and colour, both crops of a sample alike; then each crop moved by some pixels."""
    count = len(crops)
    mirrored = torch.rand(count, generator=generator) < 0.5
    crops = torch.where(mirrored[:, None, None, None], crops.flip(3), crops)
    gain = torch.exp(0.2 * torch.randn(count, 1, 1, 1, 1, generator=generator))
    tint = torch.exp(0.06 * torch.randn(count, 1, 3, 1, 1, generator=generator))
    shift = 0.15 * torch.randn(count, 1, 1, 1, 1, generator=generator)
    parts = crops.view(count, -1, 3, *crops.shape[2:])
    result = (parts * gain * tint + shift).clamp(-1, 1).view_as(crops)
    down, across = (int(value) for value in torch.randint(-5, 6, (2,), generator=generator))
    return torch.roll(result, (down, across), (2, 3))


def loss(logits: Tensor, own: Tensor, teachers: Tensor) -> Tensor:
    """Own classes and the teachers' answers."""
    mine = functional.cross_entropy(logits[:, :OWN_CLASSES], own, label_smoothing=0.02)
    theirs = logits[:, OWN_CLASSES:].reshape(-1, TEACHER_CLASSES).log_softmax(dim=1)
    return mine - DISTILLED * (teachers.reshape(-1, TEACHER_CLASSES) * theirs).sum(dim=1).mean()


@torch.no_grad()
def measured(network: Passive, data: Data) -> dict[str, float]:
    """AUC of the own live class, BPCER where the APCER of all attacks together is 5 %, error to the teachers."""
    network.eval()
    with torch.autocast("cpu", torch.bfloat16):
        logits = torch.cat([network(scaled(part)) for part in data.crops.split(256)]).float()
    network.train()
    score = logits[:, :OWN_CLASSES].softmax(dim=1)[:, LIVE]
    live, attack = score[data.own == LIVE], score[data.own != LIVE]
    theirs = logits[:, OWN_CLASSES:].reshape(len(logits), -1, TEACHER_CLASSES).softmax(dim=2)[:, :, 1].mean(dim=1)
    teacher = data.teachers[:, :, 1].mean(dim=1)
    order = torch.cat([live, attack]).argsort().argsort().float()
    auc = (order[: len(live)].mean() - (len(live) - 1) / 2) / len(attack)
    return {
        "auc": float(auc),
        "bpcer_at_apcer5": float((live < attack.quantile(0.95)).float().mean()),
        "teacher_error": float((theirs - teacher).abs().mean()),
    }


def main() -> None:
    """Train until the time is over, on the schedule of a single cosine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30, help="of processor time")
    parser.add_argument("--without", type=int, nargs="*", default=[], help="species left out, by number")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further shards (experiments)")
    parser.add_argument("--init", type=Path, help="checkpoint to go on from")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    test = load(sorted(options.data.glob("unseen-*.npz"))[:2])
    network = Passive().to(memory_format=torch.channels_last)
    if options.init:
        network.load_state_dict(torch.load(options.init))
    fit(network, test, options)


def fit(network: Passive, test: Data, options: argparse.Namespace) -> None:
    """The loop; shards that were added since are read before each epoch."""
    known: list[Path] = []
    generator = torch.Generator().manual_seed(options.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.02)
    started_s, limit_s, epoch = time.process_time(), options.minutes * 60, 0
    while time.process_time() - started_s < limit_s:
        shards = [path for path in sorted(options.data.glob("learned-*.npz")) if ".part" not in path.suffixes]
        if shards != known:
            known, train = shards, load(shards + options.extra, frozenset(options.without))
        total, steps = 0.0, 0
        for chosen in torch.randperm(len(train.crops), generator=generator).split(BATCH):
            spent = min(1.0, (time.process_time() - started_s) / limit_s)
            if spent >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = options.rate * min(1.0, 0.1 + spent * 30) * (0.5 + 0.5 * np.cos(np.pi * spent))
            crops = varied(scaled(train.crops[chosen]), generator).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(crops)
            value = loss(logits.float(), train.own[chosen], train.teachers[chosen])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total, steps = total + float(value.detach()), steps + 1
        epoch += 1
        torch.save(network.state_dict(), options.out)
        seen: dict[str, float] = {"epoch": epoch, "samples": len(train.crops), "loss": total / max(steps, 1)}
        seen |= {"processor_s": round(time.process_time() - started_s)} | measured(network, test)
        sys.stdout.write(json.dumps(seen) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
