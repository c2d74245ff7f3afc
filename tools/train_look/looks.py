"""Random looks: smooth global color transforms from none to extreme, batched, for training.

A look is a chain: exposure, white balance and channel mixing in linear light; then tone (contrast, levels, curves a channel, gamma) and colors (split toning,
saturation, vibrance, shifts by hue, toned monochrome) in either order; then a random smooth table, clipped tones, lifted blacks and lowered whites.
Each link is on by chance, and the strength of a whole look has a heavy tail.
"""

from __future__ import annotations

import math

import torch

_LUMA = torch.tensor([0.2126, 0.7152, 0.0722])
_CURVES = torch.tensor([0.09, 0.05, 0.03, 0.02])[None, :, None]  # amplitude of each sine of a tone curve
_ANCHORS = torch.arange(6) * (math.pi / 3)  # hues


class Looks:
    """``count`` random looks.

    Args:
        count: how many.
        generator: source of chance.
        none: share of looks that do nothing.
        scale: strength; 1 reaches from mild to extreme.
    """

    def __init__(self, count: int, generator: torch.Generator, *, none: float = 0.06, scale: float = 1.0) -> None:
        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(count, *shape, generator=generator)

        def uniform(*shape: int) -> torch.Tensor:
            return torch.rand(count, *shape, generator=generator)

        def chance(share: float) -> torch.Tensor:
            return (uniform(1, 1) < share).float()

        def cast() -> torch.Tensor:
            color = normal(1, 3)
            return color - color.mean(-1, keepdim=True)

        k = torch.exp(normal(1, 1) * 0.5) * scale
        k = torch.where(uniform(1, 1) < none, 0.0, k).clamp(max=2.5)
        self.nothing = (k == 0).float()
        self.exposure, self.white = chance(0.5) * normal(1, 1) * 0.45 * k, chance(0.5) * normal(1, 3) * 0.10 * k
        mixing = normal(3, 3) * 0.10 * chance(0.3) * k
        self.mixing = torch.eye(3) + mixing - mixing.mean(-1, keepdim=True) * chance(0.7)
        self.rolls_off = chance(0.25)
        self.contrast, self.pivot, self.by_channel = chance(0.65) * (normal(1, 1) * 0.55 + 0.35) * k, 0.5 + 0.12 * normal(1, 1), chance(0.6)
        on = chance(0.4)
        self.in_low = on * chance(0.7) * (normal(1, 3) * 0.035 + normal(1, 1).abs() * 0.06) * k
        self.in_high = on * chance(0.7) * (normal(1, 3) * 0.035 + normal(1, 1).abs() * 0.08) * k
        on = chance(0.4)
        self.out_low = (on * (normal(1, 3) * 0.06 + normal(1, 1).abs() * 0.07) * k).clamp(-0.15, 0.45)
        self.out_high = (on * (normal(1, 3) * 0.05 + normal(1, 1).abs() * 0.05) * k).clamp(-0.15, 0.4)
        self.curves = (chance(0.45) * normal(4, 3) + chance(0.3) * normal(4, 1)) * _CURVES * k
        self.gamma = chance(0.4) * (normal(1, 1) * 0.25 + normal(1, 3) * 0.10) * k
        on = chance(0.5)
        self.shadows, self.middle, self.lights = (on * chance(share) * cast() * size * k for share, size in ((0.8, 0.13), (0.6, 0.07), (0.8, 0.10)))
        self.adds = chance(0.5)
        self.saturation, self.vibrance = torch.exp(chance(0.6) * (normal(1, 1) * 0.35 - 0.02) * k), chance(0.3) * normal(1, 1) * 0.5 * k
        self.monochrome = chance(0.06) * (1 - 0.7 * uniform(1, 1) ** 2)
        self.dark_tone, self.light_tone = cast() * 0.12 * chance(0.6), cast() * 0.10 * chance(0.6)
        on = chance(0.35)
        self.hue_turn, self.hue_saturation, self.hue_light = (on * normal(1, 6) * size * k for size in (0.25, 0.3, 0.05))
        self.table = (chance(0.25) * normal(1, 1).abs() * k)[..., None, None] * 0.05 * normal(3, 4, 4, 4)
        self.floor, self.ceiling = chance(0.08) * uniform(1, 3) * 0.3, chance(0.08) * uniform(1, 3) * 0.25
        self.tone_first = chance(0.5)

    def apply(self, colors: torch.Tensor) -> torch.Tensor:
        """Puts each look on its own colors: float [count, N, 3], sRGB in [0, 1], to the same."""
        linear = colors.clamp(0, 1) ** 2.2 * torch.exp2(self.exposure.clamp(-2, 2)) * torch.exp(self.white.clamp(-0.5, 0.5))
        x = torch.einsum("bnc,bdc->bnd", linear, self.mixing).clamp_min(1e-5) ** (1 / 2.2)
        rolled = torch.where(x > 0.9, 0.9 + 0.1 * torch.tanh((x - 0.9) / 0.1), x)
        x = x + self.rolls_off * (rolled - x)
        x = self.tone_first * self._colors(self._tone(x)) + (1 - self.tone_first) * self._tone(self._colors(x))
        places = (x.clamp(0, 1) * 2 - 1)[:, None, None, :, [2, 1, 0]]
        x = x + torch.nn.functional.grid_sample(self.table, places, align_corners=True, padding_mode="border")[:, :, 0, 0].transpose(1, 2)
        x = torch.minimum(torch.maximum(x, self.floor), 1 - self.ceiling).clamp(0, 1)
        x = (self.out_low + x * (1 - self.out_low - self.out_high)).clamp(0, 1)
        return x + self.nothing * (colors - x)

    def _tone(self, x: torch.Tensor) -> torch.Tensor:
        luma = (x * _LUMA).sum(-1, keepdim=True)
        x = self.by_channel * self._contrast(x) + (1 - self.by_channel) * (x + self._contrast(luma) - luma)
        x = ((x - self.in_low) / (1 - self.in_low - self.in_high).clamp_min(0.3)).clamp(0, 1)
        waves = torch.sin(x[..., None, :] * (torch.arange(1, 5) * math.pi)[:, None])  # [B, N, sine, channel]
        x = (x + (waves * self.curves[:, None]).sum(-2)).clamp(1e-4, 1)
        return x ** torch.exp(-self.gamma.clamp(-1, 1))

    def _contrast(self, t: torch.Tensor) -> torch.Tensor:
        slope = torch.exp(self.contrast.clamp(-1.2, 2.6))
        steep = 2 * slope.clamp_min(1.0001)
        low, high = torch.sigmoid(-steep * self.pivot), torch.sigmoid(steep * (1 - self.pivot))
        curve = (torch.sigmoid(steep * (t - self.pivot)) - low) / (high - low)
        raised = t + (curve - t) * ((slope - 1) * 3).clamp(0, 1)
        return torch.where(slope > 1, raised, self.pivot + (t - self.pivot) * slope)

    def _colors(self, x: torch.Tensor) -> torch.Tensor:
        x = x.clamp(0, 1)
        luma = (x * _LUMA).sum(-1, keepdim=True)
        toning = self.shadows * (1 - luma) ** 2 + self.middle * 2.4 * luma * (1 - luma) + self.lights * luma**2
        x = x + toning * (self.adds + (1 - self.adds) * 4.8 * x * (1 - x))
        luma = (x * _LUMA).sum(-1, keepdim=True)
        difference = x - luma
        muted = 1 - 2 * difference.abs().amax(-1, keepdim=True).clamp(0, 0.5)
        x = self._by_hue(luma + difference * self.saturation * torch.exp(self.vibrance.clamp(-1.5, 1.5) * muted))
        luma = (x * _LUMA).sum(-1, keepdim=True).clamp(0, 1)
        toned = luma + self.dark_tone * 1.5 * (1 - luma) + self.light_tone * 1.5 * luma * (1 - 0.5 * luma)
        return x + self.monochrome * (toned - x)

    def _by_hue(self, x: torch.Tensor) -> torch.Tensor:
        red, green, blue = x.unbind(-1)
        alpha, beta = red - 0.5 * (green + blue), (green - blue) * (math.sqrt(3) / 2)
        hue, chroma = torch.atan2(beta, alpha), torch.sqrt(alpha**2 + beta**2 + 1e-9)
        weights = torch.cos(hue[..., None] - _ANCHORS).clamp_min(0) ** 2
        weights = weights / weights.sum(-1, keepdim=True)
        hue = hue + (weights * self.hue_turn).sum(-1).clamp(-0.9, 0.9)
        lighter = (weights * self.hue_light).sum(-1) * (2 * chroma).clamp(0, 1)
        chroma = chroma * torch.exp((weights * self.hue_saturation).sum(-1).clamp(-1.5, 1))
        alpha, beta = chroma * torch.cos(hue), chroma * torch.sin(hue)
        turned = torch.stack((alpha * (2 / 3), -alpha / 3 + beta / math.sqrt(3), -alpha / 3 - beta / math.sqrt(3)), -1)
        return x.mean(-1, keepdim=True) + turned + lighter[..., None]
