"""The Triton kernels in Triton's interpreter against those of the CPU; run by test_triton.py in a process of its own.

The interpreter is chosen when a kernel is defined: TRITON_INTERPRET=1 must be set before anything of this is imported.
"""

from __future__ import annotations

import numpy as np
import torch
from kernel_cases import PATCHMATCH_CASES, VOTING_CASES, patchmatch_fields, votes

from nct_core.guidance import voting
from nct_core.guidance.voting import kernels_cpu as voting_cpu
from nct_core.guidance.voting import kernels_triton as voting_triton
from nct_core.matching import patchmatch
from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
from nct_core.matching.patchmatch import kernels_triton as patchmatch_triton

CPU = torch.device("cpu")
# Larger groups of positions: the interpreter's time goes by programs.
patchmatch_triton._POSITIONS = 128

patchmatch.try_triton(CPU)
voting.try_triton(CPU)
for case in PATCHMATCH_CASES:
    expected, found = (patchmatch_fields(run, case, CPU) for run in (patchmatch_cpu.patchmatch, patchmatch_triton.patchmatch))
    np.testing.assert_array_equal(found, expected)
for case in VOTING_CASES:
    for found, expected in zip(votes(voting_triton.vote, case, CPU), votes(voting_cpu.vote, case, CPU)):
        np.testing.assert_allclose(found, expected, atol=2e-6)
print("interpreted kernels agree")
