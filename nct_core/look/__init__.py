"""The look of a whole picture: what its grade is, whatever it shows, as one smooth table of colors for another picture.

The way of the data: ``statistics`` (a picture as 459 numbers) -> ``prior`` (two pictures' numbers to a table, learned) -> ``table`` (made safe and applied);
``estimate`` calls them in that order.
"""

from .estimate import estimate_look
from .table import Look

__all__ = ["Look", "estimate_look"]
