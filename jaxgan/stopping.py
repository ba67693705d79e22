"""Ctrl-C and SIGTERM, by which clusters announce that they take a machine away."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

import jax
from jax.experimental import multihost_utils


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Callable[[int], int | None]]:
    """Give a function that says of a step which signal makes it the last one, if any.

    In a process that trains alone, the first signal does; a second one ends it at once. Of several
    processes one has to receive it for all of them to stop after the same step.
    """
    several = jax.distributed.is_initialized()
    received: list[int] = []
    # SIGTERM is left to JAX, which passes it on, if there are several.
    handled = (signal.SIGINT,) if several else (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in handled}

    def receive(number, frame):
        received.append(number)
        restore_handlers()
        print("stopping after this step; once more to stop at once", flush=True)
        if several:
            os.kill(os.getpid(), signal.SIGTERM)

    def restore_handlers():
        for number, handler in before.items():
            signal.signal(number, handler)

    def stops(step):
        if several and not multihost_utils.reached_preemption_sync_point(step):
            return None
        return next(iter(received), signal.SIGTERM if several else None)

    for number in before:
        signal.signal(number, receive)
    try:
        yield stops
    finally:
        restore_handlers()
