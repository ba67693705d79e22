"""Evaluates a model on held-out images, and records the protocol of every number."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.config import Config
from jaxgan.data.loader import SUBSET_SEED
from jaxgan.errors import UserError
from jaxgan.inference.model import Model
from jaxgan.metrics import measures
from jaxgan.metrics.extractors import ResizeName, make_extractor
from jaxgan.metrics.linear_probe import linear_probe
from jaxgan.metrics.measures import REAL, Chunk, Measure, Result
from jaxgan.metrics.weights import INCEPTION
from jaxgan.types import Evaluated, HeldOut, Splits, TrainState, TranslatesImages

ENOUGH = 4  # minimum number of images for all metrics
CHUNK = 64  # images generated and measured at a time
OF_PAIRS = ("l1", "psnr", "ssim", "lpips", "fcn-score")
PROBE = "linear-probe"
METRICS = ("fid", "kid", *OF_PAIRS, PROBE)
HIGHER_IS_BETTER = ("psnr", "ssim", "fcn-score")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of an evaluation.

    Attributes:
        metrics: Names of metrics, from `METRICS`.
        split: Images to measure on; None uses the first existing split of test, val and train.
        count: Maximum number of images to measure on.
        direction: For a CycleGAN, `ab` or `ba`.
        features: Feature extractor for FID and KID, see `make_extractor`.
        resize: How images are resized for Inception.
        weights: Files of weights by the name of the published file; others are read from the cache.
        seed: Seed of latent vectors and dropout.
    """

    metrics: tuple[str, ...]
    split: str | None = None
    count: int = 10_000
    direction: str | None = None
    features: str = "inception"
    resize: ResizeName = "clean"
    weights: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0


def parse_metrics(text: str) -> tuple[str, ...]:
    """Return the metrics in a comma-separated list.

    Raises:
        UserError: If a metric is unknown, or the list is empty.
    """
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    for name in names:
        if name not in METRICS:
            raise UserError(f"unknown metric {name}: choose from {', '.join(METRICS)}")
    if not names:
        raise UserError(f"no metrics given: choose from {', '.join(METRICS)}")
    return names


def make_evaluate(
    config: Config, splits: Splits, settings: Settings
) -> Callable[[Model], list[Result]]:
    """Return a function that evaluates models of one experiment, all on the same images.

    Raises:
        UserError: If a metric does not apply to the method or the images, if there are too few
            images, or if weights or a library are missing.
    """
    method = config.method
    is_paired = isinstance(method, TranslatesImages) and method.paired
    if not is_paired and {*settings.metrics} & {*OF_PAIRS}:
        kind = type(method).__name__
        raise UserError(f"a {kind} has no targets to compare its images with: choose fid, kid")
    chosen = _measures(config, splits, settings)
    examples: dict[str, HeldOut] = {}
    if chosen:
        few = config.data.held_out(splits, min(settings.count, ENOUGH), settings.split)
        _rehearse(chosen, [config.data.preprocess(raw) for raw in few.batches])
        examples = _examples(config, splits, settings)

    def evaluate(model):
        kept = [[] for _ in chosen]
        for chunk in _chunks(model, examples, settings) if chosen else ():
            for seen, measure in zip(kept, chosen, strict=True):
                seen.append(measure.see(chunk))
        common = _protocol(model, settings, examples)
        results = [
            result._replace(protocol={**common, **result.protocol})
            for seen, measure in zip(kept, chosen, strict=True)
            for result in measure.summarize(seen)
        ]
        if PROBE in settings.metrics:
            results += _linear_probe(model, splits, settings)
        return results

    return evaluate


def during_training(config: Config, splits: Splits) -> Callable[[TrainState], Evaluated]:
    """Return the function that evaluates a model during training, as its config requests.

    Raises:
        UserError: If a metric cannot be computed.
    """
    train = config.train
    metrics = parse_metrics(train.eval_metrics)
    if PROBE in metrics:
        raise UserError(f"{PROBE} is not measured during training: jaxgan evaluate does")
    settings = Settings(
        metrics=metrics,
        count=train.eval_count,
        features=train.eval_features,
    )
    evaluate = make_evaluate(config, splits, settings)

    def run(state):
        results = evaluate(Model(config, state, Path("in training")))
        score = results[0].value
        if settings.metrics[0] not in HIGHER_IS_BETTER:
            score = -score
        of_made = (result for result in results if not result.metric.endswith(REAL))
        return Evaluated({f"eval/{result.metric}": result.value for result in of_made}, score)

    return run


def table(results: Sequence[Result]) -> str:
    """Return results as text, one per line, after the common part of their protocols."""
    shared = dict(set.intersection(*(set(result.protocol.items()) for result in results)))
    lines = [f"{name}: {shared[name]}" for name in results[0].protocol if name in shared]
    width = max(len(result.metric) for result in results)
    for metric, value, error, protocol in results:
        number = f"{value:.4g}" + (f" ± {error:.2g}" if error is not None else "")
        own = "; ".join(f"{name}: {text}" for name, text in protocol.items() if name not in shared)
        lines.append(f"{metric:{width}}  {number:17}  {own}".rstrip())
    return "\n".join(lines)


def to_json(results: Sequence[Result]) -> str:
    """Return results as JSON; infinite values, such as the PSNR of equal images, are null."""
    values = [
        result._asdict() | {"value": result.value if math.isfinite(result.value) else None}
        for result in results
    ]
    return json.dumps(values, indent=2) + "\n"


def _measures(config: Config, splits: Splits, settings: Settings) -> list[Measure]:
    """Return the measures in `settings.metrics`, in that order; fid and kid share one."""
    chosen = []
    by_features = [name for name in settings.metrics if name in ("fid", "kid")]
    simple = {"l1": measures.L1, "psnr": measures.PSNR, "ssim": measures.SSIM}
    for name in settings.metrics:
        if name in simple:
            chosen.append(simple[name])
        elif name == "lpips":
            chosen.append(measures.make_lpips(settings.weights))
        elif name == "fcn-score":
            chosen.append(measures.fcn_score(config, splits))
        elif by_features and name == by_features[0]:
            weights = settings.weights.get(INCEPTION.name)
            extractor = make_extractor(settings.features, settings.resize, weights, config)
            distances = measures.feature_distances(by_features, extractor, seed=settings.seed)
            chosen.append(distances)
    return chosen


def _rehearse(chosen: Sequence[Measure], few: Sequence[Mapping[str, Any]]) -> None:
    """Compare real images with themselves, so that metrics that cannot be computed fail early."""
    chunks = []
    for number, batch in enumerate(few):
        images = [np.asarray(images) for images in batch.values()]
        chunks.append(Chunk(-1 - number, images[-1], images[-1], images[0]))
    for measure in chosen:
        measure.summarize([measure.see(chunk) for chunk in chunks])


def _examples(config: Config, splits: Splits, settings: Settings) -> dict[str, HeldOut]:
    """Return the examples to measure on, by domain if they are unpaired, else all under ""."""
    method = config.method
    domains = [None]
    if isinstance(method, TranslatesImages) and not method.paired:
        domains = method.source_and_target(settings.direction or method.directions[0])
    return {
        domain or "": config.data.held_out(splits, settings.count, settings.split, domain)
        for domain in domains
    }


def _chunks(model: Model, examples: Mapping[str, HeldOut], settings: Settings) -> Iterator[Chunk]:
    """Yield generated images, quantized as in files, and the real images to compare them with."""
    method, data = model.config.method, model.config.data

    def batches(held_out: HeldOut) -> Iterator[Mapping[str, np.ndarray]]:
        for raw in held_out.batches:
            for start in range(0, len(next(iter(raw.values()))), CHUNK):
                part = {name: images[start : start + CHUNK] for name, images in raw.items()}
                images = data.preprocess(part)
                yield {name: np.asarray(images) for name, images in images.items()}

    def as_written(images, name):
        kind = data.kinds()[name]
        return np.asarray(kind.normalize(kind.denormalize(images)))

    if not isinstance(method, TranslatesImages):
        (target,) = data.kinds()
        made = model.generate(_count(examples[""]), settings.seed)
        start = 0
        for number, batch in enumerate(batches(examples[""])):
            real = batch[target]
            part, start = made[start : start + len(real)], start + len(real)
            yield Chunk(number, as_written(part, target), real, None)
        return
    direction = model.choose_direction(settings.direction)
    source, target = method.source_and_target(direction)
    for number, batch in enumerate(batches(examples["" if method.paired else source])):
        made = model.translate(batch[source], direction, settings.seed + number)
        yield Chunk(number, as_written(made, target), batch.get(target), batch[source])
    if not method.paired:
        for number, batch in enumerate(batches(examples[target])):
            yield Chunk(number, None, batch[target], None)


def _count(held_out: HeldOut) -> int:
    return sum(len(next(iter(raw.values()))) for raw in held_out.batches)


def _describe(held_out: HeldOut, domain: str) -> str:
    """Return a description of the images used from a split, and their sizes."""
    count, split = _count(held_out), held_out.split + domain.upper()
    sizes = {next(iter(raw.values())).shape[1:3] for raw in held_out.batches}
    shapes = ", ".join(f"{height}x{width}" for height, width in sorted(sizes))
    if count == held_out.total:
        return f"all {count} of {split}, {shapes}"
    return f"{count} of {held_out.total} of {split}, drawn with seed {SUBSET_SEED}, {shapes}"


def _protocol(model: Model, settings: Settings, examples: Mapping[str, HeldOut]) -> dict[str, str]:
    """Return the protocol that all results of a model share."""
    images = [_describe(held_out, domain) for domain, held_out in examples.items()]
    protocol = {
        "model": str(model.checkpoint),
        "images": " translated, compared with ".join(images),
        "seed": str(settings.seed),
    }
    if not isinstance(model.config.method, TranslatesImages):
        return protocol | {"norm statistics": "running averages"}
    direction = model.choose_direction(settings.direction)
    translator = model.trained_generator(direction)
    running = translator.use_running_average and bool(translator.batch_stats)
    return protocol | {
        "direction": direction,
        "dropout": "on" if translator.dropout and translator.network.dropout > 0 else "none",
        "norm statistics": "running averages" if running else "of each image",
    }


def _linear_probe(model: Model, splits: Splits, settings: Settings) -> list[Result]:
    protocol = {
        "model": str(model.checkpoint),
        "images": f"up to {settings.count} of train to fit, and of test to measure",
        "measured": "share of right classes by ridge regression, as section 5.1 of DCGAN's paper",
    }
    accuracies = linear_probe(model, splits, settings.count)
    return [
        Result(f"{PROBE}, {name}", accuracy, None, protocol)
        for name, accuracy in accuracies.items()
    ]
