"""Color-coded maps: what JPEG and scaling do to their colors changes no label."""

import numpy as np

from nct_core.guides.label_maps import read_labels


def test_nearly_equal_colors_are_one_label_and_rare_ones_none() -> None:
    noise = np.random.default_rng(0)
    image = np.zeros((40, 60, 3), np.int64)
    image[:, 20:40], image[:, 40:] = (255, 0, 0), (128, 128, 128)
    image[:, 19] = (90, 0, 0)  # what scaling makes of a border; under the least share once it is short
    image[6:, 19] = 0
    noisy = np.clip(image + noise.integers(-20, 21, image.shape), 0, 255).astype(np.uint8)
    labels = read_labels(noisy)
    assert np.unique(labels).size == 3
    assert (labels[:, :19] == labels[0, 0]).all() and (labels[:, 20:40] == labels[0, 30]).all() and (labels[:, 40:] == labels[0, 50]).all()


def test_numbers_are_labels_as_they_are() -> None:
    numbers = np.kron(np.array([[7, 300], [7, -1]]), np.ones((5, 5), np.int64))
    np.testing.assert_array_equal(read_labels(numbers), numbers)
