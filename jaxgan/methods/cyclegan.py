"""CycleGAN: image-to-image translation without pairs (Zhu et al. 2017, arXiv 1703.10593)."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tyro
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan import accumulate
from jaxgan.directions import (
    DIRECTIONS,
    name_metrics,
    put_together,
    stack,
    take_apart,
    unstack,
)
from jaxgan.image_pool import empty_pool, query
from jaxgan.losses import ADVERSARIAL_LOSSES, AdversarialLossName, correlation, l1
from jaxgan.networks.compute import Compute
from jaxgan.networks.layers import INITIALIZERS, InitializerName, NormName
from jaxgan.networks.patchgan import discriminator
from jaxgan.networks.resnet import ResNetGenerator, UpsampleName
from jaxgan.networks.unet import UNetGenerator, choose_depth
from jaxgan.schedules import Constant, Schedule
from jaxgan.types import Batch, Images, Metrics, Spec, TrainState, Translator
from jaxgan.updates import apart, init_state, represent, run, together, translate, update
from jaxgan.validation import check

INVERTED = -0.5  # correlation of input and output below which colors are likely inverted
Domain = Float[Array, "batch height width _"]  # images of either domain


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
    depth: int = 0
    """Levels of a U-Net, each of which halves the image; 0 chooses as many as the image size
    allows, at most 8 (256x256 and multiples)."""
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
    compute: Annotated[Compute, tyro.conf.arg(name="")] = field(default_factory=Compute)

    def __post_init__(self):
        for name in ("features", "discriminator_features", "blocks"):
            check(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("discriminator_layers", "lambda_cycle", "lambda_identity", "pool_size"):
            check(getattr(self, name) >= 0, f"{name} must not be negative")
        check(self.depth == 0 or self.depth >= 2, "depth must be at least 2, or 0 to choose it")
        check(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")
        check(self.learning_rate > 0, "learning_rate must be positive")
        check(0 <= self.beta1 < 1, "beta1 must be at least 0 and below 1")

    def resolve(self, batch_spec: Spec, steps: int) -> "CycleGAN":
        """See `Method.resolve`."""
        depth = self.depth
        if self.generator == "unet":
            depth = depth or choose_depth(*batch_spec["a"].shape[1:3])
        return dataclasses.replace(self, depth=depth, schedule=self.schedule.over(steps))

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        """See `Method.init`."""
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
        state = init_state(key, self._optimizer(), networks, self.compute.accumulate)
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
        halves, metrics = self._update(
            take_apart(state),
            [batch["a"], batch["b"]],
            [batch["b"], batch["a"]],
            list(jax.random.split(key)),
            exchange=lambda ab_and_ba: ab_and_ba[::-1],
        )
        return put_together(state.step + 1, halves), name_metrics(metrics)

    def split(self, state: TrainState) -> TrainState:
        """See `Splittable.split`."""
        return stack(state)

    def join(self, state: TrainState) -> TrainState:
        """See `Splittable.join`."""
        return unstack(state)

    def split_train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray, mesh: Mesh
    ) -> tuple[TrainState, Metrics]:
        """See `Splittable.split_train_step`. What crosses between the halves is images."""

        def exchange(own):
            return [jax.lax.ppermute(own[0], "direction", ((0, 1), (1, 0)))]

        def update_half(half, a, b, keys):
            is_ab = jax.lax.axis_index("direction") == 0
            half, key = jax.tree.map(lambda leaf: leaf[0], (half, keys))
            source, target = jnp.where(is_ab, a, b), jnp.where(is_ab, b, a)
            (half,), (metrics,) = self._update([half], [source], [target], [key], exchange)
            return jax.tree.map(lambda leaf: leaf[None], (half, metrics))

        # The other axes of the mesh are left to the partitioner.
        half, both = P("direction"), P()
        update = jax.shard_map(
            update_half,
            mesh=mesh,
            in_specs=(half, both, both, half),
            out_specs=half,
            axis_names={"direction"},
        )
        stepless = dataclasses.replace(state, step=())
        halves, metrics = update(stepless, batch["a"], batch["b"], jax.random.split(key))
        by_direction = [
            {name: value[half] for name, value in metrics.items()}
            for half in range(len(DIRECTIONS))
        ]
        return dataclasses.replace(halves, step=state.step + 1), name_metrics(by_direction)

    def _update(
        self,
        halves: Sequence[TrainState],
        sources: Sequence[Domain],
        targets: Sequence[Domain],
        keys: Sequence[PRNGKeyArray],
        exchange: Callable[[Sequence[Domain]], Sequence[Domain]],
    ) -> tuple[list[TrainState], list[Metrics]]:
        """Update the networks of the directions given: of both, or of one on its half of devices.

        Args:
            halves: Of each direction, its generator and the discriminator of that one's images.
            sources: What each direction translates.
            targets: Images of the domain that each translates to.
            keys: Fresh randomness for each direction.
            exchange: Gives each direction the other one's images.
        """
        loss = ADVERSARIAL_LOSSES[self.adversarial_loss]
        identity = self.lambda_identity > 0 and all(
            x.shape[-1] == y.shape[-1] for x, y in zip(sources, targets, strict=True)
        )
        # Images pass a network at once, if it normalizes each by itself.
        at_once = self.norm == "instance"
        parts = self.compute.accumulate

        def generators_loss(params, batch_stats, images, part):
            (sources, targets), stats = images, list(batch_stats)

            def translate_all(images, number):
                translated = []
                for i, (x, y, key) in enumerate(zip(images, targets, keys, strict=True)):
                    dropout_key = jax.random.fold_in(accumulate.part_key(key, part), number)
                    generator = self.make_generator(y.shape[-1])
                    image, stats[i] = run(generator, params[i], stats[i], x, dropout_key)
                    translated.append(image)
                return translated

            if identity and at_once:
                translated = translate_all(map(together, sources, targets), 0)
                fakes, sames = zip(*map(apart, translated), strict=True)
                cycled = translate_all(exchange(fakes), 1)
            else:
                fakes = translate_all(sources, 0)
                cycled = translate_all(exchange(fakes), 1)
                sames = translate_all(targets, 2) if identity else ()
            losses = []
            for half, fake, reconstructed, y in zip(halves, fakes, cycled, targets, strict=True):
                # The discriminator's statistics stay as its own update leaves them.
                judged, _ = run(
                    self.make_discriminator(),
                    half.params["discriminator"],
                    half.batch_stats["discriminator"],
                    fake,
                )
                losses.append(
                    {
                        "loss/generator_{direction}_gan": loss.generator(judged),
                        "loss/cycle_{target}": self.lambda_cycle * l1(reconstructed, y),
                    }
                )
            if identity:
                weight = self.lambda_identity * self.lambda_cycle
                for terms, same, y in zip(losses, sames, targets, strict=True):
                    terms["loss/identity_{target}"] = weight * l1(same, y)
            return sum(sum(terms.values()) for terms in losses), (losses, stats, fakes)

        gradients, metrics, generator_stats, fakes = accumulate.gradient(
            generators_loss,
            [half.params["generator"] for half in halves],
            [half.batch_stats["generator"] for half in halves],
            (sources, targets),
            parts,
        )

        def discriminator_loss(params, stats, images, part):
            network, (real, fake) = self.make_discriminator(), images
            if at_once:
                logits, stats = run(network, params, stats, together(real, fake))
                real_logits, fake_logits = apart(logits)
            else:
                # Real before fake: each has batch statistics of its own.
                real_logits, stats = run(network, params, stats, real)
                fake_logits, stats = run(network, params, stats, fake)
            accuracy = loss.accuracy("discriminator_{target}", real_logits, fake_logits)
            total = (loss.real(real_logits) + loss.fake(fake_logits)) / 2
            return total, (accuracy | {"loss/discriminator_{target}": total}, stats, ())

        updated = []
        for half, source, target, fake, key, gradient, stats, measured in zip(
            halves, sources, targets, fakes, keys, gradients, generator_stats, metrics, strict=True
        ):
            memory, old_fake = {}, fake
            if self.pool_size:
                pool_key = jax.random.fold_in(key, 3)
                memory["pool"], old_fake = query(half.memory["pool"], fake, pool_key)
            gradient = {"generator": gradient}
            batch_stats = {"generator": stats}
            gradient["discriminator"], judged, batch_stats["discriminator"], _ = (
                accumulate.gradient(
                    discriminator_loss,
                    half.params["discriminator"],
                    half.batch_stats["discriminator"],
                    (target, old_fake),
                    parts,
                )
            )
            similarity = correlation(source, fake)
            measured |= judged | {
                "correlation/{direction}": similarity,
                "warning/colors_inverted_{direction}": (similarity < INVERTED).astype(jnp.float32),
            }
            params, opt_state = {}, {}
            for role in gradient:
                params[role], opt_state[role] = update(
                    self._optimizer(), gradient[role], half.opt_state[role], half.params[role]
                )
            updated.append(
                TrainState(
                    step=(),
                    params=params,
                    batch_stats=batch_stats,
                    opt_state=opt_state,
                    memory=memory,
                )
            )
        return updated, metrics

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Translate both ways and back, as at the reference's test time.

        Each image is normalized by itself, so the result does not depend on its batch mates.
        """
        a, b = batch["a"], batch["b"]
        to_b, to_a = (
            partial(translate, self.translator(state, direction), key=key)
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
        """See `Translating.paired`."""
        return False

    @property
    def directions(self) -> tuple[str, ...]:
        """See `Translating.directions`."""
        return DIRECTIONS

    def domains(self, direction: str) -> tuple[str, str]:
        """See `Translating.domains`."""
        source, target = direction
        return source, target

    def translator(self, state: TrainState, direction: str) -> Translator:
        """See `Translating.translator`."""
        name = f"generator_{direction}"
        params = state.params[name]
        generator = self.make_generator(params["output"]["bias"].size)
        return Translator(params, state.batch_stats[name], generator)

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """See `Representing.represent`; these are the features of both discriminators."""
        return [
            features
            for name in ("discriminator_a", "discriminator_b")
            for features in represent(
                self.make_discriminator(), state.params[name], state.batch_stats[name], images
            )
        ]

    def make_generator(self, output_channels: int) -> ResNetGenerator | UNetGenerator:
        """Return the generator of images of so many channels."""
        shared = {
            "output_channels": output_channels,
            "features": self.features,
            "norm": self.norm,
            "dropout": self.dropout,
            "kernel_init": INITIALIZERS[self.initializer],
            "compute": self.compute,
        }
        if self.generator == "unet":
            return UNetGenerator(depth=self.depth, **shared)
        return ResNetGenerator(blocks=self.blocks, upsample=self.upsample, **shared)

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
