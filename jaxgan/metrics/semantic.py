"""How well photos show what their label maps say: the idea of the FCN-score.

As in Isola et al. 2017 (arXiv 1611.07004, section 4.1), a network that was trained to segment real
photos segments generated ones, and its classes are compared with the label maps that these were
made from. The paper's network is FCN-8s for Cityscapes; here it is a small one, trained on the
data set at hand, so scores are to be compared with those of the same network on real photos.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Integer, UInt8
from tqdm import tqdm

from jaxgan.metrics.palette import Palette, find_palette, to_classes
from jaxgan.networks.segmenter import SegmentationUNet
from jaxgan.types import PyTree

SEEN_SIZE = 128  # pixels of the shorter side that the network sees at most
STEPS = 800
BATCH_SIZE = 4
LEARNING_RATE = 1e-2

Photos = UInt8[np.ndarray, "count height width 3"]
Classes = UInt8[np.ndarray, "count height width"]


class Segmenter(NamedTuple):
    """A trained segmentation network.

    Attributes:
        palette: Color of each class in label maps.
        shrink: How many times smaller than photos are what the network sees.
        variables: Parameters and running statistics of a `SegmentationUNet`.
    """

    palette: Palette
    shrink: int
    variables: PyTree


class SemanticScores(NamedTuple):
    """Agreement of two sets of class maps, from 0 to 1 (Long et al. 2015, arXiv 1411.4038, 5).

    Attributes:
        pixel_accuracy: Share of pixels of the right class.
        class_accuracy: The same share of each class in the labels, averaged over these classes.
        class_iou: Intersection over union, averaged over the classes in either.
    """

    pixel_accuracy: float
    class_accuracy: float
    class_iou: float


def train_segmenter(
    photos: Photos, label_maps: Photos, *, seed: int = 0, steps: int = STEPS
) -> Segmenter:
    """Train a network to tell the classes of photos, which takes a minute or two.

    Large photos are shrunk by averaging, and so are their classes, as shares: enlarging the shares
    again loses 0.2% of the pixels of facades from 256 to 128, where enlarging classes loses 4%.

    Args:
        photos: Real photos of any one size.
        label_maps: Their label maps in RGB, pixel by pixel.
        seed: Seed of initial weights, order and mirroring.
        steps: Optimizer steps.

    Raises:
        jaxgan.errors.UserError: If these are no label maps.
    """
    palette = find_palette(label_maps)
    labels = to_classes(label_maps, palette)
    shrink = 2 ** max(0, math.ceil(math.log2(min(photos.shape[1:3]) / SEEN_SIZE)))
    network = SegmentationUNet(len(palette))
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))

    @jax.jit
    def step(variables, opt_state, photos, labels, key):
        mirrored = jax.random.bernoulli(key, 0.5, (len(photos), 1, 1, 1))
        shares = jax.nn.one_hot(labels, len(palette))
        x, y = (
            _shrink(jnp.where(mirrored, images[:, :, ::-1], images), network.multiple, shrink)
            for images in (photos / 127.5 - 1, shares)
        )

        def loss(params):
            logits, updated = network.apply(
                variables | {"params": params}, x, mutable="batch_stats"
            )
            return optax.softmax_cross_entropy(logits, y).mean(), updated

        gradients, updated = jax.grad(loss, has_aux=True)(variables["params"])
        updates, opt_state = optimizer.update(gradients, opt_state)
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, **updated}, opt_state

    init_key, flip_key = jax.random.split(jax.random.key(seed))
    size = network.multiple
    variables = jax.jit(network.init)(init_key, jnp.zeros((1, size, size, 3)))
    opt_state = optimizer.init(variables["params"])
    order = np.random.default_rng(seed)
    epochs = math.ceil(steps * BATCH_SIZE / len(photos))
    indices = np.concatenate([order.permutation(len(photos)) for _ in range(epochs)])
    for number in tqdm(range(steps), "training the segmenter", unit=" steps"):
        chosen = indices[number * BATCH_SIZE : (number + 1) * BATCH_SIZE]
        key = jax.random.fold_in(flip_key, number)
        variables, opt_state = step(variables, opt_state, photos[chosen], labels[chosen], key)
    return Segmenter(palette, shrink, variables)


def segment(segmenter: Segmenter, photos: Photos) -> Classes:
    """Return the class of every pixel of photos of any size, each by itself."""
    padding = (0, -len(photos) % BATCH_SIZE)
    padded = np.pad(photos, (padding, (0, 0), (0, 0), (0, 0)))
    blocks = [
        np.asarray(
            _segment(
                segmenter.variables,
                padded[start : start + BATCH_SIZE],
                segmenter.shrink,
                len(segmenter.palette),
            )
        )
        for start in range(0, len(photos), BATCH_SIZE)
    ]
    return np.concatenate(blocks)[: len(photos)]


@partial(jax.jit, static_argnames=("classes", "shrink"))
def _segment(variables, photos, shrink, classes):
    network = SegmentationUNet(classes)
    x = _shrink(photos / 127.5 - 1, network.multiple, shrink)
    shares = jax.nn.softmax(network.apply(variables, x, use_running_average=True))
    _, height, width, _ = photos.shape
    batch, rows, columns, _ = shares.shape
    large = jax.image.resize(shares, (batch, rows * shrink, columns * shrink, classes), "linear")
    return large[:, :height, :width].argmax(axis=-1).astype(jnp.uint8)


def _shrink(
    images: Float[Array, "batch height width channels"], multiple: int, shrink: int
) -> Float[Array, "batch new_height new_width channels"]:
    """Mirror images at the bottom and right up to what the network needs, and average blocks."""
    batch, height, width, channels = images.shape
    bottom, right = (-edge % (multiple * shrink) for edge in (height, width))
    padded = jnp.pad(images, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
    rows, columns = (height + bottom) // shrink, (width + right) // shrink
    return padded.reshape(batch, rows, shrink, columns, shrink, channels).mean(axis=(2, 4))


def semantic_scores(
    predicted: Integer[np.ndarray, "*shape"], labels: Integer[np.ndarray, "*shape"], classes: int
) -> SemanticScores:
    """Compare class maps, all pixels together.

    Args:
        predicted: Classes that were seen.
        labels: Classes that should be seen.
        classes: How many classes there are.
    """
    pairs = labels.astype(np.int64).ravel() * classes + predicted.ravel()
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hits, labelled = confusion.diagonal(), confusion.sum(axis=1)
    union = labelled + confusion.sum(axis=0) - hits
    return SemanticScores(
        pixel_accuracy=float(hits.sum() / labelled.sum()),
        class_accuracy=float(np.mean(hits[labelled > 0] / labelled[labelled > 0])),
        class_iou=float(np.mean(hits[union > 0] / union[union > 0])),
    )
