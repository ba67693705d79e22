"""CycleGAN: image-to-image translation without pairs (Zhu et al. 2017, arXiv 1703.10593)."""

import dataclasses
import warnings
from dataclasses import dataclass, field
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray

from jaxgan.image_pool import empty_pool, query
from jaxgan.losses import ADVERSARIAL_LOSSES, AdversarialLossName, correlation, l1
from jaxgan.networks.layers import INITIALIZERS, InitializerName, NormName
from jaxgan.networks.patchgan import discriminator
from jaxgan.networks.resnet import ResNetGenerator, UpsampleName
from jaxgan.networks.unet import UNetGenerator
from jaxgan.schedules import Constant, Schedule
from jaxgan.types import Batch, Images, Metrics, Spec, TrainState
from jaxgan.updates import init_state, run, update
from jaxgan.validation import check

INVERTED = -0.5  # correlation of input and output below which colors are likely inverted
GENERATORS = ("generator_ab", "generator_ba")


@dataclass(frozen=True, kw_only=True)
class CycleGAN:
    """Two generators and two discriminators on batches of unrelated images `a` and `b`.

    `generator_ab` translates A to B and `discriminator_b` judges domain B (the reference's G_A and
    D_A). The step is the reference's (`models/cycle_gan_model.py`): both generators, then both
    discriminators on images from the pools.
    """

    features: int = 64
    """Channels of the generators' first layer (the reference's ngf)."""
    discriminator_features: int = 64
    """Channels of the discriminators' first layer (the reference's ndf)."""
    generator: Literal["resnet", "unet"] = "resnet"
    """Architecture of the generators; the paper's is the ResNet."""
    blocks: int = 9
    """Residual blocks of a ResNet: 9 for 256x256, 6 for 128x128 and below."""
    upsample: UpsampleName = "transpose"
    """Up-sampling of a ResNet; resize leaves no checkerboards, transpose is the paper's."""
    depth: int = 8
    """Levels of a U-Net: 8 for images of 256x256 and multiples, 7 for 128, 6 for 64."""
    discriminator_layers: int = 3
    """Strided layers of the PatchGANs: 3 judges 70x70 patches; 0 single pixels (PixelGAN)."""
    norm: NormName = "instance"
    """Norm of all networks."""
    dropout: float = 0.0
    """Dropout probability in the generators; 0 for none, as in the paper."""
    initializer: InitializerName = "normal"
    """Initial kernels: normal is N(0, 0.02), the paper's; the others are the reference's."""
    adversarial_loss: AdversarialLossName = "least_squares"
    """Formulation of the adversarial loss."""
    lambda_cycle: float = 10.0
    """Weight of both cycle losses."""
    lambda_identity: float = 0.5
    """Weight of both identity losses, relative to the cycle losses; 0 for none."""
    pool_size: int = 50
    """Generated images kept per domain to update the discriminators with; 0 for none."""
    learning_rate: float = 2e-4
    """Adam's learning rate for all networks."""
    beta1: float = 0.5
    """Adam's decay of the first moment; the second's is 0.999."""
    schedule: Schedule = field(default_factory=Constant)
    """How the learning rate changes over the steps."""

    def __post_init__(self):
        for name in ("features", "discriminator_features", "blocks"):
            check(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("discriminator_layers", "lambda_cycle", "lambda_identity", "pool_size"):
            check(getattr(self, name) >= 0, f"{name} must not be negative")
        check(self.depth >= 2, "depth must be at least 2")
        check(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")
        check(self.learning_rate > 0, "learning_rate must be positive")
        check(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        """See `Method.init`."""
        a, b = batch_spec["a"].shape, batch_spec["b"].shape
        if self.lambda_identity and a[-1] != b[-1]:
            warnings.warn(f"no identity loss: A has {a[-1]} channels and B {b[-1]}", stacklevel=2)
        networks = self._networks(a[-1], b[-1])
        inputs = {"generator_ab": a, "generator_ba": b, "discriminator_a": a, "discriminator_b": b}
        state = init_state(
            key, self._optimizer(), {name: (networks[name], inputs[name]) for name in networks}
        )
        if not self.pool_size:
            return state
        pools = {
            "pool_a": empty_pool(self.pool_size, a[1:]),
            "pool_b": empty_pool(self.pool_size, b[1:]),
        }
        return dataclasses.replace(state, memory=pools)

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """See `Method.train_step`."""
        a, b = batch["a"], batch["b"]
        loss = ADVERSARIAL_LOSSES[self.adversarial_loss]
        dropout_key, pool_a_key, pool_b_key = jax.random.split(key, 3)
        identity = self.lambda_identity > 0 and a.shape[-1] == b.shape[-1]
        networks = self._networks(a.shape[-1], b.shape[-1])

        def judge(name, images):  # the discriminators' statistics stay as their update left them
            return run(networks[name], state.params[name], state.batch_stats[name], images)[0]

        def generators_loss(params):
            stats = {name: state.batch_stats[name] for name in GENERATORS}
            keys = iter(jax.random.split(dropout_key, 6))

            def translate(name, images):
                y, stats[name] = run(networks[name], params[name], stats[name], images, next(keys))
                return y

            fake_b = translate("generator_ab", a)
            reconstructed_a = translate("generator_ba", fake_b)
            fake_a = translate("generator_ba", b)
            reconstructed_b = translate("generator_ab", fake_a)
            losses = {
                "loss/generator_ab_gan": loss.generator(judge("discriminator_b", fake_b)),
                "loss/generator_ba_gan": loss.generator(judge("discriminator_a", fake_a)),
                "loss/cycle_a": self.lambda_cycle * l1(reconstructed_a, a),
                "loss/cycle_b": self.lambda_cycle * l1(reconstructed_b, b),
            }
            if identity:
                weight = self.lambda_identity * self.lambda_cycle
                losses["loss/identity_a"] = weight * l1(translate("generator_ba", a), a)
                losses["loss/identity_b"] = weight * l1(translate("generator_ab", b), b)
            return sum(losses.values()), (losses, stats, fake_a, fake_b)

        generators = {name: state.params[name] for name in GENERATORS}
        gradients, (metrics, batch_stats, fake_a, fake_b) = jax.grad(generators_loss, has_aux=True)(
            generators
        )

        memory, old_fake_a, old_fake_b = {}, fake_a, fake_b
        if self.pool_size:
            memory["pool_a"], old_fake_a = query(state.memory["pool_a"], fake_a, pool_a_key)
            memory["pool_b"], old_fake_b = query(state.memory["pool_b"], fake_b, pool_b_key)

        def discriminator_loss(params, name, real, fake):
            # Real before fake, in separate passes: each has batch statistics of its own.
            real_logits, stats = run(networks[name], params, state.batch_stats[name], real)
            fake_logits, stats = run(networks[name], params, stats, fake)
            metrics = loss.accuracy(name, real_logits, fake_logits)
            total = (loss.real(real_logits) + loss.fake(fake_logits)) / 2
            return total, (metrics | {f"loss/{name}": total}, stats)

        for domain, real, fake in (("a", a, old_fake_a), ("b", b, old_fake_b)):
            name = f"discriminator_{domain}"
            gradients[name], (measured, batch_stats[name]) = jax.grad(
                discriminator_loss, has_aux=True
            )(state.params[name], name, real, fake)
            metrics |= measured

        for direction, x, y in (("ab", a, fake_b), ("ba", b, fake_a)):
            metrics[f"correlation/{direction}"] = similarity = correlation(x, y)
            inverted = similarity < INVERTED
            metrics[f"warning/colors_inverted_{direction}"] = inverted.astype(jnp.float32)

        params, opt_state = {}, {}
        for name in networks:
            params[name], opt_state[name] = update(
                self._optimizer(), gradients[name], state.opt_state[name], state.params[name]
            )
        return TrainState(
            step=state.step + 1,
            params=params,
            batch_stats=batch_stats,
            opt_state=opt_state,
            memory=memory,
        ), metrics

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Translate both ways and back, as at the reference's test time.

        Each image is normalized by itself, so the result does not depend on its batch mates.
        """
        a, b = batch["a"], batch["b"]
        networks = self._networks(a.shape[-1], b.shape[-1])

        def translate(name, images):
            def one(image, key):
                params, stats = state.params[name], state.batch_stats[name]
                return run(networks[name], params, stats, image[None], key)[0][0]

            return jax.vmap(one)(images, jax.random.split(key, len(images)))

        fake_b, fake_a = translate("generator_ab", a), translate("generator_ba", b)
        columns = {
            "real A": a,
            "fake B": fake_b,
            "reconstructed A": translate("generator_ba", fake_b),
            "real B": b,
            "fake A": fake_a,
            "reconstructed B": translate("generator_ab", fake_a),
        }
        if self.lambda_identity > 0 and a.shape[-1] == b.shape[-1]:
            columns["identity A"] = translate("generator_ba", a)
            columns["identity B"] = translate("generator_ab", b)
        return columns

    def _networks(self, channels_a: int, channels_b: int) -> dict[str, nn.Module]:
        return {
            "generator_ab": self._generator(channels_b),
            "generator_ba": self._generator(channels_a),
            "discriminator_a": self._discriminator(),
            "discriminator_b": self._discriminator(),
        }

    def _generator(self, output_channels: int) -> nn.Module:
        shared = {
            "output_channels": output_channels,
            "features": self.features,
            "norm": self.norm,
            "dropout": self.dropout,
            "kernel_init": INITIALIZERS[self.initializer],
        }
        if self.generator == "unet":
            return UNetGenerator(depth=self.depth, **shared)
        return ResNetGenerator(blocks=self.blocks, upsample=self.upsample, **shared)

    def _discriminator(self) -> nn.Module:
        return discriminator(
            features=self.discriminator_features,
            layers=self.discriminator_layers,
            norm=self.norm,
            kernel_init=INITIALIZERS[self.initializer],
        )

    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adam(self.schedule.scale(self.learning_rate), b1=self.beta1, b2=0.999)
