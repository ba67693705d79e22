"""Linear classification of a discriminator's features (Radford et al. 2016, section 5.1)."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.devices.compiler import compiler_options
from jaxgan.errors import UserError
from jaxgan.inference.model import Model
from jaxgan.training.program import initial_state
from jaxgan.types import Dataset, Images, Representing, Splits

PROBE_BATCH_SIZE = 100
PENALTY = 1000.0  # the better of 1,000 and 10,000 on Fashion-MNIST, for features and raw pixels


class Examples(NamedTuple):
    """Labeled images in [-1, 1]."""

    images: Float[np.ndarray, "count height width channels"]
    labels: np.ndarray


def linear_probe(model: Model, splits: Splits, count: int) -> dict[str, float]:
    """Return accuracies of linear classifiers on held-out images, by the name of their features.

    As in the paper, the features of all layers are max-pooled to 4x4 and flattened. They are then
    standardized and classified by ridge regression, which is as accurate as the paper's L2-SVM and
    thirty times faster. An untrained discriminator and raw pixels are classified for comparison.

    Args:
        model: A model whose method is `Representing`, trained on a data set with classes.
        splits: The splits of that data set.
        count: Maximum number of images to fit to, and to test on, drawn at random.

    Raises:
        UserError: If scikit-learn is not installed, or the model or data set does not qualify.
    """
    method, data = model.config.method, model.config.data
    if not isinstance(method, Representing) or "image" not in data.kinds():
        kind = type(method).__name__
        raise UserError(f"linear-probe measures a DCGAN, and {model.checkpoint} is a {kind}")
    if not {"train", "test"} <= splits.keys():
        raise UserError("linear-probe needs a data set with a train and a test split")
    train, test = (_read(data, splits[split], count) for split in ("train", "test"))
    if len(set(train.labels)) < 2:
        raise UserError("linear-probe needs images of several classes, each in a folder of its own")
    untrained = initial_state(model.config, jax.random.key(0))
    representations: dict[str, Callable[[Images], Float[Array, "batch features"]]] = {
        "trained discriminator": lambda images: _pool(method.represent(model.state, images)),
        "untrained discriminator": lambda images: _pool(method.represent(untrained, images)),
        "raw pixels": lambda images: images.reshape(len(images), -1),
    }
    return {
        name: _accuracy(jax.jit(see, compiler_options=compiler_options()), train, test)
        for name, see in representations.items()
    }


def _read(data: Dataset, records: Sequence[Any], count: int) -> Examples:
    order = np.random.default_rng(0).permutation(len(records))[:count]
    chosen = [records[index] for index in order.tolist()]
    raw, *others = data.held_out({"train": chosen}, count).batches
    if others:
        raise UserError("linear-probe needs images of one size, as config.data.resize=square makes")
    return Examples(np.asarray(data.preprocess(raw)["image"]), np.array(list(map(_label, chosen))))


def _label(record: Mapping[str, Any]) -> str:
    """Return the class of an image: its label, or the folder in its id."""
    return str(record["label"]) if "label" in record else os.path.dirname(os.fsdecode(record["id"]))


def _accuracy(
    see: Callable[[Images], Float[Array, "batch features"]], train: Examples, test: Examples
) -> float:
    try:
        from sklearn.linear_model import RidgeClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise UserError(
            'linear-probe needs scikit-learn: pip install "jaxgan[evaluate]"'
        ) from error

    def features(examples):
        starts = range(0, len(examples.images), PROBE_BATCH_SIZE)
        batches = (examples.images[start : start + PROBE_BATCH_SIZE] for start in starts)
        return np.concatenate([see(jnp.asarray(batch)) for batch in batches])

    classifier = make_pipeline(StandardScaler(), RidgeClassifier(alpha=PENALTY))
    classifier.fit(features(train), train.labels)
    return float(classifier.score(features(test), test.labels))


def _pool(layers: list[Float[Array, "batch _ _ _"]]) -> Float[Array, "batch features"]:
    """Max-pool the features of every layer to 4x4 and concatenate them into one vector."""
    vectors = []
    for x in layers:
        batch, height, width, channels = x.shape
        blocks = x.reshape(batch, 4, height // 4, 4, width // 4, channels)
        vectors.append(blocks.max(axis=(2, 4)).reshape(batch, -1))
    return jnp.concatenate(vectors, axis=1)
