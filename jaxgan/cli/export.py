"""The command `jaxgan export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxgan.cli.switch import on


@dataclass(frozen=True)
class Export:
    """Export a trained generator to a file that other programs can use."""

    run: Path
    """Folder of the run or one of its checkpoints; latest for the newest run in ./runs."""
    output: Path
    """File to write, such as model.onnx, model.stablehlo or model.safetensors; for torch a
    folder."""
    format: Literal["onnx", "stablehlo", "safetensors", "torch"] | None = None
    """Format, by default the suffix of the file. onnx: for ONNX runtimes on any device. stablehlo:
    for JAX alone. safetensors: the parameters under their names in Flax. torch: all networks, for
    the PyTorch references."""
    direction: Literal["ab", "ba"] | None = None
    """For a CycleGAN: ab (the default) translates A to B, ba translates B to A."""
    weights: Literal["float32", "float16", "int8"] = "float32"
    """Data type of the kernels in an ONNX file. float16 takes half the space; int8 takes a quarter,
    and is visible in the images."""
    dropout: Literal["on", "off"] | None = None
    """Whether dropout stays on; by default as in the paper of the method."""
    norm_statistics: Literal["image", "running"] | None = None
    """Statistics that batch norm uses: those of each image, or the running averages of training; by
    default as in the paper of the method."""
    config: Path | None = None
    """The config that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace an existing file."""

    def __call__(self) -> None:
        """Write the file."""
        from jaxgan.export.files import export_model
        from jaxgan.inference.model import load

        model = load(
            self.run,
            config=self.config,
            dropout=on(self.dropout),
            norm_statistics=self.norm_statistics,
        )
        export_model(
            model,
            self.output,
            format=self.format,
            direction=self.direction,
            weights=self.weights,
            overwrite=self.overwrite,
        )
