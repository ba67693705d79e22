"""Trains CUT and FastCUT for 5 steps in PyTorch, in double precision: `python cut_float64.py`.

Writes cut_float64.npz: the images, the positions of the patches, the losses, and the output for A
afterwards. Written from the paper (Park et al. 2020, arXiv 2007.15651) and the settings of its
authors' code, with CycleGAN's networks. Needs `pip install torch==2.13.0`, which the tests do not.
"""

from pathlib import Path

import numpy as np
import torch
from cyclegan_float64 import discriminator, generator
from torch import nn
from torch.nn.functional import cross_entropy

HERE = Path(__file__).parent
STEPS, PATCHES, UNITS = 5, 32, 16
LAYERS = (0, 4, 7, 10, 14)  # padding, both strided convolutions, first and fifth residual block
CHANNELS = (3, 16, 32, 32, 32)
POSITIONS = (38 * 38, 16 * 16, 8 * 8, 8 * 8, 8 * 8)


def head(channels, rng):
    layers = nn.Linear(channels, UNITS), nn.Linear(UNITS, UNITS)
    for layer in layers:
        for values in layer.parameters():
            values.data = torch.tensor(rng.normal(0, 0.1, values.shape))
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


def encode(g, images):
    features = []
    for number, layer in enumerate(g.model[: LAYERS[-1] + 1]):
        images = layer(images)
        if number in LAYERS:
            features.append(images)
    return features


def train(a, b, positions, heads, weight, identity, mirrored):
    """Return the losses of the steps, and the output for `a` after them."""
    g, d = generator(), discriminator()
    for net, name in ((g, "G_A"), (d, "D_A")):
        file = HERE / f"cyclegan_idt0.5_net_{name}.pth"
        net.load_state_dict(torch.load(file, weights_only=True))
        net.double()
    g_adam, d_adam, h_adam = (
        torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (g, d, heads)
    )

    def squares(x, target):
        return ((x - target) ** 2).mean()

    def project(features, layer, places):
        patches = features.permute(0, 2, 3, 1).flatten(1, 2)[:, torch.tensor(places)]
        vectors = heads[layer](patches)
        return vectors / (vectors.norm(dim=-1, keepdim=True) + 1e-7)

    def nce(real, translated, mirror, places):
        total = 0.0
        queries, keys = encode(g, translated), encode(g, real)
        for layer, (query, key) in enumerate(zip(queries, keys, strict=True)):
            query = query.flip(3) if mirror else query
            q, k = (project(features, layer, places[layer]) for features in (query, key))
            similarities = q @ k.detach().transpose(1, 2) / 0.07
            right = torch.arange(similarities.shape[1]).expand(len(q), -1)
            total += cross_entropy(similarities.transpose(1, 2), right)
        return weight * total / len(LAYERS)

    history = []
    for places, mirror in zip(positions, mirrored, strict=True):
        images = torch.cat([a, b]) if identity else a
        translated = g(images.flip(3) if mirror else images)
        fake = translated[: len(a)]
        losses = {"D_fake": squares(d(fake.detach()), 0), "D_real": squares(d(b), 1)}
        d_adam.zero_grad()
        (sum(losses.values()) / 2).backward()
        d_adam.step()
        losses["G_GAN"] = squares(d(fake), 1)
        losses["NCE"] = nce(a, fake, mirror, places[0])
        contrast = losses["NCE"]
        if identity:
            losses["NCE_Y"] = nce(b, translated[len(a) :], mirror, places[1])
            contrast = (losses["NCE"] + losses["NCE_Y"]) / 2
        g_adam.zero_grad()
        h_adam.zero_grad()
        (losses["G_GAN"] + contrast).backward()
        g_adam.step()
        h_adam.step()
        history.append({name: loss.item() for name, loss in losses.items()})
    output = g(a).detach().permute(0, 2, 3, 1).numpy()
    return {name: np.array([step[name] for step in history]) for name in history[0]}, output


def main():
    rng = np.random.default_rng(0)
    numbers = {name: rng.integers(0, 256, (2, 32, 32, 3), np.uint8) for name in "ab"}
    for layer, count in enumerate(POSITIONS):
        drawn = [[rng.permutation(count)[:PATCHES] for _ in "ab"] for _ in range(STEPS)]
        numbers[f"positions_{layer}"] = np.array(drawn)
    positions = [
        [[numbers[f"positions_{layer}"][step][image] for layer in range(5)] for image in (0, 1)]
        for step in range(STEPS)
    ]
    a, b = (torch.tensor(numbers[n] / 127.5 - 1).permute(0, 3, 1, 2) for n in "ab")
    settings = {
        "cut": (1.0, True, [False] * STEPS),
        "fastcut": (10.0, False, [True, False, True, True, False]),
    }
    for name, (weight, identity, mirrored) in settings.items():
        heads = nn.ModuleList(head(count, np.random.default_rng(1)) for count in CHANNELS)
        for layer, values in heads.state_dict().items():
            numbers[f"head_{layer}"] = values.numpy().copy()
        losses, output = train(a, b, positions, heads, weight, identity, mirrored)
        numbers |= {f"{name}_{key}": value for key, value in losses.items()}
        numbers |= {f"{name}_mirrored": np.array(mirrored), f"{name}_output": output}
    np.savez_compressed(HERE / "cut_float64.npz", **numbers)


if __name__ == "__main__":
    main()
