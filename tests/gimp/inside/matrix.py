"""What test_matrix.py does inside GIMP: the plug-in's own functions, with one worker for all cases."""

from __future__ import annotations

import random
from array import array
from pathlib import Path
from typing import Any

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402
from nct_shared.params import describe  # noqa: E402
from pixels import layers, outputs, references  # noqa: E402
from pixels.choices import TransferChoices  # noqa: E402
from worker.client import Worker, WorkerSettings  # noqa: E402
from worker.session import WorkerSession  # noqa: E402
from worker.transfer import transfer  # noqa: E402

from .images import KINDS, extent, state  # noqa: E402

MODELS = {
    "LINEAR": {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"},
    "NON_LINEAR": {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"},
    "PERCEPTUAL": {1: "Y~", 2: "Y~A", 3: "R~G~B~", 4: "R~G~B~A"},
}


def matrix(folder: str, plugin: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs every case at full strength and at none."""
    with Worker(WorkerSettings.read(Path(plugin, "worker.json"))) as worker:
        worker.hello()
        return [_case(Path(folder), worker, **case) for case in cases]


def recolor(
    session: WorkerSession, source: Gimp.Layer, chosen: list[Gimp.Layer], output: str, params: dict[str, Any], selected_only: bool = False
) -> Gimp.Layer:
    """Does what the procedure does, in a running session: what it has computed is only applied, as after a preview."""
    gathered = references.gather(chosen, [])
    references.check(source, gathered)
    choices = TransferChoices(gathered, selected_only, output, "auto", {**{parameter.name: parameter.default for parameter in describe()}, **params})
    result = transfer(session, source, choices, lambda *_: None)
    return outputs.insert(source, f"Recolored: {source.get_name()}", choices, result)


def _case(folder: Path, worker: Worker, name: str, kind: dict[str, Any], canvas: list[int], offsets: list[int], params: dict[str, Any], **case: Any) -> Any:
    image = _image(canvas, **kind)
    made = [_layer(folder, image, role, kind, case["pixels"][role]) for role in ("reference 0", "reference 1", "source")]
    source, chosen = made[-1], made[: case["references"]]
    source.set_offsets(*offsets)
    _select(image, case["selection"])
    image.clean_all()
    before, own, session = state(image), _bytes(source, None), WorkerSession(worker)
    facts: dict[str, Any] = {"sent": [], "runs": {}}
    for layer in (source, *chosen):
        layout = layers.layout_of(layer)
        _save(folder, f"{name} sent {layer.get_name()}", b"".join(bytes(band) for band in layers.read(layer)))
        _save(folder, f"{name} profile {layer.get_name()}", layers.icc_profile(layer))
        facts["sent"].append({"name": layer.get_name(), "dtype": layout.dtype, "shape": [layout.height, layout.width, layout.channels]})
    on_layer = Gegl.Rectangle.new(*offsets, source.get_width(), source.get_height())
    _save(folder, f"{name} selection", bytes(image.get_selection().get_buffer().get(on_layer, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)))
    _save(folder, f"{name} own", _own(source, kind["curve"]))
    _save(folder, f"{name} before", _visible(image, kind["curve"]))
    for strength in (1.0, 0.0):
        new = recolor(session, source, chosen, case["output"], {**params, "strength": strength})
        facts["runs"][str(strength)] = _facts_of(folder, f"{name} {strength}", source, new, own, kind["curve"])
        if new.get_image().get_id() == image.get_id():
            facts["runs"][str(strength)]["dirty"] = image.is_dirty()
            image.remove_layer(new)
        else:
            new.get_image().delete()
        facts["runs"][str(strength)]["others unchanged"] = state(image) == before
    image.delete()
    return facts


def _facts_of(folder: Path, name: str, source: Gimp.Layer, new: Gimp.Layer, own: bytes, curve: str) -> dict[str, Any]:
    old, image = source.get_image(), new.get_image()
    profiles = [drawn.get_color_profile() for drawn in (old, image)]
    found = []
    made = new.get_children() if new.is_group() else [new] if image.get_id() == old.get_id() else image.get_layers()
    for number, layer in enumerate(made):
        mask = layer.get_mask()
        _save(folder, f"{name} {number}", _own(layer, curve))
        if mask:
            _save(folder, f"{name} {number} mask", _bytes(mask, "Y u8"))
        found.append(
            {
                "name": layer.get_name(),
                "mask": bool(mask),
                "offsets": list(layer.get_offsets())[1:],
                "size": [layer.get_width(), layer.get_height()] == [source.get_width(), source.get_height()],
                "format": Babl.get_name(layer.get_format()) == Babl.get_name(source.get_format()),
                "bit for bit": _bytes(layer, None) == own,
            }
        )
    _save(folder, f"{name} after", _visible(image, curve))
    return {
        "layers": found,
        "precision": image.get_precision() == old.get_precision(),
        "profile": [profile and profile.get_icc_profile() for profile in profiles[:1]] == [profile and profile.get_icc_profile() for profile in profiles[1:]],
        "resolution": list(image.get_resolution()) == list(old.get_resolution()),
        "canvas": [image.get_width(), image.get_height()],
    }


def _image(canvas: list[int], depth: str, curve: str, channels: int, profile: str) -> Gimp.Image:
    base = Gimp.ImageBaseType.GRAY if channels < 3 else Gimp.ImageBaseType.RGB
    image = Gimp.Image.new_with_precision(*canvas, base, getattr(Gimp.Precision, f"{depth}_{curve}"))
    image.set_resolution(123.0, 77.0)
    if profile:
        image.set_color_profile(Gimp.ColorProfile.new_from_icc_profile(Path(profile).read_bytes()))
    return image


def _layer(folder: Path, image: Gimp.Image, name: str, kind: dict[str, Any], pixels: dict[str, Any]) -> Gimp.Layer:
    layer = Gimp.Layer.new(image, name, *pixels["size"], KINDS[kind["channels"]], 100, Gimp.LayerMode.NORMAL)
    buffer = layer.get_buffer()
    buffer.set(extent(layer), _format(layer, kind["curve"]), (folder / pixels["file"]).read_bytes())
    buffer.flush()
    image.insert_layer(layer, None, 0)
    return layer


def _select(image: Gimp.Image, selection: str) -> None:
    if selection != "none":
        image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 12, 36, 30)
    if selection == "feathered":
        Gimp.Selection.feather(image, 8)


def _visible(image: Gimp.Image, curve: str) -> bytes:
    """What is seen of the image, as float in its own encoding, with alpha."""
    seen = Gimp.Layer.new_from_visible(image, image, "seen")
    try:
        return _own(seen, curve)
    finally:
        seen.delete()


def _own(layer: Gimp.Layer, curve: str) -> bytes:
    """Its pixels as float in its own encoding."""
    return _bytes(layer, _format(layer, curve))


def _format(layer: Gimp.Layer, curve: str, kind: str = "float") -> str:
    channels = (1 if layer.is_gray() else 3) + layer.has_alpha()
    return str(Babl.get_name(Babl.format_with_space(f"{MODELS[curve][channels]} {kind}", Babl.format_get_space(layer.get_format()))))


def _bytes(drawable: Gimp.Drawable, pixel_format: str | None) -> bytes:
    return bytes(drawable.get_buffer().get(extent(drawable), 1.0, pixel_format, Gegl.AbyssPolicy.NONE))


def _save(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


def copies(kinds: list[dict[str, Any]]) -> list[list[bool]]:
    """For every kind of image whether an unchanged layer has the source's pixels bit for bit, in the same image and in a new one."""
    chance, found = random.Random(0), []
    for kind in kinds:
        image = _image([16, 12], **kind)
        source = Gimp.Layer.new(image, "source", 16, 12, KINDS[kind["channels"]], 100, Gimp.LayerMode.NORMAL)
        image.insert_layer(source, None, 0)
        size = 16 * 12 * kind["channels"]
        whole = kind["depth"] in ("U8", "U16", "U32")
        values = chance.randbytes(size * {"U8": 1, "U16": 2, "U32": 4}[kind["depth"]]) if whole else array("d", (chance.uniform(-0.5, 2) for _ in range(size)))
        source.get_buffer().set(extent(source), _format(source, kind["curve"], kind["depth"].lower() if whole else "double"), bytes(values))
        other = _image([16, 12], **kind)
        made = [layers.new_layer_like(source, "copy", layers.read_own(source), place, own_format=True) for place in (image, other)]
        found.append([_bytes(layer, None) == _bytes(source, None) and len(set(_bytes(source, None))) > 9 for layer in made])
        for opened in (image, other):
            opened.delete()
    return found


def tables(profile: str, precisions: list[list[str]]) -> list[dict[str, Any]]:
    """For every precision of an image whose profile is made of tables whether that is sent, and how far pixels change that are read and written."""
    chance, found = random.Random(1), []
    for depth, curve in precisions:
        image = _image([16, 12], depth, curve, 3, profile)
        source = Gimp.Layer.new(image, "source", 16, 12, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
        image.insert_layer(source, None, 0)
        source.get_buffer().set(extent(source), _format(source, curve, "double"), array("d", (chance.random() for _ in range(16 * 12 * 3))).tobytes())
        bands = [(*place, pixels) for place, pixels in zip(layers.layout_of(source).bands(), layers.read(source))]
        copy = layers.new_layer_like(source, "copy", bands, image)
        values = [array("f", _own(layer, curve)) for layer in (source, copy)]
        sent = layers.icc_profile(source) == Path(profile).read_bytes()
        found.append({"sent": sent, "far": max(abs(a - b) for a, b in zip(*values))})
        image.delete()
    return found
