"""What test_references.py does inside GIMP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gi.repository import Gimp
from nct_shared.errors import NctError
from worker.client import Worker, WorkerSettings
from worker.session import WorkerSession

from .images import export, new_image, new_layer
from .matrix import recolor
from .procedure import run


def several(folder: str, plugin: str, source: dict[str, Any], references: list[dict[str, Any]], file: str, params: dict[str, Any]) -> dict[str, Any]:
    """Runs with references from two images, from a selection, with a layer mask, from a group and from a file.

    The procedure runs where its arguments matter; the other runs share one worker.
    """
    with Worker(WorkerSettings.read(Path(plugin, "worker.json"))) as worker:
        worker.hello()
        return _several(Path(folder), WorkerSession(worker), source, references, file, params)


def _several(home: Path, session: WorkerSession, source: dict[str, Any], references: list[dict[str, Any]], file: str, params: dict[str, Any]) -> dict[str, Any]:
    image, other = (new_image(3, "U8_NON_LINEAR", "") for _ in range(2))
    names = ("sky", "grass", "sand")
    layers = dict(zip(names, (new_layer(owner, home, pixels, None) for owner, pixels in zip((image, other, other), references))))
    for name, layer in layers.items():
        layer.set_name(name)
    first = new_layer(image, home, source, None)
    facts: dict[str, Any] = {}

    def keep(case: str, made: Gimp.Layer) -> None:
        export(made, home / f"{case}.png")
        image.remove_layer(made)

    def attempt(case: str, chosen: list[Any], **arguments: Any) -> None:
        values = run(image, [first], chosen, **arguments, **params)
        facts[case] = {"status": int(values.index(0)), "message": Gimp.get_pdb().get_last_error()}
        if facts[case]["status"] == int(Gimp.PDBStatusType.SUCCESS):
            facts[case]["used"] = values.index(2)
            keep(case, values.index(1))

    def attempt_here(case: str, chosen: list[Any], selected_only: bool = False) -> None:
        try:
            made = recolor(session, first, chosen, "new-layer", params, selected_only)
        except NctError as problem:
            facts[case] = {"status": int(Gimp.PDBStatusType.EXECUTION_ERROR), "message": str(problem)}
        else:
            facts[case] = {"status": int(Gimp.PDBStatusType.SUCCESS)}
            keep(case, made)

    attempt("three", list(layers.values()))
    attempt("file", [layers["sky"]], reference_files=[file])
    attempt("missing file", [layers["sky"]], reference_files=[file + " that is not there.png"])
    attempt("remote file", [], reference_files=["https://example.org/a.png"])
    attempt("one", [layers["grass"]])
    other.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 12, 40, 30)
    attempt_here("not limited", [layers["grass"]])
    attempt("selection", [layers["grass"]], selected_only=True)
    other.select_rectangle(Gimp.ChannelOps.REPLACE, 150, 110, 10, 10)
    attempt_here("selection beside it", [layers["grass"]], selected_only=True)
    Gimp.Selection.none(other)
    attempt_here("selected only without a selection", [layers["grass"]], selected_only=True)
    mask = layers["grass"].create_mask(Gimp.AddMaskType.BLACK)
    layers["grass"].add_mask(mask)
    attempt_here("hidden", [layers["grass"]])
    other.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 12, 40, 30)
    mask.edit_fill(Gimp.FillType.WHITE)
    attempt_here("mask", [layers["grass"]])
    Gimp.Selection.none(other)
    layers["grass"].set_apply_mask(False)
    attempt_here("mask switched off", [layers["grass"]])
    group = Gimp.GroupLayer.new(other, "group")
    other.insert_layer(group, None, 0)
    other.reorder_item(layers["grass"], group, 0)
    attempt_here("group", [group])
    clear = Gimp.Layer.new(other, "clear", 30, 30, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
    other.insert_layer(clear, None, 0)
    attempt_here("transparent", [layers["sky"], clear])
    plain = Gimp.Layer.new(other, "plain", 30, 30, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    other.insert_layer(plain, None, 0)
    plain.fill(Gimp.FillType.WHITE)
    attempt("plain", [plain], device="cpu")
    attempt("no such device", [layers["sky"]], device="abacus")
    return facts
