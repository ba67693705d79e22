"""Progress of a run, its speed and its remaining time."""

import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping

# What to do about a warning, by the start of its name.
ADVICE = {
    "collapsed": (
        "the images are almost equal: continue with a lower --config.method.learning_rate or "
        "--config.method.diff_augment=True"
    ),
    "colors_inverted": (
        "translations look like negatives: start another run, with another --config.train.seed "
        "or a higher --config.method.lambda_identity"
    ),
}


def warnings_in(values: Mapping[str, float]) -> list[str]:
    """Return the warnings among metrics, each with advice."""
    names = [
        name.removeprefix("warning/")
        for name, value in values.items()
        if name.startswith("warning/") and value
    ]
    return [f"{name}{_advice(name)}" for name in names]


def _advice(warning: str) -> str:
    """Return the advice about a warning in parentheses; other methods can have other warnings."""
    return next((f" ({text})" for name, text in ADVICE.items() if warning.startswith(name)), "")


class Progress:
    """Measures the steps between two progress lines."""

    def __init__(self, *, steps: int, batch_size: int, step: int):
        """Start the clock.

        Args:
            steps: Steps of the whole run.
            batch_size: Images per step.
            step: Steps taken so far.
        """
        self._steps = steps
        self._batch_size = batch_size
        self._restart(step)

    def _restart(self, step: int) -> None:
        self._step = step
        self._start = time.monotonic()
        self._waited = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside as spent waiting for data."""
        start = time.monotonic()
        yield
        self._waited += time.monotonic() - start

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time inside, which is not spent training."""
        start = time.monotonic()
        yield
        self._start += time.monotonic() - start

    def line(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
        """Print a line, start a new measurement, and return the speed that was measured.

        Args:
            step: Steps taken so far.
            values: Metrics to print.
        """
        seconds = max(time.monotonic() - self._start, 1e-9)
        steps_per_second = (step - self._step) / seconds
        speed = {
            "steps_per_second": steps_per_second,
            "images_per_second": steps_per_second * self._batch_size,
            "data_wait": self._waited / seconds,
        }
        left = datetime.timedelta(seconds=round((self._steps - step) / steps_per_second))
        losses = "  ".join(
            f"{name.removeprefix('loss/')} {value:.3f}"
            for name, value in values.items()
            if name.startswith("loss/")
        )
        if "learning_rate" in values:
            losses += f"  learning_rate {values['learning_rate']:.3g}"
        warnings = "".join(f"  WARNING: {warning}" for warning in warnings_in(values))
        print(
            f"step {step}/{self._steps}  {losses}  {speed['images_per_second']:.1f} images/s  "
            f"waiting for data {speed['data_wait']:.0%}  {left} left{warnings}",
            flush=True,
        )
        self._restart(step)
        return speed
