"""Translates images of several sizes with a ResNet generator in PyTorch: `python sizes.py`.

Writes sizes.npz. Needs `pip install torch==2.13.0`, which the tests do not.
"""

from pathlib import Path

import numpy as np
import torch
from cyclegan_float64 import generator

HERE = Path(__file__).parent
SIZES = [(64, 64), (68, 100), (100, 68), (132, 64), (104, 136)]


def main():
    network = generator()
    weights = torch.load(HERE / "G_resnet_6blocks_ngf8.pth", weights_only=True)
    network.load_state_dict(weights, strict=True)
    arrays = {}
    for height, width in SIZES:
        image = np.random.default_rng(height).integers(0, 256, (height // 4, width // 4, 3))
        image = image.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)
        x = torch.tensor(image / 127.5 - 1, dtype=torch.float32).permute(2, 0, 1)[None]
        with torch.no_grad():
            y = network(x)[0].permute(1, 2, 0).numpy()
        arrays[f"input_{height}x{width}_u8"] = image
        arrays[f"output_{height}x{width}_u8"] = ((y + 1) * 127.5).round().astype(np.uint8)
    np.savez_compressed(HERE / "sizes.npz", **arrays)


if __name__ == "__main__":
    main()
