"""The training loop. It knows the `Method` and `Dataset` protocols and no method or data set."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PRNGKeyArray
from orbax.checkpoint import CheckpointManager

from jaxgan import partition, processes
from jaxgan.checkpoint import all_finite, best_score, open_checkpoints, restore, save, wait
from jaxgan.config import Config, count_steps
from jaxgan.config_json import to_json
from jaxgan.errors import UserError
from jaxgan.fine_tune import check_import, is_import, start_from
from jaxgan.partition import Placed
from jaxgan.programs import (
    TrainSteps,
    lower_train_steps,
    make_copy,
    make_gather,
    make_init,
    make_placed_init,
    make_sample,
    place,
    resolve,
)
from jaxgan.progress import Progress
from jaxgan.report import Report
from jaxgan.schedules import check_length
from jaxgan.stopping import stop_on_signals
from jaxgan.types import (
    Evaluated,
    Fingerprinted,
    Scheduled,
    Splits,
    StepMetrics,
    TrainState,
)
from jaxgan.workdir import check_present, claim

MakeEvaluate = Callable[[Config, Splits], Callable[[TrainState], Evaluated]]


def train(config: Config, workdir: Path, make_evaluate: MakeEvaluate | None = None) -> int | None:
    """Train up to `config.train.steps`, on from the latest checkpoint in `workdir` if there is one.

    Args:
        config: The experiment.
        workdir: The run's folder, made if missing.
        make_evaluate: Makes of the config and the data what `config.train.eval_every` calls.

    Returns:
        The signal (SIGINT, SIGTERM) that ended the run early, its state saved; None if it finished.

    Raises:
        UserError: If something that the user can mend is wrong.
    """
    processes.check_equal(config)
    resolved = resolve(config)
    placed = place(resolved)
    if is_import(workdir):
        check_import(workdir, resolved, placed.shapes)
    is_first = jax.process_index() == 0
    with contextlib.ExitStack() as stack:
        splits = config.data.prepare()
        config = resolve(count_steps(config, splits))
        placed = dataclasses.replace(placed, method=config.method)
        settings, plain = config.train, to_json(config)
        batch_size, at_once = settings.batch_size, settings.steps_per_dispatch
        multihost_utils.sync_global_devices("prepared")  # however long that took
        counts = {split: len(records) for split, records in splits.items()}
        fingerprints = {
            split: records.fingerprint
            for split, records in splits.items()
            if isinstance(records, Fingerprinted)
        }
        if is_first:
            held = claim(
                workdir, config, counts, fingerprints, allow_new_data=settings.allow_new_data
            )
            stack.enter_context(held)
        processes.check_shared(workdir)
        print(f"run: {workdir}  (continue it with --workdir {workdir})")
        print(partition.describe(placed.mesh))
        checkpoints = stack.enter_context(
            open_checkpoints(
                workdir / "checkpoints",
                keep_last=settings.keep_last,
                keep_every=settings.keep_every,
            )
        )
        init_key, train_key, sample_key = jax.random.split(jax.random.key(settings.seed), 3)
        state = _init_or_restore(config, placed, init_key, workdir, checkpoints)
        start = int(state.step)
        if start >= settings.steps:
            print(
                f"already trained for {start} steps: raise --config.train.steps to go on, or start "
                f"another --workdir with --config.train.init_from={workdir}"
            )
            return None
        if start % at_once:
            raise UserError(
                f"the run is at step {start}, which is not a multiple of "
                f"config.train.steps_per_dispatch, {at_once}: set that to another number, or to 1"
            )
        if start:
            print(f"continuing after step {start}")
        if isinstance(config.method, Scheduled):
            check_length(config.method.schedule, start, settings.steps)
        report = None
        if is_first:
            report = stack.enter_context(contextlib.closing(Report(workdir, plain, start)))
        stops = stack.enter_context(stop_on_signals(placed.mesh))
        held_out = config.data.held_out(splits, settings.sample_count).batches
        stream = config.data.stream(
            splits,
            seed=settings.seed,
            batch_size=batch_size,
            start=start,
            rows=placed.rows(batch_size),
        )
        sample = make_sample(config)
        evaluate, best = None, None
        measure = f"{settings.eval_metrics} {settings.eval_count} {settings.eval_features}"
        if settings.eval_every and make_evaluate:
            evaluate = make_evaluate(config, splits)
            best = open_checkpoints(workdir / "best", keep_last=1, keep_every=0)
            best = stack.enter_context(best)
        gather, copy = make_gather(placed), make_copy(placed)

        def show(step: int, model: TrainState) -> None:
            if report:
                report.sample(step, sample(model, held_out, sample_key))

        if start == 0 and settings.sample_every:
            show(0, copy(gather(state)))
        train_steps = _compile(config, placed)
        progress = Progress(steps=settings.steps, batch_size=batch_size, step=start)

        def log(step: int, values: Mapping[str, float]) -> None:
            if report:
                report.log(step, values)

        def record(step: int, metrics: StepMetrics) -> None:
            metrics = jax.device_get(metrics)
            for name, values in metrics.items():
                finite = np.isfinite(values)
                first = step - len(finite) + 1 + int(np.argmin(finite))
                _check_finite(bool(finite.all()), name, first, checkpoints)
            values = {name: float(values[-1]) for name, values in metrics.items()}
            if _due(step, settings.log_every):
                log(step, values | progress.line(step, values))

        step, previous, signal = start, None, None
        for step in range(start + at_once, settings.steps + 1, at_once):
            with progress.waiting():
                batches = placed.feed(list(itertools.islice(stream, at_once)), batch_size)
            state, metrics = train_steps(state, batches, train_key)
            if previous:
                record(*previous)  # one call late: the device has the next to work on
            previous = step, metrics
            finished, signal = step == settings.steps, stops()
            saving = finished or signal or _due(step, settings.checkpoint_every)
            sampling = settings.sample_every and (finished or _due(step, settings.sample_every))
            evaluating = evaluate and (finished or _due(step, settings.eval_every))
            if saving or sampling or evaluating:
                check_present(workdir)
                record(*previous)
                previous = None
                with progress.paused():
                    whole = gather(state)
                    if saving:
                        finite = bool(all_finite(whole.params))
                        _check_finite(finite, "a parameter", step, checkpoints)
                    if sampling:  # before saving: what is saved is not done again
                        show(step, copy(whole))
                    if evaluate and best and evaluating:
                        evaluated = evaluate(copy(whole))
                        log(step, evaluated.values)
                        better = _agree(evaluated.score > best_score(best, measure))
                        print(_evaluation_line(step, evaluated, better), flush=True)
                        if better:
                            score = {"value": evaluated.score, "measure": measure}
                            save(best, whole, plain, score)
                    if saving:
                        save(checkpoints, whole, plain)
            if signal:
                break
        if report:
            report.write_page()
        wait(checkpoints)
        if step < settings.steps:
            print(f"stopped and saved at step {step}; the same command with --workdir continues")
        else:
            print(f"done; the report is {workdir / 'index.html'}")
        return signal if step < settings.steps else None


def _init_or_restore(
    config: Config,
    placed: Placed,
    key: PRNGKeyArray,
    workdir: Path,
    checkpoints: CheckpointManager,
) -> TrainState:
    """Return the latest saved state, or a new one, as it lies on the devices.

    A checkpoint does not depend on the devices that it was made on.
    """
    gathered = placed.gathered
    abstract = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        placed.shapes,
        gathered,
    )
    imported = is_import(workdir)
    state = None if imported else restore(checkpoints, abstract)
    if state is None:
        weights = str(workdir) if imported else config.train.init_from
        if weights is None:
            return make_placed_init(config, placed)(key)
        state = start_from(weights, jax.jit(make_init(config), out_shardings=gathered)(key))
    return jax.jit(placed.place, out_shardings=placed.shardings)(state)


def _compile(config: Config, placed: Placed) -> TrainSteps:
    """Compile the train step and say how long it took."""
    start = time.monotonic()
    compiled = lower_train_steps(config, placed).compile()
    print(f"compiled the train step in {time.monotonic() - start:.1f} s", flush=True)
    return compiled


def _evaluation_line(step: int, evaluated: Evaluated, better: bool) -> str:
    values = "  ".join(
        f"{name.removeprefix('eval/')} {value:.4g}" for name, value in evaluated.values.items()
    )
    return f"step {step} evaluated  {values}" + ("  (the best so far)" if better else "")


def _agree(value: bool) -> bool:
    """Return what process 0 says."""
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _check_finite(finite: bool, what: str, step: int, checkpoints: CheckpointManager) -> None:
    if not finite:
        saved = checkpoints.latest_step()
        kept = "no checkpoint was saved before" if saved is None else f"step {saved} is saved"
        raise UserError(
            f"training diverged: at step {step} {what} is not finite ({kept} in "
            f"{checkpoints.directory}): start another --workdir with a lower "
            "--config.method.learning_rate"
        )
