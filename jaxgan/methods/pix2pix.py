"""Pix2pix: image-to-image translation from pairs (Isola et al. 2017, arXiv 1611.07004)."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Literal

import flax.linen as nn
import jax
import optax
import tyro
from jaxtyping import PRNGKeyArray

from jaxgan.methods import accumulate
from jaxgan.methods.augment import diff_augment_pairs
from jaxgan.methods.averages import averaged_weights, latest_weights, update_averages
from jaxgan.methods.generator import translate
from jaxgan.methods.losses import ADVERSARIAL_LOSSES, AdversarialLossName, l1
from jaxgan.methods.regularize import lazy_gradient_penalty
from jaxgan.methods.schedules import Constant
from jaxgan.methods.updates import init_state, run, update
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.layers.modules import (
    INITIALIZERS,
    DiscriminatorNormName,
    InitializerName,
    NormName,
    UpsampleName,
    concat_channels,
)
from jaxgan.networks.patchgan import discriminator
from jaxgan.networks.unet import UNetGenerator, choose_depth
from jaxgan.settings.resume import FREE, REPORTED, REPORTED_ABOVE_ZERO
from jaxgan.settings.validation import require
from jaxgan.types import Batch, Images, Metrics, Schedule, Spec, TrainedGenerator, TrainState


@dataclass(frozen=True, kw_only=True)
class Pix2pix:
    """A conditional GAN with an L1 term on batches of `input` and `target` images.

    The step is the reference's (`models/pix2pix_model.py`): the generator runs once, the
    discriminator is updated on real and fake, then the generator through the updated discriminator.
    """

    features: int = 64
    """Channels of the generator's first level (the reference's ngf)."""
    discriminator_features: int = 64
    """Channels of the discriminator's first layer (the reference's ndf)."""
    depth: int = 0
    """Number of levels of the U-Net, each of which halves the image; 0 uses as many as the image
    size allows, at most the paper's 8 (256x256 and multiples), 7 for 128x128, 6 for 64x64."""
    upsample: UpsampleName = "transpose"
    """Up-sampling: transpose as in the paper; resize avoids checkerboard patterns."""
    discriminator_layers: int = 3
    """Strided layers of the PatchGAN: 3 judges 70x70 patches; 0 judges single pixels (PixelGAN)."""
    norm: NormName = "batch"
    """Norm of both networks."""
    discriminator_norm: DiscriminatorNormName | None = None
    """Norm of the discriminator: by default `norm`; spectral is that of Miyato et al. 2018."""
    dropout: float = field(default=0.5, metadata=REPORTED)
    """Dropout probability in the generator's middle up blocks; 0 disables dropout."""
    initializer: InitializerName = "normal"
    """Initializer of the kernels: normal, N(0, 0.02), as in the paper; the others as in the
    reference."""
    adversarial_loss: AdversarialLossName = "vanilla"
    """Formulation of the adversarial loss."""
    r1: float = field(default=0.0, metadata=REPORTED)
    """Weight of the R1 gradient penalty on real images (Mescheder et al. 2018); 0 disables it."""
    r1_every: int = field(default=16, metadata=REPORTED)
    """Number of steps between R1 penalties, whose weight is multiplied by this number (lazy
    regularization, Karras et al. 2020)."""
    diff_augment: bool = field(default=False, metadata=REPORTED)
    """Whether to augment the discriminator's inputs (Zhao et al. 2020), for small data sets: input
    and image are moved alike, and the colors of the image change."""
    ema: float = field(default=0.0, metadata=REPORTED_ABOVE_ZERO)
    """Per-step decay of the generator's moving average, used after training; 0 disables it.
    Parameters and running batch-norm statistics are averaged."""
    lambda_l1: float = field(default=100.0, metadata=REPORTED)
    """Weight of the L1 distance to the target."""
    learning_rate: float = field(default=2e-4, metadata=REPORTED)
    """Adam's learning rate for both networks."""
    beta1: float = field(default=0.5, metadata=REPORTED)
    """Adam's decay of the first moment; the second's is 0.999."""
    schedule: Schedule = field(default_factory=Constant, metadata=REPORTED)
    """How the learning rate changes over the steps."""
    compute: Annotated[Compute, tyro.conf.arg(name="")] = field(default_factory=Compute)
    """Trade-offs between speed and memory."""
    sample_dropout: bool = field(default=True, metadata=FREE)
    """Whether dropout stays on after training, as in the paper (section 3.2)."""
    sample_norm_statistics: Literal["image", "running"] = field(default="image", metadata=FREE)
    """Batch-norm statistics after training: those of each image, as in the paper (a test batch of
    one image), or the running averages of training."""

    def __post_init__(self):
        require(self.features >= 1, "features must be at least 1")
        require(self.discriminator_features >= 1, "discriminator_features must be at least 1")
        require(
            self.depth == 0 or self.depth >= 2,
            "depth must be at least 2, or 0 for the largest that fits",
        )
        require(self.discriminator_layers >= 0, "discriminator_layers must not be negative")
        require(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")
        require(self.r1 >= 0, "r1 must not be negative")
        require(self.r1_every >= 1, "r1_every must be at least 1")
        require(0 <= self.ema < 1, "ema must be at least 0 and below 1")
        require(self.lambda_l1 >= 0, "lambda_l1 must not be negative")
        require(self.learning_rate > 0, "learning_rate must be positive")
        require(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def resolve(self, batch_spec: Spec, steps: int) -> "Pix2pix":
        depth = self.depth or choose_depth(*batch_spec["input"].shape[1:3])
        return dataclasses.replace(self, depth=depth, schedule=self.schedule.over(steps))

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        x, y = batch_spec["input"].shape, batch_spec["target"].shape
        networks = {
            "generator": (self.make_generator(y[-1]), x),
            "discriminator": (self.make_discriminator(), (*x[:-1], x[-1] + y[-1])),
        }
        state = init_state(key, self.make_optimizer(), networks, self.compute.accumulate)
        return dataclasses.replace(state, memory=latest_weights(state) if self.ema else {})

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        x, y = batch["input"], batch["target"]
        gan, parts = ADVERSARIAL_LOSSES[self.adversarial_loss], self.compute.accumulate
        generator, discriminator = self.make_generator(y.shape[-1]), self.make_discriminator()
        # Derived, so that dropout does not depend on `diff_augment`.
        fake_key, real_key, judge_key = (jax.random.fold_in(key, number) for number in (1, 2, 3))

        def generate(params, stats, x, key):
            return run(generator, params, stats, x, key)

        def judge(params, stats, x, images, key):
            if self.diff_augment:
                x, images = diff_augment_pairs(x, images, key)
            return run(discriminator, params, stats, concat_channels(x, images))

        g, g_stats = state.params["generator"], state.batch_stats["generator"]
        d, d_stats = state.params["discriminator"], state.batch_stats["discriminator"]
        # One pass of the generator serves both losses. With a second pass, a step at 64x64 takes
        # 7% more operations with `remat`, and 8% more memory with `accumulate`.
        fake, g_stats, pull_back = accumulate.vjp(generate, parts)(g, g_stats, x, key)

        def discriminator_loss(d, stats, images, keys):
            (x, y, fake), (fake_key, real_key) = images, keys
            # Fake before real, in separate passes: each has its own batch statistics.
            fake_logits, stats = judge(d, stats, x, fake, fake_key)
            real_logits, stats = judge(d, stats, x, y, real_key)
            loss_real, loss_fake = gan.real(real_logits), gan.fake(fake_logits)
            losses = {"loss/discriminator_real": loss_real, "loss/discriminator_fake": loss_fake}
            accuracy = gan.accuracy("discriminator", real_logits, fake_logits)
            loss = (loss_real + loss_fake) / 2
            if self.r1:
                losses["loss/discriminator_r1"] = self.r1 * lazy_gradient_penalty(
                    lambda y: judge(d, stats, x, y, real_key)[0], y, self.r1_every, state.step
                )
                loss += losses["loss/discriminator_r1"]
            return loss, (losses | accuracy, stats)

        d_gradient, (d_metrics, d_stats) = accumulate.grad(discriminator_loss, parts)(
            d, d_stats, (x, y, fake), (fake_key, real_key)
        )
        d, d_opt = update(self.make_optimizer(), d_gradient, state.opt_state["discriminator"], d)

        def generator_loss(fake, _, images, key):
            x, y = images
            # The updated discriminator; this pass does not change its running statistics.
            logits, _ = judge(d, d_stats, x, fake, key)
            loss_gan, loss_l1 = gan.generator(logits), self.lambda_l1 * l1(fake, y)
            losses = {"loss/generator_gan": loss_gan, "loss/generator_l1": loss_l1}
            return loss_gan + loss_l1, (losses, None)

        fake_gradient, (g_metrics, _) = accumulate.image_grad(generator_loss, parts)(
            fake, None, (x, y), judge_key
        )
        g_gradient = pull_back(fake_gradient)
        g, g_opt = update(self.make_optimizer(), g_gradient, state.opt_state["generator"], g)

        after = TrainState(
            step=state.step + 1,
            params={"generator": g, "discriminator": d},
            batch_stats={"generator": g_stats, "discriminator": d_stats},
            opt_state={"generator": g_opt, "discriminator": d_opt},
            memory={},
        )
        if self.ema:
            after = dataclasses.replace(after, memory=update_averages(state, after, self.ema))
        return after, d_metrics | g_metrics

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Return `input`, its translation and, if the batch has one, the `target`.

        Each image is normalized separately, so the result does not depend on the rest of the batch.
        """
        output = translate(self.trained_generator(state, *self.directions), batch["input"], key)
        return {"input": batch["input"], "output": output} | (
            {"target": batch["target"]} if "target" in batch else {}
        )

    @property
    def paired(self) -> bool:
        return True

    @property
    def directions(self) -> tuple[str, ...]:
        return ("input_to_target",)

    def source_and_target(self, direction: str) -> tuple[str, str]:
        return "input", "target"

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        variables = averaged_weights(state, "generator")
        return TrainedGenerator(
            **variables,
            network=self.make_generator(variables["params"]["output"]["bias"].size),
            dropout=self.sample_dropout,
            use_running_average=self.sample_norm_statistics == "running",
        )

    def make_generator(self, output_channels: int) -> UNetGenerator:
        """Return the generator."""
        return UNetGenerator(
            output_channels=output_channels,
            features=self.features,
            depth=self.depth,
            norm=self.norm,
            dropout=self.dropout,
            upsample=self.upsample,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def make_discriminator(self) -> nn.Module:
        """Return the discriminator."""
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
