import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.patchgan import PatchGAN, PixelGAN
from jaxgan.networks.resnet import ResNetGenerator
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
        (ResNetGenerator(3, blocks=9), (1, 256, 256, 3), 11_378_179),
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
        (UNetGenerator(3, depth=2, upsample="resize"), (1, 4, 8, 3), (1, 4, 8, 3)),
        (ResNetGenerator(3, blocks=1), (2, 64, 100, 1), (2, 64, 100, 3)),
        (ResNetGenerator(1, blocks=6, upsample="resize"), (1, 32, 32, 3), (1, 32, 32, 1)),
        (PatchGAN(), (2, 256, 256, 6), (2, 30, 30, 1)),
        (PatchGAN(layers=1), (1, 64, 64, 3), (1, 30, 30, 1)),
        (PatchGAN(layers=3), (1, 24, 24, 3), (1, 1, 1, 1)),
        (PixelGAN(), (1, 17, 23, 6), (1, 17, 23, 1)),
    ],
)
def test_output_shapes(module, shape, output):
    assert shapes(module, *shape)[0].shape == output


def test_one_output_of_the_patchgan_sees_70_by_70_pixels():
    """The gradient of one output reaches that far, with a norm that does not mix places."""
    module = PatchGAN(features=2)
    x = jax.random.normal(jax.random.key(0), (1, 128, 128, 3))
    variables = jax.jit(module.init)(jax.random.key(1), x)

    def one_output(x):
        return module.apply(variables, x, use_running_average=True)[0, 7, 7, 0]

    seen = jnp.abs(jax.jit(jax.grad(one_output))(x)[0]).sum(-1) > 0
    assert [int(seen.any(axis).sum()) for axis in (0, 1)] == [70, 70]


def test_images_that_do_not_fit_are_refused_with_a_way_out():
    with pytest.raises(
        ValueError,
        match=r"multiples of 64, not 64x96: .*depth=5",
    ):
        shapes(UNetGenerator(3, depth=6), 1, 64, 96, 3)
    with pytest.raises(ValueError, match="multiples of 4 and at least 8, not 64x66"):
        shapes(ResNetGenerator(3), 1, 64, 66, 3)
    with pytest.raises(ValueError, match="at least 24x24, not 23x64"):
        shapes(PatchGAN(), 1, 23, 64, 3)


@pytest.mark.parametrize(("depth", "blocks"), [(5, 0), (6, 1), (8, 3)])
def test_dropout_is_in_the_middle_up_blocks_only(depth, blocks):
    module = UNetGenerator(3, features=4, depth=depth)

    def initialize(key):
        return module.init({"params": key, "dropout": key}, jnp.ones((1, 2**depth, 2**depth, 3)))

    def apply(variables, key):
        x = jnp.ones((1, 2**depth, 2**depth, 3))
        return module.apply(variables, x, rngs={"dropout": key}, mutable=["batch_stats"])[0]

    variables = jax.eval_shape(initialize, jax.random.key(0))
    jaxpr = jax.make_jaxpr(apply)(variables, jax.random.key(1))
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
