"""Train the network on shards of `sample`, on all processors; a checkpoint each epoch.

What is kept is a moving average of the weights; every tenth of the learned people is held out to judge it.

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
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.image import Image
from models.train.network import Passive, scaled
from models.train.plane import Random
from models.train.vary import varied

BATCH = 64
SAVE_EVERY = 40
HELD_OUT = 10
MEMORY = 0.995
"""Of the moving average, a step."""
LIVE, SCREEN, PRINT = 0, 1, 2
CLASS = (LIVE, SCREEN, SCREEN, PRINT, PRINT, PRINT, PRINT)
"""Of each species, in the order of `scene.Species`."""


@dataclass(frozen=True, slots=True)
class Data:
    """Crops (n, side, side, channels), class, species."""

    crops: Image
    classes: Tensor
    species: Tensor


def load(paths: list[Path], *, held_out: bool, without: frozenset[int] = frozenset()) -> Data:
    """All shards, without or with only the people held out; ``without`` leaves species out (leave-one-out tests)."""
    shards = [np.load(path) for path in paths]
    species, kept = [], []
    for shard in shards:
        mine = ~np.isin(shard["species"], list(without)) & ((shard["person"] % HELD_OUT == 0) == held_out)
        kept.append(np.flatnonzero(mine))
        species.append(shard["species"][mine])
    # Gigabytes: one shard after the other goes where it stays, so that there is never a second copy of them all.
    crops = np.empty((sum(map(len, kept)), *shards[0]["crops"].shape[1:]), np.uint8)
    ends = np.cumsum([len(mine) for mine in kept])
    for shard, mine, end in zip(shards, kept, ends, strict=True):
        crops[end - len(mine) : end] = shard["crops"][mine]
    found = torch.from_numpy(np.concatenate(species))
    return Data(crops, torch.tensor(CLASS)[found], found)


def batch(crops: Image, chosen: Tensor, random: Random) -> Tensor:
    """Some of the crops, varied, as the network's input; channels last in memory, as they are in the shards."""
    return scaled(
        torch.from_numpy(np.stack([varied(crops[int(index)], random) for index in chosen])).permute(0, 3, 1, 2)
    )


@torch.no_grad()
def measured(network: Passive, data: Data) -> dict[str, float]:
    """AUC of the live class; BPCER where 5 % of the attacks of all species together are taken for live."""
    network.eval()
    with torch.autocast("cpu", torch.bfloat16):
        parts = torch.from_numpy(data.crops).permute(0, 3, 1, 2).split(256)
        logits = torch.cat([network(scaled(part)) for part in parts]).float()
    network.train()
    score = logits.softmax(dim=1)[:, LIVE]
    live, attack = score[data.classes == LIVE], score[data.classes != LIVE]
    order = torch.cat([live, attack]).argsort().argsort().float()
    auc = (order[: len(live)].mean() - (len(live) - 1) / 2) / len(attack)
    return {
        "auc": float(auc),
        "bpcer_at_apcer5": float((live < attack.quantile(0.95)).float().mean()),
    }


def main() -> None:
    """Train until the time is over, on the schedule of a single cosine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30, help="of processor time, all processors together")
    parser.add_argument("--without", type=int, nargs="*", default=[], help="species left out, by number")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further shards: nobody is held out")
    parser.add_argument("--init", type=Path, help="checkpoint to go on from")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    network = Passive().to(memory_format=torch.channels_last)
    if options.init:
        network.load_state_dict(torch.load(options.init))
    fit(network, options)


def fit(network: Passive, options: argparse.Namespace) -> None:
    """The loop; shards that were added since are read before each epoch."""
    known: list[Path] = []
    random = np.random.default_rng(options.seed)
    mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(MEMORY), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.02)
    started_s, limit_s, epoch = time.process_time(), options.minutes * 60, 0
    while time.process_time() - started_s < limit_s:
        shards = [path for path in sorted(options.data.glob("learned-*.npz")) if ".part" not in path.suffixes]
        if not shards:
            raise SystemExit(f"{options.data}: no learned-*.npz; models.train.sample writes them")
        if shards != known:
            known = shards
            train = load(shards + options.extra, held_out=False, without=frozenset(options.without))
            test = load(shards, held_out=True)
        total, steps = 0.0, 0
        for chosen in torch.randperm(len(train.crops)).split(BATCH):
            spent = min(1.0, (time.process_time() - started_s) / limit_s)
            if spent >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = options.rate * min(1.0, 0.1 + spent * 30) * (0.5 + 0.5 * np.cos(np.pi * spent))
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(batch(train.crops, chosen, random))
            value = functional.cross_entropy(logits.float(), train.classes[chosen], label_smoothing=0.02)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            mean.update_parameters(network)
            total, steps = total + float(value.detach()), steps + 1
            if steps % SAVE_EVERY == 0:
                torch.save(mean.module.state_dict(), options.out)
        epoch += 1
        torch.save(mean.module.state_dict(), options.out)
        seen: dict[str, float] = {"epoch": epoch, "samples": len(train.crops), "loss": total / max(steps, 1)}
        seen |= {"processor_s": round(time.process_time() - started_s)} | measured(mean.module, test)
        sys.stdout.write(json.dumps(seen) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
