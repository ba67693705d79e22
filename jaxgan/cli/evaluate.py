"""The command `jaxgan evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxgan.cli.switch import on
from jaxgan.files import write_text
from jaxgan.inference.outputs import claim
from jaxgan.settings.validation import check_tree


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a trained model on a split of its data set."""

    run: Path
    """Folder of the run or one of its checkpoints; latest for the newest run in ./runs."""
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
    """The config that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace a file that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)

    def __call__(self) -> None:
        """Print a table of results, and write them to a file."""
        from jaxgan.experiment import evaluate
        from jaxgan.metrics.evaluate import table, to_json
        from jaxgan.training.runs import find_run

        run = find_run(self.run)
        name = "metrics_untrained.json" if self.untrained else "metrics.json"
        output = self.output or run / name
        if self.output:
            claim(output.parent, [Path(output.name)], overwrite=self.overwrite)
        results = evaluate(
            run,
            self.metrics,
            split=self.split,
            count=self.count,
            direction=self.direction,
            features=self.features,
            resize=self.resize,
            inception=self.inception,
            alexnet=self.alexnet,
            lpips=self.lpips,
            dropout=on(self.dropout),
            norm_statistics=self.norm_statistics,
            untrained=self.untrained,
            seed=self.seed,
            config=self.config,
        )
        print(table(results))
        write_text(output, to_json(results))
        print(f"written to {output}")
