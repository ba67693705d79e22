"""Trains and evaluates experiments, as the commands `jaxgan train` and `jaxgan evaluate` do."""

from pathlib import Path
from typing import Literal

from jaxgan.config import Config
from jaxgan.config import load as load_config
from jaxgan.errors import UserError
from jaxgan.inference.model import NormStatistics, load
from jaxgan.metrics.evaluate import Settings, during_training, make_evaluate, parse_metrics
from jaxgan.metrics.extractors import ResizeName
from jaxgan.metrics.measures import Result
from jaxgan.metrics.weights import ALEXNET, INCEPTION, LPIPS_HEADS
from jaxgan.settings.validation import check_tree, require
from jaxgan.training import trainer
from jaxgan.types import TranslatesImages


def train(config: Config | str | Path, workdir: str | Path) -> int | None:
    """Train an experiment, or continue it if its folder already holds a run of it.

    Args:
        config: The experiment: a `Config`, the name of a packaged config, or a config file.
        workdir: Folder of the run, created if missing.

    Returns:
        The signal (SIGINT or SIGTERM) that ended the run early, after its state was saved; None if
        the run finished.

    Raises:
        jaxgan.UserError: If there is a problem that the user can fix.
    """
    if isinstance(config, str | Path):
        config = load_config(config)
    if not isinstance(config, Config):
        raise UserError(
            "config must be a Config, the name of a packaged config or a config file, not "
            f"{type(config).__name__}"
        )
    if not isinstance(workdir, str | Path) or not str(workdir):
        raise UserError(f"workdir must be a folder, not {workdir!r}")
    return trainer.train(config, Path(workdir).expanduser(), during_training)


def evaluate(
    run: str | Path,
    metrics: str,
    *,
    split: str | None = None,
    count: int = 10_000,
    direction: Literal["ab", "ba"] | None = None,
    features: str = "inception",
    resize: ResizeName = "clean",
    inception: str | Path | None = None,
    alexnet: str | Path | None = None,
    lpips: str | Path | None = None,
    dropout: bool | None = None,
    norm_statistics: NormStatistics | None = None,
    untrained: bool = False,
    seed: int = 0,
    config: Config | str | Path | None = None,
) -> list[Result]:
    """Evaluate a trained model on a split of its data set.

    Args:
        run: A run's folder or one of its checkpoints, or `latest`.
        metrics: Metrics, separated by commas: fid, kid; for pairs also l1, psnr, ssim, lpips,
            fcn-score; for a DCGAN on classes linear-probe.
        split: Images to measure on: test, val or train; None uses the first of these that exists.
        count: Maximum number of images to measure on.
        direction: For a CycleGAN: ab (the default) measures generated B, ba generated A.
        features: Feature extractor for fid and kid: inception, or run:DIR for the discriminator of
            that run.
        resize: How to resize images for Inception: clean, original or pytorch-fid.
        inception: File of the weights of Inception; a copy is kept for later.
        alexnet: File of the weights of AlexNet, for lpips; a copy is kept for later.
        lpips: File of the weights of lpips; a copy is kept for later.
        dropout: As in `jaxgan.load`.
        norm_statistics: As in `jaxgan.load`.
        untrained: Whether to evaluate the model as it was before training, for comparison.
        seed: Seed of latent vectors and dropout.
        config: As in `jaxgan.load`.

    Returns:
        For each metric, its name, value, error and protocol.

    Raises:
        jaxgan.UserError: If a metric cannot be computed, or an argument is invalid.
    """
    if not isinstance(metrics, str):
        raise UserError(f"metrics must be text such as 'fid,kid', not {metrics!r:.50}")
    given = {INCEPTION: inception, ALEXNET: alexnet, LPIPS_HEADS: lpips}
    settings = Settings(
        metrics=parse_metrics(metrics),
        split=split,
        count=count,
        direction=direction,
        features=features,
        resize=resize,
        weights={weights.name: Path(file) for weights, file in given.items() if file},
        seed=seed,
    )
    try:
        check_tree(settings)
        require(count >= 2, "count must be at least 2")
        require(0 <= seed < 2**32, "seed must be at least 0 and below 2**32")
    except ValueError as error:
        raise UserError(str(error)) from error
    model = load(run, config=config, dropout=dropout, norm_statistics=norm_statistics)
    if untrained:
        model = model.untrained()
    if not isinstance(model.config.method, TranslatesImages):
        of_translation = {
            "direction": direction,
            "dropout": dropout,
            "norm_statistics": norm_statistics,
        }
        for name, value in of_translation.items():
            if value is not None:
                raise UserError(f"{run} does not translate images: leave {name} out")
    return make_evaluate(model.config, model.config.data.prepare(), settings)(model)
