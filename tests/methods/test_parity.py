"""The same numbers as PyTorch's references, from the same weights and images.

`reference/README.md` says where the numbers come from.
"""

import dataclasses
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import init, sample, train_step
from paths import REFERENCE, ROOT, TESTS

from jaxgan.images.kinds import RGB
from jaxgan.interop.torch_file import read_tensors
from jaxgan.interop.torch_names import from_torch, to_torch
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.pix2pix import Pix2pix
from jaxgan.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from jaxgan.networks.patchgan import PatchGAN
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator

KEY = jax.random.key(0)
pytestmark = pytest.mark.gpu  # without TF32


def load(network, file, x):
    """Return a network's variables with the weights of a file."""
    shapes = jax.eval_shape(network.init, {"params": KEY, "dropout": KEY}, x)
    params, stats = from_torch(
        network,
        shapes["params"],
        shapes.get("batch_stats", {}),
        read_tensors(REFERENCE / f"{file}.pth"),
    )
    return {"params": params, "batch_stats": stats}


def with_weights(state, **variables):
    """Return a state with the variables of its networks."""
    return dataclasses.replace(
        state,
        params={name: value["params"] for name, value in variables.items()},
        batch_stats={name: value["batch_stats"] for name, value in variables.items()},
    )


def trajectory(method, state, batches):
    step = train_step(method)
    losses = []
    for batch in batches:
        state, metrics = step(state, batch, KEY)
        losses.append(jax.device_get(metrics))
    return state, losses


def assert_losses(losses, reference, names, rtol):
    for ours, theirs in names.items():
        actual = [metrics[f"loss/{ours}"] for metrics in losses]
        np.testing.assert_allclose(actual, reference[theirs][: len(losses)], rtol, err_msg=ours)


@pytest.mark.parametrize(
    ("network", "file", "mode"),
    [
        (ResNetGenerator(3, features=8, blocks=6), "G_resnet_6blocks_ngf8", "eval"),
        (UNetGenerator(3, features=8, depth=7, dropout=0.0), "G_unet_128_ngf8", "train"),
        (UNetGenerator(3, features=8, depth=7, dropout=0.0), "G_unet_128_ngf8", "eval"),
        (PatchGAN(8, norm="instance"), "D_basic_ndf8_instance", "eval"),
        (PatchGAN(8), "D_basic_ndf8_batch_6ch", "train"),
        (PatchGAN(8), "D_basic_ndf8_batch_6ch", "eval"),
    ],
)
def test_outputs_are_those_of_the_reference(network, file, mode):
    numbers = np.load(REFERENCE / f"{file}.npz")
    x = jnp.concatenate([RGB.normalize(numbers[n]) for n in numbers if n.startswith("input")], -1)
    options = {"use_running_average": mode == "eval", "mutable": ["batch_stats"]}
    y, _ = jax.jit(partial(network.apply, **options))(load(network, file, x), x)
    np.testing.assert_allclose(y, numbers[f"output_{mode}"], atol=1e-4)


@pytest.mark.parametrize(
    ("network", "file", "shape"),
    [
        (ResNetGenerator(3, features=8, blocks=6), "G_resnet_6blocks_ngf8", (1, 64, 64, 3)),
        (UNetGenerator(3, features=8, depth=7), "G_unet_128_ngf8", (1, 128, 128, 3)),
        (PatchGAN(8, norm="instance"), "D_basic_ndf8_instance", (1, 64, 64, 3)),
        (PatchGAN(8), "D_basic_ndf8_batch_6ch", (1, 64, 64, 6)),
        (DCGANGenerator(size=64, output_channels=3, features=8), "dcgan_net_G", (1, 16)),
        (DCGANDiscriminator(features=8), "dcgan_net_D", (1, 64, 64, 3)),
    ],
)
def test_exported_names_and_numbers_are_the_references(network, file, shape):
    tensors = read_tensors(REFERENCE / f"{file}.pth")
    variables = load(network, file, jnp.zeros(shape))
    exported = to_torch(network, variables["params"], variables["batch_stats"], step=0)
    assert list(exported) == list(tensors)
    for name, value in tensors.items():
        np.testing.assert_array_equal(exported[name], value, err_msg=name)


def test_pix2pix_trains_as_the_reference():
    method = Pix2pix(features=8, discriminator_features=8, depth=7, dropout=0.0)
    numbers = np.load(REFERENCE / "pix2pix_vanilla_trajectory.npz")
    a, b = RGB.normalize(numbers["input_a_u8"]), RGB.normalize(numbers["input_b_u8"])
    batch = {"input": a, "target": b}
    state = with_weights(
        init(method, KEY, jax.eval_shape(lambda: batch)),
        generator=load(method.make_generator(3), "pix2pix_vanilla_net_G", a),
        discriminator=load(
            method.make_discriminator(), "pix2pix_vanilla_net_D", jnp.concatenate([a, b], -1)
        ),
    )
    state, losses = trajectory(method, state, [batch] * 10)
    names = {
        "generator_gan": "G_GAN",
        "generator_l1": "G_L1",
        "discriminator_real": "D_real",
        "discriminator_fake": "D_fake",
    }
    assert_losses(losses, numbers, names, 1e-3)
    output = sample(method)(state, batch, KEY)["output"]
    expected = np.load(REFERENCE / "pix2pix_final_output.npz")["output"]
    np.testing.assert_allclose(output, expected, atol=2e-3)


class Given(DCGAN):
    """Takes its latent vectors from the batch."""

    def train_step(self, state, batch, key):
        object.__setattr__(self, "given", batch["latents"])
        return super().train_step(state, {"image": batch["image"]}, key)

    def draw_latents(self, key, count):
        return self.given.reshape(count, -1)


def test_dcgan_trains_as_the_reference():
    method = Given(latent_dim=16, features=8, discriminator_features=8)
    numbers = np.load(REFERENCE / "dcgan_trajectory.npz")
    noise, real = jnp.asarray(numbers["noise"]), RGB.normalize(numbers["real_u8"])
    state = with_weights(
        init(method, KEY, jax.eval_shape(lambda: {"image": real[0]})),
        generator=load(method.make_generator(3), "dcgan_net_G", noise[0]),
        discriminator=load(method.make_discriminator(), "dcgan_net_D", real[0]),
    )
    batches = [
        {"image": images, "latents": latents.reshape(8, 1, 1, 16)}
        for images, latents in zip(real, noise, strict=True)
    ]
    state, losses = trajectory(method, state, batches)
    names = {
        "generator": "G_GAN",
        "discriminator_real": "D_real",
        "discriminator_fake": "D_fake",
    }
    assert_losses(losses, numbers, names, 2e-3)
    output = method.generate(state, noise[0])
    np.testing.assert_allclose(output, numbers["final_eval_output"], atol=2e-3)


CYCLEGAN_NAMES = {
    "generator_ab_gan": "G_A",
    "generator_ba_gan": "G_B",
    "cycle_a": "cycle_A",
    "cycle_b": "cycle_B",
    "identity_a": "idt_B",
    "identity_b": "idt_A",
    "discriminator_a": "D_B",
    "discriminator_b": "D_A",
}


def cyclegan(dtype):
    method = CycleGAN(features=8, discriminator_features=8, blocks=6)
    numbers = np.load(REFERENCE / "cyclegan_idt0.5_trajectory.npz")
    a, b = (jnp.asarray(numbers[f"input_{n}_u8"], dtype) / 127.5 - 1 for n in "ab")
    batch = {"a": a, "b": b}
    generator, discriminator = method.make_generator(3), method.make_discriminator()
    state = with_weights(
        init(method, KEY, jax.eval_shape(lambda: batch)),
        generator_ab=load(generator, "cyclegan_idt0.5_net_G_A", a),
        generator_ba=load(generator, "cyclegan_idt0.5_net_G_B", a),
        discriminator_a=load(discriminator, "cyclegan_idt0.5_net_D_B", a),
        discriminator_b=load(discriminator, "cyclegan_idt0.5_net_D_A", a),
    )
    cast = partial(jnp.asarray, dtype=dtype)
    state = state.replace(params=jax.tree.map(cast, state.params))
    state = state.replace(
        opt_state={n: method.make_optimizer().init(p) for n, p in state.params.items()}
    )
    return method, state, batch, numbers


@pytest.mark.slow  # the next test takes more steps, and compares more closely
def test_cyclegan_begins_as_the_reference():
    """In float32 PyTorch itself departs from these numbers by the fourth step: see numerics.md."""
    method, state, batch, numbers = cyclegan(jnp.float32)
    _, losses = trajectory(method, state, [batch] * 2)
    assert_losses(losses, numbers, CYCLEGAN_NAMES, 2e-3)


def test_cyclegan_trains_as_pytorch_in_double_precision():
    code = "import test_parity; test_parity.check_cyclegan_in_double_precision()"
    environment = os.environ | {
        "JAX_ENABLE_X64": "1",
        "XLA_FLAGS": "--xla_backend_optimization_level=1",  # it runs for longer than it compiles
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, TESTS, Path(__file__).parent))),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def check_cyclegan_in_double_precision():
    method, state, batch, _ = cyclegan(jnp.float64)
    expected = np.load(REFERENCE / "cyclegan_float64.npz")
    state, losses = trajectory(method, state, [batch] * 10)
    assert_losses(losses, expected, CYCLEGAN_NAMES, 1e-9)
    fake = method.sample(state, batch, KEY)["fake B"]
    assert fake.dtype == jnp.float64
    np.testing.assert_allclose(fake, expected["final_output"], atol=1e-6)
