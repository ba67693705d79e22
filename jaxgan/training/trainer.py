"""The training loop, which depends only on the `Method` and `Dataset` protocols."""

import contextlib
import dataclasses
import time
from pathlib import Path

import jax

from jaxgan.config import Config, count_steps
from jaxgan.devices import processes
from jaxgan.errors import UserError
from jaxgan.methods.schedules import check_length
from jaxgan.training.fine_tune import check_import, is_import
from jaxgan.training.program import Program, make_program, resolve
from jaxgan.training.run_page import Status
from jaxgan.training.session import MakeEvaluate, open_session, open_workdir, restore_or_init
from jaxgan.training.workdir import check_present
from jaxgan.types import Scheduled


def train(config: Config, workdir: Path, make_evaluate: MakeEvaluate | None = None) -> int | None:
    """Train up to `config.train.steps`, from the latest checkpoint in `workdir` if there is one.

    Args:
        config: The experiment.
        workdir: The run's folder, created if missing.
        make_evaluate: Returns, for a config and its data, the function that evaluates a model every
            `config.train.eval_every` steps.

    Returns:
        The signal (SIGINT or SIGTERM) that ended the run early, after its state was saved; None if
        the run finished.

    Raises:
        UserError: If there is a problem that the user can fix.
    """
    processes.check_equal(config)
    program = make_program(config)
    if is_import(workdir):
        check_import(workdir, program.config, program.shapes)
    splits = config.data.prepare()
    program = dataclasses.replace(program, config=resolve(count_steps(config, splits)))
    settings = program.config.train
    init_key, train_key, sample_key = jax.random.split(jax.random.key(settings.seed), 3)
    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(open_workdir(program, splits, workdir))
        state = restore_or_init(program, workdir, checkpoints, init_key)
        start = int(state.step)
        if start >= settings.steps:
            length = "epochs" if settings.epochs else "steps"
            print(
                f"already trained for {start} steps: raise --config.train.{length} to go on, or "
                f"start another --workdir with --config.train.init_from={workdir}"
            )
            return None
        _check_start(program.config, start)
        session = stack.enter_context(
            open_session(program, splits, workdir, checkpoints, start, make_evaluate)
        )
        with session.progress.paused():
            if start == 0 and settings.sample_every:
                session.show(start, program.to_checkpoint(state), sample_key)
            session.write_page(Status(start))
            train_steps = _compile(program)
        step, signal = start, None
        while step < settings.steps and not signal:
            state, metrics = train_steps(state, session.next_batches(), train_key)
            step += settings.steps_per_dispatch
            session.record(step, metrics)  # one call late, so as not to wait for the device
            finished, signal = step == settings.steps, session.stops()
            saving = finished or signal or session.is_due(step, settings.checkpoint_every)
            sampling = session.is_due(step, settings.sample_every)
            evaluating = session.evaluation and session.is_due(step, settings.eval_every)
            if saving or sampling or evaluating:
                check_present(workdir)
                session.record_pending()
                with session.progress.paused():
                    checkpoint = program.to_checkpoint(state)
                    if saving:
                        session.check_params(step, checkpoint)
                    if sampling:  # before saving: a resumed run does not repeat it
                        session.show(step, checkpoint, sample_key)
                    if evaluating:
                        session.evaluate(step, checkpoint)
                    if saving:
                        session.save(checkpoint)
                    session.write_page(Status(step))
        session.finish(step)
        return signal if step < settings.steps else None


def _check_start(config: Config, start: int) -> None:
    """Check that a run can continue from a step, and print that it does.

    Raises:
        UserError: If it cannot.
    """
    at_once = config.train.steps_per_dispatch
    if start % at_once:
        raise UserError(
            f"the run is at step {start}, which is not a multiple of "
            f"config.train.steps_per_dispatch, {at_once}: set that to another number, or to 1"
        )
    if start:
        print(f"continuing after step {start}")
    if isinstance(config.method, Scheduled):
        check_length(config.method.schedule, start, config.train.steps)


def _compile(program: Program) -> jax.stages.Compiled:
    """Compile the train step and print the time."""
    start = time.monotonic()
    compiled = program.lower().compile()
    print(f"compiled the train step in {time.monotonic() - start:.1f} s", flush=True)
    return compiled
