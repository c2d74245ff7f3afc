"""Sets up everything: the library in a Python environment of its own, the network weights and the plug-in in every GIMP 3.

    python3 install.py              install, or update what is there
    python3 install.py --demo       install, then recolor a picture and say where it is
    python3 install.py --test       make ./.venv for development and run all checks
    python3 install.py --uninstall  remove all of it

Needs only Python (3.9 or newer to run, 3.10 to 3.14 somewhere on the machine for the environment). Run it as often as you like:
what is already there stays.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036  for those who start it with what they have: Python 2 can read this file too
    sys.exit("This needs Python 3.9 or newer, and %s is %d.%d; run it with a newer one." % (sys.executable, sys.version_info[0], sys.version_info[1]))  # noqa: UP031

from installer.main import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
