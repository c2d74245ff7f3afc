"""Results look as they did when somebody looked at them: a guard against changes of the method that no other test sees."""

import numpy as np
import pytest
import skimage.color
from PIL import Image
from quality_pairs import FOLDER, PAIRS, small_result

LIMIT = 2.0  # mean CIEDE2000; processors and versions of libraries differ by less than 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_a_transfer_gives_the_picture_that_was_looked_at(name: str) -> None:
    expected, result = (skimage.color.rgb2lab(image) for image in (np.asarray(Image.open(FOLDER / f"{name}.png")), small_result(name)))
    assert skimage.color.deltaE_ciede2000(expected, result).mean() < LIMIT
