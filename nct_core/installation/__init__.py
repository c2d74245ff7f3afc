"""Where things are installed, and whether they answer: what ``install.py`` and ``nct doctor`` share. Standard library only, Python >= 3.9."""
