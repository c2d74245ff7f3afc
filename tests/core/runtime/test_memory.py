"""How much memory was used."""

import subprocess
import sys

import numpy as np
import pytest

from nct_core.runtime import memory


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts right")
def test_the_peak_is_the_programs_own_and_not_its_parents():
    held = np.ones(600 << 17)  # 600 MiB, in use when the child begins
    program = "from nct_core.runtime import memory; print(memory.peak_mib())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120).stdout
    assert 20 < float(told) < 600 < memory.peak_mib()
    del held


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not say")
def test_the_peak_of_another_process():
    program = "held = b'1' * (200 << 20); del held; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        peak = memory.peak_mib(other.pid)
        other.communicate(b"\n", timeout=60)
    assert 200 < peak < 400
    assert memory.peak_mib(other.pid) is None
