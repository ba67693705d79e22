"""Measures sets of images with features that need no download.

The features are those of a small convolutional network that was trained to classify by how many
quarter turns an image is rotated (Gidaris et al. 2018, arXiv 1803.07728), on the training images of
the data set in question. The averages over height and width of all layers are standardized to mean
0 and variance 1 over the training images. `check` shows that distances grow with damage.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Integer
from PIL import Image, ImageFilter

from jaxgan.images.pictures import to_uint8
from jaxgan.metrics.distances import FeatureArray, frechet_distance, kernel_distance

Set = Float[np.ndarray, "count height width channels"]
"""Images in [-1, 1]."""

CHUNK = 100  # images measured at a time
STEPS, BATCH_SIZE, LEARNING_RATE = 500, 64, 1e-3


class Classifier(nn.Module):
    """Three strided convolutions and a linear layer.

    Attributes:
        classes: Number of classes.
    """

    classes: int

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> tuple[Float[Array, "batch {self.classes}"], Float[Array, "batch features"]]:
        """Return logits, and the layers' averages over height and width."""
        x, averages = images, []
        for features in (32, 64, 128):
            x = nn.Conv(features, (3, 3), strides=(2, 2))(x)
            x = nn.relu(nn.GroupNorm(num_groups=8)(x))
            averages.append(x.mean(axis=(1, 2)))
        return nn.Dense(self.classes)(averages[-1]), jnp.concatenate(averages, axis=1)


class Trained(NamedTuple):
    """Functions of a trained classifier."""

    classify: Callable[[Set], Integer[np.ndarray, " count"]]
    features: Callable[[Set], FeatureArray]


def rotations(images: Set) -> Trained:
    """Train a classifier of quarter turns on square images, and scale its features."""
    rng = np.random.default_rng(0)

    def examples():
        while True:
            turns = rng.integers(4, size=BATCH_SIZE)
            drawn = images[rng.integers(len(images), size=BATCH_SIZE)]
            turned = [np.rot90(image, turn) for image, turn in zip(drawn, turns, strict=True)]
            yield np.stack(turned), turns

    classify, features = _train(4, examples())
    seen = features(images)
    mean, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    return Trained(classify, lambda images: (features(images) - mean) / scale)


def domains(a: Set, b: Set) -> Trained:
    """Train a classifier of domain A (0) and domain B (1)."""
    rng = np.random.default_rng(0)

    def examples():
        while True:
            labels = rng.integers(2, size=BATCH_SIZE)
            yield (
                np.stack([(a, b)[label][rng.integers(len((a, b)[label]))] for label in labels]),
                labels,
            )

    return _train(2, examples())


def _train(classes: int, examples: Iterator[tuple[Set, Integer[np.ndarray, " batch"]]]) -> Trained:
    network, optimizer = Classifier(classes), optax.adam(LEARNING_RATE)
    params = network.init(jax.random.key(0), next(examples)[0])
    opt_state = optimizer.init(params)

    @jax.jit
    def step(params, opt_state, images, labels):
        def loss(params):
            logits, _ = network.apply(params, images)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state)
        return optax.apply_updates(params, updates), opt_state

    for _ in range(STEPS):
        params, opt_state = step(params, opt_state, *next(examples))
    run = jax.jit(lambda images: network.apply(params, images))

    def outputs(images):
        chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        padded = [np.pad(x, ((0, CHUNK - len(x)), (0, 0), (0, 0), (0, 0))) for x in chunks]
        both = [jax.device_get(run(x)) for x in padded]
        return tuple(np.concatenate(part)[: len(images)] for part in zip(*both, strict=True))

    return Trained(
        lambda images: outputs(images)[0].argmax(axis=1), lambda images: outputs(images)[1]
    )


def measure(made: FeatureArray, real: FeatureArray) -> dict[str, float]:
    """Return distances of generated images from real ones, and their diversity.

    `kid` is 1,000 times the kernel distance. `diversity` is the mean distance between two generated
    images, divided by that between two real ones.
    """
    return {
        "kid": 1000 * kernel_distance(made, real).mean,
        "frechet": frechet_distance(made, real),
        "diversity": _spread(made) / _spread(real),
    }


def _spread(x: FeatureArray) -> float:
    """Return the mean Euclidean distance between two rows."""
    squares = np.sum(x.astype(np.float64) ** 2, axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    return float(distances.sum() / (len(x) * (len(x) - 1)))


def check(train: Set, held_out: Set) -> dict[str, list[dict[str, float]]]:
    """Return the measures of damaged held-out images against whole training images.

    By kind of damage, from none to strong.
    """
    rng = np.random.default_rng(0)
    features = rotations(train).features
    real = features(train[rng.choice(len(train), min(len(train), len(held_out)), replace=False)])

    def blurred(images, level):
        return np.stack([_blur(image, (0, 0.5, 1)[level]) for image in images])

    def noisy(images, level):
        return np.clip(images + (0, 0.1, 0.2)[level] * rng.normal(size=images.shape), -1, 1)

    def faded(images, level):
        return images * (1, 0.8, 0.5)[level]

    def few_modes(images, level):
        return images[np.arange(len(images)) % (len(images) // (1, 8, 64)[level])]

    def shuffled(images, level):
        """Exchange square tiles of an image."""
        tiles = (1, 2, 4)[level]
        count, height, width, channels = images.shape
        x = images.reshape(count, tiles, height // tiles, tiles, width // tiles, channels)
        x = x.transpose(0, 1, 3, 2, 4, 5).reshape(count, tiles**2, -1)
        x = np.stack([image[rng.permutation(tiles**2)] for image in x])
        x = x.reshape(count, tiles, tiles, height // tiles, width // tiles, channels)
        return x.transpose(0, 1, 3, 2, 4, 5).reshape(images.shape)

    return {
        damage.__name__.replace("_", " "): [
            measure(features(damage(held_out, level).astype(np.float32)), real)
            for level in range(3)
        ]
        for damage in (blurred, noisy, faded, few_modes, shuffled)
    }


def _blur(image: Float[np.ndarray, "height width channels"], radius: float) -> np.ndarray:
    pixels = to_uint8(image)
    blurred = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).filter(
        ImageFilter.GaussianBlur(radius)
    )
    return np.asarray(blurred, np.float32).reshape(pixels.shape) / 127.5 - 1
