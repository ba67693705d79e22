"""Training in several processes, each with devices of its own, on JAX's runtime."""

import json
import os
import sys
import time
import zlib
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxgan.errors import UserError
from jaxgan.validation import check

HEARTBEAT = 30  # seconds without a sign of life after which a process counts as dead
GRACE = 2  # seconds that process 0, without which no other can go on, leaves them to end


@dataclass(frozen=True)
class Processes:
    """The processes that train together."""

    distributed: bool = False
    """Train together with the other processes of this job, which JAX knows of on TPU pods and under
    SLURM and Open MPI; elsewhere, say where they are with the three options below."""
    coordinator_address: str | None = None
    """HOST:PORT on which process 0 is to listen, the same for all processes."""
    num_processes: int | None = None
    """How many processes there are."""
    process_id: int | None = None
    """Which of them this is, from 0 on."""

    def __post_init__(self):
        address = self.coordinator_address
        check(address is None or ":" in address, "coordinator_address must be HOST:PORT")


def join(processes: Processes) -> None:
    """Meet the other processes, if there are any; all but process 0 fall silent on stdout.

    Raises:
        UserError: If they cannot be met.
    """
    where = (processes.coordinator_address, processes.num_processes, processes.process_id)
    if not processes.distributed and where == (None, None, None):
        return
    try:
        jax.distributed.initialize(
            *where,
            cluster_detection_method=None if processes.distributed else "deactivate",
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=HEARTBEAT,
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"cannot train together with other processes ({reason}): give all of them the same "
            "--coordinator_address and --num_processes, and each its --process_id"
        ) from error
    if jax.process_index():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_equal(config: Any) -> None:
    """Check that all processes train the same.

    Args:
        config: The config as plain values.

    Raises:
        UserError: If they do not.
    """
    own = zlib.crc32(json.dumps(config).encode())
    if np.any(multihost_utils.process_allgather(np.uint32(own)) != own):
        raise UserError("the processes were started with different settings: give all the same")


def leave(code: int) -> None:
    """End this process if it is one of several: the others would wait for it, or it for them."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        if jax.process_index() == 0:
            time.sleep(GRACE)
        os._exit(code)
