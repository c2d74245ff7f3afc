"""Makes the picture of the dialog in the README; run it in the project's folder.

::

    PYTHONPATH=. .venv/bin/python tests/gimp/screenshots.py SOURCE REFERENCE [TARGET]

The demo of ``install.py`` leaves its pictures beside its result: they are the SOURCE and REFERENCE of the README. Needs
the GIMP 3.2 of the tests.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import hosts
import window_session
from gimp_session import PROJECT, Gimp

from installer import plugin as plugin_installer


def main(source: str, reference: str, target: str = str(PROJECT / "docs" / "dialog.png")) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        gimp = Gimp(hosts.find("3.2"), home)
        plugin_installer.install(PROJECT, gimp.plugin.parents[1], Path(sys.executable), gimp.log)
        pictures = []
        for name, picture in (("moor", source), ("cottage", reference)):
            pictures.append(home / f"{name}{Path(picture).suffix}")
            shutil.copy(picture, pictures[-1])
        window_session.play(gimp, "show", pictures, home / "screenshots")
        shutil.copy(next((home / "screenshots").glob("* dialog.png")), target)
    print(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
