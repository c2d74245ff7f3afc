import torch

from nct_core.features.kept import KeptFeatures


def picture(value: float) -> torch.Tensor:
    return torch.full((4, 4, 3), value)


class Network:
    def __init__(self) -> None:
        self.passes = 0

    def __call__(self) -> dict[int, torch.Tensor]:
        self.passes += 1
        return {1: torch.full((10,), self.passes, dtype=torch.int16)}  # 20 bytes


def test_a_picture_that_comes_again_needs_no_pass() -> None:
    kept, network = KeptFeatures(100), Network()
    first = kept.get(picture(0.1), [1], network)
    again = kept.get(picture(0.1), [1], network)
    assert network.passes == 1
    assert torch.equal(first[1], again[1])
    assert kept.get(picture(0.2), [1], network)[1][0] == 2
    assert kept.get(picture(0.1), [1, 2], network)[1][0] == 3  # other levels
    assert kept.get(picture(0.1).reshape(2, 8, 3), [1], network)[1][0] == 4  # the same numbers in another shape


def test_what_a_caller_drops_stays_kept() -> None:
    kept, network = KeptFeatures(100), Network()
    kept.get(picture(0.1), [1], network).pop(1)
    assert 1 in kept.get(picture(0.1), [1], network)
    assert network.passes == 1


def test_the_longest_unused_give_way() -> None:
    kept, network = KeptFeatures(50), Network()
    for value in (0.1, 0.2, 0.1, 0.3):  # 0.2 has to go
        kept.get(picture(value), [1], network)
    assert network.passes == 3 and kept.nbytes == 40
    kept.get(picture(0.1), [1], network)
    assert network.passes == 3
    kept.get(picture(0.2), [1], network)
    assert network.passes == 4


def test_what_is_larger_than_the_limit_is_given_but_not_kept() -> None:
    kept, network = KeptFeatures(10), Network()
    assert kept.get(picture(0.1), [1], network)[1][0] == 1
    assert kept.nbytes == 0
    assert kept.get(picture(0.1), [1], network)[1][0] == 2
