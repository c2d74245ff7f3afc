"""What test_troubles.py does inside GIMP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gi.repository import Gimp, Gio
from nct_shared.errors import NctError
from pixels import outputs, references
from pixels.choices import TransferChoices
from worker.client import Worker, WorkerSettings
from worker.session import WorkerSession
from worker.transfer import transfer

from .images import export, new_image, new_layer, state
from .procedure import run


def changed_meanwhile(folder: str, plugin: str, source: dict[str, Any], reference: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """For every change of the images while the worker computes what is told then, and whether anything else changed."""
    home, facts = Path(folder), {}
    with Worker(WorkerSettings.read(Path(plugin, "worker.json"))) as worker:
        worker.hello()
        session = WorkerSession(worker)  # one transfer for all changes
        for case, (change, output) in CHANGES.items():
            image, other = new_image(3, "U8_NON_LINEAR", ""), new_image(3, "U8_NON_LINEAR", "")
            chosen, first = new_layer(other, home, reference, None), new_layer(image, home, source, None)
            new_layer(image, home, source, None)
            choices = TransferChoices(references.gather([chosen], []), False, output, "auto", params)
            result = transfer(session, first, choices, lambda *_: None)
            change(image, first, other)
            if image.is_valid():
                image.clean_all()
            before, opened = image.is_valid() and state(image), len(Gimp.get_images())
            facts[case] = {"told": ""}
            try:
                made = outputs.insert(first, "result", choices, result)
                facts[case]["offsets"] = list(made.get_offsets())[1:]
            except NctError as problem:
                facts[case] = {"told": str(problem), "unchanged": (image.is_valid() and state(image)) == before, "images": len(Gimp.get_images()) - opened}
                facts[case]["dirty"] = image.is_valid() and image.is_dirty()
                result.skip_pixels()
            for left in Gimp.get_images():
                left.delete()
    return facts


def closed_before(folder: str, reference: dict[str, Any]) -> str:
    """What is told where a reference's image is closed before the run."""
    image = new_image(3, "U8_NON_LINEAR", "")
    layer = new_layer(image, Path(folder), reference, None)
    image.delete()
    try:
        references.gather([layer], [])
    except NctError as problem:
        return str(problem)
    return ""


def abroad(folder: str, source: dict[str, Any], reference: dict[str, Any], file: str, params: dict[str, Any]) -> dict[str, Any]:
    """One run on a file whose name, like that of layers and a reference file, is beyond ASCII; ``file`` is relative to where GIMP was started."""
    home = Path(folder)
    made, other = new_image(3, "U8_NON_LINEAR", ""), new_image(3, "U8_NON_LINEAR", "")
    new_layer(made, home, source, None).set_name("Ebene ß 層")
    chosen = new_layer(other, home, reference, None)
    chosen.set_name("Référence – 木")
    path = Gio.File.new_for_path(str(home / "Größe 図.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, made, path, None)
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, path)
    first = image.get_layers()[0]
    values = run(image, [first], [chosen], reference_files=[file], **params)
    facts = {"status": int(values.index(0)), "message": Gimp.get_pdb().get_last_error()}
    if facts["status"] == int(Gimp.PDBStatusType.SUCCESS):
        facts.update({"name": values.index(1).get_name(), "used": values.index(2), "image": image.get_name()})
        export(values.index(1), home / "abroad.png")
    return facts


def _deleted(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    image.remove_layer(first)


def _closed(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    image.delete()


def _gray(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    image.convert_grayscale()


def _indexed(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, False, "")


def _deeper(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    image.convert_precision(Gimp.Precision.U16_NON_LINEAR)


def _another_profile(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())


def _smaller(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    first.resize(50, 40, 0, 0)


def _alpha(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    first.add_alpha()


def _moved(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    first.set_offsets(31, 17)


def _reference_closed(image: Gimp.Image, first: Gimp.Layer, other: Gimp.Image) -> None:
    other.delete()


CHANGES = {
    "deleted": (_deleted, "new-layer"),
    "closed": (_closed, "new-layer"),
    "gray": (_gray, "confidence-mask"),
    "indexed": (_indexed, "new-layer"),
    "deeper": (_deeper, "new-image"),
    "another profile": (_another_profile, "new-layer"),
    "smaller": (_smaller, "new-layer"),
    "alpha": (_alpha, "new-image"),
    "moved": (_moved, "new-layer"),
    "reference closed": (_reference_closed, "new-layer"),
}
