import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.patchgan import PatchGAN, PixelGAN
from jaxgan.networks.unet import UNetGenerator


def shapes(module, *shape):
    """Return the shape of the output and of all variables, without computing them."""
    return jax.eval_shape(lambda key: module.init_with_output(key, jnp.zeros(shape)), RNGS)


RNGS = {"params": jax.random.key(0), "dropout": jax.random.key(1)}


def count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


# Counted by hand from the layer lists of the reference's models/networks.py.
@pytest.mark.parametrize(
    ("module", "shape", "parameters"),
    [
        (UNetGenerator(3, depth=8), (1, 256, 256, 3), 54_413_955),
        (PatchGAN(), (1, 256, 256, 6), 2_768_705),
        (PatchGAN(norm="instance"), (1, 256, 256, 3), 2_764_737),
        (PixelGAN(), (1, 256, 256, 6), (6 * 64 + 64) + 64 * 128 + 2 * 128 + 128),
        (PixelGAN(norm="instance"), (1, 256, 256, 6), (6 * 64 + 64) + (64 * 128 + 128) + 129),
    ],
)
def test_parameter_counts(module, shape, parameters):
    assert count(shapes(module, *shape)[1]) == parameters


@pytest.mark.parametrize(
    ("module", "shape", "output"),
    [
        (UNetGenerator(3, depth=8), (2, 256, 512, 1), (2, 256, 512, 3)),
        (UNetGenerator(1, depth=7), (1, 128, 128, 3), (1, 128, 128, 1)),
        (UNetGenerator(5, depth=6), (1, 64, 64, 4), (1, 64, 64, 5)),
        (UNetGenerator(3, depth=2, features=4), (1, 4, 8, 3), (1, 4, 8, 3)),
        (PatchGAN(), (2, 256, 256, 6), (2, 30, 30, 1)),
        (PatchGAN(layers=1), (1, 64, 64, 3), (1, 30, 30, 1)),
        (PatchGAN(layers=3), (1, 24, 24, 3), (1, 1, 1, 1)),
        (PixelGAN(), (1, 17, 23, 6), (1, 17, 23, 1)),
    ],
)
def test_output_shapes(module, shape, output):
    assert shapes(module, *shape)[0].shape == output


def test_one_output_of_the_patchgan_sees_70_pixels():
    module = PatchGAN(features=2, norm="instance")
    x = jnp.zeros((1, 256, 256, 3))
    variables = module.init(jax.random.key(0), x)
    # Instance norm makes every output depend on every pixel; without it only the patch is left.
    kernels = [leaf for leaf in jax.tree.leaves(variables) if leaf.ndim == 4]
    seen = 1
    for kernel, stride in zip(kernels, (2, 2, 2, 1, 1), strict=True):
        del stride
        assert kernel.shape[0] == 4
    for stride in (1, 1, 2, 2, 2):
        seen = (seen - 1) * stride + 4
    assert seen == 70


def test_images_that_do_not_fit_are_refused_with_a_way_out():
    with pytest.raises(ValueError, match="multiples of 64, not 64x96"):
        shapes(UNetGenerator(3, depth=6), 1, 64, 96, 3)
    with pytest.raises(ValueError, match="at least 24x24, not 23x64"):
        shapes(PatchGAN(), 1, 23, 64, 3)


def test_dropout_is_in_the_middle_up_blocks_only():
    """U-Net-256 has three blocks with dropout, of 512 channels; U-Net-32 has none."""
    for depth, blocks in ((5, 0), (6, 1), (8, 3)):
        module = UNetGenerator(3, features=4, depth=depth)
        x = jnp.ones((1, 2**depth, 2**depth, 3))
        variables = module.init(RNGS, x)
        jaxpr = jax.make_jaxpr(
            lambda key: module.apply(
                variables, x, rngs={"dropout": key}, mutable=["batch_stats"]
            )[0]
        )(jax.random.key(1))
        assert str(jaxpr).count("random_bits") == blocks


def test_skip_connections_carry_detail_past_the_bottleneck():
    module = UNetGenerator(3, features=4, depth=4, norm="instance")
    x = jax.random.normal(jax.random.key(0), (1, 16, 16, 3))
    variables = module.init(RNGS, x)
    closed = jax.tree.map(lambda leaf: leaf, variables["params"])
    closed["ConvTranspose_0"]["kernel"] *= 0  # the innermost up block
    changed = x.at[0, 5, 5].add(1)
    outputs = [module.apply({"params": closed}, image) for image in (x, changed)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4
