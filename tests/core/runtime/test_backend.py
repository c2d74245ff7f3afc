"""What other devices than the CPU give. ``pytest -m gpu`` runs what needs a CUDA device."""

import numpy as np
import pytest
import torch
from kernel_cases import LARGE, PATCHMATCH_CASES, VOTING_CASES, patchmatch_fields, votes
from pictures import landscape
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import TransferParams, pipeline, transfer
from nct_core.guidance.voting import kernels_cpu as voting_cpu
from nct_core.guidance.voting import kernels_torch as voting_torch
from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
from nct_core.matching.patchmatch import kernels_torch as patchmatch_torch
from nct_core.runtime import backend

SMALL = TransferParams(working_size=64, patchmatch_iterations=2)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("too_much", [backend.OutOfMemory("no room"), None])
def test_a_gpu_with_too_little_memory_gives_way_to_the_cpu(monkeypatch, too_much):
    """The GPU is played by a device that is not there: its try fails after some progress, or for what it really lacks."""
    on_device = pipeline._transfer_at

    def transfer_at(source, onto, references, params, weights_path, stages, observer, started, at):
        if at.type != "cpu":
            stages.begin(20.0, "Loading the network")
            stages.begin(5.0, "Matching")
            with backend.out_of_memory_as_error("the test"):
                raise too_much or torch.OutOfMemoryError("CUDA out of memory")
        return on_device(source, onto, references, params, weights_path, stages, observer, started, at)

    monkeypatch.setattr(pipeline, "_transfer_at", transfer_at)
    monkeypatch.setattr(backend, "resolve", lambda name: torch.device("mps"))
    told = []
    source, references = landscape(1), [landscape(2)]
    result = transfer(source, references, SMALL, progress=lambda fraction, stage: told.append((fraction, stage)))
    fractions, stages = zip(*told)
    assert result.device == "CPU"
    assert stages[:4] == ("Loading the network", "Matching", "Too little memory on Apple GPU: beginning again on the CPU", "Loading the network")
    assert list(fractions) == sorted(fractions) and fractions[2] > 0 and fractions[-1] == 1
    monkeypatch.undo()
    np.testing.assert_array_equal(result.image, transfer(source, references, SMALL, device="cpu").image)


@pytest.mark.gpu
@needs_gpu
class TestCuda:
    device = torch.device("cuda:0")

    def test_triton_runs(self):
        assert backend.runs_triton(self.device)

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
            result = transfer(landscape(1, (500, 700)), [landscape(2, (500, 700))], TransferParams(patchmatch_iterations=2), device="cuda")
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, self.device)
        assert result.device == "CPU"
