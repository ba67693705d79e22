"""Every generator computes the same in ONNX, in StableHLO and in the networks of jaxgan."""

import dataclasses
import zlib

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest

from jaxgan.errors import UserError
from jaxgan.export.check import in_jax
from jaxgan.export.generator import PLAIN, is_random, with_compute, without_dropout
from jaxgan.export.onnx import to_onnx
from jaxgan.export.stablehlo import to_stablehlo
from jaxgan.export.weights import WEIGHTS, stored
from jaxgan.methods.generator import translate
from jaxgan.networks.dcgan import DCGANGenerator
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import TrainedGenerator

TRANSLATORS = {
    "U-Net": UNetGenerator(3, features=2, depth=6),
    "U-Net, instance norm": UNetGenerator(1, features=2, depth=3, norm="instance"),
    "U-Net, resizing": UNetGenerator(3, features=2, depth=3, upsample="resize"),
    "U-Net, bfloat16": UNetGenerator(
        3, features=2, depth=2, compute=Compute(compute_dtype="bfloat16")
    ),
    "ResNet": ResNetGenerator(3, features=2, blocks=2),
    "ResNet, batch norm": ResNetGenerator(5, features=2, blocks=1, norm="batch", dropout=0.5),
    "ResNet, resizing": ResNetGenerator(1, features=2, blocks=1, upsample="resize"),
}
SIZES = [(16, 16), (13, 22), (5, 3), (1, 40)]  # some are padded by more than their own size


def draw(tree):
    """Return arrays of such shapes that differ in every channel."""

    def draw_one(path, value):
        rng = np.random.default_rng(zlib.crc32(jax.tree_util.keystr(path).encode()))
        drawn = rng.standard_normal(value.shape).astype(np.float32)
        value = np.abs(drawn) + 0.5 if path[-1].key in ("scale", "var") else 0.1 * drawn
        return jnp.asarray(value)

    return jax.tree_util.tree_map_with_path(draw_one, tree)


def trained(network, channels, running=False):
    """Return a generator with drawn weights and statistics."""
    keys = {name: jax.random.key(0) for name in ("params", "dropout")}
    edge = network.smallest
    shapes = jax.eval_shape(network.init, keys, jnp.zeros((1, edge, edge, channels)))
    return TrainedGenerator(
        draw(shapes["params"]),
        draw(shapes.get("batch_stats", {})),
        network,
        use_running_average=running,
    )


def onnx_run(content, given):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (made,) = session.run(["output"], {session.get_inputs()[0].name: given})
    return np.asarray(made)


def draw_images(size, channels):
    return np.random.default_rng(0).uniform(-1, 1, (2, *size, channels)).astype(np.float32)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", TRANSLATORS)
def test_onnx_translates_images_of_any_size_as_jax_does(name, weights):
    channels = 2 if "instance" in name else 3
    generator = without_dropout(trained(TRANSLATORS[name], channels))
    content = to_onnx(generator, weights)
    expected = in_jax(dataclasses.replace(generator, params=stored(generator.params, weights)))
    for size in SIZES if weights == "float32" else SIZES[1:2]:
        images = draw_images(size, channels)
        np.testing.assert_allclose(onnx_run(content, images), expected(images), atol=2e-5)


def test_norms_of_large_flat_images_are_exact():
    # With the operator InstanceNormalization, the difference is 0.02, and larger in browsers.
    generator = without_dropout(trained(ResNetGenerator(3, features=8, blocks=4), 3))
    images = np.full((1, 512, 512, 3), -0.3, np.float32)
    images[:, 100:250, 100:250] = (0.9, -0.5, 0.2)
    made, expected = onnx_run(to_onnx(generator), images), in_jax(generator)(images)
    np.testing.assert_allclose(made, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["U-Net", "ResNet, batch norm"])
def test_onnx_can_use_running_statistics(name):
    generator = without_dropout(trained(TRANSLATORS[name], 3, running=True))
    images = draw_images((16, 16), 3)
    made, expected = onnx_run(to_onnx(generator), images), in_jax(generator)(images)
    np.testing.assert_allclose(made, expected, atol=2e-5)
    of_image = dataclasses.replace(generator, use_running_average=False)
    assert np.abs(made - in_jax(of_image)(images)).max() > 0.1


@pytest.mark.parametrize("name", ["U-Net", "ResNet, batch norm"])
def test_dropout_of_onnx_draws_new_values_whose_mean_is_that_of_jax(name):
    generator = trained(TRANSLATORS[name], 3)
    assert is_random(generator)
    images = np.repeat(draw_images((4, 4), 3)[:1], 400, axis=0)
    images = (
        np.tile(images, (1, 16, 16, 1)) if name == "U-Net" else images.repeat(2, 1).repeat(2, 2)
    )
    keys = jax.random.key(1)
    expected = np.asarray(jax.jit(translate)(generator, images, keys))
    made = onnx_run(to_onnx(generator), images)
    assert not np.array_equal(made[0], made[1])
    means, deviations = ([f(x, axis=0) for x in (made, expected)] for f in (np.mean, np.std))
    scale = deviations[1].mean()
    assert scale > 0.05
    # Standard errors of differences of 400 images each: 0.07 of the scale, or less.
    assert np.abs(means[0] - means[1]).mean() < 0.1 * scale
    assert np.abs(deviations[0] - deviations[1]).mean() < 0.1 * scale


@pytest.mark.parametrize("size", [16, 12, 15])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_onnx_generates_images_as_jax_does(size, weights):
    network, dim = DCGANGenerator(size, 2, features=4), 6
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, dim)))
    generator = TrainedGenerator(
        draw(shapes["params"]),
        draw(shapes["batch_stats"]),
        network,
        dropout=False,
        use_running_average=True,
    )
    latents = np.random.default_rng(0).standard_normal((3, dim)).astype(np.float32)
    made = onnx_run(to_onnx(generator, weights), latents)
    assert made.shape == (3, size, size, 2)
    written = dataclasses.replace(generator, params=stored(generator.params, weights))
    np.testing.assert_allclose(made, in_jax(written)(latents), atol=2e-5)
    if weights == "float32":
        content = to_stablehlo(with_compute(generator, PLAIN), latents)
        call = jax.export.deserialize(bytearray(content)).call
        np.testing.assert_allclose(call(latents), in_jax(generator)(latents), atol=2e-5)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_stablehlo_translates_images_of_any_size_as_jax_does(name):
    channels = 2 if "instance" in name else 3
    generator = trained(TRANSLATORS[name], channels)
    content = to_stablehlo(with_compute(generator, PLAIN), draw_images((1, 1), channels))
    exported = jax.export.deserialize(bytearray(content))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    seed = [np.uint32(3)] if is_random(generator) else []
    exact = with_compute(generator, Compute())
    for size in SIZES[1:3]:
        images = draw_images(size, channels)
        expected = translate(exact, jnp.asarray(images), jax.random.key(3))
        np.testing.assert_allclose(exported.call(images, *seed), expected, atol=2e-5)


def test_an_onnx_file_needs_only_operators_of_2022_and_says_how_to_use_it():
    generator = without_dropout(trained(TRANSLATORS["U-Net"], 3))
    model = onnx.load_model_from_string(to_onnx(generator, metadata={"value_range": "-1 1"}))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert {entry.key: entry.value for entry in model.metadata_props} == {"value_range": "-1 1"}
    (given,), (made,) = model.graph.input, model.graph.output
    for value, name in ((given, "image"), (made, "output")):
        axes = [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        assert (value.name, axes) == (name, ["batch", "height", "width", 3])


@pytest.mark.parametrize(("weights", "share"), [("float16", 0.5), ("int8", 0.25)])
def test_weights_of_fewer_bits_make_smaller_files(weights, share):
    generator = trained(UNetGenerator(3, features=16, depth=5), 3)
    full, small = len(to_onnx(generator)), len(to_onnx(generator, weights))
    assert share < small / full < share + 0.05


def test_a_network_that_is_not_jaxgans_is_refused():
    network = dataclasses.make_dataclass("Own", [("dropout", float)])(0.0)
    with pytest.raises(UserError, match="not a Own: use --format=stablehlo"):
        to_onnx(TrainedGenerator({}, {}, network))
