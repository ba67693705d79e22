"""CUT and FastCUT: contrastive image-to-image translation (Park et al. 2020, arXiv 2007.15651).

The loss of the generator is gan + (nce of A + nce of B) / 2: see `CUT.train_step`.
"""

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tyro
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from jaxgan.methods import accumulate
from jaxgan.methods.augment import diff_augment
from jaxgan.methods.averages import averaged_weights, latest_weights, update_averages
from jaxgan.methods.generator import translate
from jaxgan.methods.losses import ADVERSARIAL_LOSSES, AdversarialLossName, Scalar
from jaxgan.methods.regularize import lazy_gradient_penalty
from jaxgan.methods.schedules import Constant
from jaxgan.methods.updates import (
    deinterleave,
    init_state,
    interleave,
    represent,
    run,
    update,
    update_all,
)
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.layers.modules import INITIALIZERS, Features, InitializerName, UpsampleName
from jaxgan.networks.patchgan import discriminator
from jaxgan.networks.resnet import ResNetGenerator
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

Patches = Float[Array, "batch patches channels"]


def take_patches(x: Features, positions: Integer[Array, " patches"]) -> Patches:
    """Return the features at some positions, counted by rows, alike in all images."""
    return x.reshape(len(x), -1, x.shape[-1])[:, positions]


def to_unit_length(x: Patches) -> Patches:
    """Divide vectors by their length, plus 1e-7 as in the authors' code."""
    squares = jnp.sum(x**2, axis=-1, keepdims=True)
    return x / (jnp.sqrt(jnp.maximum(squares, 1e-30)) + 1e-7)  # a root has no slope at 0


def patch_nce(queries: Patches, keys: Patches, temperature: float) -> Scalar:
    """Return the cross-entropy of finding the key of each query among those of its image.

    The paper's loss of a patch, averaged over all patches. The keys get no gradient.
    """
    keys = jax.lax.stop_gradient(keys)
    logits = jnp.einsum("bqc,bkc->bqk", queries, keys) / temperature
    return -jnp.mean(jnp.diagonal(jax.nn.log_softmax(logits), axis1=1, axis2=2))


@dataclass(frozen=True, kw_only=True)
class CUT:
    """A generator from A to B and a discriminator on batches of unpaired images `a` and `b`.

    The step is the authors' (`models/cut_model.py`): the discriminator, then the generator through
    the updated discriminator, together with the heads. The defaults are those of CUT; FastCUT has
    `lambda_nce=10`, `nce_identity=False` and `flip_equivariance=True`.
    """

    features: int = 64
    """Channels of the generator's first layer (the authors' ngf)."""
    discriminator_features: int = 64
    """Channels of the discriminator's first layer (the authors' ndf)."""
    blocks: int = 9
    """Number of residual blocks: 9 for 256x256, 6 for 128x128 and below."""
    upsample: UpsampleName = "transpose"
    """Up-sampling: transpose as in CycleGAN; resize avoids checkerboard patterns."""
    discriminator_layers: int = 3
    """Strided layers of the PatchGAN: 3 judges 70x70 patches; 0 single pixels (PixelGAN)."""
    initializer: InitializerName = "xavier"
    """Initial kernels; xavier is the authors'."""
    adversarial_loss: AdversarialLossName = "least_squares"
    """Formulation of the adversarial loss."""
    r1: float = field(default=0.0, metadata=REPORTED)
    """Weight of the R1 gradient penalty on real images (Mescheder et al. 2018); 0 disables it."""
    r1_every: int = field(default=16, metadata=REPORTED)
    """Number of steps between R1 penalties, whose weight is multiplied by this number (lazy
    regularization, Karras et al. 2020)."""
    diff_augment: bool = field(default=False, metadata=REPORTED)
    """Whether to augment the discriminator's inputs (Zhao et al. 2020), for small data sets."""
    ema: float = field(default=0.0, metadata=REPORTED_ABOVE_ZERO)
    """Per-step decay of the generator's moving average, used after training; 0 disables it."""
    lambda_nce: float = field(default=1.0, metadata=REPORTED)
    """Weight of the contrastive loss: 1 for CUT, 10 for FastCUT."""
    nce_identity: bool = field(default=True, metadata=REPORTED)
    """Whether images of B, translated, are contrasted too: on for CUT, off for FastCUT."""
    flip_equivariance: bool = field(default=False, metadata=REPORTED)
    """Whether the generator sees mirrored images in half of the steps: on for FastCUT."""
    patches: int = field(default=256, metadata=REPORTED)
    """Patches of each image and layer that are contrasted."""
    temperature: float = field(default=0.07, metadata=REPORTED)
    """Divisor of the similarities of patches."""
    head_features: int = 256
    """Units of the two layers of each head."""
    learning_rate: float = field(default=2e-4, metadata=REPORTED)
    """Adam's learning rate for all networks."""
    beta1: float = field(default=0.5, metadata=REPORTED)
    """Adam's decay of the first moment; the second's is 0.999."""
    schedule: Schedule = field(default_factory=Constant, metadata=REPORTED)
    """How the learning rate changes over the steps."""
    compute: Annotated[Compute, tyro.conf.arg(name="")] = field(default_factory=Compute)
    """Trade-offs between speed and memory."""

    def __post_init__(self):
        for name in ("features", "discriminator_features", "blocks", "r1_every", "head_features"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("discriminator_layers", "r1"):
            require(getattr(self, name) >= 0, f"{name} must not be negative")
        for name in ("lambda_nce", "temperature", "learning_rate"):
            require(getattr(self, name) > 0, f"{name} must be positive")
        require(self.patches >= 2, "patches must be at least 2")
        require(0 <= self.ema < 1, "ema must be at least 0 and below 1")
        require(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def resolve(self, batch_spec: Spec, steps: int) -> "CUT":
        return dataclasses.replace(self, schedule=self.schedule.over(steps))

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        shape, shape_b = batch_spec["a"].shape, batch_spec["b"].shape
        if shape != shape_b:
            raise ValueError(
                "CUT encodes images of both domains, which must be of one size and number of "
                f"channels, not {shape[1:]} and {shape_b[1:]}"
            )
        networks = {
            "generator": (self.make_generator(shape[-1]), shape),
            "discriminator": (self.make_discriminator(), shape),
        }
        channels = [shape[-1]] + [self.features * width for width in (2, 4, 4, 4)]
        for name, count in zip(self.heads, channels, strict=False):
            networks[name] = (self.make_head(), (1, 1, count))
        state = init_state(key, self.make_optimizer(), networks, self.compute.accumulate)
        return dataclasses.replace(state, memory=latest_weights(state) if self.ema else {})

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        images = batch["a"], batch["b"]
        gan, parts = ADVERSARIAL_LOSSES[self.adversarial_loss], self.compute.accumulate
        generator, judge = self.make_generator(batch["b"].shape[-1]), self.make_discriminator()
        mirror_key, real_key, fake_key, judge_key, a_key, b_key = jax.random.split(key, 6)

        def generate(g, images, key):
            a, b = (self.mirror(each, key) for each in images)
            if not self.nce_identity:
                return run(generator, g, {}, a)[0], b
            return deinterleave(run(generator, g, {}, interleave(a, b))[0])

        def discriminator_loss(d, stats, images, keys):
            (_, b), (mirror_key, real_key, fake_key) = images, keys
            # Computed once: XLA merges this pass with that of the generator's loss.
            fake_b, _ = generate(state.params["generator"], images, mirror_key)
            real, fake = self.augment(b, real_key), self.augment(fake_b, fake_key)
            logits, _ = run(judge, d, {}, interleave(real, fake))
            real_logits, fake_logits = deinterleave(logits)
            loss_real, loss_fake = gan.real(real_logits), gan.fake(fake_logits)
            losses = {"loss/discriminator_real": loss_real, "loss/discriminator_fake": loss_fake}
            accuracy = gan.accuracy("discriminator", real_logits, fake_logits)
            loss = (loss_real + loss_fake) / 2
            if self.r1:
                losses["loss/discriminator_r1"] = self.r1 * lazy_gradient_penalty(
                    lambda x: run(judge, d, {}, x)[0], real, self.r1_every, state.step
                )
                loss += losses["loss/discriminator_r1"]
            return loss, (losses | accuracy, stats)

        d = state.params["discriminator"]
        d_gradient, (d_metrics, _) = accumulate.grad(discriminator_loss, parts)(
            d, {}, images, (mirror_key, real_key, fake_key)
        )
        d, d_opt = update(self.make_optimizer(), d_gradient, state.opt_state["discriminator"], d)

        def generator_loss(params, stats, images, keys):
            (a, b), (mirror_key, judge_key, a_key, b_key) = images, keys
            fake_b, same_b = generate(params["generator"], images, mirror_key)
            logits, _ = run(judge, d, {}, self.augment(fake_b, judge_key))  # the updated one
            contrast = partial(self.contrast, params, mirror_key)
            # loss_G = gan + (nce of A + nce of B) / 2, or gan + nce of A without identity
            weight = self.lambda_nce / (2 if self.nce_identity else 1)
            losses = {
                "loss/generator_gan": gan.generator(logits),
                "loss/nce_a": weight * contrast(a, fake_b, a_key),
            }
            if self.nce_identity:
                losses["loss/nce_b"] = weight * contrast(b, same_b, b_key)
            return sum(losses.values()), (losses, stats)

        trained = {name: state.params[name] for name in ("generator", *self.heads)}
        gradients, (g_metrics, _) = accumulate.grad(generator_loss, parts)(
            trained, {}, images, (mirror_key, judge_key, a_key, b_key)
        )
        params, opt_state = update_all(self.make_optimizer(), gradients, state)

        after = TrainState(
            step=state.step + 1,
            params=params | {"discriminator": d},
            batch_stats=state.batch_stats,
            opt_state=opt_state | {"discriminator": d_opt},
            memory={},
        )
        if self.ema:
            after = dataclasses.replace(after, memory=update_averages(state, after, self.ema))
        return after, d_metrics | g_metrics

    def contrast(
        self,
        params: PyTree,
        mirror_key: PRNGKeyArray,
        real: Images,
        translated: Images,
        key: PRNGKeyArray,
    ) -> Scalar:
        """Return PatchNCE between images and their translations, averaged over the layers.

        Args:
            params: Parameters of the generator, whose encoder sees both images, and of the heads.
            mirror_key: Key by which the images were mirrored before they were translated.
            real: The images.
            translated: Their translations.
            key: Random key for the positions of the patches.
        """
        encode = partial(self.encode, params["generator"])
        queried = [self.mirror(features, mirror_key) for features in encode(translated)]
        losses = []
        for name, *maps in zip(self.heads, queried, encode(real), strict=True):
            key, layer_key = jax.random.split(key)
            positions = self.draw_patches(layer_key, maps[0].shape[1] * maps[0].shape[2])
            queries, keys = (
                run(self.make_head(), params[name], {}, take_patches(features, positions))[0]
                for features in maps
            )
            losses.append(patch_nce(queries, keys, self.temperature))
        return jnp.stack(losses).mean()

    def encode(self, g: PyTree, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """Return the features of images that are contrasted, one map for each head."""
        features = represent(self.make_generator(images.shape[-1]), g, {}, images)
        return [features[layer] for layer in self.layers]

    def draw_patches(self, key: PRNGKeyArray, positions: int) -> Integer[Array, " patches"]:
        """Return random positions in a map of features, each at most once."""
        return jax.random.permutation(key, positions)[: self.patches]

    def mirror(self, x: Features, key: PRNGKeyArray) -> Features:
        """Mirror images or features with probability 1/2, all alike, for flip equivariance."""
        if not self.flip_equivariance:
            return x
        return jnp.where(jax.random.bernoulli(key), x[:, :, ::-1], x)

    def augment(self, images: Images, key: PRNGKeyArray) -> Images:
        """Return images as the discriminator sees them."""
        return diff_augment(images, key) if self.diff_augment else images

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Translate A to B, and images of B with the same generator.

        Each image is normalized separately, so the result does not depend on the rest of the batch.
        """
        to_b = partial(translate, self.trained_generator(state, *self.directions), key=key)
        a, b = batch["a"], batch["b"]
        columns = {"real A": a, "fake B": to_b(a), "real B": b}
        return columns | ({"identity B": to_b(b)} if self.nce_identity else {})

    @property
    def paired(self) -> bool:
        return False

    @property
    def directions(self) -> tuple[str, ...]:
        return ("ab",)

    def source_and_target(self, direction: str) -> tuple[str, str]:
        return "a", "b"

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        variables = averaged_weights(state, "generator")
        channels = variables["params"]["output"]["bias"].size
        return TrainedGenerator(**variables, network=self.make_generator(channels))

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """Return the features of the discriminator."""
        return represent(self.make_discriminator(), state.params["discriminator"], {}, images)

    @property
    def layers(self) -> tuple[int, ...]:
        """Features of the generator that are contrasted, by number.

        The authors' layers 0, 4, 8, 12 and 16: the padded images, the outputs of the strided
        convolutions, and of the first and fifth residual block, or the last of fewer.
        """
        blocks = sorted({1, min(5, self.blocks)})
        return 0, 1, 2, *(2 + block for block in blocks)

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the networks that project the features, by number of the layer."""
        return tuple(f"head_{layer}" for layer in self.layers)

    def make_generator(self, output_channels: int) -> ResNetGenerator:
        """Return the generator."""
        return ResNetGenerator(
            output_channels=output_channels,
            features=self.features,
            blocks=self.blocks,
            upsample=self.upsample,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def make_discriminator(self) -> nn.Module:
        """Return the discriminator."""
        return discriminator(
            features=self.discriminator_features,
            layers=self.discriminator_layers,
            norm="instance",
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def make_head(self) -> nn.Module:
        """Return the network that projects the features of patches of a layer."""
        dense = partial(nn.Dense, self.head_features, kernel_init=INITIALIZERS[self.initializer])
        return nn.Sequential([dense(), jax.nn.relu, dense(), to_unit_length])

    def make_optimizer(self) -> optax.GradientTransformation:
        """Return the optimizer that each network uses."""
        return optax.adam(self.schedule.scale(self.learning_rate), b1=self.beta1, b2=0.999)
