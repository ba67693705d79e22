"""CycleGAN: image-to-image translation without pairs (Zhu et al. 2017, arXiv 1703.10593).

The loss of the generators is gan + 10 cycle + 5 identity: see `CycleGAN.train_step`.
"""

import dataclasses
import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tyro
from jax.sharding import Mesh
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from jaxgan.methods import accumulate, cyclegan_directions
from jaxgan.methods.augment import diff_augment
from jaxgan.methods.averages import averaged_weights, latest_weights, update_averages
from jaxgan.methods.cyclegan_directions import DIRECTIONS, Domain
from jaxgan.methods.generator import translate
from jaxgan.methods.image_pool import empty_pool, query
from jaxgan.methods.losses import ADVERSARIAL_LOSSES, AdversarialLossName, Logits, correlation, l1
from jaxgan.methods.regularize import lazy_gradient_penalty
from jaxgan.methods.schedules import Constant
from jaxgan.methods.updates import (
    Passes,
    deinterleave,
    has_started,
    init_state,
    interleave,
    represent,
    run,
    update_all,
)
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.layers.modules import (
    INITIALIZERS,
    DiscriminatorNormName,
    InitializerName,
    NormName,
    UpsampleName,
)
from jaxgan.networks.patchgan import discriminator
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator, choose_depth
from jaxgan.settings.resume import REPORTED, REPORTED_ABOVE_ZERO
from jaxgan.settings.validation import require
from jaxgan.types import (
    Batch,
    Images,
    Metrics,
    PyTree,
    Schedule,
    Spec,
    TrainedGenerator,
    TrainState,
)

INVERTED = -0.8  # correlation of input and output below which colors are likely inverted
GENERATORS = ("generator_ab", "generator_ba")


@dataclass(frozen=True, kw_only=True)
class CycleGAN:
    """Two generators and two discriminators on batches of unpaired images `a` and `b`.

    `generator_ab` translates A to B and `discriminator_b` judges domain B (the reference's G_A and
    D_A). The step is the reference's (`models/cycle_gan_model.py`): both generators, then both
    discriminators on images from the pools.
    """

    features: int = 64
    """Channels of the generators' first layer (the reference's ngf)."""
    discriminator_features: int = 64
    """Channels of the discriminators' first layer (the reference's ndf)."""
    generator: Literal["resnet", "unet"] = "resnet"
    """Architecture of the generators; the paper uses the ResNet."""
    blocks: int = 9
    """Number of residual blocks of a ResNet: 9 for 256x256, 6 for 128x128 and below."""
    upsample: UpsampleName = "transpose"
    """Up-sampling: transpose as in the paper; resize avoids checkerboard patterns."""
    depth: int = 0
    """Number of levels of a U-Net, each of which halves the image; 0 uses as many as the image size
    allows, at most 8 (256x256 and multiples)."""
    discriminator_layers: int = 3
    """Strided layers of the PatchGANs: 3 judges 70x70 patches; 0 single pixels (PixelGAN)."""
    norm: NormName = "instance"
    """Norm of all networks."""
    discriminator_norm: DiscriminatorNormName | None = None
    """Norm of the discriminators: by default `norm`; spectral is that of Miyato et al. 2018."""
    dropout: float = field(default=0.0, metadata=REPORTED)
    """Dropout probability in the generators; 0, as in the paper, disables dropout."""
    initializer: InitializerName = "normal"
    """Initial kernels: normal is N(0, 0.02), the paper's; the others are the reference's."""
    adversarial_loss: AdversarialLossName = "least_squares"
    """Formulation of the adversarial loss."""
    r1: float = field(default=0.0, metadata=REPORTED)
    """Weight of the R1 gradient penalty on real images (Mescheder et al. 2018); 0 disables it."""
    r1_every: int = field(default=16, metadata=REPORTED)
    """Number of steps between R1 penalties, whose weight is multiplied by this number (lazy
    regularization, Karras et al. 2020)."""
    diff_augment: bool = field(default=False, metadata=REPORTED)
    """Whether to augment the discriminators' inputs (Zhao et al. 2020), for small data sets."""
    ema: float = field(default=0.0, metadata=REPORTED_ABOVE_ZERO)
    """Per-step decay of the generators' moving averages, used after training; 0 disables them.
    Parameters and running batch-norm statistics are averaged."""
    lambda_cycle: float = field(default=10.0, metadata=REPORTED)
    """Weight of both cycle losses."""
    lambda_identity: float = field(default=0.5, metadata=REPORTED)
    """Weight of both identity losses, relative to the cycle losses; 0 for none."""
    pool_size: int = 50
    """Generated images kept per domain to update the discriminators with; 0 for none."""
    learning_rate: float = field(default=2e-4, metadata=REPORTED)
    """Adam's learning rate for all networks."""
    beta1: float = field(default=0.5, metadata=REPORTED)
    """Adam's decay of the first moment; the second's is 0.999."""
    schedule: Schedule = field(default_factory=Constant, metadata=REPORTED)
    """How the learning rate changes over the steps."""
    compute: Annotated[Compute, tyro.conf.arg(name="")] = field(default_factory=Compute)
    """Trade-offs between speed and memory."""

    def __post_init__(self):
        for name in ("features", "discriminator_features", "blocks"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("discriminator_layers", "lambda_cycle", "lambda_identity", "pool_size"):
            require(getattr(self, name) >= 0, f"{name} must not be negative")
        require(
            self.depth == 0 or self.depth >= 2,
            "depth must be at least 2, or 0 for the largest that fits",
        )
        require(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")
        require(self.r1 >= 0, "r1 must not be negative")
        require(self.r1_every >= 1, "r1_every must be at least 1")
        require(0 <= self.ema < 1, "ema must be at least 0 and below 1")
        require(self.learning_rate > 0, "learning_rate must be positive")
        require(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def resolve(self, batch_spec: Spec, steps: int) -> "CycleGAN":
        depth = self.depth
        if self.generator == "unet":
            depth = depth or choose_depth(*batch_spec["a"].shape[1:3])
        return dataclasses.replace(self, depth=depth, schedule=self.schedule.over(steps))

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        a, b = batch_spec["a"].shape, batch_spec["b"].shape
        if a[:3] != b[:3]:
            raise ValueError(
                f"images of both domains must be of one size, not {a[1:3]} and {b[1:3]}"
            )
        if self.lambda_identity and a[-1] != b[-1]:
            warnings.warn(f"no identity loss: A has {a[-1]} channels and B {b[-1]}", stacklevel=2)
        networks = {
            "generator_ab": (self.make_generator(b[-1]), a),
            "generator_ba": (self.make_generator(a[-1]), b),
            "discriminator_a": (self.make_discriminator(), a),
            "discriminator_b": (self.make_discriminator(), b),
        }
        state = init_state(key, self.make_optimizer(), networks, self.compute.accumulate)
        memory = latest_weights(state) if self.ema else {}
        if self.pool_size:
            memory["pool_a"] = empty_pool(self.pool_size, a[1:])
            memory["pool_b"] = empty_pool(self.pool_size, b[1:])
        return dataclasses.replace(state, memory=memory)

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        a, b = batch["a"], batch["b"]
        gan, parts = ADVERSARIAL_LOSSES[self.adversarial_loss], self.compute.accumulate
        identity = self.lambda_identity > 0 and a.shape[-1] == b.shape[-1]
        key_ab, key_ba = jax.random.split(key)

        def generators_loss(params, stats, images, keys):
            a, b = images
            (ab, ba), (key_ab, key_ba) = GENERATORS, keys
            to_b = Passes(self.make_generator(b.shape[-1]), params[ab], stats[ab], key_ab)
            to_a = Passes(self.make_generator(a.shape[-1]), params[ba], stats[ba], key_ba)
            if identity and self.norm == "instance":  # images are independent: one pass
                fake_b, same_b = to_b.both(a, b)
                fake_a, same_a = to_a.both(b, a)
                cycled_a, cycled_b = to_a(fake_b), to_b(fake_a)
            else:
                fake_b, fake_a = to_b(a), to_a(b)
                cycled_a, cycled_b = to_a(fake_b), to_b(fake_a)
                same_a, same_b = (to_a(a), to_b(b)) if identity else (a, b)

            # loss_G = gan + 10 cycle + 5 identity, in both directions
            losses = {
                "loss/generator_ab_gan": gan.generator(self._judge(state, "b", fake_b, key_ab)),
                "loss/generator_ba_gan": gan.generator(self._judge(state, "a", fake_a, key_ba)),
                "loss/cycle_a": self.lambda_cycle * l1(cycled_a, a),
                "loss/cycle_b": self.lambda_cycle * l1(cycled_b, b),
            }
            if identity:
                weight = self.lambda_identity * self.lambda_cycle
                losses["loss/identity_a"] = weight * l1(same_a, a)
                losses["loss/identity_b"] = weight * l1(same_b, b)
            return sum(losses.values()), (
                (losses, fake_a, fake_b),
                {ab: to_b.stats, ba: to_a.stats},
            )

        gradients, ((metrics, fake_a, fake_b), batch_stats) = accumulate.grad(
            generators_loss, parts
        )(_pick(state.params), _pick(state.batch_stats), (a, b), (key_ab, key_ba))

        memory, old_a, old_b = {}, fake_a, fake_b
        if self.pool_size:
            pools = state.memory
            memory["pool_a"], old_a = query(pools["pool_a"], fake_a, jax.random.fold_in(key_ba, 3))
            memory["pool_b"], old_b = query(pools["pool_b"], fake_b, jax.random.fold_in(key_ab, 3))

        for domain, real, fake, key in (("a", a, old_a, key_ba), ("b", b, old_b, key_ab)):
            name = f"discriminator_{domain}"
            loss = partial(self.discriminator_loss, domain, state.step)
            gradients[name], (measured, batch_stats[name]) = accumulate.grad(loss, parts)(
                state.params[name], state.batch_stats[name], (real, fake), key
            )
            metrics |= measured

        params, opt_state = update_all(self.make_optimizer(), gradients, state)
        metrics["correlation/ab"] = correlation(a, fake_b)
        metrics["correlation/ba"] = correlation(b, fake_a)
        metrics |= self.find_inverted(metrics, state.step)
        after = TrainState(state.step + 1, params, batch_stats, opt_state, memory)
        if self.ema:
            averages = update_averages(state, after, self.ema)
            after = dataclasses.replace(after, memory=memory | averages)
        return after, metrics

    def discriminator_loss(
        self,
        domain: str,
        step: Integer[Array, ""],
        params: PyTree,
        stats: PyTree,
        images: tuple[Domain, Domain],
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, ""], tuple[Metrics, PyTree]]:
        """Return the discriminator loss of a domain on real and generated images."""
        gan = ADVERSARIAL_LOSSES[self.adversarial_loss]
        network, (real, fake) = self.make_discriminator(), images
        real, fake = self.augment(real, key, 5), self.augment(fake, key, 6)
        if (self.discriminator_norm or self.norm) != "batch":  # images are independent: one pass
            logits, stats = run(network, params, stats, interleave(real, fake))
            real_logits, fake_logits = deinterleave(logits)
        else:
            # Real before fake: each has its own batch statistics.
            real_logits, stats = run(network, params, stats, real)
            fake_logits, stats = run(network, params, stats, fake)
        loss = (gan.real(real_logits) + gan.fake(fake_logits)) / 2
        losses = {f"loss/discriminator_{domain}": loss}
        if self.r1:
            penalty = lazy_gradient_penalty(
                lambda x: run(network, params, stats, x)[0], real, self.r1_every, step
            )
            losses[f"loss/discriminator_{domain}_r1"] = self.r1 * penalty
            loss += self.r1 * penalty
        accuracy = gan.accuracy(f"discriminator_{domain}", real_logits, fake_logits)
        return loss, (losses | accuracy, stats)

    def find_inverted(self, metrics: Metrics, step: Integer[Array, ""]) -> Metrics:
        """Return the warnings about inverted colors, given the correlations."""
        started = has_started(step, self.learning_rate)
        inverted = {name: metrics[f"correlation/{name}"] < INVERTED for name in DIRECTIONS}
        return {
            f"warning/colors_inverted_{name}": (found & started).astype(jnp.float32)
            for name, found in inverted.items()
        }

    def _judge(self, state: TrainState, domain: str, images: Domain, key: PRNGKeyArray) -> Logits:
        """Return a discriminator's logits, without a change of its running statistics."""
        name = f"discriminator_{domain}"
        network, seen = self.make_discriminator(), self.augment(images, key, 4)
        return run(network, state.params[name], state.batch_stats[name], seen)[0]

    def augment(self, images: Domain, key: PRNGKeyArray, number: int) -> Domain:
        """Return images as a discriminator sees them, by the `number`-th key derived from `key`."""
        return (
            diff_augment(images, jax.random.fold_in(key, number)) if self.diff_augment else images
        )

    def split(self, state: TrainState) -> TrainState:
        return cyclegan_directions.stack(state)

    def join(self, state: TrainState) -> TrainState:
        return cyclegan_directions.unstack(state)

    def split_train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray, mesh: Mesh
    ) -> tuple[TrainState, Metrics]:
        return cyclegan_directions.train_step(self, state, batch, key, mesh)

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Translate in both directions and back, as the reference does at test time.

        Each image is normalized separately, so the result does not depend on the rest of the batch.
        """
        a, b = batch["a"], batch["b"]
        to_b, to_a = (
            partial(translate, self.trained_generator(state, direction), key=key)
            for direction in DIRECTIONS
        )
        fake_b, fake_a = to_b(a), to_a(b)
        columns = {
            "real A": a,
            "fake B": fake_b,
            "reconstructed A": to_a(fake_b),
            "real B": b,
            "fake A": fake_a,
            "reconstructed B": to_b(fake_a),
        }
        if self.lambda_identity > 0 and a.shape[-1] == b.shape[-1]:
            columns["identity A"] = to_a(a)
            columns["identity B"] = to_b(b)
        return columns

    @property
    def paired(self) -> bool:
        return False

    @property
    def directions(self) -> tuple[str, ...]:
        return DIRECTIONS

    def source_and_target(self, direction: str) -> tuple[str, str]:
        source, target = direction
        return source, target

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        variables = averaged_weights(state, f"generator_{direction}")
        channels = variables["params"]["output"]["bias"].size
        return TrainedGenerator(**variables, network=self.make_generator(channels))

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """Return the features of both discriminators, first those of domain A."""
        return [
            features
            for name in ("discriminator_a", "discriminator_b")
            for features in represent(
                self.make_discriminator(), state.params[name], state.batch_stats[name], images
            )
        ]

    def make_generator(self, output_channels: int) -> ResNetGenerator | UNetGenerator:
        """Return a generator."""
        shared = {
            "output_channels": output_channels,
            "features": self.features,
            "norm": self.norm,
            "dropout": self.dropout,
            "upsample": self.upsample,
            "kernel_init": INITIALIZERS[self.initializer],
            "compute": self.compute,
        }
        if self.generator == "unet":
            return UNetGenerator(depth=self.depth, **shared)
        return ResNetGenerator(blocks=self.blocks, **shared)

    def make_discriminator(self) -> nn.Module:
        """Return a discriminator."""
        return discriminator(
            features=self.discriminator_features,
            layers=self.discriminator_layers,
            norm=self.discriminator_norm or self.norm,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def make_optimizer(self) -> optax.GradientTransformation:
        """Return the optimizer that each network uses."""
        return optax.adam(self.schedule.scale(self.learning_rate), b1=self.beta1, b2=0.999)


def _pick(networks: PyTree) -> PyTree:
    """Return only the entries of the generators."""
    return {name: networks[name] for name in GENERATORS}
