"""Compares variants of each method on small data sets by held-out images and several seeds.

Run:      python benchmarks/quality.py --data DIR --results DIR [--only TEXT]
Resume:   the same command: finished runs are kept, and an interrupted one continues.
Results:  a table at the end, or at once with --report; RESULTS/quality.json; a grid of every run.

`quality_runs.py` lists the runs. DIR holds edges2emoji (pairs), noto2twemoji (two domains) and
twemoji (images), in the layouts of docs/own_images.md, each with training and held-out images. All
runs have a moving average of the generator, which does not change the training, and are measured
with the latest and with the averaged weights. With --check, the measures themselves are tested.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import options
import quality_features
import quality_runs

from jaxgan import Config, Model, TranslatesImages, load, train
from jaxgan.cli import console
from jaxgan.errors import UserError
from jaxgan.files import replacing
from jaxgan.images.pictures import grid, to_uint8
from jaxgan.types import Splits

HELD_OUT = 500  # images to measure on, at most
TRAINING = 2000  # training images for the features, at most
SHOWN = 8  # images in a column of a grid
MEASURES = ("kid", "frechet", "diversity", "l1", "target")


class Images(NamedTuple):
    """Images of one domain in [-1, 1]."""

    train: np.ndarray
    held_out: np.ndarray


class Judge(NamedTuple):
    """Measures the images that models of one experiment generate."""

    examples: Mapping[str, Images]
    measure: Callable[[np.ndarray], dict[str, float]]


def make_judge(config: Config) -> Judge:
    """Train the features of an experiment's target images."""
    method, examples = config.method, read_examples(config)
    target = list(examples.values())[-1]
    features = quality_features.rotations(target.train).features
    real = features(target.held_out)
    paired = isinstance(method, TranslatesImages) and method.paired
    classify = None
    if isinstance(method, TranslatesImages) and not paired:
        classify = quality_features.domains(*(each.train for each in examples.values())).classify

    def measure(made):
        results = quality_features.measure(features(made), real)
        if paired:
            results["l1"] = float(np.abs(made - target.held_out).mean())
        if classify:
            results["target"] = float(classify(made).mean())
        return results

    return Judge(examples, measure)


def read_examples(config: Config) -> dict[str, Images]:
    """Return the images of an experiment by domain, the target last."""
    splits, method = config.data.prepare(), config.method
    unpaired = isinstance(method, TranslatesImages) and not method.paired
    examples: dict[str, Images] = {}
    for domain in config.data.kinds() if unpaired else [None]:
        train, held_out = (
            _read(config, splits, count, split, domain)
            for split, count in (("train", TRAINING), ("test", HELD_OUT))
        )
        examples |= {name: Images(train[name], held_out[name]) for name in held_out}
    return examples


def _read(
    config: Config, splits: Splits, count: int, split: str, domain: str | None
) -> dict[str, np.ndarray]:
    held_out = config.data.held_out(splits, count, split, domain)
    batches = [config.data.preprocess(raw) for raw in held_out.batches]
    return {
        name: np.concatenate([np.asarray(batch[name]) for batch in batches]) for name in batches[0]
    }


def without_average(model: Model) -> Model:
    """Return a model with the latest weights of its generator."""
    memory = model.state.memory.items()
    kept = {name: value for name, value in memory if not name.startswith("average")}
    return dataclasses.replace(model, state=dataclasses.replace(model.state, memory=kept))


def make_images(model: Model, examples: Mapping[str, Images]) -> np.ndarray:
    """Return one generated image for each held-out image, rounded to 8 bits as in files."""
    source, target = next(iter(examples.values())), list(examples.values())[-1]
    if isinstance(model.config.method, TranslatesImages):
        made = model.translate(source.held_out)
    else:
        made = model.generate(len(target.held_out))
    return to_uint8(made) / np.float32(127.5) - 1


def run(config: Config, judge: Judge, folder: Path) -> dict[str, float | dict[str, float]]:
    """Train, measure and show one run."""
    start = time.perf_counter()
    if train(config, folder):
        raise KeyboardInterrupt
    seconds = time.perf_counter() - start
    averaged = load(folder)
    columns = [images.held_out for images in judge.examples.values()]
    results: dict[str, float | dict[str, float]] = {"seconds": round(seconds, 1)}
    for name, model in (("latest", without_average(averaged)), ("average", averaged)):
        made = make_images(model, judge.examples)
        columns.append(made)
        results[name] = judge.measure(made)
    grid([list(column[:SHOWN]) for column in columns]).picture.save(folder / "grid.png")
    return results


def run_all(experiments: Mapping[str, Mapping[str, Config]], seeds: int, results: Path) -> None:
    """Run all experiments, one seed after the other, so that the first table is early."""

    @cache
    def judge_of(experiment: str) -> Judge:
        return make_judge(next(iter(experiments[experiment].values())))

    for seed in range(seeds):
        for experiment, variants in experiments.items():
            for variant, config in variants.items():
                folder = results / experiment / variant / f"seed{seed}"
                if (folder / "quality.json").exists():
                    continue
                seeded = dataclasses.replace(
                    config, train=dataclasses.replace(config.train, seed=seed)
                )
                measured = run(seeded, judge_of(experiment), folder)
                with replacing(folder / "quality.json") as opened:
                    opened.write(json.dumps(options.about() | measured, indent=2).encode())
                print(f"{experiment}, {variant}, seed {seed}: {measured}", flush=True)
                jax.clear_caches()


def collect(
    experiments: Mapping[str, Mapping[str, Config]], results: Path
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return the values of all seeds by experiment, variant and measure.

    The variants with averaged weights are named `... + ema`.
    """
    table = {}
    for experiment, variants in experiments.items():
        rows = table.setdefault(experiment, {})
        for variant in variants:
            files = sorted((results / experiment / variant).glob("seed*/quality.json"))
            runs = [json.loads(file.read_text()) for file in files]
            for weights, suffix in (("latest", ""), ("average", " + ema")):
                found = [run[weights] for run in runs]
                rows[variant + suffix] = {
                    measure: [values[measure] for values in found]
                    for measure in MEASURES
                    if found and measure in found[0]
                }
    return table


def markdown(table: Mapping[str, Mapping[str, Mapping[str, list[float]]]]) -> str:
    """Return tables of means and standard deviations over seeds, one for each experiment."""
    lines = []
    for experiment, rows in table.items():
        measures = next((list(row) for row in rows.values() if row), None)
        if not measures:
            continue
        seeds = max(len(next(iter(row.values()), [])) for row in rows.values())
        lines += ["", f"**{experiment}** ({seeds} seeds)", ""]
        lines += [f"| variant | {' | '.join(measures)} |", "|---" * (1 + len(measures)) + "|"]
        for variant, row in rows.items():
            if row:
                cells = (_cell(row[measure]) for measure in measures)
                lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    spread = f" ± {_number(statistics.stdev(values), 2)}" if len(values) > 1 else ""
    return f"{_number(statistics.mean(values), 3)}{spread}"


def _number(value: float, digits: int) -> str:
    """Return a number with some significant digits, and all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def check(config: Config) -> str:
    """Return a table of the measures of damaged images, one row for each kind of damage."""
    target = list(read_examples(config).values())[-1]
    lines = ["| damage | kid | frechet | diversity |", "|---" * 4 + "|"]
    for damage, levels in quality_features.check(*target).items():
        cells = (", ".join(f"{level[name]:.3g}" for level in levels) for name in MEASURES[:3])
        lines.append(f"| {damage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed options."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument(
        "--fashion_mnist",
        type=Path,
        default=Path("/usr/share/datasets/fashion-mnist"),
        help="folder of Fashion-MNIST's four files (default: that of Debian's package)",
    )
    parser.add_argument("--results", type=Path, required=True, help="folder of runs and results")
    parser.add_argument("--only", default="", help="experiments whose name contains this text")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each variant (default: 3)")
    parser.add_argument("--report", action="store_true", help="only print the table")
    parser.add_argument("--check", action="store_true", help="only test the measures")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the benchmark and return its exit code."""
    own = read_arguments(sys.argv[1:])
    every = quality_runs.experiments(own.data, own.fashion_mnist)
    chosen = {name: variants for name, variants in every.items() if own.only in name}
    if not chosen:
        raise UserError(f"no experiment has {own.only} in its name: choose from {', '.join(every)}")
    if own.check:
        for name, variants in chosen.items():
            print(f"\n**{name}**\n\n{check(next(iter(variants.values())))}")
        return 0
    if not own.report:
        run_all(chosen, own.seeds, own.results)
    table = collect(chosen, own.results)
    print(markdown(table))
    options.write(own.results / "quality.json", {"experiments": table})
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
