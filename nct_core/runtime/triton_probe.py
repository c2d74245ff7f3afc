"""The smallest Triton kernel, to find out whether any runs; see :func:`nct_core.runtime.backend.runs_triton`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


def run(device: torch.device) -> None:
    """Compiles and runs a kernel; raises whatever Triton does where that fails."""
    out = torch.zeros(1, dtype=torch.int32, device=device)
    with torch.cuda.device_of(out):
        _write[(1,)](out, num_warps=1, enable_fp_fusion=True)
    if int(out) != 1:
        raise RuntimeError(f"expected 1 from the kernel, got {int(out)}")


@triton.jit
def _write(out):
    tl.store(out, 1)
