"""The open files and streams of a run, and its work other than training steps."""

import contextlib
import itertools
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PRNGKeyArray
from orbax.checkpoint import CheckpointManager

from jaxgan.config import Config
from jaxgan.devices import processes
from jaxgan.devices.mesh import describe_mesh
from jaxgan.errors import UserError
from jaxgan.settings.stored import to_json
from jaxgan.training.checkpoint import all_finite, best_score, open_checkpoints, restore, save, wait
from jaxgan.training.fine_tune import is_import, start_from
from jaxgan.training.program import Program
from jaxgan.training.progress import Progress
from jaxgan.training.report import Report
from jaxgan.training.run_page import Status
from jaxgan.training.stopping import stop_on_signals
from jaxgan.training.workdir import claim
from jaxgan.types import (
    Evaluated,
    Fingerprinted,
    RawBatch,
    RawBatches,
    Splits,
    StepMetrics,
    TrainState,
)

MakeEvaluate = Callable[[Config, Splits], Callable[[TrainState], Evaluated]]


@contextlib.contextmanager
def open_workdir(program: Program, splits: Splits, workdir: Path) -> Iterator[CheckpointManager]:
    """Claim the folder of a run and open its checkpoints.

    Raises:
        UserError: If it holds another run, or is not shared by all processes.
    """
    config = program.config
    multihost_utils.sync_global_devices("prepared")  # preparation can take long
    with contextlib.ExitStack() as stack:
        if jax.process_index() == 0:
            counts = {split: len(records) for split, records in splits.items()}
            fingerprints = {
                split: records.fingerprint
                for split, records in splits.items()
                if isinstance(records, Fingerprinted)
            }
            allow = config.train.allow_new_data
            claimed = claim(workdir, config, counts, fingerprints, allow_new_data=allow)
            stack.enter_context(claimed)
        processes.check_shared(workdir)
        print(f"run: {workdir}  (continue it with --workdir {workdir})")
        print(describe_mesh(program.mesh))
        kept = {"keep_last": config.train.keep_last, "keep_every": config.train.keep_every}
        yield stack.enter_context(open_checkpoints(workdir / "checkpoints", **kept))


def restore_or_init(
    program: Program, workdir: Path, checkpoints: CheckpointManager, key: PRNGKeyArray
) -> TrainState:
    """Return the latest saved state, or a new one, sharded for training.

    A checkpoint does not depend on the devices that saved it.
    """
    imported = is_import(workdir)
    state = None if imported else restore(checkpoints, program.checkpoint_spec())
    if state is None:
        weights = str(workdir) if imported else program.config.train.init_from
        if weights is None:
            return program.init(key)
        state = start_from(weights, program.to_checkpoint(program.init(key)))
    return program.from_checkpoint(state)


@contextlib.contextmanager
def open_session(
    program: Program,
    splits: Splits,
    workdir: Path,
    checkpoints: CheckpointManager,
    start: int,
    make_evaluate: MakeEvaluate | None,
) -> Iterator["Session"]:
    """Open everything that a run needs to train from a given step.

    Args:
        program: The experiment.
        splits: Its data.
        workdir: The run's folder.
        checkpoints: Manager that saves the states.
        start: Steps taken so far.
        make_evaluate: Makes the evaluation function, as in `train`.
    """
    config, train = program.config, program.config.train
    with contextlib.ExitStack() as stack:
        report = None
        if jax.process_index() == 0:
            report = stack.enter_context(Report(workdir, config, start))
        stops = stack.enter_context(stop_on_signals(program.mesh))
        held_out = config.data.held_out(splits, train.sample_count).batches
        stream = config.data.stream(
            splits,
            seed=train.seed,
            batch_size=train.batch_size,
            start=start,
            rows=program.sharded.rows(train.batch_size),
        )
        evaluation = None
        if train.eval_every and make_evaluate:
            measure = make_evaluate(config, splits)
            best = open_checkpoints(workdir / "best", keep_last=1, keep_every=0)
            evaluation = Evaluation(measure, stack.enter_context(best))
        yield Session(
            program=program,
            workdir=workdir,
            checkpoints=checkpoints,
            report=report,
            stops=stops,
            held_out=held_out,
            stream=stream,
            evaluation=evaluation,
            progress=Progress(steps=train.steps, batch_size=train.batch_size, step=start),
        )


@dataclass(frozen=True)
class Evaluation:
    """The evaluation function during training, and the checkpoints of the best model."""

    measure: Callable[[TrainState], Evaluated]
    best: CheckpointManager


@dataclass(kw_only=True)
class Session:
    """A run while it trains.

    With several processes, all of them call the same methods. Only process 0 has a report.
    """

    program: Program
    workdir: Path
    checkpoints: CheckpointManager
    report: Report | None
    stops: Callable[[], int | None]
    """Returns the signal that ends the run, see `stop_on_signals`."""
    held_out: list[RawBatch]
    stream: Iterator[RawBatch]
    evaluation: Evaluation | None
    progress: Progress
    pending: tuple[int, StepMetrics] | None = None
    """The last step of the latest call and its metrics, which are not recorded yet."""

    def next_batches(self) -> RawBatches:
        """Return the batches of the next `Program.train_steps` call, on the devices."""
        train = self.program.config.train
        with self.progress.waiting():
            batches = list(itertools.islice(self.stream, train.steps_per_dispatch))
            return self.program.sharded.feed(batches, train.batch_size)

    def record(self, step: int, metrics: StepMetrics) -> None:
        """Record the metrics of the previous call, and keep these until the next one.

        Reading metrics one call late keeps the device busy.

        Args:
            step: The last step of a call.
            metrics: The metrics that the call returned.
        """
        self.record_pending()
        self.pending = step, metrics

    def record_pending(self) -> None:
        """Record the metrics of the latest call.

        Raises:
            UserError: If a metric is not finite.
        """
        if self.pending is None:
            return
        (step, metrics), self.pending = self.pending, None
        metrics = jax.device_get(metrics)
        for name, values in metrics.items():
            finite = np.isfinite(values)
            first = step - len(finite) + 1 + int(np.argmin(finite))
            self._check_finite(bool(finite.all()), name, first)
        values = {name: float(values[-1]) for name, values in metrics.items()}
        if _is_multiple(step, self.program.config.train.log_every):
            self._log(step, values | self.progress.line(step, values))

    def is_due(self, step: int, every: int) -> bool:
        """Return whether a step is the last one or a multiple of a number of steps.

        Args:
            step: Steps taken so far.
            every: The number of steps; 0 for never.
        """
        finished = step == self.program.config.train.steps
        return every > 0 and (finished or _is_multiple(step, every))

    def check_params(self, step: int, checkpoint: TrainState) -> None:
        """Check that all parameters are finite.

        Raises:
            UserError: If one is not.
        """
        self._check_finite(bool(all_finite(checkpoint.params)), "a parameter", step)

    def show(self, step: int, checkpoint: TrainState, key: PRNGKeyArray) -> None:
        """Write a grid of samples to the report."""
        model = self.program.local_copy(checkpoint)
        if self.report:
            self.report.sample(step, self.program.sample(model, self.held_out, key))

    def evaluate(self, step: int, checkpoint: TrainState) -> None:
        """Evaluate a model, and save it if it is the best so far."""
        assert self.evaluation is not None
        config, best = self.program.config, self.evaluation.best
        evaluated = self.evaluation.measure(self.program.local_copy(checkpoint))
        self._log(step, evaluated.values)
        train = config.train
        measure = f"{train.eval_metrics} {train.eval_count} {train.eval_features}"
        better = _agree(evaluated.score > best_score(best, measure))
        print(_evaluation_line(step, evaluated, better), flush=True)
        if better:
            score = {"value": evaluated.score, "measure": measure}
            save(best, checkpoint, to_json(config), score)
            wait(best)  # the page reads which one is the best

    def save(self, checkpoint: TrainState) -> None:
        """Start saving a checkpoint."""
        save(self.checkpoints, checkpoint, to_json(self.program.config))

    def write_page(self, status: Status) -> None:
        """Write the page of the run."""
        if self.report:
            self.report.write_page(status)

    def finish(self, step: int) -> None:
        """Complete the report and wait for checkpoints, after the last step."""
        wait(self.checkpoints)
        stopped = step < self.program.config.train.steps
        self.write_page(Status(step, "stopped" if stopped else "finished"))
        if stopped:
            print(f"stopped and saved at step {step}; the same command with --workdir continues")
        else:
            print(f"done; the page of the run is {self.workdir / 'index.html'}")
            print(f"try the model in a browser: jaxgan demo --run {shlex.quote(str(self.workdir))}")

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        if self.report:
            self.report.log(step, values)

    def _check_finite(self, finite: bool, what: str, step: int) -> None:
        if not finite:
            saved = self.checkpoints.latest_step()
            kept = "no checkpoint was saved before" if saved is None else f"step {saved} is saved"
            raise UserError(
                f"training diverged: at step {step} {what} is not finite ({kept} in "
                f"{self.checkpoints.directory}): start another --workdir with a lower "
                "--config.method.learning_rate"
            )


def _is_multiple(step: int, every: int) -> bool:
    """Return whether a step is a multiple of a number of steps; 0 has no multiples."""
    return every > 0 and step % every == 0


def _evaluation_line(step: int, evaluated: Evaluated, better: bool) -> str:
    values = "  ".join(
        f"{name.removeprefix('eval/')} {value:.4g}" for name, value in evaluated.values.items()
    )
    return f"step {step} evaluated  {values}" + ("  (the best so far)" if better else "")


def _agree(value: bool) -> bool:
    """Return the value that process 0 passes."""
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))
