"""Our train steps in PyTorch, for `pytorch.py`, written from the papers, with our update order.

The steps follow the references, except for work that would only slow PyTorch down: discriminators
compute no gradients in a generator's update, and losses stay on the device. Batches are NCHW.
"""
# pyright: reportMissingImports=false

import contextlib
import functools
import inspect
import random
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch_networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    patch_discriminator,
    resnet_generator,
    unet_generator,
)

NO_WORK = {"initializer", "schedule", "sample_dropout", "sample_norm_statistics", "compute"}


@dataclass(frozen=True)
class Variant:
    """How PyTorch runs the networks. The defaults are those of the references.

    Attributes:
        channels_last: Whether the memory format of images and kernels is NHWC.
        bfloat16: Whether networks run in bfloat16 under PyTorch's autocast.
        compile_mode: The `mode` of torch.compile for the networks; None does not compile them.
        fused: Whether Adam is a single kernel.
    """

    channels_last: bool = False
    bfloat16: bool = False
    compile_mode: str | None = None
    fused: bool = False

    def place(self, network):
        """Return a network prepared for this variant, kernels N(0, 0.02) (DCGAN, section 4)."""
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.zeros_(parameter)
            else:
                torch.nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.02)
        if self.channels_last:
            network.to(memory_format=torch.channels_last)
        if self.compile_mode:
            # Networks share code, which counts as one network with changing shapes.
            torch._dynamo.config.recompile_limit = 64
            network.compile(mode=self.compile_mode, dynamic=False)
        return network

    def adam(self, networks, learning_rate, beta1):
        """Return one optimizer for networks."""
        parameters = [parameter for network in networks for parameter in network.parameters()]
        fused = {"fused": True} if self.fused else {}
        return torch.optim.Adam(parameters, learning_rate, (beta1, 0.999), **fused)

    def forward(self, device):
        """Return the context for forward passes up to a loss."""
        if self.bfloat16:
            return torch.autocast(device.type, torch.bfloat16)
        return contextlib.nullcontext()


@dataclass(frozen=True)
class AdversarialLoss:
    """Losses of the discriminator on real and on generated images, and of the generator."""

    real: Any
    fake: Any
    generator: Any


def _toward(loss, target):
    return lambda logits: loss(logits, torch.full_like(logits, target))


_bce, _squares = functional.binary_cross_entropy_with_logits, functional.mse_loss
LOSSES = {
    "vanilla": AdversarialLoss(_toward(_bce, 1.0), _toward(_bce, 0.0), _toward(_bce, 1.0)),
    "least_squares": AdversarialLoss(
        _toward(_squares, 1.0), _toward(_squares, 0.0), _toward(_squares, 1.0)
    ),
    "hinge": AdversarialLoss(
        lambda logits: functional.relu(1 - logits).mean(),
        lambda logits: functional.relu(1 + logits).mean(),
        lambda logits: -logits.mean(),
    ),
}


class DCGAN:
    """PyTorch form of `jaxgan.methods.dcgan`; the step has the same arguments and results."""

    def __init__(
        self,
        variant,
        shapes,
        *,
        image_size,
        latent_dim,
        latent,
        features,
        discriminator_features,
        adversarial_loss,
        learning_rate,
        beta1,
    ):
        channels = shapes["image"][-1]
        generator = DCGANGenerator(image_size, latent_dim, channels, features=features)
        discriminator = DCGANDiscriminator(image_size, channels, features=discriminator_features)
        self.variant, self.loss = variant, LOSSES[adversarial_loss]
        self.latent_dim, self.latent = latent_dim, latent
        self.networks, self.adams = _pair(variant, generator, discriminator, learning_rate, beta1)

    def draw_latents(self, real):
        """Return a latent vector for each image."""
        shape = (len(real), self.latent_dim)
        if self.latent == "uniform":
            return torch.rand(shape, device=real.device) * 2 - 1
        return torch.randn(shape, device=real.device)

    def step(self, batch):
        """Update the discriminator, then the generator, and return the losses."""
        real, loss = batch["image"], self.loss
        generator, discriminator = self.networks.values()
        with self.variant.forward(real.device):
            fake = generator(self.draw_latents(real))
        with self.variant.forward(real.device):
            losses = {
                "loss/discriminator_real": loss.real(discriminator(real)),
                "loss/discriminator_fake": loss.fake(discriminator(fake.detach())),
            }
        _minimize(self.adams["discriminator"], losses.values())
        with _frozen(discriminator), self.variant.forward(real.device):
            losses["loss/generator"] = loss.generator(discriminator(fake))
        _minimize(self.adams["generator"], [losses["loss/generator"]])
        return losses


class Pix2pix:
    """PyTorch form of `jaxgan.methods.pix2pix`; the step has the same arguments and results."""

    def __init__(
        self,
        variant,
        shapes,
        *,
        features,
        discriminator_features,
        depth,
        discriminator_layers,
        norm,
        dropout,
        adversarial_loss,
        lambda_l1,
        learning_rate,
        beta1,
    ):
        inputs, outputs = shapes["input"][-1], shapes["target"][-1]
        generator = unet_generator(
            inputs, outputs, features=features, depth=depth, norm=norm, dropout=dropout
        )
        discriminator = patch_discriminator(
            inputs + outputs,
            features=discriminator_features,
            layers=discriminator_layers,
            norm=norm,
        )
        self.variant, self.loss, self.lambda_l1 = variant, LOSSES[adversarial_loss], lambda_l1
        self.networks, self.adams = _pair(variant, generator, discriminator, learning_rate, beta1)

    def step(self, batch):
        """Update the discriminator, then the generator, and return the losses."""
        x, y, loss = batch["input"], batch["target"], self.loss
        generator, discriminator = self.networks.values()
        with self.variant.forward(x.device):
            fake = generator(x)
        with self.variant.forward(x.device):
            fake_pair, real_pair = torch.cat([x, fake.detach()], 1), torch.cat([x, y], 1)
            losses = {
                "loss/discriminator_fake": loss.fake(discriminator(fake_pair)),
                "loss/discriminator_real": loss.real(discriminator(real_pair)),
            }
        _minimize(self.adams["discriminator"], [term / 2 for term in losses.values()])
        with _frozen(discriminator), self.variant.forward(x.device):
            own = {
                "loss/generator_gan": loss.generator(discriminator(torch.cat([x, fake], 1))),
                "loss/generator_l1": self.lambda_l1 * functional.l1_loss(fake, y),
            }
        _minimize(self.adams["generator"], own.values())
        return losses | own


class CycleGAN:
    """PyTorch form of `jaxgan.methods.cyclegan`; the step has the same arguments and results."""

    def __init__(
        self,
        variant,
        shapes,
        *,
        features,
        discriminator_features,
        generator,
        blocks,
        depth,
        discriminator_layers,
        norm,
        dropout,
        adversarial_loss,
        lambda_cycle,
        lambda_identity,
        pool_size,
        learning_rate,
        beta1,
    ):
        a, b = shapes["a"][-1], shapes["b"][-1]

        def make_generator(inputs, outputs):
            shared = {"features": features, "norm": norm, "dropout": dropout}
            if generator == "unet":
                return unet_generator(inputs, outputs, depth=depth, **shared)
            return resnet_generator(inputs, outputs, blocks=blocks, **shared)

        def make_discriminator(inputs):
            return patch_discriminator(
                inputs, features=discriminator_features, layers=discriminator_layers, norm=norm
            )

        self.variant, self.loss, self.lambda_cycle = variant, LOSSES[adversarial_loss], lambda_cycle
        self.lambda_identity = lambda_identity if a == b else 0
        self.pools = ImagePool(pool_size), ImagePool(pool_size)
        self.networks = {
            "generator_ab": variant.place(make_generator(a, b)),
            "generator_ba": variant.place(make_generator(b, a)),
            "discriminator_a": variant.place(make_discriminator(a)),
            "discriminator_b": variant.place(make_discriminator(b)),
        }
        g_ab, g_ba, d_a, d_b = self.networks.values()
        self.adams = {
            "generators": variant.adam([g_ab, g_ba], learning_rate, beta1),
            "discriminators": variant.adam([d_a, d_b], learning_rate, beta1),
        }

    def step(self, batch):
        """Update both generators, then both discriminators, and return the losses."""
        a, b, loss = batch["a"], batch["b"], self.loss
        g_ab, g_ba, d_a, d_b = self.networks.values()
        with _frozen(d_a, d_b), self.variant.forward(a.device):
            fake_b, fake_a = g_ab(a), g_ba(b)
            losses = {
                "loss/generator_ab_gan": loss.generator(d_b(fake_b)),
                "loss/generator_ba_gan": loss.generator(d_a(fake_a)),
                "loss/cycle_a": self.lambda_cycle * functional.l1_loss(g_ba(fake_b), a),
                "loss/cycle_b": self.lambda_cycle * functional.l1_loss(g_ab(fake_a), b),
            }
            if self.lambda_identity:
                weight = self.lambda_identity * self.lambda_cycle
                losses["loss/identity_a"] = weight * functional.l1_loss(g_ba(a), a)
                losses["loss/identity_b"] = weight * functional.l1_loss(g_ab(b), b)
        _minimize(self.adams["generators"], losses.values())
        old_a, old_b = (
            pool.query(fake.detach())
            for pool, fake in zip(self.pools, (fake_a, fake_b), strict=True)
        )
        with self.variant.forward(a.device):
            own = {
                "loss/discriminator_a": (loss.real(d_a(a)) + loss.fake(d_a(old_a))) / 2,
                "loss/discriminator_b": (loss.real(d_b(b)) + loss.fake(d_b(old_b))) / 2,
            }
        _minimize(self.adams["discriminators"], own.values())
        return losses | own


class ImagePool:
    """A history of generated images (Shrivastava et al. 2017)."""

    def __init__(self, size):
        self.size, self.images = size, []

    def query(self, images):
        """Exchange images with the pool, one after the other."""
        if self.size == 0:
            return images
        returned = []
        for image in images.split(1):
            if len(self.images) < self.size:
                self.images.append(image.clone())
                returned.append(image)
            elif random.random() < 0.5:
                place = random.randrange(self.size)
                returned.append(self.images[place])
                self.images[place] = image.clone()
            else:
                returned.append(image)
        return torch.cat(returned)


METHODS = {"DCGAN": DCGAN, "Pix2pix": Pix2pix, "CycleGAN": CycleGAN}


def check_settings(method, changed):
    """Check that the step in PyTorch is equivalent to ours.

    Args:
        method: Name of the class of our method.
        changed: Names of its settings that are not at their defaults.

    Raises:
        ValueError: If a setting is not supported. The message names it.
    """
    if method not in METHODS:
        raise ValueError(f"there is no {method} in PyTorch here, only {', '.join(METHODS)}")
    uncovered = sorted(set(changed) - set(_settings_of(method)) - NO_WORK)
    if uncovered:
        fields = " ".join(f"--config.method.{name}" for name in uncovered)
        raise ValueError(f"{method} in PyTorch here has no {fields}: leave them at their defaults")


def make(method, settings, shapes, variant):
    """Return a method in PyTorch.

    Args:
        method: Name of the class of our method.
        settings: All its fields.
        shapes: Shapes of the images of a batch by name, NHWC.
        variant: How to run it.
    """
    known = {name: settings[name] for name in _settings_of(method)}
    return METHODS[method](variant, shapes, **known)


def _settings_of(method):
    return list(inspect.signature(METHODS[method]).parameters)[2:]


def _pair(variant, generator, discriminator, learning_rate, beta1):
    """Return both networks, prepared by the variant, and an Adam for each."""
    networks = {
        "generator": variant.place(generator),
        "discriminator": variant.place(discriminator),
    }
    adams = {
        name: variant.adam([network], learning_rate, beta1) for name, network in networks.items()
    }
    return networks, adams


def _minimize(adam, losses):
    adam.zero_grad()
    functools.reduce(torch.add, losses).backward()
    adam.step()


@contextlib.contextmanager
def _frozen(*networks):
    """Disable gradients of networks that are not updated."""
    for network in networks:
        network.requires_grad_(False)
    yield
    for network in networks:
        network.requires_grad_(True)
