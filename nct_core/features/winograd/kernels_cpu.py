"""Winograd's convolution F(4x4, 3x3), compiled for the CPU; see the package for the equation.

Channels are last, so that all arithmetic is that of vectors of 16 channels. Tiles go through the three steps in chunks: to 36 places, 36 products of
matrices, and back with bias, ReLU and pooling. A chunk's data stay in the cache, which is what makes this faster than a direct convolution.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ...runtime.compiled import compiled
from ...runtime.vectors import LANES, filled, larger, load, load_everywhere, store

PLACES = 36
_ROWS = 6  # tiles of a product; their sums fill 12 of AVX2's 16 registers
_CHUNK = 48  # tiles, a multiple of _ROWS
_SKEW = LANES  # without it the places of a tile would lie a multiple of 4096 bytes apart and evict each other from the first cache


@compiled(error_model="numpy")
def convolve_rows(first, last, image, filters, bias, pools, out):
    """Rows of tiles: image [H, W, C], filters [36, N / 16, C, 16], bias [N], out [H, W, N] or [H // 2, W // 2, N]; all float32, contiguous."""
    height, width, inputs = image.shape
    outputs, across = bias.shape[0], (width + 3) // 4
    step, sum_step = _CHUNK * inputs + _SKEW, _CHUNK * outputs + _SKEW
    tiles, sums = np.zeros(PLACES * step, np.float32), np.empty(PLACES * sum_step, np.float32)
    patch = np.empty((6, 6, inputs), np.float32)
    for start in range(first * across, last * across, _CHUNK):
        count = min(_CHUNK, last * across - start)
        for tile in range(count):
            row, col = (start + tile) // across * 4, (start + tile) % across * 4
            if 0 < row < height - 4 and 0 < col < width - 4:
                _to_places(image, ((row - 1) * width + col - 1) * inputs, width * inputs, inputs, tiles, tile * inputs, step)
            else:
                _copy_padded(image, row - 1, col - 1, patch)
                _to_places(patch, 0, 6 * inputs, inputs, tiles, tile * inputs, step)
        for place in range(PLACES):
            for block in range(outputs // LANES):
                weights, at = (place * outputs + block * LANES) * inputs, place * sum_step + block * LANES
                for tile in range(0, count, _ROWS):
                    _multiply(tiles, place * step + tile * inputs, inputs, filters, weights, sums, at + tile * outputs, outputs)
        for tile in range(count):
            row, col = (start + tile) // across * 4, (start + tile) % across * 4
            _from_places(sums, tile * outputs, sum_step, bias, pools, out, row, col, height - row, width - col)


@njit
def _multiply(a, at, depth, b, weights, c, to, outputs):
    """c [6, 16] = a [6, depth] b [depth, 16], the sums in registers; ``at``, ``weights`` and ``to`` are where they begin."""
    s0 = s1 = s2 = s3 = s4 = s5 = filled(np.float32(0))
    for k in range(depth):
        weight = load(b, weights + k * LANES)
        s0 = s0 + load_everywhere(a, at + k) * weight
        s1 = s1 + load_everywhere(a, at + depth + k) * weight
        s2 = s2 + load_everywhere(a, at + 2 * depth + k) * weight
        s3 = s3 + load_everywhere(a, at + 3 * depth + k) * weight
        s4 = s4 + load_everywhere(a, at + 4 * depth + k) * weight
        s5 = s5 + load_everywhere(a, at + 5 * depth + k) * weight
    _store_six(c, to, outputs, (s0, s1, s2, s3, s4, s5))


@njit
def _copy_padded(image, top, left, patch):
    """The 6x6 pixels from (top, left), zero outside the image."""
    height, width, _ = image.shape
    for i in range(6):
        for j in range(6):
            if 0 <= top + i < height and 0 <= left + j < width:
                patch[i, j] = image[top + i, left + j]
            else:
                patch[i, j] = np.float32(0)


@njit
def _to_places(image, at, row, channels, tiles, to, step):
    """B^T d B of one tile: the 6x6 pixels that begin at ``at`` of an image whose rows are ``row`` floats apart."""
    for c in range(0, channels, LANES):
        a = _input_transform(_load_six(image, at + c, row))  # of the columns of pixels
        b = _input_transform(_load_six(image, at + c + channels, row))
        d = _input_transform(_load_six(image, at + c + 2 * channels, row))
        e = _input_transform(_load_six(image, at + c + 3 * channels, row))
        f = _input_transform(_load_six(image, at + c + 4 * channels, row))
        g = _input_transform(_load_six(image, at + c + 5 * channels, row))
        _store_six(tiles, to + c, step, _input_transform((a[0], b[0], d[0], e[0], f[0], g[0])))
        _store_six(tiles, to + c + 6 * step, step, _input_transform((a[1], b[1], d[1], e[1], f[1], g[1])))
        _store_six(tiles, to + c + 12 * step, step, _input_transform((a[2], b[2], d[2], e[2], f[2], g[2])))
        _store_six(tiles, to + c + 18 * step, step, _input_transform((a[3], b[3], d[3], e[3], f[3], g[3])))
        _store_six(tiles, to + c + 24 * step, step, _input_transform((a[4], b[4], d[4], e[4], f[4], g[4])))
        _store_six(tiles, to + c + 30 * step, step, _input_transform((a[5], b[5], d[5], e[5], f[5], g[5])))


@njit
def _from_places(sums, at, step, bias, pools, out, row, col, below, right):
    """A^T m A of one tile, with bias, ReLU and pooling, to the outputs of the pixels from (row, col), of which ``below`` x ``right`` lie inside."""
    outputs = bias.shape[0]
    line = out.shape[1] * outputs
    to = ((row // 2) * out.shape[1] + col // 2) * outputs if pools else row * line + col * outputs
    for c in range(0, outputs, LANES):
        a = _output_transform(_load_six(sums, at + c, step))  # of the rows of places
        b = _output_transform(_load_six(sums, at + c + 6 * step, step))
        d = _output_transform(_load_six(sums, at + c + 12 * step, step))
        e = _output_transform(_load_six(sums, at + c + 18 * step, step))
        f = _output_transform(_load_six(sums, at + c + 24 * step, step))
        g = _output_transform(_load_six(sums, at + c + 30 * step, step))
        p = _output_transform((a[0], b[0], d[0], e[0], f[0], g[0]))  # by column of pixels
        q = _output_transform((a[1], b[1], d[1], e[1], f[1], g[1]))
        r = _output_transform((a[2], b[2], d[2], e[2], f[2], g[2]))
        s = _output_transform((a[3], b[3], d[3], e[3], f[3], g[3]))
        shift, place = load(bias, c), to + c
        if pools:
            if below > 1:
                _store_pooled(out, place, outputs, right, (p[0], q[0], r[0], s[0]), (p[1], q[1], r[1], s[1]), shift)
            if below > 3:
                _store_pooled(out, place + line, outputs, right, (p[2], q[2], r[2], s[2]), (p[3], q[3], r[3], s[3]), shift)
        else:
            _store_row(out, place, outputs, right, (p[0], q[0], r[0], s[0]), shift)
            if below > 1:
                _store_row(out, place + line, outputs, right, (p[1], q[1], r[1], s[1]), shift)
            if below > 2:
                _store_row(out, place + 2 * line, outputs, right, (p[2], q[2], r[2], s[2]), shift)
            if below > 3:
                _store_row(out, place + 3 * line, outputs, right, (p[3], q[3], r[3], s[3]), shift)


@njit
def _input_transform(values):
    """B^T [a b c d e f]^T."""
    a, b, c, d, e, f = values
    two, four, five = filled(np.float32(2)), filled(np.float32(4)), filled(np.float32(5))
    odd, even = d - four * b, e - four * c
    wide_odd, wide_even = two * (d - b), e - c
    return four * a - five * c + e, even + odd, even - odd, wide_even + wide_odd, wide_even - wide_odd, four * b - five * d + f


@njit
def _output_transform(values):
    """A^T [a b c d e f]^T."""
    a, b, c, d, e, f = values
    two, four, eight = filled(np.float32(2)), filled(np.float32(4)), filled(np.float32(8))
    even, odd, wide_even, wide_odd = b + c, b - c, d + e, d - e
    return a + even + wide_even, odd + two * wide_odd, even + four * wide_even, odd + eight * wide_odd + f


@njit
def _load_six(array, at, step):
    return (
        load(array, at), load(array, at + step), load(array, at + 2 * step),
        load(array, at + 3 * step), load(array, at + 4 * step), load(array, at + 5 * step),
    )  # fmt: skip


@njit
def _store_six(array, to, step, values):
    a, b, c, d, e, f = values
    store(array, to, a)
    store(array, to + step, b)
    store(array, to + 2 * step, c)
    store(array, to + 3 * step, d)
    store(array, to + 4 * step, e)
    store(array, to + 5 * step, f)


@njit
def _store_row(out, to, outputs, inside, values, shift):
    """ReLU of four outputs of a row, as far as they lie ``inside``."""
    a, b, c, d = values
    zero = filled(np.float32(0))
    store(out, to, larger(a + shift, zero))
    if inside > 1:
        store(out, to + outputs, larger(b + shift, zero))
    if inside > 2:
        store(out, to + 2 * outputs, larger(c + shift, zero))
    if inside > 3:
        store(out, to + 3 * outputs, larger(d + shift, zero))


@njit
def _store_pooled(out, to, outputs, inside, above, below, shift):
    """Max pooling of two rows of four outputs and ReLU."""
    a, b, c, d = above
    e, f, g, h = below
    zero = filled(np.float32(0))
    if inside > 1:
        store(out, to, larger(larger(larger(a, b), larger(e, f)) + shift, zero))
    if inside > 3:
        store(out, to + outputs, larger(larger(larger(c, d), larger(g, h)) + shift, zero))
