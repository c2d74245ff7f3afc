"""The procedure in a real GIMP, called through the PDB."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Any

import icc_profiles
import numpy as np
import pytest
from gimp_session import Gimp
from inside.processes import running
from pixel_files import EXECUTION_ERROR, SUCCESS, write_pixels

from nct_core.cli import main
from nct_core.contract.params import describe
from nct_core.files.read import read_picture

pytestmark = pytest.mark.gimp

LIMIT_SECONDS = 10  # as in test_worker_process.py
SIZE, REFERENCE_SIZE = (96, 64), (80, 72)
PARAMS = {"working_size": 96, "bds_weight": 1.5}

# name: channels, dtype, GIMP's precision, ICC profile, file type, largest difference allowed (in the file's own values; floats: 0..1)
CASES = {
    "rgb8": (3, "uint8", "U8_NON_LINEAR", b"", ".png", 1),
    "rgba8": (4, "uint8", "U8_NON_LINEAR", b"", ".png", 1),
    "rgb16": (3, "uint16", "U16_NON_LINEAR", b"", ".png", 257),
    "float": (3, "float32", "FLOAT_NON_LINEAR", b"", ".tif", 1 / 255),
    "linear float": (4, "float32", "FLOAT_LINEAR", b"", ".tif", 1 / 255),
    "gray8": (1, "uint8", "U8_NON_LINEAR", b"", ".png", 1),
    "gray16 and alpha": (2, "uint16", "U16_NON_LINEAR", b"", ".png", 257),
    "adobe8": (3, "uint8", "U8_NON_LINEAR", icc_profiles.adobe_rgb(), ".png", 1),
}


@pytest.fixture(scope="module")
def transfers(gimp: Gimp) -> dict[str, dict[str, Any]]:
    """What GIMP told of each case; its exports lie in ``gimp.home``. One start of GIMP for all."""
    cases = []
    for seed, (name, (channels, dtype, precision, profile, suffix, _)) in enumerate(CASES.items()):
        (gimp.home / f"{name}.icc").write_bytes(profile)
        source = {**write_pixels(gimp.home, f"{name}.source", seed, SIZE, channels, dtype), "offsets": (-11, 23)}
        reference = write_pixels(gimp.home, f"{name}.reference", seed + 100, REFERENCE_SIZE, channels, dtype, 0.5)
        case = {"name": name, "precision": precision, "profile": str(gimp.home / f"{name}.icc") if profile else "", "suffix": suffix}
        cases.append({**case, "source": source, "reference": reference, "params": PARAMS})
    return dict(zip(CASES, gimp.call("transfer", folder=str(gimp.home), cases=cases)))


@pytest.mark.parametrize("name", CASES)
def test_the_new_layer_equals_the_command_line(gimp: Gimp, transfers: dict[str, dict[str, Any]], name: str) -> None:
    channels, dtype, _, _, suffix, tolerance = CASES[name]
    assert transfers[name]["status"] == SUCCESS
    source, reference, result = (gimp.home / f"{name}-{role}{suffix}" for role in ("source", "reference", "result"))
    output = gimp.home / f"{name}-cli{suffix}"
    options = [f"--{key.replace('_', '-').replace('bds-weight', 'bds')}={value}" for key, value in PARAMS.items()]
    assert main.main(["transfer", str(source), str(reference), "-o", str(output), *options]) == 0
    if CASES[name][3]:
        assert read_picture(result).icc_profile == CASES[name][3]
    before, ours, theirs = (read_picture(path).pixels for path in (source, result, output))
    assert (ours.dtype.name, ours.shape, ours.shape[2]) == (dtype, theirs.shape, channels)
    assert np.abs(ours.astype(float) - theirs).max() <= tolerance
    assert np.abs(ours.astype(float) - before)[..., 0].mean() > 4 * tolerance
    if channels in (2, 4):
        np.testing.assert_array_equal(ours[..., -1], before[..., -1])
        assert before[0, 0, -1] == 0


@pytest.mark.parametrize("name", CASES)
def test_the_new_layer_lies_directly_above_its_source_and_nothing_else_changes(transfers: dict[str, dict[str, Any]], name: str) -> None:
    facts = transfers[name]
    assert facts["name"] == f"Recolored: {facts['source']}"
    assert facts["offsets"] == [-11, 23]
    assert (facts["parent"], facts["above source"], facts["new layers"]) == ("group", 1, 1)
    assert facts["kind"] and facts["opacity"] == 100 and facts["dirty"]
    assert facts["others unchanged"]


def test_the_procedure_is_registered_with_every_parameter(gimp: Gimp) -> None:
    facts = gimp.call("registration")
    assert (facts["label"].replace("_", ""), facts["menus"]) == ("Neural Color Transfer…", ["<Image>/Filters"])
    assert facts["image types"] == "RGB*, GRAY*"
    assert [value["name"] for value in facts["returns"]] == ["layer", "used"]
    fixed, parameters = facts["arguments"][:8], facts["arguments"][8:]
    names = ["run-mode", "image", "drawables", "references", "reference-files", "selected-only", "output", "device"]
    assert [argument["name"] for argument in fixed] == names
    assert [argument["name"] for argument in parameters] == [parameter.name.replace("_", "-") for parameter in describe()]
    for argument, parameter in zip(parameters, describe()):
        assert argument["type"] == ("gint" if parameter.integer else "gdouble")
        assert (argument["default_value"], argument["minimum"], argument["maximum"]) == (parameter.default, parameter.low, parameter.high)
        assert argument["tooltip"]


def test_failing_runs_say_why_and_leave_the_image_as_it_was(gimp: Gimp) -> None:
    facts = gimp.call("fail", folder=str(gimp.home), source=write_pixels(gimp.home, "failing", 1, SIZE, 3, "uint8"), plugin=str(gimp.plugin))
    assert facts["unchanged"] and not facts["dirty"]
    messages = facts["messages"]
    for case, words in {
        "no reference": "Expected at least one reference layer or file, got none",
        "last values without any": "Expected at least one reference layer or file, got none",
        "itself": "Expected references other than the source, got the layer 'a layer' as both",
        "same pixels": "The reference 'a layer #1': expected a picture that differs from the source, got the same pixels",
        "two sources": "Expected one selected layer, got 2",
        "a mask": "Expected a layer, got the mask or channel",
        "indexed": "convert the image with Image > Mode > RGB",
        "indexed reference": "convert the image with Image > Mode > RGB",
        "no worker": "The worker /nonexistent/python cannot be started",
        "a worker that fails": "The worker ended unexpectedly (exit status 3)",
    }.items():
        assert messages[case]["status"] == EXECUTION_ERROR, case
        assert words in messages[case]["message"], case
        assert "\n" not in messages[case]["message"], case
        if case != "two sources":
            assert f"(log: {gimp.log})" in messages[case]["message"], case
    assert "no library" in gimp.log.read_text()


def test_killing_worker_or_plugin_in_mid_run_leaves_image_and_machine_clean(gimp: Gimp) -> None:
    gimp.log.unlink(missing_ok=True)
    source, reference = (write_pixels(gimp.home, name, seed, (500, 400), 3, "uint8") for seed, name in enumerate(("large", "other")))
    running = gimp.start("interrupted", folder=str(gimp.home), source=source, reference=reference)
    for number in (1, 2):  # the second one was started because the first was lost
        os.kill(wait_for_worker(gimp, number), signal.SIGKILL)
    worker = wait_for_worker(gimp, 3)
    watched = os.pidfd_open(worker)
    os.kill(find_process("neural_color_transfer.py", str(gimp.plugin)), signal.SIGKILL)
    ended, _, _ = select.select([watched], [], [], LIMIT_SECONDS)
    os.close(watched)
    assert ended
    without_worker, without_plugin = gimp.result(running)
    assert without_worker["message"].startswith("The worker ended unexpectedly (exit status -9)")
    for facts in (without_worker, without_plugin):
        assert facts["status"] != SUCCESS
        assert facts["unchanged"] and not facts["dirty"]


def wait_for_worker(gimp: Gimp, runs: int) -> int:
    """The running worker's process, once it has all pixels of its run and computes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if gimp.log.exists() and gimp.log.read_text().count(" reference ") == runs:
            return find_process("nct_core.worker", str(gimp.log))
        time.sleep(0.05)
    raise AssertionError(f"no worker has started to compute; its log says:\n{gimp.log.read_text() if gimp.log.exists() else ''}")


def find_process(*parts: str) -> int:
    """The process whose command line has all these parts."""
    found = [process for process, command in running(*parts).items() if not command.startswith(("unshare", "sh\0", "gimp"))]
    assert len(found) == 1, found
    return found[0]
