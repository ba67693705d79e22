"""The command `jaxgan translate`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxgan.cli.switch import on
from jaxgan.settings.validation import check_tree, require

WHOLE_STATISTICS = (
    "tiles with the norm statistics of the whole image: one pass over it for every norm, and one "
    "more (--tile_statistics=tile takes one pass, and shows the tiles)"
)
TILE_STATISTICS = (
    "tiles with norm statistics of their own: one pass, and contrast and color change from tile to "
    "tile (--tile_statistics=image takes those of the whole image)"
)


@dataclass(frozen=True)
class Translate:
    """Translate images with a trained pix2pix or CycleGAN."""

    run: Path
    """Folder of the run or one of its checkpoints; latest for the newest run in ./runs."""
    input: Path
    """An image or a folder of images."""
    output: Path
    """Folder to write to. Images keep their names; index.html shows all of them."""
    direction: Literal["ab", "ba"] | None = None
    """For a CycleGAN: ab (the default) translates A to B, ba translates B to A."""
    format: Literal["png", "jpg", "webp", "tiff", "npy"] | None = None
    """Format to write; by default the format of each input, if it can hold the output."""
    value_range: tuple[float, float] | None = None
    """Values of floating-point files that mean black and white, if the model has no range."""
    tile: int = 0
    """Translate larger images in overlapping tiles of this many pixels a side; 0 disables tiles."""
    tile_statistics: Literal["image", "tile"] = "image"
    """Statistics of instance norm (and of batch norm, unless running) in tiles: those of the whole
    image, which takes one more pass over it for each norm; or those of each tile, which takes one
    pass, but contrast and color change from tile to tile."""
    dropout: Literal["on", "off"] | None = None
    """Whether dropout stays on; by default as in the paper of the method."""
    norm_statistics: Literal["image", "running"] | None = None
    """Statistics that batch norm uses: those of each image, or the running averages of training; by
    default as in the paper of the method."""
    max_pixels: int = 2**28
    """Maximum number of pixels of an image, because a small file can hold an image that fills the
    memory."""
    config: Path | None = None
    """The config that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)
        require(self.tile >= 0, "tile must not be negative")
        require(self.max_pixels >= 1, "max_pixels must be at least 1")
        if self.value_range:
            low, high = self.value_range
            require(low < high, "the first of value_range must be below the second")

    def __call__(self) -> int:
        """Write the images; return 1 if some could not be translated."""
        from jaxgan.inference.folder import Options, translate_files
        from jaxgan.inference.model import load

        model = load(
            self.run,
            config=self.config,
            dropout=on(self.dropout),
            norm_statistics=self.norm_statistics,
        )
        options = Options(
            direction=self.direction,
            format=self.format,
            value_range=self.value_range,
            tile=self.tile,
            whole_statistics=self.tile_statistics == "image",
            max_pixels=self.max_pixels,
            overwrite=self.overwrite,
        )
        if self.tile:
            print(WHOLE_STATISTICS if options.whole_statistics else TILE_STATISTICS)
        written, failed = translate_files(model, self.input, self.output, options)
        for line in failed:
            print(f"skipped {line}", file=sys.stderr)
        print(f"{written} images written to {self.output}")
        return 1 if failed else 0
