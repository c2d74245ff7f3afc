"""Makes ``python -m nct_core`` the same as ``nct``."""

import sys

from .cli import main

sys.exit(main())
