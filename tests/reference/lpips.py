"""Computes LPIPS with drawn weights in PyTorch: `python lpips.py`.

Written from the paper (Zhang et al. 2018, arXiv 1801.03924, equation 1), with the constants of the
authors' version 0.1. Writes lpips.npz. Needs `pip install torch==2.13.0`, which the tests do not.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

from drawn_weights import draw  # noqa: E402


def alexnet():
    """The `features` of torchvision's AlexNet, but for its last pool, which LPIPS leaves out."""
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    )


def lpips(net, heads, x, y):
    """Return the distances of two batches, NCHW in [-1, 1]."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    x, y = (x - shift) / scale, (y - shift) / scale
    total, heads = 0, iter(heads)
    for layer in net:
        x, y = layer(x), layer(y)
        if isinstance(layer, nn.ReLU):
            unit_x, unit_y = (z / (z.square().sum(1, keepdim=True).sqrt() + 1e-10) for z in (x, y))
            weighted = nn.functional.conv2d((unit_x - unit_y) ** 2, next(heads))
            total = total + weighted.mean(dim=(1, 2, 3))
    return total


@torch.no_grad()
def main():
    net = alexnet()
    names = {f"features.{name}": value for name, value in net.state_dict().items()}
    drawn = {
        name: torch.from_numpy(draw(name, tuple(value.shape))) for name, value in names.items()
    }
    net.load_state_dict({name.removeprefix("features."): value for name, value in drawn.items()})
    heads = [
        torch.from_numpy(draw(f"lin{index}.model.1.weight", (1, channels, 1, 1))).abs()
        for index, channels in enumerate((64, 192, 384, 256, 256))
    ]
    rng = np.random.default_rng(0)
    x_u8 = rng.integers(0, 256, (2, 33, 47, 3), np.uint8)
    y_u8 = np.stack([x_u8[0][::-1], 255 - x_u8[1] // 2])
    x, y = (torch.from_numpy(z / 127.5 - 1).float().permute(0, 3, 1, 2) for z in (x_u8, y_u8))
    np.savez_compressed(
        HERE / "lpips.npz",
        x_u8=x_u8,
        y_u8=y_u8,
        distance=lpips(net, heads, x, y).numpy(),
        distance_31x31=lpips(net, heads, x[..., :31, :31], y[..., :31, :31]).numpy(),
    )


if __name__ == "__main__":
    main()
