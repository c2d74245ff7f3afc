"""Measures time and memory of Neural Color Transfer on this machine: ``.venv/bin/python benchmarks/bench.py --help``; see README.md."""

import sys

from nct_bench.command import main

if __name__ == "__main__":
    sys.exit(main())
