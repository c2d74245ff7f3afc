"""The method as one would first write it: numpy, scipy and torch, nothing compiled for it. The measure of our speed and an oracle for our tests.

The published algorithm with the published constants, one reference, opaque RGB pictures at working size, on the CPU in float32. It leaves
out what is ours (the contrast term, transparency, several references), and stops conjugate gradients after
as many rounds as the published program does. Every step is vectorized over the whole grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.vq import kmeans2
from scipy.ndimage import binary_dilation
from scipy.sparse.linalg import cg, splu
from scipy.spatial import cKDTree

from nct_core.contract.params import TransferParams
from nct_core.matching.field import Field, identity_field, upsample_field
from nct_core.pixels.grids import Shape, nearest_cells
from nct_core.pixels.lab import lab_to_srgb, srgb_to_lab

LEVELS = (5, 4, 3, 2, 1)
JUMPS = (8, 4, 2, 1)
RADII = {5: 16, 4: 32, 3: 64}
"""The random search of a level starts at the longest side over this; at 32 cells on the levels below."""
ROUNDS = {5: 100, 4: 100, 3: 100, 2: 100, 1: 50}
"""Rounds of conjugate gradients."""
ROWS = 64  # of a grid that are compared at a time

Image = NDArray[np.floating[Any]]
Stage = Callable[[str, int], None]


def transfer(source: Image, reference: Image, weights: dict[str, torch.Tensor], params: TransferParams, stage: Stage = lambda name, level: None) -> Image:
    """Gives the source the reference's colors.

    Args:
        source, reference: float32 [H, W, 3], sRGB-encoded, [0, 1]; matched at their own sizes.
        weights: as :func:`nct_core.features.weights.load` gives them.
        params: those of the published method are used.
        stage: told the name and level of every step as it begins.

    Returns:
        float32 [H, W, 3], sRGB-encoded, [0, 1].
    """
    stage("network", 0)
    lab, reference_lab = (srgb_to_lab(torch.from_numpy(image)).numpy() for image in (source, reference))
    reference_features = features(torch.from_numpy(reference), weights, max(LEVELS))
    recolored, search = torch.from_numpy(source), torch.Generator().manual_seed(params.seed)
    grid, to_grid = ((image.shape[0] // 16, image.shape[1] // 16) for image in (source, reference))  # of level 5
    cpu = torch.device("cpu")
    forward, backward = identity_field(grid, to_grid, cpu), identity_field(to_grid, grid, cpu)
    for level in LEVELS:
        stage("network", level)
        ours, theirs = features(recolored, weights, level)[level], reference_features[level]
        if level == LEVELS[0]:
            clusters = cluster(ours.numpy(), params)
        before, to_before = grid, to_grid
        grid, to_grid = _grid(ours), _grid(theirs)
        stage("matching", level)
        radius = max(*source.shape, *reference.shape) // RADII[level] if level in RADII else 32
        forward = patchmatch(ours, theirs, upsample_field(forward, grid, to_grid, to_before), radius, params.patchmatch_iterations, search)
        backward = patchmatch(theirs, ours, upsample_field(backward, to_grid, grid, before), radius, params.patchmatch_iterations, search)
        stage("voting", level)
        colors, to_colors = _resize(lab, grid), _resize(reference_lab, to_grid)
        guidance, confidence = vote(ours.numpy(), theirs.numpy(), to_colors, forward, backward, params.bds_weight)
        stage("nonlocal ties", level)
        ties = nonlocal_ties(colors, clusters, params)
        stage("fit", level)
        share = source.shape[0] * source.shape[1] / (grid[0] * grid[1])
        low = fit(colors, guidance, share * confidence, ties, params.local_weight, ROUNDS[level])
        stage("upsampling", level)
        coefficients = upsample(low, lab, params.edge_smoothness * share * (4 if level == 1 else 1))
        recolored_lab = (coefficients[..., 0] * lab + coefficients[..., 1]).clip(0, 1)
        recolored = lab_to_srgb(torch.from_numpy(recolored_lab)).clamp(0, 1)
    return recolored.numpy()


def features(image: torch.Tensor, weights: dict[str, torch.Tensor], deepest: int) -> dict[int, torch.Tensor]:
    """The taps relu1_1 .. relu{deepest}_1, level -> float32 [h, w, C], unit vectors."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((image - mean) / deviation).permute(2, 0, 1)[None]
    taps: dict[int, torch.Tensor] = {}
    before = -3
    for layer in sorted({int(name.split(".")[1]) for name in weights}):
        new_block = layer - before == 3  # a convolution and its ReLU take two numbers, a pooling one more
        if new_block and taps:
            x = F.max_pool2d(x, 2)
        x = F.conv2d(x, weights[f"features.{layer}.weight"], weights[f"features.{layer}.bias"], padding=1).relu()
        if new_block:
            taps[len(taps) + 1] = F.normalize(x[0].permute(1, 2, 0), dim=-1, eps=1e-8).contiguous()
        if len(taps) == deepest:
            break
        before = layer
    return taps


def patchmatch(a: torch.Tensor, b: torch.Tensor, start: Field, radius: int, iterations: int, random: torch.Generator) -> Field:
    """PatchMatch with 3x3 patches: every candidate is tried at all positions at once; fields int32 [h, w, 2]."""
    height, width = a.shape[:2]
    here = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), -1)
    limit = torch.tensor([b.shape[0] - 1, b.shape[1] - 1])
    pairs = _Similarity(a, b, here)
    field = start.long()
    score = pairs(field)

    def improve(candidate: torch.Tensor) -> None:
        nonlocal field, score
        found = pairs(candidate)
        better = found > score
        field, score = torch.where(better[..., None], candidate, field), torch.where(better, found, score)

    for _ in range(iterations):
        for jump in JUMPS:
            before = field
            for step in ((0, -jump), (0, jump), (-jump, 0), (jump, 0)):
                shift = torch.tensor(step)
                neighbor = torch.minimum((here + shift).clamp_min(0), torch.tensor([height - 1, width - 1]))
                improve(torch.minimum((before[neighbor[..., 0], neighbor[..., 1]] - shift).clamp_min(0), limit))
        reach = radius
        while reach >= 1:
            low, high = (field - reach).clamp_min(0), torch.minimum(field + reach, limit)
            improve(low + (torch.rand(field.shape, generator=random) * (high - low + 1)).long())
            reach //= 2
    return field.int()


class _Similarity:
    """The mean dot product of 3x3 patches at every position and its match, over the cells inside both grids."""

    def __init__(self, a: torch.Tensor, b: torch.Tensor, here: torch.Tensor) -> None:
        self.a, self.b, self.here = F.pad(a, (0, 0, 1, 1, 1, 1)), F.pad(b, (0, 0, 1, 1, 1, 1)), here
        self.ends = torch.tensor(a.shape[:2]) - 1, torch.tensor(b.shape[:2]) - 1

    def __call__(self, field: torch.Tensor) -> torch.Tensor:
        """Float32 [h, w] for a field int64 [h, w, 2]."""
        return torch.cat([self._rows(top, field[top : top + ROWS]) for top in range(0, len(field), ROWS)])

    def _rows(self, top: int, field: torch.Tensor) -> torch.Tensor:
        height, width = field.shape[:2]
        flat, stride = self.b.flatten(0, 1), self.b.shape[1]
        match = (field[..., 0] + 1) * stride + field[..., 1] + 1
        total = torch.zeros(height, width)
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                ours = self.a[top + 1 + i : top + 1 + i + height, 1 + j : 1 + j + width]
                total += flat.index_select(0, (match + (i * stride + j)).flatten()).view(ours.shape).mul_(ours).sum(-1)
        here = self.here[top : top + height]
        cells = 1 + ((here > 0) & (field > 0)).int() + ((here < self.ends[0]) & (field < self.ends[1])).int()
        return total / cells.prod(-1)


def vote(ours: Image, theirs: Image, to_colors: Image, forward: Field, backward: Field, bds_weight: float) -> tuple[Image, Image]:
    """Bidirectional voting as one sparse matrix of votes: guidance float32 [h, w, 3] and confidence [h, w]."""
    grid, to_grid = ours.shape[:2], theirs.shape[:2]
    here, there = np.indices(grid), np.indices(to_grid)
    pairs = [
        (*here, *forward.permute(2, 0, 1).numpy(), 1.0 / here[0].size),
        (*backward.permute(2, 0, 1).numpy(), *there, bds_weight / there[0].size),
    ]
    rows, columns, values = [], [], []
    for row, column, to_row, to_column, weight in pairs:
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                inside = (row + i >= 0) & (row + i < grid[0]) & (column + j >= 0) & (column + j < grid[1])
                inside &= (to_row + i >= 0) & (to_row + i < to_grid[0]) & (to_column + j >= 0) & (to_column + j < to_grid[1])
                rows.append(((row + i) * grid[1] + column + j)[inside])
                columns.append(((to_row + i) * to_grid[1] + to_column + j)[inside])
                values.append(np.full(len(rows[-1]), weight, np.float32))
    shape = (grid[0] * grid[1], to_grid[0] * to_grid[1])
    votes = sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)
    guidance = votes @ to_colors.reshape(-1, 3) / votes.sum(1).A
    mean = votes @ theirs.reshape(shape[1], -1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    error = -(mean * ours.reshape(shape[0], -1)).sum(1)
    confidence = 1 - (error - error.min()) / (error.max() - error.min())
    return guidance.reshape(*grid, 3), confidence.reshape(grid).clip(1e-6, 1)


def cluster(coarsest: Image, params: TransferParams) -> NDArray[np.bool_]:
    """k-means clusters of the coarsest features: bool [2, clusters, h, w], the members, and the same dilated by one cell."""
    labels = kmeans2(coarsest.reshape(-1, coarsest.shape[-1]), params.clusters, minit="++", seed=params.seed)[1].reshape(coarsest.shape[:2])
    members = labels == np.arange(params.clusters)[:, None, None]
    return np.stack([members, [binary_dilation(cells, np.ones((3, 3))) for cells in members]])


def nonlocal_ties(colors: Image, clusters: NDArray[np.bool_], params: TransferParams) -> sparse.csr_matrix:
    """Weights of the ties between positions of like color in one cluster, symmetric [h * w, h * w]."""
    rows, columns = nearest_cells(colors.shape[:2], clusters.shape[2:])
    members, candidates = clusters[:, :, rows[:, None], columns].reshape(2, len(clusters[0]), -1)
    flat = colors.reshape(-1, 3)
    heads, tails = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for own, near in zip(members, candidates):
        if own.any() and near.sum() > params.nonlocal_neighbors:
            found = cKDTree(flat[near]).query(flat[own], params.nonlocal_neighbors + 1, workers=-1)[1]  # itself is the first
            heads.append(np.repeat(np.flatnonzero(own), params.nonlocal_neighbors))
            tails.append(np.flatnonzero(near)[found[:, 1:].ravel()])
    head, tail = np.concatenate(heads), np.concatenate(tails)
    strength = params.nonlocal_weight / params.nonlocal_neighbors * np.exp(1 - ((flat[head] - flat[tail]) ** 2).sum(1) / 3)
    one_way = sparse.csr_matrix((strength, (head, tail)), (len(flat), len(flat)))
    return one_way + one_way.T


def laplacian(ties: sparse.spmatrix) -> sparse.csr_matrix:
    """The matrix L of the energy sum over ties of weight * (x_p - x_q)^2 = x . L x, for symmetric weights."""
    return (sparse.diags(ties.sum(1).A1) - ties).tocsr()


def grid_ties(lightness: Image, weight: float) -> sparse.csr_matrix:
    """weight / (|l_p - l_q|^1.2 + 1e-4) between neighbors of the grid, symmetric [h * w, h * w]."""
    index = np.arange(lightness.size).reshape(lightness.shape)
    heads, tails = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()]), np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    steps = np.abs(lightness.ravel()[heads] - lightness.ravel()[tails])
    one_way = sparse.csr_matrix((weight / (steps**1.2 + 1e-4), (heads, tails)), (lightness.size, lightness.size))
    return one_way + one_way.T


def start_of_fit(source: Image, guidance: Image) -> tuple[Image, Image]:
    """The slopes and offsets that match mean and deviation over 3x3 windows, float32 [h, w, 3] each."""

    def moments(image: Image) -> tuple[Image, Image]:
        padded = np.pad(image * 255.0, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
        return np.nanmean(windows, (-2, -1)), np.nanstd(windows, (-2, -1))

    (mean_s, sigma_s), (mean_g, sigma_g) = moments(source), moments(guidance)
    a = sigma_g / (sigma_s + 0.6)
    return a, (mean_g - a * mean_s) / 255.0


def fit(source: Image, guidance: Image, weight: Image, ties: sparse.spmatrix, local_weight: float, rounds: int) -> Image:
    """The local linear transform on a level's grid, float32 [h, w, 3, 2]: (a, b) of every channel by conjugate gradients."""
    smooth = laplacian(ties + grid_ties(source[..., 0], 2 * local_weight))  # every pair of neighbors counts twice
    out = np.empty((*source.shape, 2), np.float32)
    start = start_of_fit(source, guidance)
    for channel in range(3):
        s, g, d = source[..., channel].ravel(), guidance[..., channel].ravel(), weight.ravel()
        matrix = sparse.bmat([[smooth + sparse.diags(d * s * s), sparse.diags(d * s)], [sparse.diags(d * s), smooth + sparse.diags(d)]], "csr")
        first = np.concatenate([part[..., channel].ravel() for part in start])
        x = cg(matrix, np.concatenate([d * s * g, d * g]), first, rtol=0, maxiter=rounds)[0]
        out[..., channel, :] = x.reshape(2, *source.shape[:2]).transpose(1, 2, 0)
    return out


def upsample(low: Image, source: Image, weight: float) -> Image:
    """Carries the transform to the picture's grid: bilinear, then weighted least squares stopped by edges; float32 [H, W, 3, 2]."""
    height, width = source.shape[:2]
    planes = torch.from_numpy(low).flatten(-2).permute(2, 0, 1)[None]
    up = F.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)[0].permute(1, 2, 0).reshape(height, width, 3, 2).numpy()
    smooth = laplacian(grid_ties(source[..., 0], weight))
    mapped = up[..., 0] * source + up[..., 1]
    trust = np.where((mapped >= 0) & (mapped <= 1), 1.0, 1e-6)
    out = np.empty_like(up)
    for channel in range(3):
        r = trust[..., channel].ravel()
        solve = splu((smooth + sparse.diags(r)).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve
        out[..., channel, :] = solve(r[:, None] * up[..., channel, :].reshape(-1, 2)).reshape(height, width, 2)
    return out


def _grid(features: torch.Tensor) -> Shape:
    return features.shape[0], features.shape[1]


def _resize(image: Image, shape: Shape) -> Image:
    if image.shape[:2] == shape:
        return image
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    return F.interpolate(planes, size=shape, mode="bilinear", align_corners=False, antialias=True)[0].permute(1, 2, 0).contiguous().numpy()
