"""Recolors every PNG and JPEG file of a folder; see scripting.md. Runs in GIMP's Python, without a window."""

import os
from pathlib import Path

from gi.repository import Gimp, Gio, GLib

folder, reference, results = (Path(os.environ[name]) for name in ("FOLDER", "REFERENCE", "RESULTS"))
results.mkdir(parents=True, exist_ok=True)
procedure = Gimp.get_pdb().lookup_procedure("python-fu-neural-color-transfer")
pictures = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
for number, path in enumerate(pictures, start=1):
    print(f"{number} of {len(pictures)}: {path.name}: ", end="", flush=True)
    try:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(path)))
    except GLib.Error as error:
        print(error.message, flush=True)
        continue
    if image is None:  # some damaged files are told of so
        print("could not be read", flush=True)
        continue
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", [image.get_layers()[0]])  # the layer to recolor
    config.set_property("reference-files", [str(reference)])
    config.set_property("strength", 0.8)
    result = procedure.run(config)
    if result.index(0) == Gimp.PDBStatusType.SUCCESS:
        target = results / f"{path.name}.png"  # a.jpg and a.png are two pictures
        saved = Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(target)), None)
        print(result.index(2) if saved else f"could not be saved as {target}", flush=True)
    else:
        print(Gimp.get_pdb().get_last_error(), flush=True)
    image.delete()
