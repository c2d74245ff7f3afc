"""The kernels of other devices, run on the CPU: Triton's in its interpreter, torch's as they are; see test_backend.py for the GPU."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from kernel_cases import LARGE, PATCHMATCH_CASES, patchmatch_fields

from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
from nct_core.matching.patchmatch import kernels_torch as patchmatch_torch

INTERPRETED = Path(__file__).with_name("triton_interpreted.py")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton, which is for Linux")
def test_interpreted_kernels_agree_with_the_compiled_ones():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    run = subprocess.run([sys.executable, "-W", "error", str(INTERPRETED)], env=environment, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "interpreted kernels agree\n"


@pytest.mark.parametrize("case", [*PATCHMATCH_CASES, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_the_torch_path_finds_the_same_fields(case):
    cpu = torch.device("cpu")
    np.testing.assert_array_equal(patchmatch_fields(patchmatch_torch.patchmatch, case, cpu), patchmatch_fields(patchmatch_cpu.patchmatch, case, cpu))
