"""What other devices than the CPU give. ``pytest -m gpu`` runs what needs a CUDA device."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from kernel_cases import LARGE, PATCHMATCH_CASES, VOTING_CASES, patchmatch_fields, votes
from pictures import landscape
from skimage.color import deltaE_ciede2000, rgb2lab

import nct_core
from nct_core import Cancelled, ConvergenceError, DeviceError, InputError, TransferParams, pipeline, transfer
from nct_core.contract.errors import DeviceLost
from nct_core.guidance.voting import kernels_cpu as voting_cpu
from nct_core.guidance.voting import kernels_torch as voting_torch
from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
from nct_core.matching.patchmatch import kernels_torch as patchmatch_torch
from nct_core.runtime import backend, memory
from nct_core.transform.apply import ColorTransform

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


REPORTS = {
    "out of memory": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "card too old": torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
    "illegal access": torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "driver": RuntimeError("Found no NVIDIA driver on your system"),
    "Triton's launcher": subprocess.CalledProcessError(1, ["gcc", "main.c"]),
    "Triton's compiler": ValueError("type fp8e4nv not supported in this architecture"),
    "no Triton": ImportError("DLL load failed while importing libtriton"),
    "not finite": ConvergenceError("expected finite numbers from the linear solver, got nan"),
}
original, lose = backend.start, backend._lost
SOURCE, REFERENCES = landscape(1, (64, 64)), [landscape(2, (64, 64))]
TINY = TransferParams(working_size=64, patchmatch_iterations=1)


@pytest.fixture(autouse=True)
def no_device_has_failed(monkeypatch):
    monkeypatch.setattr(backend, "_failed", {})


@pytest.fixture(scope="module")
def on_the_cpu():
    return transfer(SOURCE, REFERENCES, TINY, device="cpu").image


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that is simulated: kernels of plain torch on the CPU under the name of another device."""
    simulated = backend.Backend(torch.device("cpu"), backend.Kernels.TORCH, "Test GPU")
    candidates, start = backend.candidates, backend.start
    monkeypatch.setattr(backend, "candidates", lambda wanted: {"auto": ["cuda:0", "cpu"], "cuda": ["cuda:0"]}.get(wanted) or candidates(wanted))
    monkeypatch.setattr(backend, "start", lambda name, trials=(): simulated if name == "cuda:0" else start(name, trials))
    monkeypatch.setattr(backend, "describe", lambda device: "Test GPU")
    return simulated


@pytest.fixture
def gpu_that_does_not_start(monkeypatch):
    """What torch reports is raised by the first convolution on a device that is not there."""

    def break_with(report):
        def convolve(device):
            raise report

        monkeypatch.setattr(backend, "_convolve", convolve)

    candidates = backend.candidates
    monkeypatch.setattr(backend, "candidates", lambda wanted: {"auto": ["cuda:0", "cpu"], "cuda": ["cuda:0"]}.get(wanted) or candidates(wanted))
    monkeypatch.setattr(backend, "describe", lambda device: "Test GPU")
    return break_with


def break_voting(monkeypatch, report, call):
    """The kernels of the simulated GPU raise at one of their calls, counted from 1."""
    vote, calls = voting_torch.vote, []

    def broken(ballot, advance):
        calls.append(1)
        if len(calls) == call:
            raise report
        return vote(ballot, advance)

    monkeypatch.setattr(voting_torch, "vote", broken)


def run_and_listen(**options):
    told = []
    result = transfer(SOURCE, REFERENCES, TINY, progress=lambda fraction, stage: told.append((fraction, stage)), **options)
    return result, told


def check_fallback(result, told, expected, report):
    fractions, stages = zip(*told)
    short = isinstance(report, torch.OutOfMemoryError)
    message = "Too little memory on Test GPU: beginning again on the CPU" if short else "Test GPU failed: beginning again on the CPU"
    assert result.device == "CPU" and stages.count(message) == 1
    assert list(fractions) == sorted(fractions) and fractions[-1] == 1
    np.testing.assert_array_equal(result.image, expected)


@pytest.mark.slow
def test_the_simulated_gpu_computes(gpu, on_the_cpu):
    result, told = run_and_listen()
    assert result.device == "Test GPU" and not any("CPU" in stage for _, stage in told)
    assert np.abs(result.image - on_the_cpu).mean() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_auto_begins_on_the_cpu_whatever_the_device_reports_at_the_start(gpu_that_does_not_start, on_the_cpu, report, caplog):
    gpu_that_does_not_start(report)
    check_fallback(*run_and_listen(), on_the_cpu, report)
    assert str(report).splitlines()[0] in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_auto_begins_again_on_the_cpu_whatever_the_device_reports_in_mid_transfer(gpu, monkeypatch, on_the_cpu, report, caplog):
    break_voting(monkeypatch, report, call=3)
    result, told = run_and_listen()
    check_fallback(result, told, on_the_cpu, report)
    assert told[[stage for _, stage in told].index("Matching, level 3 of 5")][0] > 0
    assert len(caplog.records) == 1 and "begins again on the CPU" in caplog.text


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_device_that_was_asked_for_is_not_replaced_by_another(gpu, monkeypatch, report):
    break_voting(monkeypatch, report, call=1)
    wanted = (DeviceError, ConvergenceError)
    with pytest.raises(wanted) as caught:
        transfer(SOURCE, REFERENCES, TINY, device="cuda")
    if isinstance(report, torch.OutOfMemoryError):
        assert isinstance(caught.value, backend.OutOfMemory)
    else:
        assert str(report).splitlines()[0] in str(caught.value)


def test_a_device_that_was_asked_for_and_does_not_start(gpu_that_does_not_start):
    gpu_that_does_not_start(REPORTS["card too old"])
    with pytest.raises(DeviceError, match=r"expected Test GPU to compute, .* no kernel image is available"):
        transfer(SOURCE, REFERENCES, TINY, device="cuda")


def test_a_lost_device_is_told_from_one_that_failed(gpu, monkeypatch):
    break_voting(monkeypatch, REPORTS["illegal access"], call=1)
    monkeypatch.setattr(backend, "is_lost", lambda device: True)
    with pytest.raises(DeviceLost, match="this process cannot use it any more"):
        transfer(SOURCE, REFERENCES, TINY, device="cuda")
    transform = ColorTransform(torch.zeros(4, 4, 6), torch.zeros(4, 4))

    def stop(_done):
        raise REPORTS["illegal access"]

    with pytest.raises(DeviceLost, match="illegal memory access"):
        transform.apply(SOURCE, advance=stop)
    monkeypatch.setattr(backend, "is_lost", lambda device: False)
    with pytest.raises(torch.AcceleratorError):
        transform.apply(SOURCE, advance=stop)


def test_a_device_that_failed_for_the_whole_process_is_not_tried_again(gpu_that_does_not_start, monkeypatch):
    tried = []

    def convolve(device):
        tried.append(device)
        raise REPORTS["illegal access"]

    monkeypatch.setattr(backend, "_convolve", convolve)
    for _ in range(2):
        with pytest.raises(DeviceError, match="expected Test GPU to compute") as caught:
            backend.start("cuda:0")
        assert type(caught.value) is DeviceError
    with pytest.raises(DeviceLost), backend.loss_as_error(torch.device("cuda:1")):
        raise REPORTS["illegal access"]
    with pytest.raises(DeviceLost, match="this process cannot use it any more"):
        backend.start("cuda:1")
    assert len(tried) == 2, "once to start the first device, once to see that the second is lost"


def test_a_device_that_had_no_memory_is_tried_again(gpu_that_does_not_start, monkeypatch):
    gpu_that_does_not_start(REPORTS["out of memory"])
    with pytest.raises(backend.OutOfMemory):
        backend.start("cuda:0")
    monkeypatch.setattr(backend, "_convolve", lambda device: None)
    assert backend.start("cuda:0").kernels is backend.Kernels.TORCH
    backend._proved.cache_clear()


@pytest.mark.slow
def test_after_a_device_is_lost_every_transfer_says_so_and_goes_to_the_cpu(gpu, monkeypatch, on_the_cpu):
    simulated, name = backend.start, torch.device("cuda:0")
    monkeypatch.setattr(backend, "start", lambda wanted, trials=(): original(wanted, trials) if name in backend._failed else simulated(wanted, trials))
    monkeypatch.setattr(backend, "is_lost", lambda device: True)
    monkeypatch.setattr(backend, "_lost", lambda error, device: lose(error, name))
    break_voting(monkeypatch, REPORTS["illegal access"], call=1)
    check_fallback(*run_and_listen(), on_the_cpu, REPORTS["illegal access"])
    result, told = run_and_listen()
    check_fallback(result, told, on_the_cpu, REPORTS["illegal access"])
    assert not any("Matching" in stage for _, stage in told[: [stage for _, stage in told].index("Test GPU failed: beginning again on the CPU")])


@pytest.mark.parametrize("device", ["auto", "cuda", "cpu"])
@pytest.mark.parametrize("error", [RuntimeError("CUDA error: mine"), torch.OutOfMemoryError("mine"), MemoryError("mine"), ZeroDivisionError("mine")])
@pytest.mark.parametrize("function", ["observer", "progress", "cancel"])
def test_an_error_of_the_caller_passes_through_unchanged(gpu, device, error, function, caplog):
    calls = []

    def fail(*_):
        calls.append(1)
        if function == "observer" or len(calls) == 20:
            raise error
        return False

    with pytest.raises(type(error)) as caught:
        transfer(SOURCE, REFERENCES, TINY, device=device, **{function: fail})
    assert caught.value is error and len(calls) == (1 if function == "observer" else 20)
    assert not caplog.records


def test_canceling_and_wrong_input_begin_nothing_again(gpu):
    with pytest.raises(Cancelled):
        transfer(SOURCE, REFERENCES, TINY, cancel=lambda: True)
    with pytest.raises(InputError, match="the same pixels"):
        transfer(SOURCE, [SOURCE.copy()], TINY)


def test_references_that_fit_on_the_cpu_only(gpu, monkeypatch, on_the_cpu):
    monkeypatch.setattr(memory, "available", lambda at: 1 << 20 if at is gpu else None)
    result, told = run_and_listen()
    check_fallback(result, told, on_the_cpu, REPORTS["out of memory"])


def test_triton_gives_way_to_plain_torch_where_a_trial_fails(monkeypatch, caplog):
    device, tried = torch.device("cuda", 7), []
    monkeypatch.setattr(backend, "describe", lambda device: "Test GPU")
    monkeypatch.setattr(backend, "_convolve", tried.append)

    def works(device):
        tried.append("trial")

    def fails(device):
        raise REPORTS["Triton's launcher"]

    proved = backend._proved.__wrapped__
    assert proved(device, (works, works)) == backend.Backend(device, backend.Kernels.TRITON, "Test GPU")
    assert tried == [device, "trial", "trial"] and not caplog.records
    assert proved(device, (works, fails)).kernels is backend.Kernels.TORCH
    assert tried[-2:] == ["trial", device] and "slower ones are used: CalledProcessError" in caplog.text
    assert proved(device, ()).kernels is backend.Kernels.TORCH
    assert proved(torch.device("mps"), (fails,)).kernels is backend.Kernels.TORCH

    def lost(device):
        monkeypatch.setattr(backend, "_convolve", lambda device: fails(device))
        fails(device)

    with pytest.raises(DeviceError, match="expected Test GPU to compute"):
        proved(device, (lost,))


def test_a_wrong_convolution_is_an_error(monkeypatch):
    backend._convolve(torch.device("cpu"))
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *_: torch.full((1, 4, 6, 6), 26.0))
    with pytest.raises(RuntimeError, match="expected 27 everywhere"):
        backend._convolve(torch.device("cpu"))


def test_no_other_module_asks_for_the_type_of_a_device():
    package = Path(nct_core.__file__).parent
    asking = [path.name for path in package.rglob("*.py") if "benchmark" not in path.parts and re.search(r"device\.type|\.type ==", path.read_text())]
    assert asking == ["backend.py"]


@pytest.mark.gpu
@needs_gpu
class TestCuda:
    device = torch.device("cuda:0")

    def test_triton_runs(self):
        assert backend.start("cuda:0", pipeline._TRIALS).kernels is backend.Kernels.TRITON

    @pytest.mark.parametrize("case", [*PATCHMATCH_CASES, LARGE])
    def test_fields_are_equal(self, case):
        from nct_core.matching.patchmatch import kernels_triton as patchmatch_triton

        expected = patchmatch_fields(patchmatch_cpu.patchmatch, case, torch.device("cpu"))
        for run in (patchmatch_triton.patchmatch, patchmatch_torch.patchmatch):
            np.testing.assert_array_equal(patchmatch_fields(run, case, self.device), expected)

    @pytest.mark.parametrize("case", [*VOTING_CASES, LARGE])
    def test_votes_agree(self, case):
        from nct_core.guidance.voting import kernels_triton as voting_triton

        expected = votes(voting_cpu.vote, case, torch.device("cpu"))
        for run in (voting_triton.vote, voting_torch.vote):
            found = votes(run, case, self.device)
            for one, other in zip(found, expected):
                np.testing.assert_allclose(one, other, atol=1e-5)
            for one, again in zip(found, votes(run, case, self.device)):
                np.testing.assert_array_equal(one, again)

    def test_a_whole_transfer_agrees_within_bounded_memory(self):
        source, reference = landscape(1, (500, 700)), landscape(2, (480, 640), sky=(0.95, 0.6, 0.4), ground=(0.25, 0.2, 0.35))
        torch.cuda.reset_peak_memory_stats(self.device)
        found = transfer(source, [reference], device="cuda")
        assert torch.cuda.max_memory_allocated(self.device) < 4 << 30
        assert found.device == torch.cuda.get_device_name(self.device)
        expected = transfer(source, [reference], device="cpu")
        assert deltaE_ciede2000(*(rgb2lab(np.clip(result.image, 0, 1)) for result in (found, expected))).mean() < 0.5

    def test_too_little_memory_falls_back_to_the_cpu(self):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(64 * 2**20 / torch.cuda.get_device_properties(self.device).total_memory, self.device)
        try:
            result = transfer(landscape(1, (500, 700)), [landscape(2, (500, 700))], TransferParams(patchmatch_iterations=2))
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, self.device)
        assert result.device == "CPU"
