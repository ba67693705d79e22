"""Writes generators as StableHLO, one file for CPU, CUDA and TPU that JAX alone can run."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jaxtyping import Float

from jaxgan.errors import UserError
from jaxgan.export.generator import is_random, run
from jaxgan.types import TrainedGenerator

PLATFORMS = ("cpu", "cuda", "tpu")


def to_stablehlo(generator: TrainedGenerator, example: Float[np.ndarray, "batch ..."]) -> bytes:
    """Return a generator as a serialized `jax.export.Exported`, with its weights inside.

    Its function takes images, float32 `[batch, height, width, channels]` in [-1, 1], of any number
    and size (a DCGAN: `[batch, latent_dim]`), and returns images, float32 in [-1, 1]. If dropout
    stays on, it also takes a seed, a uint32 scalar.

    Args:
        generator: The generator.
        example: Any images or latent vectors that it takes.

    Raises:
        jaxgan.errors.UserError: If the network depends on the batch or image size.
    """
    free = "batch, height, width" if example.ndim == 4 else "batch"
    shape = f"{free}, {example.shape[-1]}"
    arguments = [jax.ShapeDtypeStruct(export.symbolic_shape(shape), jnp.float32)]
    if is_random(generator):
        arguments.append(jax.ShapeDtypeStruct((), jnp.uint32))

    def call(given, *seed):
        return run(generator, given, *seed)

    try:
        exported = export.export(jax.jit(call), platforms=PLATFORMS)(*arguments)
    except Exception as error:  # a custom network can fail in any way
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{type(generator.network).__name__} cannot be exported with any image size: {reason}"
        ) from error
    return bytes(exported.serialize())
