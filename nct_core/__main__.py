"""Makes ``python -m nct_core`` the same as ``nct``."""

import sys

from .cli.main import main

sys.exit(main())
