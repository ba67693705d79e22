"""DCGAN: images from latent vectors (Radford et al. 2016, arXiv 1511.06434)."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import optax
import tyro
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.images.pictures import mosaic
from jaxgan.methods import accumulate
from jaxgan.methods.augment import diff_augment
from jaxgan.methods.averages import averaged_weights, latest_weights, update_averages
from jaxgan.methods.losses import ADVERSARIAL_LOSSES, AdversarialLossName, diversity
from jaxgan.methods.regularize import lazy_gradient_penalty
from jaxgan.methods.schedules import Constant
from jaxgan.methods.updates import has_started, init_state, represent, run, update
from jaxgan.networks.dcgan import (
    DCGANDiscriminator,
    DCGANGenerator,
    DiscriminatorNormName,
    Latents,
)
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.layers.modules import INITIALIZERS, InitializerName
from jaxgan.settings.resume import REPORTED, REPORTED_ABOVE_ZERO
from jaxgan.settings.validation import require
from jaxgan.types import (
    Batch,
    Images,
    Metrics,
    Schedule,
    Spec,
    TrainedGenerator,
    TrainState,
)

COLLAPSED = 0.1  # diversity relative to real images below which the generator has collapsed


@dataclass(frozen=True, kw_only=True)
class DCGAN:
    """An unconditional GAN on batches of `image`.

    The step is that of PyTorch's example (`examples/dcgan/main.py`). The discriminator is updated
    on the sum of its losses on real and generated images, in separate passes. Then the generator is
    updated on the same generated images, through the updated discriminator.
    """

    image_size: int = 64
    """Height and width of the images, at least 8; 0 uses crop_size. The paper uses 64."""
    latent_dim: int = 100
    """Size of the latent vectors."""
    latent: Literal["normal", "uniform"] = "normal"
    """Distribution of latent vectors: N(0, 1), as in PyTorch's example, or U(-1, 1), as in the
    paper."""
    features: int = 64
    """Channels of the generator's last hidden layer (the example's ngf); earlier ones have more."""
    discriminator_features: int = 64
    """Channels of the discriminator's first layer (the example's ndf); later ones have more."""
    discriminator_norm: DiscriminatorNormName = "batch"
    """Norm of the discriminator: batch, as in the paper; spectral (Miyato et al. 2018); or none."""
    initializer: InitializerName = "normal"
    """Initializer of the kernels: normal, N(0, 0.02), as in the paper."""
    adversarial_loss: AdversarialLossName = "vanilla"
    """Formulation of the adversarial loss."""
    relativistic: bool = False
    """Whether the losses compare each generated image with a real one, in place of judging both
    (RpGAN, Jolicoeur-Martineau 2019). With r1, r2 and the vanilla loss this is the loss of R3GAN
    (Huang et al. 2025, arXiv 2501.05441, equations 2 and 3)."""
    label_smoothing: float = field(default=0.0, metadata=REPORTED)
    """Subtracted from the target for real images, 1 (Salimans et al. 2016 use 0.1)."""
    r1: float = field(default=0.0, metadata=REPORTED)
    """Weight of the R1 gradient penalty on real images (Mescheder et al. 2018); 0 disables it."""
    r2: float = field(default=0.0, metadata=REPORTED)
    """Weight of the R2 gradient penalty on generated images, at the same steps; 0 disables it."""
    r1_every: int = field(default=16, metadata=REPORTED)
    """Number of steps between R1 penalties, whose weight is multiplied by this number (lazy
    regularization, Karras et al. 2020)."""
    diff_augment: bool = field(default=False, metadata=REPORTED)
    """Whether to augment the discriminator's inputs (Zhao et al. 2020), for small data sets."""
    ema: float = field(default=0.0, metadata=REPORTED_ABOVE_ZERO)
    """Per-step decay of the generator's moving average, used for sampling; 0 disables it.
    Parameters and running batch-norm statistics are averaged."""
    learning_rate: float = field(default=2e-4, metadata=REPORTED)
    """Adam's learning rate for both networks."""
    beta1: float = field(default=0.5, metadata=REPORTED)
    """Adam's decay of the first moment; the second's is 0.999."""
    schedule: Schedule = field(default_factory=Constant, metadata=REPORTED)
    """How the learning rate changes over the steps."""
    compute: Annotated[Compute, tyro.conf.arg(name="")] = field(default_factory=Compute)
    """Trade-offs between speed and memory."""

    def __post_init__(self):
        for name in ("latent_dim", "features", "discriminator_features"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        require(
            self.image_size == 0 or self.image_size >= 8,
            "image_size must be at least 8, or 0 for that of the images",
        )
        require(0 <= self.label_smoothing < 0.5, "label_smoothing must be at least 0 and below 0.5")
        require(self.r1 >= 0, "r1 must not be negative")
        require(self.r2 >= 0, "r2 must not be negative")
        require(
            not (self.relativistic and self.label_smoothing),
            "relativistic losses have no targets: set label_smoothing to 0",
        )
        require(self.r1_every >= 1, "r1_every must be at least 1")
        require(0 <= self.ema < 1, "ema must be at least 0 and below 1")
        require(self.learning_rate > 0, "learning_rate must be positive")
        require(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def resolve(self, batch_spec: Spec, steps: int) -> "DCGAN":
        image_size = self.image_size or batch_spec["image"].shape[1]
        schedule = self.schedule.over(steps)
        return dataclasses.replace(self, image_size=image_size, schedule=schedule)

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        batch_size, height, width, channels = batch_spec["image"].shape
        if (height, width) != (self.image_size, self.image_size):
            raise ValueError(
                f"the images are {height}x{width}, and image_size is {self.image_size}: "
                "set --config.data.crop_size or --config.method.image_size"
            )
        networks = {
            "generator": (self.make_generator(channels), (batch_size, self.latent_dim)),
            "discriminator": (self.make_discriminator(), (batch_size, height, width, channels)),
        }
        state = init_state(key, self.make_optimizer(), networks, self.compute.accumulate)
        return dataclasses.replace(state, memory=latest_weights(state) if self.ema else {})

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        real = batch["image"]
        gan, parts = ADVERSARIAL_LOSSES[self.adversarial_loss], self.compute.accumulate
        generator, discriminator = self.make_generator(real.shape[-1]), self.make_discriminator()
        latent_key, real_key, fake_key, judge_key = jax.random.split(key, 4)
        latents = self.draw_latents(latent_key, len(real))

        def generate(params, stats, latents, key):
            return run(generator, params, stats, latents)

        def judge(params, stats, images, key):
            seen = diff_augment(images, key) if self.diff_augment else images
            return run(discriminator, params, stats, seen)

        g, g_stats = state.params["generator"], state.batch_stats["generator"]
        d, d_stats = state.params["discriminator"], state.batch_stats["discriminator"]
        # One pass of the generator serves both losses, as in `Pix2pix.train_step`.
        fake, g_stats, pull_back = accumulate.vjp(generate, parts)(g, g_stats, latents, None)

        def discriminator_loss(d, stats, images, keys):
            (real, fake), (real_key, fake_key) = images, keys
            # Real before fake, in separate passes: each has its own batch statistics.
            real_logits, stats = judge(d, stats, real, real_key)
            fake_logits, stats = judge(d, stats, fake, fake_key)
            if self.relativistic:
                losses = {"loss/discriminator": gan.real(real_logits - fake_logits)}
                accuracy = {"accuracy/discriminator": jnp.mean(real_logits > fake_logits)}
            else:
                smoothed = self.label_smoothing * gan.fake(real_logits)
                loss_real = (1 - self.label_smoothing) * gan.real(real_logits) + smoothed
                loss_fake = gan.fake(fake_logits)
                losses = {
                    "loss/discriminator_real": loss_real,
                    "loss/discriminator_fake": loss_fake,
                }
                accuracy = gan.accuracy("discriminator", real_logits, fake_logits)
            if self.r1:
                losses["loss/discriminator_r1"] = self.r1 * lazy_gradient_penalty(
                    lambda x: judge(d, stats, x, real_key)[0], real, self.r1_every, state.step
                )
            if self.r2:
                losses["loss/discriminator_r2"] = self.r2 * lazy_gradient_penalty(
                    lambda x: judge(d, stats, x, fake_key)[0], fake, self.r1_every, state.step
                )
            return sum(losses.values()), (losses | accuracy, stats)

        d_gradient, (d_metrics, d_stats) = accumulate.grad(discriminator_loss, parts)(
            d, d_stats, (real, fake), (real_key, fake_key)
        )
        d, d_opt = update(self.make_optimizer(), d_gradient, state.opt_state["discriminator"], d)

        def generator_loss(fake, _, real, key):
            # The updated discriminator; this pass does not change its running statistics.
            logits, _ = judge(d, d_stats, fake, key)
            if self.relativistic:
                loss = gan.real(logits - judge(d, d_stats, real, key)[0])
            else:
                loss = gan.generator(logits)
            return loss, ({"loss/generator": loss}, None)

        fake_gradient, (g_metrics, _) = accumulate.image_grad(generator_loss, parts)(
            fake, None, real, judge_key
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
        return after, d_metrics | g_metrics | self._watch(state, fake, real)

    def sample(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> dict[str, Float[Array, "1 big_height big_width _"]]:
        """Return a mosaic of generated images and a mosaic of real images."""
        real = batch["image"]
        generated = self.generate(state, self.draw_latents(key, len(real)))
        return {"generated": mosaic(generated), "real": mosaic(real)}

    def generate(self, state: TrainState, latents: Latents) -> Images:
        generator = self.trained_generator(state)
        variables = {"params": generator.params, "batch_stats": generator.batch_stats}
        images = generator.network.apply(variables, latents, use_running_average=True)
        assert isinstance(images, jax.Array)
        return images

    def trained_generator(self, state: TrainState) -> TrainedGenerator:
        """Return the generator, with its moving averages if there are any."""
        variables = averaged_weights(state, "generator")
        params = variables["params"]
        network = self.make_generator(params["output"]["kernel"].shape[2])
        return TrainedGenerator(
            params, variables["batch_stats"], network, dropout=False, use_running_average=True
        )

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        name = "discriminator"
        return represent(
            self.make_discriminator(), state.params[name], state.batch_stats[name], images
        )

    def draw_latents(self, key: PRNGKeyArray, count: int) -> Float[Array, "{count} latent_dim"]:
        shape = (count, self.latent_dim)
        if self.latent == "uniform":
            return jax.random.uniform(key, shape, minval=-1, maxval=1)
        return jax.random.normal(key, shape)

    def make_generator(self, output_channels: int) -> DCGANGenerator:
        """Return the generator."""
        return DCGANGenerator(
            size=self.image_size,
            output_channels=output_channels,
            features=self.features,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def make_discriminator(self) -> DCGANDiscriminator:
        """Return the discriminator."""
        return DCGANDiscriminator(
            features=self.discriminator_features,
            norm=self.discriminator_norm,
            kernel_init=INITIALIZERS[self.initializer],
            compute=self.compute,
        )

    def _watch(self, state: TrainState, fake: Images, real: Images) -> Metrics:
        """Return the diversity of generated images and the warning about mode collapse."""
        if len(real) == 1:
            return {}
        found = diversity(fake, real)
        collapsed = (found < COLLAPSED) & has_started(state.step, self.learning_rate)
        return {"diversity": found, "warning/collapsed": collapsed.astype(jnp.float32)}

    def make_optimizer(self) -> optax.GradientTransformation:
        """Return the optimizer that each network uses."""
        return optax.adam(self.schedule.scale(self.learning_rate), b1=self.beta1, b2=0.999)
