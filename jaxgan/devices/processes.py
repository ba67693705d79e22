"""Training in several processes, each with its own devices, with `jax.distributed`."""

import json
import multiprocessing
import os
import re
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxgan.config import Config, from_plain
from jaxgan.errors import UserError
from jaxgan.settings.resume import find_changes
from jaxgan.settings.stored import to_json

PATIENCE = 300  # seconds for all processes to start
CONFIG_SIZE = 2**16  # bytes, more than any config takes as text
HEARTBEAT = 30  # seconds without a heartbeat after which a process counts as dead
GRACE = 2  # seconds that process 0 waits for the others, which need it, to end


@dataclass(frozen=True)
class Processes:
    """The processes that train together."""

    distributed: bool = False
    """Train together with the other processes of this job. JAX finds them on TPU pods and under
    SLURM and Open MPI; elsewhere, also pass the three options below."""
    coordinator_address: str | None = None
    """HOST:PORT on which process 0 listens; the same for all processes."""
    num_processes: int | None = None
    """Number of processes."""
    process_id: int | None = None
    """Index of this process, starting at 0."""


def join(processes: Processes) -> None:
    """Connect to the other processes, if any; all but process 0 stop printing to stdout.

    Raises:
        UserError: If the connection fails.
    """
    address, count, own = where = (
        processes.coordinator_address,
        processes.num_processes,
        processes.process_id,
    )
    if not processes.distributed and where == (None, None, None):
        return
    if address is not None:
        if not re.fullmatch(r".+:[0-9]+", address):
            raise UserError(f"--coordinator_address={address} must be HOST:PORT")
        if own == 0:
            _check_free(int(address.rpartition(":")[2]))
    print(f"meeting {count or 'the other'} processes, for {PATIENCE} s at most", flush=True)
    jax.config.update("jax_enable_preemption_service", False)  # `stopping` handles signals
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler waits for JAX
    try:
        jax.distributed.initialize(
            *where,
            cluster_detection_method=None if processes.distributed else "deactivate",
            initialization_timeout=PATIENCE,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=HEARTBEAT,
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"cannot train together with other processes ({reason}): where JAX knows of no "
            "cluster, give all the same --coordinator_address and --num_processes, and each its "
            "--process_id"
        ) from error
    finally:
        signal.signal(signal.SIGINT, interrupt)
    if len({len(jax.local_devices(index)) for index in range(jax.process_count())}) > 1:
        raise UserError("all processes must have equally many devices")
    if jax.process_index():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check_free(port: int) -> None:
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise UserError(f"--coordinator_address: port {port} cannot be used ({error})") from error


def check_equal(config: Config) -> None:
    """Check that all processes train the same experiment.

    Raises:
        UserError: If they do not; the message says how this process differs from process 0.
    """
    text = np.frombuffer(json.dumps(to_json(config)).encode(), np.uint8)
    padded = np.zeros(CONFIG_SIZE, np.uint8)
    padded[: len(text)] = text
    of_first = bytes(multihost_utils.broadcast_one_to_all(padded)).rstrip(b"\0")
    first = from_plain(json.loads(of_first), config)
    changed = [change.line for change in find_changes(first, config)]
    if np.any(multihost_utils.process_allgather(np.asarray(bool(changed)))):
        own = "; ".join(changed) or "this one has those of process 0"
        raise UserError(f"the processes were started with different settings: {own}")


def check_shared(folder: Path) -> None:
    """Check that all processes share a folder that process 0 can write to.

    Raises:
        UserError: If they do not.
    """
    number = multihost_utils.broadcast_one_to_all(np.uint32(time.time_ns() % 2**32))
    token = folder / f".seen-by-all-{number}"
    if jax.process_index() == 0:
        token.touch()
    multihost_utils.sync_global_devices("written")
    deadline = time.monotonic() + HEARTBEAT  # network file systems may show it with a delay
    while not (seen := token.exists()) and time.monotonic() < deadline:
        time.sleep(1)
    all_see = np.all(multihost_utils.process_allgather(np.asarray(seen)))
    if jax.process_index() == 0:
        token.unlink()
    if not all_see:
        raise UserError(f"--workdir {folder} must be a folder that all processes can see")


def leave(code: int) -> None:
    """End this process if it is one of several, which would otherwise wait for each other."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        if jax.process_index() == 0:
            time.sleep(GRACE)
        for child in multiprocessing.active_children():  # workers that decode images
            child.kill()
        os._exit(code)
