"""Ctrl-C and SIGTERM, by which clusters announce that they take a machine away."""

import contextlib
import signal
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


@contextlib.contextmanager
def stop_on_signals(mesh: Mesh) -> Iterator[Callable[[], int | None]]:
    """Give a function, to be called after every step, that says which signal ends the run, if any.

    The first signal does; after Ctrl-C a second one ends the process at once. Of several processes
    one has to receive it: all of them are told after the same step, one after the next.

    Args:
        mesh: The devices of all processes.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def receive(number, frame):
        received.append(number)
        print("stopping after this step; Ctrl-C once more to stop at once", flush=True)
        if number == signal.SIGINT:
            restore_handlers()

    def restore_handlers():
        for number, handler in before.items():
            signal.signal(number, handler)

    def alone():
        return next(iter(received), None)

    one_a_device = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    whether_any = jax.jit(jnp.any, out_shardings=NamedSharding(mesh, PartitionSpec()))
    asked: list[jax.Array] = []

    def together():
        own = np.full(jax.local_device_count(), bool(received))
        flags = jax.make_array_from_process_local_data(one_a_device, own, (mesh.size,))
        asked.append(whether_any(flags))
        # That of the step before is there without waiting.
        stops = len(asked) > 1 and bool(asked.pop(0))
        return next(iter(received), signal.SIGTERM) if stops else None

    for number in before:
        signal.signal(number, receive)
    try:
        yield alone if jax.process_count() == 1 else together
    finally:
        restore_handlers()
