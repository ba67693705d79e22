"""The command `jaxgan generate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from jaxgan.files import replacing
from jaxgan.inference.outputs import claim
from jaxgan.settings.validation import check_tree, require


@dataclass(frozen=True)
class Generate:
    """Generate images with a trained DCGAN."""

    run: Path
    """Folder of the run or one of its checkpoints; latest for the newest run in ./runs."""
    output: Path
    """Folder to write to: 00000.png, ... (.tiff if PNG cannot hold them), and all in grid.png."""
    count: int = 64
    """Number of images."""
    seed: int = 0
    """Seed for the latent vectors."""
    interpolate: bool = False
    """Interpolate from one latent vector to the next, with eight images each."""
    config: Path | None = None
    """The config that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)
        require(self.count >= 1, "count must be at least 1")
        require(0 <= self.seed < 2**32, "seed must be at least 0 and below 2**32")

    def __call__(self) -> None:
        """Write the images."""
        import jax.numpy as jnp
        import numpy as np

        from jaxgan.images.files import choose_suffix, write_image
        from jaxgan.images.pictures import mosaic, to_picture
        from jaxgan.inference.model import load
        from jaxgan.progress import show_progress

        model = load(self.run, config=self.config)
        model.generative()
        (kind,) = model.config.data.kinds().values()
        suffix = choose_suffix(".png", kind)
        names = [f"{index:05}{suffix}" for index in range(self.count)]
        claim(self.output, map(Path, [*names, "grid.png"]), overwrite=self.overwrite)
        make = model.interpolate if self.interpolate else model.generate
        images = make(self.count, self.seed)
        for name, image in zip(
            names, show_progress(images, "writing", unit=" images"), strict=True
        ):
            write_image(self.output / name, kind.denormalize(image))
        with replacing(self.output / "grid.png") as opened:
            to_picture(np.asarray(mosaic(jnp.asarray(images)))[0]).save(opened, "png")
        print(f"{self.count} images of {model.checkpoint} are in {self.output}")
