"""The generator of a trained model as it is exported, and inputs to check it with."""

import dataclasses

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Array, Float

from jaxgan.errors import UserError
from jaxgan.inference.model import Model
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.generator import fitting, translate
from jaxgan.networks.layers.compute import Compute
from jaxgan.types import Splits, TrainedGenerator, TranslatesImages

# In float32, by operations that do not depend on the device or on the size of images.
PLAIN = Compute(plain_layers=True)
SMALL = 64  # height and width of random images, at least


def exported_generator(model: Model, direction: str | None = None) -> TrainedGenerator:
    """Return the generator of a model, with the compute settings `PLAIN`.

    Args:
        model: The model. Its `dropout` and `norm_statistics` apply; moving averages are used if the
            method has them.
        direction: As in `Model.translate`.

    Raises:
        jaxgan.errors.UserError: If the model does not have this direction, weights are not finite,
            or its method neither translates images nor is a DCGAN.
    """
    method = model.config.method
    if isinstance(method, TranslatesImages):
        generator = model.trained_generator(model.choose_direction(direction))
    elif isinstance(method, DCGAN):
        if direction is not None:
            raise UserError(f"{model.checkpoint} is a DCGAN: leave the direction out")
        for name in ("dropout", "norm_statistics"):
            if getattr(model, name) is not None:
                raise UserError(f"{model.checkpoint} is a DCGAN: leave {name} out")
        generator = method.trained_generator(model.state)
    else:
        raise UserError(f"{model.checkpoint} is a {type(method).__name__}, which has no export")
    if not all(np.isfinite(values).all() for values in jax.tree.leaves(generator.params)):
        raise UserError(
            f"{model.checkpoint} has weights that are not finite, as after a training that "
            "diverged: choose an earlier checkpoint"
        )
    return with_compute(generator, PLAIN)


def with_compute(generator: TrainedGenerator, compute: Compute) -> TrainedGenerator:
    """Return a generator with other compute settings, if its network has any."""
    network = generator.network
    if not isinstance(network, nn.Module) or not hasattr(network, "compute"):
        return generator
    return dataclasses.replace(generator, network=network.clone(compute=compute))


def takes_images(model: Model) -> bool:
    """Return whether the generator of a model takes images, not latent vectors."""
    return isinstance(model.config.method, TranslatesImages)


def without_dropout(generator: TrainedGenerator) -> TrainedGenerator:
    """Return a generator whose output depends on no seed."""
    return dataclasses.replace(generator, dropout=False)


def is_random(generator: TrainedGenerator) -> bool:
    """Return whether the output depends on a seed, because dropout stays on."""
    return generator.dropout and getattr(generator.network, "has_dropout", True)


def run(
    generator: TrainedGenerator, given: Float[Array, "batch ..."], seed: int | Array = 0
) -> Float[Array, "batch height width _"]:
    """Return the images that a generator makes of images in [-1, 1] or of latent vectors.

    Args:
        generator: The generator.
        given: Images or latent vectors.
        seed: Seed of dropout.
    """
    if given.ndim == 4:
        return translate(generator, given, jax.random.key(seed))
    variables = {"params": generator.params, "batch_stats": generator.batch_stats}
    images = generator.network.apply(variables, given, use_running_average=True)
    assert isinstance(images, jax.Array)
    return images


def random_inputs(model: Model, direction: str | None) -> list[Float[np.ndarray, "batch ..."]]:
    """Return latent vectors, or images of a size that the network supports and of one to pad."""
    rng, method = np.random.default_rng(0), model.config.method
    if not isinstance(method, TranslatesImages):
        assert isinstance(method, DCGAN)
        return [np.asarray(method.draw_latents(jax.random.key(0), 4))]
    direction = model.choose_direction(direction)
    source, _ = method.source_and_target(direction)
    channels = model.config.data.kinds()[source].channels
    edge = fitting(model.trained_generator(direction), SMALL)
    sizes = [(edge, edge), (edge - 1, edge + 1)]
    return [rng.uniform(-1, 1, (2, *size, channels)).astype(np.float32) for size in sizes]


def open_data(model: Model) -> Splits | None:
    """Return the prepared data of a model that takes images.

    It is None, and a line says why, if the data is not available or the model takes latent vectors.
    """
    if not takes_images(model):
        return None
    try:
        return model.config.data.prepare()
    except (UserError, OSError) as error:  # such as a folder of the machine that trained the run
        print(f"held-out images are not available: {error}")
        return None


def held_out_inputs(
    model: Model, splits: Splits, direction: str | None, count: int
) -> list[Float[np.ndarray, "batch height width channels"]]:
    """Return held-out images of a direction, in batches of images of one size."""
    data, method = model.config.data, model.config.method
    assert isinstance(method, TranslatesImages)
    source, _ = method.source_and_target(model.choose_direction(direction))
    domain = None if method.paired else source
    held_out = data.held_out(splits, count, None, domain)
    return [np.asarray(data.preprocess(batch)[source]) for batch in held_out.batches]
