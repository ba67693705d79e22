"""Builds ONNX graphs: one function call adds one layer."""

from typing import Any

import numpy as np
import onnx
from jaxtyping import Array, Float
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from jaxgan.export.weights import WeightsName, quantize
from jaxgan.networks.layers.norms import EPSILON

OPSET = 17  # of 2022, which all current runtimes support
IR_VERSION = 8  # the one of that opset


class Graph:
    """An ONNX graph under construction. Its values are named; feature maps are NCHW.

    Attributes:
        weights: How kernels are stored.
        nodes: The nodes added so far.
        initializers: The constants added so far.
    """

    def __init__(self, weights: WeightsName = "float32"):
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: ArrayLike) -> str:
        """Add a constant, and return its name."""
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a vector of integers, such as axes or a shape, and return its name."""
        return self.constant(np.array(values, np.int64))

    def kernel(
        self,
        kernel: Float[Array, "tall wide _ _"],
        order: tuple[int, int, int, int] = (3, 2, 0, 1),
    ) -> str:
        """Add a kernel, and return the name of its float32 values.

        Args:
            kernel: The kernel.
            order: Its axes in ONNX's order. For `Conv` and `ConvTranspose`, the last one is first.
        """
        if self.weights == "int8":
            values, scale = quantize(kernel)
            zero = np.zeros(scale.shape, np.int8)
            inputs = map(self.constant, (values.transpose(order), scale, zero))
            return self.add("DequantizeLinear", *inputs, axis=order.index(3))
        values = np.asarray(kernel).transpose(order)
        if self.weights == "float16":
            half = self.constant(values.astype(np.float16))
            return self.add("Cast", half, to=TensorProto.FLOAT)
        return self.constant(values)

    def conv(self, x: str, params: dict[str, Any], stride: int = 1, padding: int = 0) -> str:
        """Add a `Conv` with its parameters."""
        kernel = self.kernel(params["kernel"])
        geometry = {"strides": [stride] * 2, "pads": [padding] * 4}
        return self.add("Conv", x, kernel, *self._bias(params), **geometry)

    def conv_transpose(
        self, x: str, params: dict[str, Any], stride: int, padding: int, output_padding: int = 0
    ) -> str:
        """Add a `ConvTranspose` with its parameters."""
        kernel = self.kernel(params["kernel"])
        geometry = {
            "strides": [stride] * 2,
            "pads": [padding] * 4,
            "output_padding": [output_padding] * 2,
        }
        return self.add("ConvTranspose", x, kernel, *self._bias(params), **geometry)

    def resize_conv(self, x: str, params: dict[str, Any]) -> str:
        """Add a `ResizeConv`, whose kernel is stored as that of a transposed convolution."""
        kernel = self.kernel(params["kernel"][::-1, ::-1], order=(2, 3, 0, 1))
        return self.add("Conv", self.double(x), kernel, *self._bias(params), pads=[1] * 4)

    def double(self, x: str) -> str:
        """Add nearest-neighbor resizing to twice the size."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.add("Resize", x, "", scales, mode="nearest", **nearest)

    def norm(self, x: str, params: dict[str, Any] | None, running: dict[str, Any] | None) -> str:
        """Add a `Norm`.

        With the statistics of each image, the operators are written out. `InstanceNormalization`
        adds up all pixels in float32 at once: in WebAssembly, the output of a ResNet for a flat
        512x512 image then differs from float64 by 11 gray levels instead of 0.03. It is not faster.

        Args:
            x: The features.
            params: Scale and bias of batch norm; None for instance norm, which has none.
            running: Statistics `mean` and `var` to normalize with; None for those of each image.
        """
        if running is not None:
            assert params is not None
            values = (params["scale"], params["bias"], running["mean"], running["var"])
            constants = map(self.constant, values)
            return self.add("BatchNormalization", x, *constants, epsilon=EPSILON)
        centered = self.add("Sub", x, self._mean(x))
        variance = self._mean(self.add("Mul", centered, centered))
        positive = self.add("Add", variance, self.constant(np.float32(EPSILON)))
        x = self.add("Div", centered, self.add("Sqrt", positive))
        if params is None:
            return x
        scale, bias = (
            self.constant(np.reshape(params[name], (1, -1, 1, 1))) for name in ("scale", "bias")
        )
        return self.add("Add", self.add("Mul", x, scale), bias)

    def _mean(self, x: str) -> str:
        """Add the mean over the pixels of a row, and then over the rows."""
        return self.add("ReduceMean", self.add("ReduceMean", x, axes=[3]), axes=[2])

    def reflect(self, x: str, padding: int) -> str:
        """Add padding by reflection on all sides."""
        pads = self.integers(0, 0, padding, padding, 0, 0, padding, padding)
        return self.add("Pad", x, pads, mode="reflect")

    def leaky_relu(self, x: str) -> str:
        """Add a leaky ReLU with slope 0.2."""
        return self.add("LeakyRelu", x, alpha=0.2)

    def dropout(self, x: str, rate: float) -> str:
        """Add dropout that stays on. ONNX has no random keys: every run draws other values."""
        drawn = self.add("RandomUniformLike", x, dtype=TensorProto.FLOAT)
        keep = self.constant(np.float32(1 - rate))
        kept = self.add("Cast", self.add("Less", drawn, keep), to=TensorProto.FLOAT)
        return self.add("Mul", x, self.add("Div", kept, keep))

    def _bias(self, params: dict[str, Any]) -> list[str]:
        return [self.constant(params["bias"])] if "bias" in params else []
