"""Turns the results of `gpu.sh` into tables: `python benchmarks/report.py gpu.jsonl [--write]`.

Prints Markdown. With --write, it also replaces the section between the markers in
docs/performance.md and the line on GPUs in README.md.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgan.cli import console
from jaxgan.errors import UserError

ROOT = Path(__file__).parents[1]
OURS, EAGER = "jaxgan", "PyTorch eager"
BEGIN, END = "<!-- gpu.sh: begin -->", "<!-- gpu.sh: end -->"
README_LINE = "| GPUs and TPUs |"
LAYERS = 5  # the slowest ones against XLA's own are listed

Results = Mapping[str, Mapping[str, Any]]


def read(file: Path) -> dict[str, dict[str, Any]]:
    """Return the results by measurement.

    Raises:
        UserError: If the file does not exist or was not written by `gpu.sh`.
    """
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return {line["measurement"]: line for line in lines}
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} was not written by benchmarks/gpu.sh") from error


def steps(results: Results) -> dict[str, Mapping[str, Any]]:
    """Return the comparisons of train steps with PyTorch's, by name."""
    return {name: result for name, result in results.items() if "best_pytorch" in result}


def timed(step: Mapping[str, Any], ours: bool) -> dict[str, float]:
    """Return the milliseconds per step of the variants of one side, by name."""
    return {
        name: variant["ms_per_step"]
        for name, variant in step["results"].items()
        if name.startswith(OURS) == ours and "ms_per_step" in variant
    }


def speeds(results: Results) -> list[str]:
    """Return the table of all train steps."""
    peak = results.get("peaks", {}).get("bfloat16_gflop_per_second")
    lines = [
        "| train step | jaxgan, images/s, float32 | bfloat16 | its share of the matrix peak | MiB |"
        " PyTorch's best, images/s | jaxgan's best is faster than the reference's defaults |"
        " than PyTorch's best |",
        "|---" * 8 + "|",
    ]
    for name, step in steps(results).items():
        ours, theirs = timed(step, True), timed(step, False)
        bfloat16 = step["results"].get(f"{OURS}, bfloat16", {})
        share = ""
        if peak and "ms_per_step" in bfloat16:
            share = f"{step['gflop_per_step'] / bfloat16['ms_per_step'] * 1000 / peak:.0%}"
        best = min(ours.values())
        cells = [
            name,
            _images_per_second(step, ours[OURS]),
            _images_per_second(step, bfloat16.get("ms_per_step")),
            share,
            f"{bfloat16['memory_mib']:,.0f}" if "memory_mib" in bfloat16 else "",
            _images_per_second(step, min(theirs.values(), default=None)),
            f"{theirs[EAGER] / best:.2f} times" if EAGER in theirs else "",
            f"{min(theirs.values()) / best:.2f} times" if theirs else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _images_per_second(step: Mapping[str, Any], ms: float | None) -> str:
    return f"{1000 * step['batch_size'] / ms:,.1f}" if ms else ""


def variants(results: Results) -> list[str]:
    """Return a table of all variants, in milliseconds per step."""
    names = dict.fromkeys(name for step in steps(results).values() for name in step["results"])
    heads = list(steps(results))
    lines = [f"| ms per step | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name in names:
        found = (steps(results)[head]["results"].get(name, {}) for head in heads)
        cells = (f"{each['ms_per_step']:.2f}" if "ms_per_step" in each else "" for each in found)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def levers(results: Results) -> list[str]:
    """Return the table of the settings that were tried."""
    tried = {name: result["levers"] for name, result in results.items() if "levers" in result}
    settings = dict.fromkeys(setting for each in tried.values() for setting in each)
    heads = (name.removeprefix("settings, ") for name in tried)
    lines = [f"| setting | {' | '.join(heads)} |", "|---" * (1 + len(tried)) + "|"]
    for setting in settings:
        found = (each.get(setting, {}) for each in tried.values())
        cells = (f"{each['speedup']:.2f}" if "speedup" in each else "" for each in found)
        lines.append(f"| {setting} | {' | '.join(cells)} |")
    return lines


def kernels(result: Mapping[str, Any]) -> list[str]:
    """Return the table of the kernels that take longest."""
    lines = ["| kernel | ms per step | share | times per step |", "|---|---|---|---|"]
    for kernel in result["top"][:10]:
        lines.append(
            f"| `{kernel['kernel'][:60]}` | {kernel['ms_per_step']:.2f} | {kernel['share']:.1%} "
            f"| {kernel['count_per_step']:.0f} |"
        )
    return lines


def layers(result: Mapping[str, Any]) -> list[str]:
    """Return the table of the layers that are slowest against XLA's own."""
    slowest = sorted(result["layers"], key=lambda layer: layer["ratio"])[:LAYERS]
    lines = ["| layer | ms | ms of XLA's own |", "|---|---|---|"]
    for layer in slowest:
        lines.append(f"| {layer['layer']} | {layer['ours_ms']:.3f} | {layer['plain_ms']:.3f} |")
    return lines


def section(results: Results) -> str:
    """Return all tables, with hardware, versions and date."""
    compared = list(steps(results).values())
    first = compared[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    lines = [
        f"One {first['hardware']['device']}, {versions}, {first['date'][:10]}, by "
        "`benchmarks/gpu.sh`. The reference's defaults are PyTorch eager.",
        "",
        *speeds(results),
        "",
        *variants(results),
    ]
    failed = [name for name, result in results.items() if result["ended"] != "exit code 0"]
    if failed:
        lines += ["", f"Not finished: {'; '.join(failed)}."]
    if "device" in (agreement := results.get("agreement", {})):
        lines += ["", _agreement(agreement)]
    if "top" in results.get("kernels", {}):
        lines += ["", "CycleGAN, 256x256, batch 16, bfloat16:", "", *kernels(results["kernels"])]
    if any("levers" in result for result in results.values()):
        lines += [
            "",
            "Time per step in bfloat16 without a setting, divided by the time with it:",
            "",
        ]
        lines += levers(results)
    if "layers" in results.get("layers", {}):
        lines += ["", "The layers of pix2pix that are slowest against XLA's own:", ""]
        lines += layers(results["layers"])
    return "\n".join(lines)


def _agreement(result: Mapping[str, Any]) -> str:
    def each(differences: Mapping[str, float]) -> str:
        return ", ".join(f"{value:.1e} up to step {step}" for step, value in differences.items())

    return (
        f"The losses of {result['steps']} steps of `{result['config']}` in float32 without TF32 "
        f"differ from the CPU's by at most {each(result['device'])}, relative to their mean. A "
        "CPU whose initial weights differ by one part in 10 million differs by "
        f"{each(result['cpu, other rounding'])}."
    )


def readme_line(results: Results) -> str:
    """Return the line for README."""
    name, step = next(iter(steps(results).items()))
    ours, theirs = timed(step, True), timed(step, False)
    best = min(ours.values())
    text = f"{step['hardware']['device']}: {name}, {1000 * step['batch_size'] / best:,.0f} images/s"
    if EAGER in theirs:
        text += f", {theirs[EAGER] / best:.1f} times as fast as the reference's defaults"
    return (
        f"{README_LINE} {text} ([numbers](docs/performance.md#on-gpus-and-tpus)); TPUs: compiled |"
    )


def replace_section(text: str, new: str) -> str:
    """Return a text with a new section between the markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def replace_line(text: str, new: str) -> str:
    """Return README with a new line on GPUs."""
    return "\n".join(new if line.startswith(README_LINE) else line for line in text.split("\n"))


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed options."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("results", type=Path, help="the file that gpu.sh wrote")
    parser.add_argument("--write", action="store_true", help="put them into README and docs")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def run(own: argparse.Namespace) -> None:
    """Print the tables, and write them if the options say so.

    Raises:
        UserError: If the file has no times of train steps, or if `--write` is given and the times
            are from a rehearsal.
    """
    results = read(own.results)
    if not steps(results):
        raise UserError(f"{own.results} has no times of train steps")
    print(section(results))
    if own.write:
        if any(result["rehearsal"] for result in results.values()):
            raise UserError(f"{own.results} is from a rehearsal: only measurements are published")
        page, readme = own.root / "docs/performance.md", own.root / "README.md"
        page.write_text(replace_section(page.read_text(), section(results)))
        readme.write_text(replace_line(readme.read_text(), readme_line(results)))


def main() -> int:
    """Print the tables and return the exit code."""
    run(read_arguments(sys.argv[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
