"""The parts of ``install.py``. Standard library only, Python >= 3.9: they run before anything is installed."""
