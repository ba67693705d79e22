"""Stops a run on Ctrl-C and on SIGTERM, which clusters send before they reclaim a machine."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


@contextlib.contextmanager
def stop_on_signals(mesh: Mesh) -> Iterator[Callable[[], int | None]]:
    """Yield a function that returns the signal that ends the run, or None.

    The function must be called after every step. The first signal stops the run; after Ctrl-C, a
    second one ends the process at once. With several processes, one signal is enough: all stop
    after the same step.

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

    def local_signal():
        return next(iter(received), None)

    one_per_device = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    whether_any = jax.jit(jnp.any, out_shardings=NamedSharding(mesh, PartitionSpec()))
    asked: list[jax.Array] = []

    def global_signal():
        own = np.full(jax.local_device_count(), bool(received))
        flags = jax.make_array_from_process_local_data(one_per_device, own, (mesh.size,))
        asked.append(whether_any(flags))
        # The flag of the previous step is available without waiting.
        stops = len(asked) > 1 and bool(asked.pop(0))
        return next(iter(received), signal.SIGTERM) if stops else None

    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread:  # Python sets handlers only there; a thread is stopped by its program
        for number in before:
            signal.signal(number, receive)
    try:
        yield local_signal if jax.process_count() == 1 else global_signal
    finally:
        if in_main_thread:
            restore_handlers()
