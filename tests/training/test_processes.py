"""`train.py` in several processes, which share a run."""

import re
import signal
import socket
import time

import pytest
from test_process import losses, run, start, wait_for

from jaxgan.devices.processes import Processes, join
from jaxgan.errors import UserError
from jaxgan.training.checkpoint import find_checkpoint, read_weights

SLOW = pytest.mark.slow
BATCH = "--config.train.batch_size=4"
QUIET = "--config.train.sample_every=0"
# Where little is optimized, sums are taken one by one and stray further from each other.
ROUNDED_AS_USUAL = ("env", "XLA_FLAGS=--xla_backend_optimization_level=1")


def start_all(count, workdir, data_dir, *arguments, devices=4):
    """Start processes with as many devices in all, as virtual ones of this machine."""
    with socket.create_server(("localhost", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
    together = (BATCH, f"--coordinator_address={address}", f"--num_processes={count}")
    prefix = (*ROUNDED_AS_USUAL, f"JAX_NUM_CPU_DEVICES={devices // count}")
    return [
        start(workdir, data_dir, *together, f"--process_id={i}", *arguments, prefix=prefix)
        for i in range(count)
    ]


def finish(processes, timeout=300):
    """Return exit codes, and what each process said on both channels."""
    said = [process.communicate(timeout=timeout) for process in processes]
    return [process.returncode for process in processes], said


def run_all(count, *arguments, **options):
    codes, said = finish(start_all(count, *arguments, **options))
    assert codes == [0] * count, said
    return said


def has_saved(workdir, step):
    checkpoints = workdir / "checkpoints"
    return any(int(path.name) >= step for path in checkpoints.glob("*") if path.name.isdecimal())


def assert_same_losses(workdir, other):
    assert len(losses(workdir)) == len(losses(other))
    for record, expected in zip(losses(workdir), losses(other), strict=True):
        assert record == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize(
    ("count", "devices", "mesh"),
    # With four, an image lies in two processes, and each of them reads half of the batch.
    [(1, 1, "data:1"), pytest.param(4, 4, "data:2,spatial:2", marks=SLOW)],
)
def test_two_processes_train_as_one_and_other_numbers_continue_them(
    tmp_path, data_dir, count, devices, mesh
):
    one, two = (tmp_path / name for name in ("one", "two"))
    single = (BATCH, "--config.train.mesh=data:1")
    code, _, errors = run(one, data_dir, *single, prefix=ROUNDED_AS_USUAL)
    assert code == 0, errors

    # In the first half a device of each process holds a quarter of the large arrays.
    half = "--config.train.steps=3"
    first, second = run_all(2, two, data_dir, "--config.train.mesh=fsdp:4", half)
    assert "devices: 4 of 4 x cpu in 2 processes, mesh fsdp:4" in first[0]
    assert "step 3/3" in first[0]
    assert "step" not in second[0]  # process 0 reports
    shares = [path.name for path in (find_checkpoint(two) / "state").glob("ocdbt.process_*")]
    assert sorted(shares) == ["ocdbt.process_0", "ocdbt.process_1"]
    params, _ = read_weights(find_checkpoint(two))  # for fine-tuning, by this one process
    assert set(params) == {"generator", "discriminator"}

    first, *_ = run_all(count, two, data_dir, f"--config.train.mesh={mesh}", devices=devices)
    assert "continuing after step 3" in first[0]
    assert_same_losses(two, one)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGTERM, 0, marks=SLOW), pytest.param(signal.SIGINT, 130, marks=SLOW)],
)
def test_a_signal_to_one_process_stops_all_after_the_same_step(tmp_path, data_dir, number, code):
    processes = start_all(2, tmp_path, data_dir, QUIET, "--config.train.steps=100000")
    wait_for(lambda: has_saved(tmp_path, 2), processes[0])
    processes[1].send_signal(number)
    codes, said = finish(processes, timeout=60)
    assert codes == [0, code], said
    saved = int(said[0][0].rpartition("saved at step ")[2].partition(";")[0])
    assert find_checkpoint(tmp_path).name == str(saved)
    assert losses(tmp_path)[-1]["step"] == saved


@pytest.mark.parametrize("victim", [pytest.param(n, marks=SLOW) for n in (0, 1)])
def test_when_a_process_is_killed_the_others_end_and_the_same_command_continues(
    tmp_path, data_dir, victim
):
    processes = start_all(2, tmp_path, data_dir, QUIET, "--config.train.steps=100000")
    wait_for(lambda: has_saved(tmp_path, 4), processes[0])
    processes[victim].kill()
    killed = time.monotonic()
    codes, said = finish(processes, timeout=60)
    assert time.monotonic() - killed < 60
    assert codes[victim] == -signal.SIGKILL
    assert codes[1 - victim] != 0
    assert re.search("another task died|an operation across processes failed", said[1 - victim][1])
    if victim == 1:
        last = int(find_checkpoint(tmp_path).name)
        first, _ = run_all(2, tmp_path, data_dir, QUIET, f"--config.train.steps={last + 1}")
        assert f"continuing after step {last}" in first[0]


@pytest.mark.slow
def test_processes_that_start_together_prepare_the_data_once(tmp_path):
    data_dir = tmp_path / "data"
    alone = [
        start(tmp_path / name, data_dir, QUIET, "--config.train.steps=1") for name in ("a", "b")
    ]
    codes, said = finish(alone)
    assert codes == [0, 0], said
    assert sum("preparing train" in errors for _, errors in said) == 1
    assert len(list(data_dir.glob("*/*/dataset_info.json"))) == 1


def test_processes_of_a_slurm_job_meet_and_differing_settings_end_in_one_line(tmp_path, data_dir):
    job = next(job for job in range(4096) if is_free(61440 + job))  # JAX's choice of a port
    slurm = f"SLURM_JOB_ID={job} SLURM_STEP_NODELIST=localhost SLURM_NTASKS=2 SLURM_LOCALID=0"
    processes = [
        start(
            *(tmp_path, data_dir, "--distributed", f"--config.train.seed={i}"),
            prefix=("env", *slurm.split(), f"SLURM_PROCID={i}"),
        )
        for i in range(2)
    ]
    codes, said = finish(processes, timeout=120)
    assert codes == [2, 2], said
    assert all("started with different settings: " in errors for _, errors in said)
    assert "config.train.seed was 0, is 1" in said[1][1]
    assert not (tmp_path / "config.json").exists()


def is_free(port):
    try:
        socket.create_server(("", port)).close()
    except OSError:
        return False
    return True


def test_without_a_cluster_the_processes_must_be_given():
    with pytest.raises(UserError, match="give all the same --coordinator_address"):
        join(Processes(distributed=True))


def test_process_0_listens_on_a_free_port():
    with pytest.raises(UserError, match="must be HOST:PORT"):
        join(Processes(coordinator_address="localhost"))
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be used"):
            join(Processes(coordinator_address=f"localhost:{port}", process_id=0))
