"""Trained models for inference."""

import dataclasses
import functools
import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxgan.config import Config, from_plain
from jaxgan.config import load as load_config
from jaxgan.devices.compiler import compiler_options
from jaxgan.errors import UserError
from jaxgan.methods.generator import translate
from jaxgan.training.checkpoint import find_checkpoint, read_config, read_state
from jaxgan.training.program import initial_state, state_shapes
from jaxgan.training.runs import find_run
from jaxgan.types import GeneratesImages, TrainedGenerator, TrainState, TranslatesImages

GENERATED_AT_A_TIME = 64  # a fixed batch size, which needs one compilation
TRANSLATE_BATCH_SIZE = 8  # images translated at a time
SIZES_KEPT = 16  # image sizes whose compiled programs are kept

NormStatistics = Literal["image", "running"]


def load(
    run: str | Path,
    *,
    config: Config | str | Path | None = None,
    dropout: bool | None = None,
    norm_statistics: NormStatistics | None = None,
) -> "Model":
    """Load the latest model of a run.

    Args:
        run: A run's folder, its folder of checkpoints, or a single checkpoint; `latest` for the
            newest run in `./runs`, which is then printed.
        config: For a run with classes that are not jaxgan's, such as a custom method: the config
            file that the run was trained with, the name of a packaged config, or its `Config`. Only
            its classes are used, not its values.
        dropout: Whether dropout stays on for translation; by default as in the paper of the method.
        norm_statistics: Statistics that batch norm uses for translation: those of each image, or
            the running averages of training; by default as in the paper of the method.

    Raises:
        jaxgan.errors.UserError: If the run or checkpoint does not exist or cannot be read.
    """
    if norm_statistics not in (None, "image", "running"):
        raise UserError(f"norm_statistics is image or running, not {norm_statistics!r}")
    checkpoint = find_checkpoint(find_run(run))
    given = load_config(config) if isinstance(config, str | Path) else config
    try:
        stored = from_plain(read_config(checkpoint), given)
    except UserError as error:
        raise UserError(f"{checkpoint}: {error}") from error
    state = read_state(checkpoint, state_shapes(stored))
    return Model(stored, state, checkpoint, dropout, norm_statistics)


@dataclass(frozen=True, repr=False)
class Model:
    """A trained model.

    Attributes:
        config: The experiment.
        state: All arrays of the model.
        checkpoint: The checkpoint that they were read from.
        dropout: As in `load`.
        norm_statistics: As in `load`.
    """

    config: Config
    state: TrainState
    checkpoint: Path
    dropout: bool | None = None
    norm_statistics: NormStatistics | None = None

    def __repr__(self) -> str:
        chosen = "".join(
            f", {name}={getattr(self, name)!r}"
            for name in ("dropout", "norm_statistics")
            if getattr(self, name) is not None
        )
        return f"Model({type(self.config.method).__name__}, {str(self.checkpoint)!r}{chosen})"

    def generate(
        self, count: int, seed: int = 0
    ) -> Float[np.ndarray, "{count} height width channels"]:
        """Generate images from random latent vectors.

        Args:
            count: Number of images.
            seed: Seed of the latent vectors. The first images do not depend on `count`.

        Returns:
            Images in [-1, 1].

        Raises:
            jaxgan.errors.UserError: If this model does not generate images, or an argument is
                invalid.
        """
        count, seed = _integer("count", count, 1), _integer("seed", seed, 0, 2**32)
        draw_latents = self.generative().draw_latents
        keys = (jax.random.fold_in(jax.random.key(seed), block) for block in range(count))
        latents = (draw_latents(key, GENERATED_AT_A_TIME) for key in keys)
        return self._generate(latents, count)

    def translate(
        self,
        images: Shaped[Array | np.ndarray, "..."],
        direction: str | None = None,
        seed: int = 0,
    ) -> Float[np.ndarray, "batch height width new_channels"]:
        """Translate images.

        Args:
            images: Images in [-1, 1], as floats `[batch, height, width, channels]`, of any size.
            direction: `ab` or `ba` for a CycleGAN; None for the model's first direction.
            seed: Seed of dropout, for models that use it.

        Returns:
            Images in [-1, 1], of the same size.

        Raises:
            jaxgan.errors.UserError: If this model does not translate in this direction, or an
                argument is invalid.
        """
        direction = self.choose_direction(direction)
        key = jax.random.key(_integer("seed", seed, 0, 2**32))
        images = self._check_images(images, direction)
        translator, run = self.trained_generator(direction), _jitted_translate(*images.shape[1:3])
        blocks = []
        for start in range(0, len(images), TRANSLATE_BATCH_SIZE):
            block = np.asarray(images[start : start + TRANSLATE_BATCH_SIZE])
            missing = TRANSLATE_BATCH_SIZE - len(block) if len(images) > TRANSLATE_BATCH_SIZE else 0
            padded = np.pad(block, ((0, missing), (0, 0), (0, 0), (0, 0)))
            blocks.append(np.asarray(run(translator, padded, jax.random.fold_in(key, start))))
        return np.concatenate(blocks)[: len(images)]

    def trained_generator(self, direction: str) -> TrainedGenerator:
        """Return the generator of a direction, with `dropout` and `norm_statistics` applied.

        Raises:
            jaxgan.errors.UserError: If the model does not have this direction, or
                `norm_statistics` is set and the generator has no batch norm.
        """
        direction, method = self.choose_direction(direction), self.config.method
        assert isinstance(method, TranslatesImages)
        translator = method.trained_generator(self.state, direction)
        if self.dropout is not None:
            translator = dataclasses.replace(translator, dropout=self.dropout)
        if self.norm_statistics is not None:
            if not translator.batch_stats:
                raise UserError(f"{self.checkpoint} has no batch norm: leave norm_statistics out")
            running = self.norm_statistics == "running"
            translator = dataclasses.replace(translator, use_running_average=running)
        return translator

    def choose_direction(self, direction: str | None) -> str:
        """Return the given direction, or the first that the model supports.

        Raises:
            jaxgan.errors.UserError: If the model does not support the direction, or any.
        """
        method = self.config.method
        kind = type(method).__name__
        if not isinstance(method, TranslatesImages):
            raise UserError(
                f"{self.checkpoint} is a {kind}, which generates images and does not translate"
            )
        if direction is None:
            return method.directions[0]
        if not isinstance(direction, str):
            names = ", ".join(method.directions)
            raise UserError(f"direction is one of {names}, not of type {type(direction).__name__}")
        if direction not in method.directions:
            raise UserError(
                f"{self.checkpoint} is a {kind}, which has no direction {direction}: leave it out"
            )
        return direction

    def untrained(self) -> "Model":
        """Return this model with newly initialized weights, from seed 0."""
        state = initial_state(self.config, jax.random.key(0))
        return dataclasses.replace(self, state=state, checkpoint=self.checkpoint / "untrained")

    def interpolate(
        self, count: int, seed: int = 0, steps: int = 8
    ) -> Float[np.ndarray, "{count} height width channels"]:
        """Generate images by interpolating from one random latent vector to the next.

        The interpolation is linear, and rescaled to the interpolated norm of its ends: a normal
        distribution has little mass at smaller norms (White 2016, arXiv 1609.04468).

        Args:
            count: Number of images.
            seed: Seed of the latent vectors.
            steps: Images from one latent vector to the next.

        Raises:
            jaxgan.errors.UserError: If this model does not generate images, or an argument is
                invalid.
        """
        count, seed = _integer("count", count, 1), _integer("seed", seed, 0, 2**32)
        steps = _integer("steps", steps, 1)
        points = self.generative().draw_latents(jax.random.key(seed), count // steps + 2)
        at = jnp.arange(count) / steps
        before, part = at.astype(int), (at % 1)[:, None]

        def mix(values):
            return (1 - part) * values[before] + part * values[before + 1]

        straight, lengths = mix(points), mix(jnp.linalg.norm(points, axis=1, keepdims=True))
        walk = straight * lengths / jnp.linalg.norm(straight, axis=1, keepdims=True)
        padded = jnp.pad(walk, ((0, -count % GENERATED_AT_A_TIME), (0, 0)))
        return self._generate(iter(padded.reshape(-1, GENERATED_AT_A_TIME, padded.shape[1])), count)

    def _generate(
        self, latents: Iterator[Float[Array, "batch latent_dim"]], count: int
    ) -> Float[np.ndarray, "{count} height width channels"]:
        blocks, generate = [], _jitted_generate(self.generative())
        while len(blocks) * GENERATED_AT_A_TIME < count:
            blocks.append(np.asarray(generate(self.state, next(latents))))
        return np.concatenate(blocks)[:count]

    def generative(self) -> GeneratesImages:
        """Return the method, which generates images.

        Raises:
            jaxgan.errors.UserError: If it does not generate images.
        """
        method = self.config.method
        if not isinstance(method, GeneratesImages):
            raise UserError(
                f"{self.checkpoint} is a {type(method).__name__}, which translates images "
                "and does not generate"
            )
        return method

    def _check_images(self, images: Any, direction: str) -> Shaped[Array | np.ndarray, "..."]:
        """Return images as an array, after checking shape and dtype.

        Raises:
            jaxgan.errors.UserError: If the shape or dtype is wrong.
        """
        method = self.config.method
        assert isinstance(method, TranslatesImages)
        source, _ = method.source_and_target(direction)
        channels = self.config.data.kinds()[source].channels
        expected = f"expected floats [batch, height, width, {channels}] in [-1, 1]"
        try:
            images = images if isinstance(images, jax.Array) else np.asarray(images)
        except ValueError as error:  # a list of images of several sizes
            raise UserError(f"{expected}, not {type(images).__name__}: {error}") from error
        if images.ndim == 3:
            raise UserError(f"{expected}, not of shape {images.shape}: pass images[None] for one")
        if images.ndim != 4 or images.shape[-1] != channels or 0 in images.shape:
            raise UserError(f"{expected}, not of shape {images.shape}")
        if not jnp.issubdtype(images.dtype, jnp.floating):
            raise UserError(
                f"{expected}, not {images.dtype} (pass images / 127.5 - 1 for values of 0 to 255)"
            )
        return images


def _integer(name: str, value: Any, least: int, below: int = sys.maxsize) -> int:
    """Return a value as an integer.

    Raises:
        UserError: If it is not an integer, or is out of bounds.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise UserError(f"{name} must be an integer, not {value!r}") from None
    if not least <= number < below:
        limit = "" if below == sys.maxsize else f" and below {below}"
        raise UserError(f"{name} must be at least {least}{limit}, not {number}")
    return number


@functools.lru_cache(maxsize=SIZES_KEPT)
def _jitted_translate(height: int, width: int) -> jax.stages.Wrapped:
    """Return a jitted `translate` for one image size, so that the cache can drop its program."""

    def translate_size(translator, images, key):
        return translate(translator, images, key)

    return jax.jit(translate_size, compiler_options=compiler_options())


@functools.cache
def _jitted_generate(method: GeneratesImages) -> jax.stages.Wrapped:
    return jax.jit(method.generate, compiler_options=compiler_options())
