"""Learning-rate schedules over the steps of a run."""

import dataclasses
from dataclasses import dataclass

import optax

from jaxgan.errors import UserError
from jaxgan.settings.validation import require
from jaxgan.types import Schedule


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A constant learning rate."""

    def over(self, steps: int) -> "Constant":
        return self

    def end(self) -> int | None:
        return None

    def scale(self, learning_rate: float) -> optax.Schedule:
        return optax.constant_schedule(learning_rate)


@dataclass(frozen=True, kw_only=True)
class LinearDecay:
    """Constant, then linear to zero (CycleGAN, section 4; the reference's `--lr_policy linear`).

    The reference lowers the rate once per epoch; here it falls with every step.
    """

    constant_share: float = 0.5
    """Share of the run at the full learning rate; in both papers 100 of 200 epochs."""
    constant_steps: int | None = None
    """Steps at the full learning rate; by default constant_share of the run."""
    decay_steps: int | None = None
    """Steps of the decay to zero; by default the rest of the run."""

    def __post_init__(self):
        require(0 <= self.constant_share < 1, "constant_share must be at least 0 and below 1")
        require((self.constant_steps or 0) >= 0, "constant_steps must not be negative")
        require(self.decay_steps is None or self.decay_steps >= 1, "decay_steps must be at least 1")

    def over(self, steps: int) -> "LinearDecay":
        constant = self.constant_steps
        if constant is None:
            constant = int(self.constant_share * steps)
        # A run that ends before the decay begins never decays.
        decay = max(steps - constant, 1) if self.decay_steps is None else self.decay_steps
        return dataclasses.replace(self, constant_steps=constant, decay_steps=decay)

    def end(self) -> int | None:
        return _known(self.constant_steps) + _known(self.decay_steps)

    def scale(self, learning_rate: float) -> optax.Schedule:
        constant, decay = _known(self.constant_steps), _known(self.decay_steps)
        return optax.linear_schedule(learning_rate, 0.0, decay, constant)


@dataclass(frozen=True, kw_only=True)
class CosineDecay:
    """Half a cosine from the full learning rate to zero (the reference's `--lr_policy cosine`)."""

    decay_steps: int | None = None
    """Steps until the rate reaches zero; by default the whole run."""

    def __post_init__(self):
        require(self.decay_steps is None or self.decay_steps >= 1, "decay_steps must be at least 1")

    def over(self, steps: int) -> "CosineDecay":
        return CosineDecay(decay_steps=steps if self.decay_steps is None else self.decay_steps)

    def end(self) -> int | None:
        return self.decay_steps

    def scale(self, learning_rate: float) -> optax.Schedule:
        return optax.cosine_decay_schedule(learning_rate, _known(self.decay_steps))


@dataclass(frozen=True, kw_only=True)
class StepDecay:
    """Decay at regular intervals (the reference's `--lr_policy step`, with its factor 0.1)."""

    interval: int | None = None
    """Steps between two reductions; by default a quarter of the run, the reference's 50 of 200
    epochs."""
    factor: float = 0.1
    """Factor by which each reduction multiplies the learning rate."""

    def __post_init__(self):
        require(self.interval is None or self.interval >= 1, "interval must be at least 1")
        require(0 < self.factor < 1, "factor must be between 0 and 1")

    def over(self, steps: int) -> "StepDecay":
        interval = max(steps // 4, 1) if self.interval is None else self.interval
        return dataclasses.replace(self, interval=interval)

    def end(self) -> int | None:
        return None

    def scale(self, learning_rate: float) -> optax.Schedule:
        interval = _known(self.interval)
        return optax.exponential_decay(learning_rate, interval, self.factor, staircase=True)


def check_length(schedule: Schedule, start: int, steps: int) -> None:
    """Print a warning if a schedule is shorter or longer than the run.

    Args:
        schedule: A schedule that `over` returned.
        start: Steps taken so far.
        steps: Total steps of the run.

    Raises:
        UserError: If the learning rate is zero for the rest of the run.
    """
    end = schedule.end()
    if end is None or end == steps:
        return
    if start >= end:
        raise UserError(
            f"the learning rate is zero from step {end} on and the run is at step {start}, so it "
            "would learn nothing: set --config.method.schedule for a longer run"
        )
    if end < steps:
        print(f"warning: the learning rate is zero from step {end} on; the run has {steps} steps")
    else:
        print(
            f"warning: the run ends at step {steps}, and the learning rate reaches zero at step "
            f"{end}"
        )


def _known(steps: int | None) -> int:
    require(steps is not None, "the schedule depends on the length of the run: call over(steps)")
    assert steps is not None
    return steps
