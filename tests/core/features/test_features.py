import pytest
import torch
from torchvision_compat import models

from nct_core import DeviceError
from nct_core.features import weights
from nct_core.features.fixed_point import UNIT, fixed_point
from nct_core.features.pyramid import FeaturePyramid, two_scales
from nct_core.pixels.resample import resize


@pytest.mark.parametrize(("backbone", "depth", "taps"), [("VGG-16", 30, (1, 6, 11, 18, 25)), ("VGG-19", 36, (1, 6, 11, 20, 29))])
def test_taps_against_torchvisions_own_network(backbone, depth, taps, monkeypatch):
    monkeypatch.setattr("nct_core.features.pyramid._fast_dtype", lambda device: torch.float32)
    torch.manual_seed(0)
    network = {"VGG-16": models.vgg16, "VGG-19": models.vgg19}[backbone](weights=None).features.eval()
    assert len(network) >= depth
    image = torch.rand(64, 80, 3, generator=torch.Generator().manual_seed(1))
    x = (image.permute(2, 0, 1)[None] - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    pyramid = FeaturePyramid({f"features.{name}": tensor for name, tensor in network.state_dict().items()}, backbone, torch.device("cpu"))
    out = pyramid(image, range(1, 6))
    with torch.inference_mode():
        for i, layer in enumerate(network):
            x = layer(x)
            if i in taps:
                level = taps.index(i) + 1
                expected = torch.nn.functional.normalize(x[0].permute(1, 2, 0), dim=-1)
                torch.testing.assert_close(out[level] / UNIT, expected, atol=2e-4, rtol=1e-3)
    assert {level: tuple(f.shape) for level, f in out.items()} == {1: (64, 80, 64), 2: (32, 40, 128), 3: (16, 20, 256), 4: (8, 10, 512), 5: (4, 5, 512)}


def test_the_installed_network_sees_and_gives_unit_vectors():
    file = weights.find()
    pyramid = FeaturePyramid(weights.load(file), file.backbone, torch.device("cpu"))
    scene = torch.rand(96, 96, 3, generator=torch.Generator().manual_seed(2))
    out = pyramid(scene, [1, 3])
    assert sorted(out) == [1, 3]
    for tensor in out.values():
        torch.testing.assert_close(tensor.float().norm(dim=-1) / UNIT, torch.ones(tensor.shape[:2]), atol=2e-3, rtol=0)
    torch.testing.assert_close(pyramid(scene, [3])[3], out[3])


def test_half_precision_sees_the_same(monkeypatch):
    file = weights.find()
    scene = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(3)), size=(96, 96), mode="bicubic")
    scene = scene.clamp(0, 1)[0].permute(1, 2, 0)
    maps = []
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr("nct_core.features.pyramid._fast_dtype", lambda device, dtype=dtype: dtype)
        maps.append(FeaturePyramid(weights.load(file), file.backbone, torch.device("cpu"))(scene, range(1, 6)))
    for level, exact in maps[0].items():
        cosine = (exact.double() * maps[1][level].double()).sum(-1) / UNIT**2
        assert cosine.mean() > 0.999


def test_two_scales_describe_the_coarsest_grid():
    file = weights.find()
    pyramid = FeaturePyramid(weights.load(file), file.backbone, torch.device("cpu"))
    scene = torch.rand(96, 64, 3, generator=torch.Generator().manual_seed(4))
    coarsest = pyramid(scene, [5])[5]
    half = pyramid.half_size(scene)
    torch.testing.assert_close(half, pyramid(resize(scene, (48, 32)), [5])[5])
    out = two_scales(coarsest, half)
    assert tuple(out.shape) == (6, 4, 1024)
    for part in (out[..., :512], out[..., 512:]):
        torch.testing.assert_close(part.float().norm(dim=-1) / UNIT, torch.full((6, 4), 0.5**0.5), atol=2e-3, rtol=0)
    torch.testing.assert_close(out[..., :512].float(), coarsest * 0.5**0.5, atol=1.5, rtol=0)


def test_whole_numbers_are_the_same_on_every_path():
    values = torch.randn(5, 7, 64, generator=torch.Generator().manual_seed(5))
    values[0, 0] = 0.0
    expected = (values.double() * (UNIT / values.double().norm(dim=-1, keepdim=True).clamp_min(1e-8))).round()
    torch.testing.assert_close(fixed_point(values).double(), expected, atol=1.0, rtol=0)


def test_out_of_memory_is_a_device_error(monkeypatch):
    def fail(_):
        raise torch.OutOfMemoryError("no more")

    pyramid = object.__new__(FeaturePyramid)
    pyramid.device, pyramid.blocks, pyramid._dtype, pyramid._exact = torch.device("cpu"), [[fail]], torch.float32, False
    pyramid._mean, pyramid._std = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
    with pytest.raises(DeviceError, match="64x32 px, but cpu is out of memory"):
        pyramid(torch.zeros(32, 64, 3), [1])
