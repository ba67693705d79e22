"""The command `jaxgan`: what to do with trained models.

A command imports what it needs when it is called, so that help and typing errors need not wait.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxgan import console
from jaxgan.errors import UserError
from jaxgan.files import replacing, write_text
from jaxgan.outputs import claim
from jaxgan.validation import check, check_tree

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
    """Folder of the run, or one of its checkpoints."""
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
    """The config file that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)
        check(self.tile >= 0, "tile must not be negative")
        check(self.max_pixels >= 1, "max_pixels must be at least 1")
        if self.value_range:
            low, high = self.value_range
            check(low < high, "the first of value_range must be below the second")

    def __call__(self) -> int:
        """Write the images; return 1 if some could not be translated."""
        from jaxgan.model import load
        from jaxgan.translate import Options, translate_files

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


@dataclass(frozen=True)
class Generate:
    """Generate images with a trained DCGAN."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    output: Path
    """Folder to write to: 00000.png, ... (.tiff if PNG cannot hold them), and all in grid.png."""
    count: int = 64
    """Number of images."""
    seed: int = 0
    """Seed for the latent vectors."""
    interpolate: bool = False
    """Interpolate from one latent vector to the next, with eight images each."""
    config: Path | None = None
    """The config file that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)
        check(self.count >= 1, "count must be at least 1")
        check(0 <= self.seed < 2**32, "seed must be at least 0 and below 2**32")

    def __call__(self) -> None:
        """Write the images."""
        import jax.numpy as jnp
        import numpy as np
        from tqdm import tqdm

        from jaxgan.image_files import choose_suffix, write_image
        from jaxgan.images import mosaic, to_picture
        from jaxgan.model import load

        model = load(self.run, config=self.config)
        model.generative()
        (kind,) = model.config.data.pixels().values()
        suffix = choose_suffix(".png", kind)
        names = [f"{index:05}{suffix}" for index in range(self.count)]
        claim(self.output, map(Path, [*names, "grid.png"]), overwrite=self.overwrite)
        make = model.interpolate if self.interpolate else model.generate
        images = make(self.count, self.seed)
        for name, image in zip(names, tqdm(images, "writing", unit=" images"), strict=True):
            write_image(self.output / name, kind.denormalize(image))
        with replacing(self.output / "grid.png") as opened:
            to_picture(np.asarray(mosaic(jnp.asarray(images)))[0]).save(opened, "png")
        print(f"{self.count} images of {model.checkpoint} are in {self.output}")


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a trained model on a split of its data set."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    metrics: str
    """Metrics, separated by commas: fid, kid; for pairs also l1, psnr, ssim, lpips, fcn-score; for
    a DCGAN on classes linear-probe."""
    split: str | None = None
    """Images to measure on: test, val or train; by default the first of these that exists."""
    count: int = 10_000
    """Maximum number of images to measure on."""
    direction: Literal["ab", "ba"] | None = None
    """For a CycleGAN: ab (the default) measures generated B, ba generated A."""
    features: str = "inception"
    """Feature extractor for fid and kid: inception, or run:DIR for the discriminator of that
    run."""
    resize: Literal["clean", "original", "pytorch-fid"] = "clean"
    """How to resize images for Inception: clean as in clean-fid, original as in Heusel et al. and
    torch-fidelity, pytorch-fid as in that library."""
    inception: Path | None = None
    """File of the weights of Inception; a copy is kept for later."""
    alexnet: Path | None = None
    """File of the weights of AlexNet, for lpips; a copy is kept for later."""
    lpips: Path | None = None
    """File of the weights of lpips; a copy is kept for later."""
    dropout: Literal["on", "off"] | None = None
    """Whether dropout stays on; by default as in the paper of the method."""
    norm_statistics: Literal["image", "running"] | None = None
    """Statistics that batch norm uses: those of each image, or the running averages of training; by
    default as in the paper of the method."""
    untrained: bool = False
    """Evaluate the model as it was before training, for comparison."""
    seed: int = 0
    """Seed for latent vectors and dropout."""
    output: Path | None = None
    """File to write, by default metrics.json (metrics_untrained.json) in the run's folder."""
    config: Path | None = None
    """The config file that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace a file that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)
        check(self.count >= 2, "count must be at least 2")
        check(0 <= self.seed < 2**32, "seed must be at least 0 and below 2**32")

    def __call__(self) -> None:
        """Print a table, and write it to a file."""
        from jaxgan.metrics.evaluate import Settings, make_evaluate, parse_metrics, table, to_json
        from jaxgan.metrics.weights import ALEXNET, INCEPTION, LPIPS_HEADS
        from jaxgan.model import load
        from jaxgan.types import Translating

        metrics = parse_metrics(self.metrics)
        model = load(
            self.run,
            config=self.config,
            dropout=on(self.dropout),
            norm_statistics=self.norm_statistics,
        )
        if self.untrained:
            model = model.untrained()
        if not isinstance(model.config.method, Translating):
            for name in ("direction", "dropout", "norm_statistics"):
                if getattr(self, name):
                    raise UserError(f"{self.run} does not translate images: leave {name} out")
        given = {INCEPTION: self.inception, ALEXNET: self.alexnet, LPIPS_HEADS: self.lpips}
        settings = Settings(
            metrics=metrics,
            split=self.split,
            count=self.count,
            direction=self.direction,
            features=self.features,
            resize=self.resize,
            weights={weights.name: file for weights, file in given.items() if file},
            seed=self.seed,
        )
        name = "metrics_untrained.json" if self.untrained else "metrics.json"
        output = self.output or self.run / name
        if self.output:
            claim(output.parent, [Path(output.name)], overwrite=self.overwrite)
        splits = model.config.data.prepare()
        results = make_evaluate(model.config, splits, settings)(model)
        print(table(results))
        write_text(output, to_json(results))
        print(f"written to {output}")


@dataclass(frozen=True)
class ImportTorch:
    """Import PyTorch checkpoints as a run, for inference or further training."""

    from_: Annotated[Path, tyro.conf.arg(name="from")]
    """Folder with latest_net_G.pth and the like, or netG_epoch_N.pth."""
    workdir: Path
    """Folder of the new run."""
    config: Path | None = None
    """Config file of the experiment; by default the architecture is inferred from the files."""

    def __call__(self) -> None:
        """Make the run."""
        from jaxgan.config import load
        from jaxgan.interop.runs import import_torch

        config = None if self.config is None else load(self.config)
        import_torch(self.from_, self.workdir, config)


@dataclass(frozen=True)
class ExportTorch:
    """Export the networks of a run as files that the PyTorch references load."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    output: Path
    """Folder to write to."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __call__(self) -> None:
        """Write the files."""
        from jaxgan.interop.runs import export_torch

        export_torch(self.run, self.output, overwrite=self.overwrite)


Command = (
    Annotated[Translate, tyro.conf.subcommand("translate")]
    | Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[ImportTorch, tyro.conf.subcommand("import-torch")]
    | Annotated[ExportTorch, tyro.conf.subcommand("export-torch")]
)


def on(switch: Literal["on", "off"] | None) -> bool | None:
    """Return what a switch says, None if it was not set."""
    return None if switch is None else switch == "on"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments

    def run() -> int:
        console.print_version(given)
        command = console.parse_as(Command, given, prog="jaxgan")
        return command() or 0

    return console.run(run)


if __name__ == "__main__":
    sys.exit(main())
