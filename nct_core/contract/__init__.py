"""What the plug-in and the worker agree on.

Standard library only, Python >= 3.9: ``install.py`` copies this folder, whole, beside the GIMP plug-in, where its name is ``nct_shared``.
"""
