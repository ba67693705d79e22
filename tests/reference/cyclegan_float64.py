"""Trains CycleGAN for 10 steps in PyTorch, in double precision: `python cyclegan_float64.py`.

Writes cyclegan_float64.npz, and prints how far PyTorch in single precision departs from it and from
cyclegan_idt0.5_trajectory.npz. Needs `pip install torch==2.13.0`, which the tests do not.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
NUMBERS = np.load(HERE / "cyclegan_idt0.5_trajectory.npz")


class Network(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_block = nn.Sequential(*half_block(channels), nn.ReLU(), *half_block(channels))

    def forward(self, x):
        return x + self.conv_block(x)


def half_block(channels):
    return nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)


def generator(features=8, blocks=6):
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, features, 7)]
    layers += [nn.InstanceNorm2d(features), nn.ReLU()]
    for width in (2 * features, 4 * features):
        layers += [nn.Conv2d(width // 2, width, 3, 2, 1), nn.InstanceNorm2d(width), nn.ReLU()]
    layers += [Block(4 * features) for _ in range(blocks)]
    for width in (2 * features, features):
        layers += [nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU()]
    return Network(*layers, nn.ReflectionPad2d(3), nn.Conv2d(features, 3, 7), nn.Tanh())


def discriminator(features=8):
    layers = [nn.Conv2d(3, features, 4, 2, 1), nn.LeakyReLU(0.2)]
    for width, stride in ((2 * features, 2), (4 * features, 2), (8 * features, 1)):
        layers += [nn.Conv2d(width // 2, width, 4, stride, 1)]
        layers += [nn.InstanceNorm2d(width), nn.LeakyReLU(0.2)]
    return Network(*layers, nn.Conv2d(8 * features, 1, 4, 1, 1))


def train(dtype, onednn=True):
    """Return the losses of 10 steps, and G_A's output after them."""
    torch.backends.mkldnn.enabled = onednn
    nets = {"G_A": generator(), "G_B": generator(), "D_A": discriminator(), "D_B": discriminator()}
    for name, net in nets.items():
        net.load_state_dict(
            torch.load(HERE / f"cyclegan_idt0.5_net_{name}.pth", weights_only=True), strict=True
        )
        net.to(dtype)
    a, b = (
        torch.tensor(NUMBERS[f"input_{name}_u8"] / 127.5 - 1).permute(0, 3, 1, 2).to(dtype)
        for name in "ab"
    )
    g_a, g_b, d_a, d_b = nets.values()
    generators = torch.optim.Adam([*g_a.parameters(), *g_b.parameters()], 2e-4, (0.5, 0.999))
    discriminators = torch.optim.Adam([*d_a.parameters(), *d_b.parameters()], 2e-4, (0.5, 0.999))

    def squares(x, target):
        return ((x - target) ** 2).mean()

    def l1(x, y):
        return (x - y).abs().mean()

    history = []
    for _ in range(10):
        fake_b, fake_a = g_a(a), g_b(b)
        losses = {
            "G_A": squares(d_a(fake_b), 1),
            "G_B": squares(d_b(fake_a), 1),
            "cycle_A": 10 * l1(g_b(fake_b), a),
            "cycle_B": 10 * l1(g_a(fake_a), b),
            "idt_A": 5 * l1(g_a(b), b),
            "idt_B": 5 * l1(g_b(a), a),
        }
        generators.zero_grad()
        sum(losses.values()).backward()
        generators.step()
        discriminators.zero_grad()
        for name, judge, real, fake in (("D_A", d_a, b, fake_b), ("D_B", d_b, a, fake_a)):
            losses[name] = (squares(judge(real), 1) + squares(judge(fake.detach()), 0)) / 2
            losses[name].backward()
        discriminators.step()
        history.append({name: loss.item() for name, loss in losses.items()})
    output = g_a(a).detach().permute(0, 2, 3, 1).numpy()
    return {name: np.array([step[name] for step in history]) for name in history[0]}, output


def departure(losses, reference):
    worst = [max(abs(losses[n][i] / reference[n][i] - 1) for n in losses) for i in range(10)]
    return " ".join(f"{value:.0e}" for value in worst)


if __name__ == "__main__":
    double, output = train(torch.float64)
    np.savez_compressed(
        HERE / "cyclegan_float64.npz", final_output=output.astype(np.float32), **double
    )
    single, other = train(torch.float32)[0], train(torch.float32, onednn=False)[0]
    print("largest relative departure of a loss at each of the 10 steps")
    print("single precision, from the file:       ", departure(single, NUMBERS))
    print("double precision, from the file:       ", departure(double, NUMBERS))
    print("single precision, from double:         ", departure(single, double))
    print("single precision, from another kernel: ", departure(single, other))
