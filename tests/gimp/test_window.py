"""GIMP's own windows, driven with mouse and keyboard on a screen that nobody sees."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import window_session
from gimp_session import Gimp
from pictures import blobs

from nct_core.files.picture import Picture
from nct_core.files.write import write_picture

pytestmark = [pytest.mark.gimp, pytest.mark.window]

NEW = "Recolored: source"


def play(gimp: Gimp, scenario: str, size: tuple[int, int], **user: str) -> dict[str, Any]:
    """Plays a scenario with three pictures of this size; its screenshots go to $NCT_ARTIFACTS, or beside GIMP's user folder.

    In none may the terminal show a complaint.
    """
    if gimp.host.root is None and not shutil.which("Xvfb"):
        pytest.skip("no Xvfb for GIMP's windows")
    files = []
    for seed, name in enumerate(("source", "sky", "grass")):
        pixels = blobs(seed, size[::-1]) if seed == 0 else (blobs(seed, size[::-1]) * 0.5).astype("uint8")
        files.append(gimp.home / f"{name}.png")
        write_picture(files[-1], Picture(pixels))
    artifacts = Path(os.environ.get("NCT_ARTIFACTS", gimp.home / "artifacts")) / f"GIMP {gimp.host.minor}" / scenario
    folder = artifacts.with_name("-".join([scenario, *user.values()]))
    facts = window_session.play(gimp, scenario, files, folder, **user)
    (folder / "facts.json").write_text(json.dumps(facts, indent=1))  # with the times, which no test judges
    assert window_session.complaints(folder) == []
    return facts


def test_choose_preview_run_undo_and_redo(gimp: Gimp) -> None:
    facts = play(gimp, "choose_preview_run_undo", (200, 150))
    before = {f"[{name}] (imported)": [f"{name}.png"] for name in ("source", "sky", "grass")}
    assert facts["before"] == before
    assert facts["open without a reference"], "OK must do nothing while no reference is ticked"
    assert facts["the view is on both sides"], "the line must not cut what is not a result"
    assert facts["transfers for another strength"] == 0
    assert facts["transfers finished after OK"] == facts["transfers finished before OK"], "OK must apply what the preview has found"
    assert facts["after"] == {**before, "[source] (imported)": [NEW, "source.png"]}
    assert facts["undone"] == before
    assert facts["redone"] == facts["after"]
    assert [title for title in facts["windows"] if "Message" in title] == [], "a success needs no message"
    assert "source.png" in facts["selected"] and NEW not in facts["selected"], "repeating the filter must not recolor its own result"
    assert "(strength 0.5)" in window_session.last_values(gimp).read_text()


def test_a_small_screen_has_room_for_all_parameters(gimp: Gimp) -> None:
    screen = (1024, 768)
    facts = play(gimp, "small_screen", (200, 150), screen="{}x{}".format(*screen))
    left, top, width, height = facts["dialog"]
    assert left >= 0 and top >= 0 and left + width <= screen[0] and top + height <= screen[1]
    assert facts["with all parameters"] == facts["dialog"], "the dialog must not grow"
    assert facts["still after the first tick"], "nothing may move"
    assert "(seed 7)" in window_session.last_values(gimp).read_text()


def test_a_file_in_the_place_of_a_layer(gimp: Gimp) -> None:
    facts = play(gimp, "file_instead", (200, 150))
    assert facts["windows"] == facts["windows before"], "one reference needs no message of what was used"


def test_canceling_leaves_everything_as_it_was(gimp: Gimp) -> None:
    gimp.log.unlink(missing_ok=True)
    facts = play(gimp, "cancel", (700, 500))
    assert facts["transfers finished or failed"] == 0
    assert facts["after the dialog"] == facts["after the run"] == facts["before"]


def test_ok_and_cancel_act_at_once_at_every_moment(gimp: Gimp) -> None:
    gimp.log.unlink(missing_ok=True)
    for case, facts in play(gimp, "moments", (700, 500)).items():
        assert facts["unchanged"], case
        assert facts["final transfers"] == 0, f"{case}: what was canceled must not be finished"
        assert facts.get("final transfers before the dialog was gone", 0) == 0, f"{case}: the dialog must not wait for the transfer"


def test_no_tick_and_several_layers_are_told(gimp: Gimp) -> None:
    facts = play(gimp, "ticks_and_several_layers", (200, 150))
    assert facts["open without a tick"], "OK must do nothing once all ticks are taken away"
    assert facts["workers for two layers"] == 0


def test_a_worker_that_does_not_start_is_told_in_the_dialog(gimp: Gimp) -> None:
    settings = gimp.plugin / "worker.json"
    intact = settings.read_text()
    settings.write_text(json.dumps({**json.loads(intact), "command": ["/bin/sh", "-c", "echo the worker is broken >&2; exit 3"]}))
    try:
        facts = play(gimp, "broken", (200, 150))
    finally:
        settings.write_text(intact)
    assert facts["open without a worker"]
    assert facts["after"] == facts["before"]
    assert facts["windows afterward"] == facts["windows"]


def test_a_worker_that_is_killed_in_a_run_is_told_once(gimp: Gimp) -> None:
    facts = play(gimp, "killed", (700, 500))
    assert len(facts["windows with the error"]) == len(facts["windows"]) + 1
    assert facts["after"] == facts["before"]
    assert facts["windows afterward"] == facts["windows"], "GIMP must not tell of it once more"


def test_layers_that_are_deleted_while_the_dialog_is_open(gimp: Gimp) -> None:
    facts = play(gimp, "gone", (200, 150))
    assert facts["open without a reference"] and facts["open without a source"], "the dialog must stay, and say why"
    assert not any(facts["layers"])


def test_the_source_as_its_own_reference(gimp: Gimp) -> None:
    facts = play(gimp, "same_picture", (900, 600))
    assert facts == {"open": True, "refused once more": 0}, "the dialog must stay, and not try again"


def test_images_that_are_changed_or_closed_while_the_dialog_is_open(gimp: Gimp) -> None:
    facts = play(gimp, "changed", (200, 150))
    assert facts["images"] == ["[sky] (imported)", "[source] (imported)"]
    assert facts["open without a reference"] and facts["open with an indexed source"]
    assert facts["layers"]["[source] (imported)"] == [NEW, "source.png"]


@pytest.mark.parametrize(
    ("language", "theme", "label", "blurb"),
    [
        ("de", "light", "_Neuronale Farbübertragung…", "Gibt einer Ebene die Farben anderer Ebenen, zugeordnet nach dem, was die Bilder zeigen"),
        ("fr", "dark", "Transfert de couleurs _neuronal…", "Donne à un calque les couleurs d’autres calques, appariées d’après ce que montrent les images"),
    ],
)
def test_the_users_language(gimp: Gimp, language: str, theme: str, label: str, blurb: str) -> None:
    assert play(gimp, "translated", (200, 150), language=language, theme=theme) == {"label": label, "blurb": blurb}
