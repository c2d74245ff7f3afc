"""Trains the estimate of a grade's size: ``python tools/train_look/train_grade.py --photographs FOLDER``; writes ``grade_size.safetensors``.

An example is a picture's statistics and how far the look on it moved its colors; half of the pictures have none.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from photographs import load_photographs
from safetensors.torch import save_file
from torch import nn
from train import arguments_of, training_and_check

from nct_core.look.grade_size import WEIGHTS
from nct_core.look.layers import FURTHEST

UNGRADED = 1.5  # CIE76 units by which cameras differ
BATCH, UNSEEN = 128, 0.2
STRONG = 8.0  # the check tells looks of at least this size from none


def examples_of(made: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Statistics [N, F], logarithms of size [N], and whether the example has a look [N]."""
    graded, plain = made["reference"].float(), made["plain"].float().flatten(0, 1)
    sizes = made["size"][:, None].expand(-1, graded.shape[1]).flatten()
    has_look = torch.cat((torch.ones(len(sizes)), torch.zeros(len(plain)))).bool()
    return torch.cat((graded.flatten(0, 1), plain)), torch.log1p(torch.cat((sizes, torch.full((len(plain),), UNGRADED)))), has_look


@torch.no_grad()
def report(network: nn.Module, statistics: torch.Tensor, sizes: torch.Tensor, has_look: torch.Tensor) -> str:
    """Mean error of the logarithm, and the area under the ROC curve of strong looks against none."""
    network.eval()
    found = network(statistics)[:, 0]
    network.train()
    strong, none = found[has_look & (sizes > torch.log1p(torch.tensor(STRONG)))], found[~has_look]
    area = (strong[:, None] > none).float().mean().item()
    return f"error {(found - sizes)[has_look].abs().mean().item():.3f}, area {area:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetches, makes examples, trains, writes the weights."""
    options = arguments_of("Trains the estimate of the size of a grade.", WEIGHTS, arguments)
    torch.manual_seed(0)
    made, check_made = training_and_check(load_photographs(options.photographs), options.looks)
    (statistics, sizes, has_look), check = examples_of(made), examples_of(check_made)
    mean, deviation = statistics.mean(0), statistics.std(0) + 0.02

    def scaled(x: torch.Tensor) -> torch.Tensor:
        return ((x - mean) / deviation).clamp(-FURTHEST, FURTHEST)

    layers = (nn.Linear(len(mean), 96), nn.Linear(96, 32), nn.Linear(32, 1))
    network = nn.Sequential(nn.Dropout(UNSEEN), layers[0], nn.GELU(), nn.Dropout(0.3), layers[1], nn.GELU(), layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / options.steps)
    chances = torch.where(has_look, 1.0 / has_look.sum(), 1.0 / (~has_look).sum())
    start = time.monotonic()
    for step in range(1, options.steps + 1):
        picked = torch.multinomial(chances, BATCH, replacement=True)
        loss = nn.functional.smooth_l1_loss(network(scaled(statistics[picked]))[:, 0], sizes[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0 or step == options.steps:
            print(f"{step} {time.monotonic() - start:.0f} s, loss {loss.item():.3f}; held out: {report(network, scaled(check[0]), *check[1:])}", flush=True)
    weights = {f"{i}.{name}": values for i, layer in enumerate(layers) for name, values in layer.state_dict().items()}
    save_file({name: values.half().contiguous() for name, values in {**weights, "mean": mean, "deviation": deviation}.items()}, options.output)


if __name__ == "__main__":
    main()
