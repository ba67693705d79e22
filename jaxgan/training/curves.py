"""The metrics of a run as curves, grouped by the question that they answer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

MAX_POINTS = 2000  # per curve, to keep the page small
DIGITS = 5  # of a value on the page


class Group(NamedTuple):
    """Metrics that answer one question.

    Attributes:
        title: The question.
        reading: How to read the curves.
        prefixes: What names of its metrics start with. The longest one that fits decides.
    """

    title: str
    reading: str
    prefixes: tuple[str, ...]


GROUPS = (
    Group(
        "What is the generator trained on?",
        "The weighted terms of its loss, which add up. Terms that compare images should fall; the "
        "GAN term competes with the discriminator and need not fall.",
        ("loss/",),
    ),
    Group(
        "Are the two players even?",
        "Neither should win for long: a discriminator with a loss near 0 and accuracies near 1 no "
        "longer helps the generator to improve.",
        ("loss/discriminator", "accuracy/"),
    ),
    Group(
        "Held-out quality",
        "Measured on images that were not trained on. Lower is better for fid, kid, l1 and lpips; "
        "higher is better for psnr, ssim and fcn-score.",
        ("eval/",),
    ),
    Group(
        "Does anything look wrong?",
        "A warning is 1 while it is raised. A diversity near 0 means that all generated images "
        "look the same; a correlation near -1 means that colors are inverted.",
        ("warning/", "diversity", "correlation/"),
    ),
    Group(
        "Learning rate",
        "What the schedule set for each step.",
        ("learning_rate",),
    ),
    Group(
        "Speed",
        "Training only, without samples, evaluations and checkpoints. If data_wait, the share of "
        "time spent waiting for images, is not near 0, loading limits the speed.",
        ("images_per_second", "steps_per_second", "data_wait"),
    ),
    Group("Other", "Metrics that this page does not know.", ("",)),
)
BY_PREFIX = {prefix: group for group in GROUPS for prefix in group.prefixes}
UNITS = {
    "images_per_second": "images/s",
    "steps_per_second": "steps/s",
    "data_wait": "share of time",
}


def make_curves(records: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return `groups` of charts as JSON values, and the `axes` of steps that their curves share.

    Args:
        records: Values by name, and their `step`.
    """
    axes: dict[tuple[float, ...], int] = {}
    groups: dict[Group, dict[str, list[Any]]] = {group: {} for group in GROUPS}
    for name in dict.fromkeys(name for record in records for name in record if name != "step"):
        having = [record for record in records if name in record]
        every = -(-len(having) // MAX_POINTS)
        having = having[(len(having) - 1) % every :: every]  # with the last one
        steps = tuple(record["step"] for record in having)
        prefix = max(filter(name.startswith, BY_PREFIX), key=len)
        curve = {
            "name": name,
            "axis": axes.setdefault(steps, len(axes)),
            "values": [_round(record[name]) for record in having],
        }
        groups[BY_PREFIX[prefix]].setdefault(_unit(name), []).append(curve)
    return {
        "axes": list(axes),
        "groups": [
            {
                "title": group.title,
                "reading": group.reading,
                "units": [{"unit": unit, "curves": curves} for unit, curves in units.items()],
            }
            for group, units in groups.items()
            if units
        ],
    }


def _unit(name: str) -> str:
    """Return the unit of a metric; metrics of one group and unit share a chart."""
    kind, _, rest = name.partition("/")
    return rest if kind == "eval" else UNITS.get(name, kind)


def _round(value: float) -> float:
    """Return a value with fewer digits, and without a fraction if it has none."""
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 10**DIGITS else rounded
