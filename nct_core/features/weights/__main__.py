"""Downloads or shows the network weights: ``python -m nct_core.features.weights fetch``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ...contract.errors import NctError
from ...installation.streams import ready_streams
from . import download, find, folder, load


def main(arguments: Sequence[str] | None = None) -> int:
    """``fetch`` downloads weights unless verified ones exist; ``show`` prints which file is in use."""
    parser = argparse.ArgumentParser(prog="python -m nct_core.features.weights", description="Network weights of neural-color-transfer.")
    parser.add_argument("action", choices=("fetch", "show"))
    parser.add_argument("--backbone", choices=("auto", "vgg19", "vgg16"), default="auto", help="auto: VGG-19 where the network allows, else VGG-16")
    chosen = parser.parse_args(arguments)
    ready_streams()
    try:
        file = download.fetch(folder(), chosen.backbone) if chosen.action == "fetch" else find()
        load(file)
    except NctError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"   {file.backbone}: {file.path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
