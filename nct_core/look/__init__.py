"""Estimates the look of a picture, its grade whatever it shows, as one smooth table of colors for another picture (ours).

The modules in the order of the data: ``statistics`` (a picture as 459 numbers) -> ``prior`` (the numbers of two
pictures to a table, learned) -> ``table`` (made safe and applied); ``estimate`` calls them in that order.
"""

from .estimate import estimate_look
from .table import Look

__all__ = ["Look", "estimate_look"]
