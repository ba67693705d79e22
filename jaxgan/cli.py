"""The command `jaxgan`: what to do with trained models."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np
import tyro
from tqdm import tqdm

from jaxgan import command_line
from jaxgan.config import load as load_config
from jaxgan.images import mosaic, to_picture
from jaxgan.interop.runs import export_torch, import_torch
from jaxgan.metrics.linear_probe import linear_probe
from jaxgan.model import load
from jaxgan.translate import translate_files
from jaxgan.validation import check


@dataclass(frozen=True)
class Translate:
    """Translate images with a trained pix2pix or CycleGAN."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    input: Path
    """An image, or a folder of them."""
    output: Path
    """Folder to write to, under the same names, with a page index.html of all."""
    direction: Literal["ab", "ba"] | None = None
    """For a CycleGAN: ab (the default) makes B of A, ba A of B."""
    format: Literal["png", "jpg", "webp", "tiff"] | None = None
    """Format to write; that of each input by default."""

    def __call__(self) -> int:
        """Write the images; return 1 if some could not be read."""
        model = load(self.run)
        written, skipped = translate_files(
            model, self.input, self.output, self.direction, self.format
        )
        for line in skipped:
            print(f"skipped {line}", file=sys.stderr)
        print(f"{written} images written to {self.output}")
        return 1 if skipped else 0


@dataclass(frozen=True)
class Generate:
    """Make images with a trained DCGAN."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    output: Path
    """Folder to write to: 00000.png, ..., and all of them in grid.png."""
    count: int = 64
    """How many images."""
    seed: int = 0
    """Seed of the latent vectors."""
    interpolate: bool = False
    """Walk from one latent vector to the next, eight images each, in place of unrelated images."""

    def __post_init__(self):
        check(self.count >= 1, "count must be at least 1")
        check(self.seed >= 0, "seed must not be negative")

    def __call__(self) -> None:
        """Write the images."""
        model = load(self.run)
        make = model.interpolate if self.interpolate else model.generate
        images = make(self.count, self.seed)
        self.output.mkdir(parents=True, exist_ok=True)
        for index, image in enumerate(tqdm(images, "writing", unit=" images")):
            to_picture(image).save(self.output / f"{index:05}.png")
        to_picture(np.asarray(mosaic(jnp.asarray(images)))[0]).save(self.output / "grid.png")
        print(f"{self.count} images of {model.checkpoint} are in {self.output}")


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained model."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    metrics: Literal["linear-probe"] = "linear-probe"
    """The linear-probe of DCGAN's paper: how well its features tell classes apart."""
    count: int = 10_000
    """Images to fit to, and most images to test on."""

    def __post_init__(self):
        check(self.count >= 2, "count must be at least 2")

    def __call__(self) -> None:
        """Print a table."""
        model = load(self.run)
        for name, accuracy in linear_probe(model, self.count).items():
            print(f"{name:25} {accuracy:.2%}")


@dataclass(frozen=True)
class ImportTorch:
    """Make a run of files of the PyTorch references, to use it or to train on."""

    from_: Annotated[Path, tyro.conf.arg(name="from")]
    """Folder that holds latest_net_G.pth and the like, or netG_epoch_N.pth."""
    workdir: Path
    """Folder of the run to make."""
    config: Path | None = None
    """Config file of the experiment; without one its architecture is read off the files."""

    def __call__(self) -> None:
        """Make the run."""
        config = None if self.config is None else load_config(self.config)
        import_torch(self.from_, self.workdir, config)


@dataclass(frozen=True)
class ExportTorch:
    """Write the networks of a run as files that the PyTorch references load."""

    run: Path
    """Folder of the run, or one of its checkpoints."""
    output: Path
    """Folder to write to."""

    def __call__(self) -> None:
        """Write the files."""
        export_torch(self.run, self.output)


Command = (
    Annotated[Translate, tyro.conf.subcommand("translate")]
    | Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[ImportTorch, tyro.conf.subcommand("import-torch")]
    | Annotated[ExportTorch, tyro.conf.subcommand("export-torch")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""

    def run() -> int:
        command = command_line.parse_as(
            Command, sys.argv[1:] if arguments is None else arguments, prog="jaxgan"
        )
        return command() or 0

    return command_line.run(run)


if __name__ == "__main__":
    sys.exit(main())
