"""Trains the prior of looks: ``python tools/train_look/train.py --photographs FOLDER``; writes ``nct_core/look/prior.safetensors``.

An example is a look, a photograph that it was put on (the reference) and pixels of another one (the source) before and after. The loss is the CIEDE2000 between
the source under the predicted table and the source under the look; it shrinks to doing nothing where a reference does not tell.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from looks import Looks
from photographs import load_photographs
from safetensors.torch import save_file
from torch import nn

from nct_core.look.prior import WEIGHTS
from nct_core.look.statistics import color_statistics
from nct_core.pixels.lab import srgb_to_lab

GRID = 9  # points per channel of the learned tables
WIDTH, TABLES = 192, 48  # of the hidden layers; tables in the basis
SAMPLES, KEPT = 1536, 256  # pixels that statistics are taken from; pixels kept for the loss
EACH = 4  # references and sources per look
LOOKS_AT_ONCE = 64
BATCH, PIXELS = 64, 96
SMOOTH, HARM = 60.0, 0.5  # weights of the table's second differences, and of being worse than doing nothing by more than 1


class Photographs:
    """Random crops of photographs, some mixed from two, with the exposures and saturations that cameras differ by."""

    def __init__(self, images: Sequence[np.ndarray], generator: torch.Generator) -> None:
        self.images = [torch.from_numpy(image / np.float32(255)) for image in images]
        self.generator = generator

    def draw(self, count: int, mixed: float) -> torch.Tensor:
        """float32 [count, SAMPLES, 3], sRGB in [0, 1]; ``mixed`` is the share that shows two photographs."""
        pictures = []
        for _ in range(count):
            pixels = self._crop(SAMPLES)
            if self._uniform() < mixed:
                first = int(SAMPLES * (0.15 + 0.7 * self._uniform()))
                pixels = torch.cat((pixels[:first], self._crop(SAMPLES - first)))
            pictures.append(pixels[torch.randperm(SAMPLES, generator=self.generator)])
        normal = lambda *shape: torch.randn(count, *shape, generator=self.generator)  # noqa: E731
        x = torch.stack(pictures) * torch.exp2((normal(1, 1) * 0.12 + normal(1, 3) * 0.03) / 2.2)
        gray = x.mean(-1, keepdim=True)
        return (gray + (x - gray) * torch.exp(normal(1, 1) * 0.10)).clamp(0, 1)

    def _uniform(self) -> float:
        return torch.rand(1, generator=self.generator).item()

    def _crop(self, count: int) -> torch.Tensor:
        image = self.images[int(self._uniform() * len(self.images))]
        height, width = (max(16, int(side * (0.45 + 0.55 * self._uniform()))) for side in image.shape[:2])
        height, width = min(height, image.shape[0]), min(width, image.shape[1])
        top, left = int(self._uniform() * (image.shape[0] - height)), int(self._uniform() * (image.shape[1] - width))
        picks = torch.randint(0, height * width, (count,), generator=self.generator)
        return image[top + picks // width, left + picks % width]


def make_examples(photographs: Photographs, looks: int, mixed: float) -> dict[str, torch.Tensor]:
    """Examples of ``looks`` looks: statistics float16 [looks, EACH, F]; pixels uint8 [looks, EACH, KEPT, 3].

    ``changed`` is the look on the source as it is; ``restored`` the look on the source without the look that half of the sources have already.
    ``plain`` holds statistics of the sources without any look; ``size`` [looks] the mean CIE76 distance by which a look moves their colors.
    """
    generator = photographs.generator
    look, own = Looks(looks, generator), Looks(looks * EACH, generator, none=0.5, scale=0.65)

    def on_all(x: torch.Tensor) -> torch.Tensor:
        return look.apply(x.reshape(looks, -1, 3)).reshape(looks, EACH, -1, 3)

    references = _rounded(on_all(photographs.draw(looks * EACH, mixed)))
    plain = photographs.draw(looks * EACH, mixed * 0.4)
    sources = _rounded(own.apply(plain)).reshape(looks, EACH, -1, 3)
    return {
        "reference": _statistics(references),
        "source": _statistics(sources),
        "reference_pixels": _bytes(references[:, :, :KEPT]),
        "source_pixels": _bytes(sources[:, :, :KEPT]),
        "changed": _bytes(on_all(sources[:, :, :KEPT])),
        "restored": _bytes(on_all(plain[:, :KEPT])),
        "plain": _statistics(plain.reshape(looks, EACH, -1, 3)),
        "size": (lab_of(on_all(plain[:, :KEPT])) - lab_of(plain[:, :KEPT]).reshape(looks, EACH, -1, 3)).norm(dim=-1).mean((1, 2)),
    }


def _rounded(x: torch.Tensor) -> torch.Tensor:
    return (x * 255).round() / 255


def _bytes(x: torch.Tensor) -> torch.Tensor:
    return (x * 255).round().to(torch.uint8)


def _statistics(pictures: torch.Tensor) -> torch.Tensor:
    numbers = [color_statistics(pixels.numpy().astype(np.float64)) for pixels in pictures.flatten(0, 1)]
    return torch.from_numpy(np.stack(numbers).astype(np.float16)).reshape(*pictures.shape[:2], -1)


def lab_of(srgb: torch.Tensor) -> torch.Tensor:
    """CIE L*a*b* in its own units, differentiable."""
    return srgb_to_lab(srgb.double()).float() * torch.tensor([100.0, 255.0, 255.0]) - torch.tensor([0.0, 128.0, 128.0])


def ciede2000(lab: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """CIEDE2000 of [..., 3] against [..., 3]; its hue terms are constants of the gradient."""
    chromas = [x[..., 1:].square().sum(-1).add(1e-6).sqrt() for x in (lab, target)]
    seventh = (sum(chromas) / 2) ** 7
    stretch = 1.5 - 0.5 * torch.sqrt(seventh / (seventh + 25.0**7))
    (a1, b1), (a2, b2) = ((x[..., 1] * stretch, x[..., 2]) for x in (lab, target))
    c1, c2 = (torch.sqrt(a * a + b * b + 1e-6) for a, b in ((a1, b1), (a2, b2)))
    hue_squared = (2 * (c1 * c2 - a1 * a2 - b1 * b2)).clamp_min(0)
    lightness, chroma = (lab[..., 0] + target[..., 0]) / 2, (c1 + c2) / 2
    with torch.no_grad():
        h1, h2 = torch.atan2(b1, a1), torch.atan2(b2, a2)
        h = torch.atan2(torch.sin(h1) + torch.sin(h2), torch.cos(h1) + torch.cos(h2))
        t = (
            1
            - 0.17 * torch.cos(h - math.radians(30))
            + 0.24 * torch.cos(2 * h)
            + 0.32 * torch.cos(3 * h + math.radians(6))
            - 0.2 * torch.cos(4 * h - math.radians(63))
        )
        turn = torch.exp(-(((torch.rad2deg(h) % 360 - 275) / 25) ** 2))
        rotation = -2 * torch.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * torch.sin(math.radians(60) * turn)
        sl = 1 + 0.015 * (lightness - 50) ** 2 / torch.sqrt(20 + (lightness - 50) ** 2)
        sc, sh = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    dl, dc = (target[..., 0] - lab[..., 0]) / sl, (c2 - c1) / sc
    dh = torch.sign(a1 * b2 - a2 * b1) * torch.sqrt(hue_squared + 1e-4) / sh
    return torch.sqrt((dl**2 + dc**2 + hue_squared / sh**2 + rotation * dc * dh).clamp_min(0) + 1e-3)


def identity() -> torch.Tensor:
    """float32 [GRID, GRID, GRID, 3]."""
    steps = torch.linspace(0, 1, GRID)
    return torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1)


def read_table(tables: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Tables [B, GRID, GRID, GRID, 3] at colors [B, N, 3], trilinear."""
    places = (colors * 2 - 1)[:, None, None, :, [2, 1, 0]]
    return nn.functional.grid_sample(tables.permute(0, 4, 1, 2, 3), places, align_corners=True, padding_mode="border")[:, :, 0, 0].transpose(1, 2)


class Prior(nn.Module):
    """The network of :mod:`nct_core.look.prior`."""

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor, dropout: float = 0.2) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.unseen = nn.Dropout(dropout)
        self.code = nn.Linear(len(mean), WIDTH)
        self.head = nn.ModuleList([nn.Linear(2 * WIDTH + 1, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, TABLES)])
        self.basis = nn.Parameter(torch.randn(TABLES, GRID**3 * 3) * 0.01)

    def forward(self, reference: torch.Tensor, source: torch.Tensor, undo: torch.Tensor) -> torch.Tensor:
        """Tables [B, GRID, GRID, GRID, 3] for statistics [B, F] and ``undo`` [B, 1]."""
        seen = self.unseen(torch.ones_like(reference))  # both pictures lack the same figures
        r, s = (self.unseen(nn.functional.gelu(self.code(((x - self.mean) / self.deviation).clamp(-4, 4) * seen))) for x in (reference, source))
        coefficients = self._head(r - s, s, undo) - self._head(torch.zeros_like(s), s, undo)
        return identity() + (coefficients @ self.basis).reshape(-1, GRID, GRID, GRID, 3)

    def _head(self, difference: torch.Tensor, source: torch.Tensor, undo: torch.Tensor) -> torch.Tensor:
        x = self.unseen(nn.functional.gelu(self.head[0](torch.cat((difference, source, undo), 1))))
        return self.head[2](nn.functional.gelu(self.head[1](x)))


def loss_of(prior: Prior, examples: dict[str, torch.Tensor]) -> torch.Tensor:
    """The loss of one random batch."""
    i, a, b = torch.randint(0, len(examples["source"]), (BATCH,)), torch.randint(0, EACH, (BATCH,)), torch.randint(0, EACH, (BATCH,))
    undo, alike = torch.rand(BATCH) < 0.5, torch.rand(BATCH) < 0.06
    alike &= undo  # the source has the look already: nothing is to be done
    other = (a + torch.randint(1, EACH, (BATCH,))) % EACH
    first = int(torch.randint(0, KEPT - PIXELS + 1, (1,)))
    pixels = lambda name, which: examples[name][i, which, first : first + PIXELS].float() / 255  # noqa: E731
    source = torch.where(alike[:, None, None], pixels("reference_pixels", other), pixels("source_pixels", b))
    wanted = torch.where(undo[:, None, None], pixels("restored", b), pixels("changed", b))
    wanted = torch.where(alike[:, None, None], source, wanted)
    statistics = torch.where(alike[:, None], examples["reference"][i, other], examples["source"][i, b]).float()
    tables = prior(examples["reference"][i, a].float(), statistics, undo.float()[:, None])
    result = read_table(tables, source)
    result = (result + 0.9 * (result.clamp(0, 1) - result).detach()).clamp(-0.05, 1.05)  # what clips keeps a gradient
    target = lab_of(wanted)
    error, nothing = ciede2000(lab_of(result), target).mean(1), ciede2000(lab_of(source), target).mean(1).detach()
    bends = sum(((tables - identity()).diff(n=2, dim=axis) ** 2).mean() for axis in (1, 2, 3))
    return error.mean() + HARM * torch.relu(error - nothing - 1).mean() + SMOOTH * bends


@torch.no_grad()
def report(prior: Prior, examples: dict[str, torch.Tensor]) -> str:
    """Median CIEDE2000 on held-out photographs and looks, beside doing nothing, for both values of ``undo``."""
    prior.eval()
    parts = []
    for undo, name in ((0.0, "changed"), (1.0, "restored")):
        figures = []
        for b in range(EACH):
            source, target = examples["source_pixels"][:, b].float() / 255, lab_of(examples[name][:, b].float() / 255)
            tables = prior(examples["reference"][:, (b + 1) % EACH].float(), examples["source"][:, b].float(), torch.full((len(source), 1), undo))
            figures.append([ciede2000(lab_of(x), target).median(1).values.mean().item() for x in (read_table(tables, source).clamp(0, 1), source)])
        parts.append("undo {:g}: {:.2f} (nothing {:.2f})".format(undo, *np.mean(figures, 0)))
    prior.train()
    return ", ".join(parts)


def arguments_of(description: str, output: Path, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of both training programs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--photographs", type=Path, required=True, help="folder for the packages of photographs")
    parser.add_argument("--looks", type=int, default=8192, help="how many looks to learn from (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=6000, help="training steps (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=output)
    return parser.parse_args(arguments)


def training_and_check(images: Sequence[np.ndarray], looks: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Examples to learn from, and examples of held-out photographs (one in six) and looks."""
    held_out = [i // 3 % 6 == 0 for i in range(len(images))]  # neighbors in the list are often by one photographer
    training, checking = (Photographs([x for x, out in zip(images, held_out) if out == wanted], torch.Generator().manual_seed(1)) for wanted in (False, True))
    check = make_examples(checking, 4 * LOOKS_AT_ONCE, 0.0)
    chunks = [make_examples(training, LOOKS_AT_ONCE, 0.5) for _ in range(looks // LOOKS_AT_ONCE)]
    return {name: torch.cat([chunk[name] for chunk in chunks]) for name in check}, check


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetches, makes examples, trains, writes the weights."""
    options = arguments_of("Trains the prior of looks.", WEIGHTS, arguments)
    torch.manual_seed(0)
    examples, check = training_and_check(load_photographs(options.photographs), options.looks)
    numbers = torch.cat([examples[name].float().flatten(0, 1) for name in ("reference", "source")])
    prior = Prior(numbers.mean(0), numbers.std(0) + 0.02)
    average = torch.optim.swa_utils.AveragedModel(prior, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimizer = torch.optim.AdamW(prior.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100) * (1 - step / options.steps))
    start = time.monotonic()
    for step in range(1, options.steps + 1):
        optimizer.zero_grad()
        loss = loss_of(prior, examples)
        loss.backward()
        nn.utils.clip_grad_norm_(prior.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(prior)
        if step % 500 == 0 or step == options.steps:
            print(f"{step} {time.monotonic() - start:.0f} s, loss {loss.item():.2f}; held out: {report(average.module, check)}", flush=True)
    state = average.module.state_dict()
    save_file({name: values.half().contiguous() for name, values in state.items()}, options.output)


if __name__ == "__main__":
    main()
