"""Work that tells how far it is can be stopped wherever it does."""

import functools
import threading
import time

import kernel_cases
import numpy as np
import pytest
import torch
from pictures import blobs

from nct_core import Cancelled, TransferParams, transfer
from nct_core.features.installed import forget_pictures
from nct_core.matching import coarsest
from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
from nct_core.matching.patchmatch import kernels_torch as patchmatch_torch
from nct_core.runtime import threads
from nct_core.runtime.progress import part
from nct_core.solver.conjugate_gradients import solve
from nct_core.solver.system import Grid, System
from nct_core.transform.apply import ColorTransform


class Stopped(Exception):
    pass


class Watch:
    """Takes note of the shares; raises when it has been told so many."""

    def __init__(self, stop_at=None):
        self.shares, self.stop_at = [], stop_at

    def __call__(self, done):
        self.shares.append(done)
        if len(self.shares) == self.stop_at:
            raise Stopped


def rises(shares):
    return shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1


def test_a_part_of_the_work():
    watch = Watch()
    inner = part(part(watch, 0.5, 1.0), 0.0, 0.5)
    for done in (0.0, 0.5, 1.0):
        inner(done)
    assert watch.shares == [0.5, 0.625, 0.75]


@pytest.mark.parametrize("cores", [1, 2])
def test_bands_tell_how_far_they_are(monkeypatch, cores):
    monkeypatch.setattr(threads, "count", lambda: cores)
    rows, watch = np.zeros(100), Watch()
    threads.over_rows(lambda first, last: rows.__setitem__(slice(first, last), 1), 100, grain=1, advance=watch)
    assert rows.all() and rises(watch.shares) and len(watch.shares) > 1 and watch.shares[-1] == 1


@pytest.mark.parametrize("cores", [1, 2])
def test_no_band_is_begun_after_a_stop_and_none_works_on(monkeypatch, cores):
    monkeypatch.setattr(threads, "count", lambda: cores)
    working, begun = threading.Semaphore(0), []

    def band(first, last):
        begun.append(first)
        time.sleep(0.02)
        working.release()

    with pytest.raises(Stopped):
        threads.over_rows(band, 100, grain=1, advance=Watch(stop_at=1))
    ended = sum(working.acquire(blocking=False) for _ in range(100))
    assert len(begun) == ended < cores * 4


@pytest.mark.parametrize("run", [patchmatch_cpu.patchmatch, patchmatch_torch.patchmatch])
def test_patchmatch(run):
    case, cpu, watch = kernel_cases.PATCHMATCH_CASES[0], torch.device("cpu"), Watch()
    kernel_cases.patchmatch_fields(functools.partial(run, advance=watch), case, cpu)
    assert rises(watch.shares) and watch.shares[-1] == 1 and len(set(watch.shares)) >= 5 * case.iterations
    with pytest.raises(Stopped):
        kernel_cases.patchmatch_fields(functools.partial(run, advance=Watch(stop_at=len(watch.shares) // 2)), case, cpu)


def test_semiglobal():
    features = [torch.randint(0, 2000, (14, 12, 8), dtype=torch.int16, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    valid, watch = [torch.ones(14, 12, dtype=torch.bool)] * 2, Watch()
    coarsest.fields(*features, *valid, advance=watch)
    assert rises(watch.shares) and len(set(watch.shares)) > 4 and watch.shares[-1] == 1
    for stop in (1, len(watch.shares) // 2, len(watch.shares)):
        with pytest.raises(Stopped):
            coarsest.fields(*features, *valid, advance=Watch(stop_at=stop))


def test_solver():
    rng = torch.Generator().manual_seed(1)
    system = System(torch.ones(40, 50, 3), Grid(10 * torch.rand(40, 50, generator=rng), 10 * torch.rand(40, 50, generator=rng)))
    watch, right = Watch(), torch.rand(40, 50, 6, generator=rng)
    iterations = solve(system, right, tolerance=1e-5, advance=watch).iterations
    assert rises(watch.shares) and len(watch.shares) > iterations > 1
    with pytest.raises(Stopped):
        solve(system, right, tolerance=1e-5, advance=Watch(stop_at=2))


def test_application():
    transform = ColorTransform(torch.rand(10, 10, 6), torch.rand(10, 10))
    image, watch = np.random.default_rng(1).random((1000, 300, 3)).astype(np.float32), Watch()
    transform.apply(image, advance=watch)
    assert rises(watch.shares) and len(watch.shares) > 1
    with pytest.raises(Stopped):
        transform.apply(image, advance=Watch(stop_at=1))


def pair():
    return [blobs(seed, (96, 128), dtype="float32") for seed in (1, 2, 3)]


@pytest.mark.slow
def test_a_transfer_advances_in_small_steps_and_can_be_stopped_at_every_one():
    source, *references = pair()
    params, told = TransferParams(working_size=96), []
    forget_pictures()
    transfer(source, references, params, device="cpu", progress=lambda fraction, stage: told.append((fraction, stage)))
    fractions = [fraction for fraction, _ in told]
    assert rises(fractions) and max(np.diff(fractions)) < 0.05
    for number in np.linspace(0, len(told) - 2, 9).astype(int):
        heard = []
        forget_pictures()
        with pytest.raises(Cancelled):
            transfer(source, references, params, device="cpu", progress=lambda *how_far: heard.append(how_far), cancel=lambda: len(heard) == number)  # noqa: B023
        assert heard == told[:number]
