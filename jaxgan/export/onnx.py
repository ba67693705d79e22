"""Writes generators as ONNX models."""

from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

from jaxgan.errors import UserError
from jaxgan.export.architectures import add_dcgan, add_resnet, add_unet
from jaxgan.export.graph import IR_VERSION, OPSET, Graph
from jaxgan.export.weights import WeightsName
from jaxgan.networks.dcgan import DCGANGenerator
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import TrainedGenerator

LARGEST = 2**31 - 2**20  # bytes; a protocol buffer ends at 2 GiB


def to_onnx(
    generator: TrainedGenerator,
    weights: WeightsName = "float32",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return a generator as the content of an ONNX file.

    The model has one input: `image`, float32 `[batch, height, width, channels]` in [-1, 1] (a
    DCGAN: `latents`, float32 `[batch, latent_dim]`), and one output, `output`, float32 `[batch,
    height, width, channels]` in [-1, 1]. Images of any size are padded inside the model by
    reflection and cropped, as by `jaxgan.methods.generator.translate`. Computation is in float32.

    Args:
        generator: The generator.
        weights: Data type in which kernels are stored.
        metadata: Texts to store in the file, by name.

    Raises:
        jaxgan.errors.UserError: If the network is none of jaxgan's, or too large for the format.
    """
    graph, network = Graph(weights), generator.network
    match network:
        case DCGANGenerator():
            size = [network.size, network.size, network.output_channels]
            latent_dim = generator.params["ConvTranspose_0"]["kernel"].shape[3]
            given = helper.make_tensor_value_info(
                "latents", TensorProto.FLOAT, ["batch", latent_dim]
            )
            _to_nhwc(graph, add_dcgan(graph, "latents", generator))
        case UNetGenerator() | ResNetGenerator():
            add = add_unet if isinstance(network, UNetGenerator) else add_resnet
            size = ["height", "width", network.output_channels]
            channels = generator.params["Conv_0"]["kernel"].shape[2]
            given = helper.make_tensor_value_info(
                "image", TensorProto.FLOAT, ["batch", "height", "width", channels]
            )
            padded, shape = _pad(graph, network.multiple, network.smallest)
            x = graph.add("Transpose", padded, perm=[0, 3, 1, 2])
            x = _to_nhwc(graph, add(graph, x, generator))
            graph.add("Slice", x, graph.integers(0, 0), shape, graph.integers(1, 2))
        case _:
            raise UserError(
                f"ONNX files can hold jaxgan's own generators, not a {type(network).__name__}: use "
                "--format=stablehlo"
            )
    graph.nodes[-1].output[0] = "output"
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *size])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "generator", [given], [output], graph.initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="jaxgan",
    )
    helper.set_model_props(model, dict(metadata or {}))
    if model.ByteSize() > LARGEST:
        raise UserError(
            f"the model has {model.ByteSize() / 2**30:.1f} GiB, and an ONNX file holds 2: use "
            "--weights=float16 or --format=stablehlo"
        )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _pad(graph: Graph, multiple: int, smallest: int) -> tuple[str, str]:
    """Add padding of `image` by reflection to the next size that a network supports.

    Returns:
        The padded images (NHWC), and the original height and width.
    """
    x, one = "image", graph.constant(1)
    shape = graph.add("Shape", x, start=1, end=3)
    for axis in (1, 2):
        edge = graph.add("Gather", shape, graph.constant(axis - 1))
        # As `fitting` in methods/generator.py: whole multiples, and at least the smallest size.
        covered = graph.add("Add", edge, graph.constant(multiple - 1))
        count = graph.add("Div", covered, graph.constant(multiple))
        count = graph.add("Max", count, graph.constant(smallest // multiple))
        target = graph.add("Mul", count, graph.constant(multiple))
        # Indices 0, 1, ..., edge - 1, edge - 2, ..., 1, 0, 1, ...
        last = graph.add("Sub", edge, one)
        period = graph.add("Max", graph.add("Add", last, last), one)
        place = graph.add("Mod", graph.add("Range", graph.constant(0), target, one), period)
        mirrored = graph.add("Min", place, graph.add("Sub", period, place))
        x = graph.add("Gather", x, mirrored, axis=axis)
    return x, shape


def _to_nhwc(graph: Graph, x: str) -> str:
    return graph.add("Transpose", x, perm=[0, 2, 3, 1])
