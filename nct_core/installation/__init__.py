"""Where things are installed, and whether they respond; shared by ``install.py`` and ``nct doctor``. Standard library only, Python >= 3.9."""
