"""Pix2pix: image-to-image translation from pairs (Isola et al. 2017, arXiv 1611.07004)."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Literal

import flax.linen as nn
import optax
import tyro
from jaxtyping import PRNGKeyArray

from jaxgan import accumulate
from jaxgan.losses import ADVERSARIAL_LOSSES, AdversarialLossName, l1
from jaxgan.networks.compute import Compute
from jaxgan.networks.layers import INITIALIZERS, InitializerName, NormName, concat_channels
from jaxgan.networks.patchgan import discriminator
from jaxgan.networks.unet import UNetGenerator, choose_depth
from jaxgan.schedules import Constant, Schedule
from jaxgan.types import Batch, Images, Metrics, Spec, TrainState, Translator
from jaxgan.updates import init_state, run, translate, update
from jaxgan.validation import check


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
    """Levels of the U-Net, each of which halves the image; 0 chooses as many as the image size
    allows, at most the paper's 8 (256x256 and multiples), 7 for 128x128, 6 for 64x64."""
    discriminator_layers: int = 3
    """Strided layers of the PatchGAN: 3 judges 70x70 patches; 0 judges single pixels (PixelGAN)."""
    norm: NormName = "batch"
    """Norm of both networks."""
    dropout: float = 0.5
    """Dropout probability in the generator's middle up blocks; 0 for none."""
    initializer: InitializerName = "normal"
    """Initial kernels: normal is N(0, 0.02), the paper's; the others are the reference's."""
    adversarial_loss: AdversarialLossName = "vanilla"
    """Formulation of the adversarial loss."""
    lambda_l1: float = 100.0
    """Weight of the L1 distance to the target."""
    learning_rate: float = 2e-4
    """Adam's learning rate for both networks."""
    beta1: float = 0.5
    """Adam's decay of the first moment; the second's is 0.999."""
    schedule: Schedule = field(default_factory=Constant)
    """How the learning rate changes over the steps."""
    compute: Annotated[Compute, tyro.conf.arg(name="")] = field(default_factory=Compute)
    sample_dropout: bool = True
    """Whether dropout stays on in use after training, as in the paper (section 3.2)."""
    sample_norm_statistics: Literal["image", "running"] = "image"
    """Batch-norm statistics in use: each image's own, as in the paper (a test batch of one image),
    or the running averages of training."""

    def __post_init__(self):
        check(self.features >= 1, "features must be at least 1")
        check(self.discriminator_features >= 1, "discriminator_features must be at least 1")
        check(self.depth == 0 or self.depth >= 2, "depth must be at least 2, or 0 to choose it")
        check(self.discriminator_layers >= 0, "discriminator_layers must not be negative")
        check(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")
        check(self.lambda_l1 >= 0, "lambda_l1 must not be negative")
        check(self.learning_rate > 0, "learning_rate must be positive")
        check(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def resolve(self, batch_spec: Spec, steps: int) -> "Pix2pix":
        """See `Method.resolve`."""
        depth = self.depth or choose_depth(*batch_spec["input"].shape[1:3])
        return dataclasses.replace(self, depth=depth, schedule=self.schedule.over(steps))

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        """See `Method.init`."""
        x, y = batch_spec["input"].shape, batch_spec["target"].shape
        return init_state(
            key,
            self._optimizer(),
            {
                "generator": (self.make_generator(y[-1]), x),
                "discriminator": (self.make_discriminator(), (*x[:-1], x[-1] + y[-1])),
            },
            self.compute.accumulate,
        )

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """See `Method.train_step`."""
        x, y = batch["input"], batch["target"]
        loss = ADVERSARIAL_LOSSES[self.adversarial_loss]
        generator, judging = self.make_generator(y.shape[-1]), self.make_discriminator()
        parts = self.compute.accumulate

        def generate(params, batch_stats, x, part):
            return run(generator, params, batch_stats, x, accumulate.part_key(key, part))

        def judge(params, batch_stats, x, images):
            return run(judging, params, batch_stats, concat_channels(x, images))

        fake, generator_stats, generator_vjp = accumulate.vjp(
            generate, state.params["generator"], state.batch_stats["generator"], x, parts
        )

        def discriminator_loss(params, batch_stats, images, part):
            # Fake before real, in separate passes: each has batch statistics of its own.
            x, y, fake = images
            fake_logits, batch_stats = judge(params, batch_stats, x, fake)
            real_logits, batch_stats = judge(params, batch_stats, x, y)
            metrics = {
                "loss/discriminator_real": loss.real(real_logits),
                "loss/discriminator_fake": loss.fake(fake_logits),
            }
            metrics |= loss.accuracy("discriminator", real_logits, fake_logits)
            total = metrics["loss/discriminator_real"] + metrics["loss/discriminator_fake"]
            return total / 2, (metrics, batch_stats, ())

        gradients, metrics, discriminator_stats, _ = accumulate.gradient(
            discriminator_loss,
            state.params["discriminator"],
            state.batch_stats["discriminator"],
            (x, y, fake),
            parts,
        )
        discriminator_params, discriminator_opt = update(
            self._optimizer(),
            gradients,
            state.opt_state["discriminator"],
            state.params["discriminator"],
        )

        def generator_loss(fake, others, part):
            # The discriminator's running statistics stay as its own update left them.
            x, y = others
            logits, _ = judge(discriminator_params, discriminator_stats, x, fake)
            gan, distance = loss.generator(logits), self.lambda_l1 * l1(fake, y)
            return gan + distance, (gan, distance)

        # Only with respect to the image: the discriminator's gradients are not wanted here.
        fake_gradient, (gan, distance) = accumulate.image_gradient(
            generator_loss, fake, (x, y), parts
        )
        gradients = generator_vjp(fake_gradient)
        generator_params, generator_opt = update(
            self._optimizer(), gradients, state.opt_state["generator"], state.params["generator"]
        )

        return TrainState(
            step=state.step + 1,
            params={"generator": generator_params, "discriminator": discriminator_params},
            batch_stats={
                "generator": generator_stats,
                "discriminator": discriminator_stats,
            },
            opt_state={"generator": generator_opt, "discriminator": discriminator_opt},
            memory=state.memory,
        ), metrics | {"loss/generator_gan": gan, "loss/generator_l1": distance}

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Translate `input`; show the `target`, where there is one, beside it.

        Every image is normalized by itself, so the result does not depend on its batch mates.
        """
        output = translate(self.translator(state, *self.directions), batch["input"], key)
        return {"input": batch["input"], "output": output} | (
            {"target": batch["target"]} if "target" in batch else {}
        )

    @property
    def paired(self) -> bool:
        """See `Translating.paired`."""
        return True

    @property
    def directions(self) -> tuple[str, ...]:
        """See `Translating.directions`."""
        return ("input_to_target",)

    def domains(self, direction: str) -> tuple[str, str]:
        """See `Translating.domains`."""
        return "input", "target"

    def translator(self, state: TrainState, direction: str) -> Translator:
        """See `Translating.translator`."""
        params = state.params["generator"]
        return Translator(
            params,
            state.batch_stats["generator"],
            self.make_generator(params["output"]["bias"].size),
            dropout=self.sample_dropout,
            use_running_average=self.sample_norm_statistics == "running",
        )

    def make_generator(self, output_channels: int) -> UNetGenerator:
        """Return the generator of images of so many channels."""
        return UNetGenerator(
            output_channels=output_channels,
            features=self.features,
            depth=self.depth,
            norm=self.norm,
            dropout=self.dropout,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def make_discriminator(self) -> nn.Module:
        """Return the discriminator."""
        return discriminator(
            features=self.discriminator_features,
            layers=self.discriminator_layers,
            norm=self.norm,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adam(self.schedule.scale(self.learning_rate), b1=self.beta1, b2=0.999)
