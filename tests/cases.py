"""Every method, small: the entry here puts a new one through the whole conformance suite."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from jaxgan.methods.cut import CUT
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.pix2pix import Pix2pix
from jaxgan.types import Images, Method, Spec, TrainState


class Case(NamedTuple):
    method: Method
    shapes: Mapping[str, tuple[int, int, int]]

    def spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
        return {
            name: jax.ShapeDtypeStruct((batch_size, *shape), jnp.float32)
            for name, shape in self.shapes.items()
        }

    def batch(self, batch_size: int, seed: int = 0) -> dict[str, Images]:
        keys = jax.random.split(jax.random.key(seed), len(self.shapes))
        return {
            name: jax.random.uniform(key, spec.shape, minval=-1, maxval=1)
            for key, (name, spec) in zip(keys, self.spec(batch_size).items(), strict=True)
        }


# Tests share these programs; most of a test's time goes into tracing and compiling.


@functools.cache
def train_step(method: Method) -> jax.stages.Wrapped:
    return jax.jit(method.train_step)


@functools.cache
def sample(method: Method) -> jax.stages.Wrapped:
    return jax.jit(method.sample)


@functools.cache
def _init(method: Method, spec: tuple) -> jax.stages.Wrapped:
    return jax.jit(lambda key: method.init(key, dict(spec)))


def init(method: Method, key: PRNGKeyArray, spec: Spec) -> TrainState:
    return _init(method, tuple(spec.items()))(key)


PIX2PIX_IMAGES = {"input": (32, 32, 3), "target": (32, 32, 3)}

CYCLEGAN = CycleGAN(
    features=4, discriminator_features=4, blocks=1, discriminator_layers=2, pool_size=3
)

CUT_16 = CUT(
    features=4,
    discriminator_features=4,
    blocks=1,
    discriminator_layers=2,
    patches=16,
    head_features=32,
)

DCGAN_16 = DCGAN(image_size=16, latent_dim=4, features=4, discriminator_features=4)

METHODS = {
    "pix2pix": Case(
        Pix2pix(features=4, discriminator_features=4, depth=5, discriminator_layers=2),
        PIX2PIX_IMAGES,
    ),
    "pix2pix-instance-pixel": Case(
        Pix2pix(
            features=4,
            discriminator_features=4,
            depth=4,
            discriminator_layers=0,
            norm="instance",
            adversarial_loss="least_squares",
            diff_augment=True,
            ema=0.9,
            r1=1.0,
            r1_every=2,
        ),
        {"input": (32, 32, 1), "target": (32, 32, 2)},
    ),
    "cyclegan": Case(CYCLEGAN, {"a": (16, 16, 3), "b": (16, 16, 3)}),
    "cyclegan-batch-unet": Case(
        dataclasses.replace(
            CYCLEGAN,
            generator="unet",
            depth=3,
            norm="batch",
            pool_size=0,
            discriminator_layers=0,
            lambda_identity=0.0,
        ),
        {"a": (16, 16, 1), "b": (16, 16, 3)},
    ),
    "cyclegan-augment-ema": Case(
        dataclasses.replace(
            CYCLEGAN,
            diff_augment=True,
            ema=0.9,
            r1=1.0,
            r1_every=1,
            discriminator_norm="spectral",
        ),
        {"a": (16, 16, 3), "b": (16, 16, 3)},
    ),
    "cut": Case(CUT_16, {"a": (16, 16, 3), "b": (16, 16, 3)}),
    "fastcut-augment-ema": Case(
        dataclasses.replace(
            CUT_16,
            blocks=2,
            lambda_nce=10.0,
            nce_identity=False,
            flip_equivariance=True,
            diff_augment=True,
            ema=0.9,
            r1=1.0,
            r1_every=2,
        ),
        {"a": (16, 16, 1), "b": (16, 16, 1)},
    ),
    "dcgan": Case(DCGAN_16, {"image": (16, 16, 3)}),
    "dcgan-relativistic": Case(
        dataclasses.replace(
            DCGAN_16, discriminator_norm="none", relativistic=True, r1=1.0, r2=1.0, r1_every=1
        ),
        {"image": (16, 16, 3)},
    ),
    "dcgan-spectral-ema": Case(
        dataclasses.replace(
            DCGAN_16,
            image_size=12,
            latent="uniform",
            discriminator_norm="spectral",
            adversarial_loss="hinge",
            label_smoothing=0.1,
            diff_augment=True,
            ema=0.9,
            r1=1.0,
            r1_every=2,
        ),
        {"image": (12, 12, 1)},
    ),
}
