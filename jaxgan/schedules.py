"""Learning-rate schedules: how the learning rate is scaled over the steps of a run."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import optax

from jaxgan.validation import check


@runtime_checkable
class Schedule(Protocol):
    """Scales a learning rate over time."""

    def scale(self, learning_rate: float) -> optax.Schedule:
        """Return the learning rate as a function of the number of steps taken."""
        ...


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The same learning rate throughout."""

    def scale(self, learning_rate: float) -> optax.Schedule:
        """See `Schedule.scale`."""
        return optax.constant_schedule(learning_rate)


@dataclass(frozen=True, kw_only=True)
class LinearDecay:
    """Constant, then linear to zero (CycleGAN, section 5; the reference's `--lr_policy linear`).

    The reference lowers the rate once an epoch; here it falls with every step.
    """

    constant_steps: int
    """Steps at the full learning rate."""
    decay_steps: int
    """Steps over which it then falls to zero."""

    def __post_init__(self):
        check(self.constant_steps >= 0, "constant_steps must not be negative")
        check(self.decay_steps >= 1, "decay_steps must be at least 1")

    def scale(self, learning_rate: float) -> optax.Schedule:
        """See `Schedule.scale`."""
        return optax.linear_schedule(learning_rate, 0.0, self.decay_steps, self.constant_steps)


@dataclass(frozen=True, kw_only=True)
class CosineDecay:
    """Half a cosine from the full learning rate to zero (the reference's `--lr_policy cosine`)."""

    decay_steps: int
    """Steps until it reaches zero."""

    def __post_init__(self):
        check(self.decay_steps >= 1, "decay_steps must be at least 1")

    def scale(self, learning_rate: float) -> optax.Schedule:
        """See `Schedule.scale`."""
        return optax.cosine_decay_schedule(learning_rate, self.decay_steps)


@dataclass(frozen=True, kw_only=True)
class StepDecay:
    """Lowered at regular intervals (the reference's `--lr_policy step`, with its factor 0.1)."""

    interval: int
    """Steps between two reductions."""
    factor: float = 0.1
    """What each reduction multiplies the learning rate by."""

    def __post_init__(self):
        check(self.interval >= 1, "interval must be at least 1")
        check(0 < self.factor < 1, "factor must lie between 0 and 1")

    def scale(self, learning_rate: float) -> optax.Schedule:
        """See `Schedule.scale`."""
        return optax.exponential_decay(learning_rate, self.interval, self.factor, staircase=True)
