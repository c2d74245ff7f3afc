"""The Triton kernels compiled for GPUs ahead of time, down to machine code: no GPU is needed for that.

The launchers run on tensors of the CPU with a launch that only takes note, so types and options are those of a transfer.
"""

from __future__ import annotations

import importlib.util

import kernel_cases
import pytest
import torch

if importlib.util.find_spec("triton") is None:
    pytest.skip("no Triton, which is for Linux", allow_module_level=True)

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction, mangle_type

from nct_core.guidance.voting import kernels_triton as voting
from nct_core.matching.patchmatch import kernels_triton as patchmatch
from nct_core.runtime.backend import Kernels
from nct_core.solver import kernels_triton as quads_triton
from nct_core.solver.multigrid import Preconditioner
from nct_core.solver.quads import to_quads
from nct_core.solver.system import Grid, System, multiply

GENERATIONS = {"Turing": 75, "Ampere": 80, "Hopper": 90, "Blackwell": 120}
ALIGNED = [["tt.divisibility", 16]]  # torch's memory begins at multiples of 16


@pytest.fixture
def launches(monkeypatch):
    """What a transfer launches: kernels with arguments and options."""
    noted = {}

    def note(kernel, *given, grid, warmup, **options):
        noted.setdefault((kernel, *sorted(options.items())), (kernel, given, options))

    monkeypatch.setattr(JITFunction, "run", note)
    kernel_cases.patchmatch_fields(patchmatch.patchmatch, kernel_cases.PATCHMATCH_CASES[1], torch.device("cpu"))
    kernel_cases.votes(voting.vote, kernel_cases.VOTING_CASES[1], torch.device("cpu"))
    for planes in (3, 9):
        system = System(torch.ones(9, 7, planes), Grid(torch.ones(9, 7), torch.ones(9, 7), Kernels.TRITON))
        Preconditioner(system)(to_quads(torch.ones(9, 7, 6)))
        multiply(system, torch.ones(9, 7, 6))
    quads_triton.split(torch.ones(6, 9, 7), to_quads(torch.ones(9, 7, 6)))
    monkeypatch.undo()
    return list(noted.values())


def test_every_kernel_is_launched(launches):
    of_the_solver = {"_relax", "_apply", "_restrict", "_prolong", "_split", "_join"}
    assert {kernel.fn.__name__ for kernel, _, _ in launches} == {"_score_all", "_propagate", "_random_search", "_gather_votes", *of_the_solver}


@pytest.mark.slow
@pytest.mark.parametrize("generation", GENERATIONS)
def test_kernels_compile(launches, generation, monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    capability = GENERATIONS[generation]
    for kernel, given, options in launches:
        constants = {name: value for name, value in options.items() if name in kernel.arg_names}
        names = [name for name in kernel.arg_names if name not in constants]
        signature = {name: mangle_type(value) for name, value in zip(names, given, strict=True)} | dict.fromkeys(constants, "constexpr")
        attributes = {(kernel.arg_names.index(name),): ALIGNED for name in names if signature[name].startswith("*")}
        source = ASTSource(kernel, signature, constants, attributes)
        flags = {name: value for name, value in options.items() if name not in constants}
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=flags)
        assert f".target sm_{capability}" in compiled.asm["ptx"] and compiled.asm["cubin"].startswith(b"\x7fELF")
