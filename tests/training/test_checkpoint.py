import logging
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from cases import METHODS, init, train_step

from jaxgan.devices.mesh import ShardedMethod, mesh_of
from jaxgan.errors import UserError
from jaxgan.training.checkpoint import all_finite, digest, open_checkpoints, restore, save
from jaxgan.training.quiet import silence_orbax

CASE = METHODS["pix2pix"]


def state_at(step, seed=0):
    state = init(CASE.method, jax.random.key(seed), CASE.spec(2))
    return state.replace(step=jnp.asarray(step, jnp.int32))


def write(directory, steps, **options):
    options = {"keep_last": 3, "keep_every": 0} | options
    with open_checkpoints(directory, **options) as checkpoints:
        for step in steps:
            save(checkpoints, state_at(step, seed=step), {"lesson": step})
    return directory


def read(directory):
    with open_checkpoints(directory, keep_last=3, keep_every=0) as checkpoints:
        return restore(checkpoints, jax.eval_shape(lambda: state_at(0)))


def damage(directory):
    """Cut every file of a checkpoint's arrays in half."""
    files = [file for file in (directory / "state").rglob("*") if file.is_file()]
    assert files
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])


def assert_equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.gpu
@pytest.mark.parametrize("case", METHODS.values(), ids=METHODS.keys())
def test_the_whole_state_comes_back_bit_for_bit(tmp_path, case):
    state = init(case.method, jax.random.key(0), case.spec(2))
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        save(checkpoints, state, {})
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        assert_equal(restore(checkpoints, jax.eval_shape(lambda: state)), state)


@pytest.mark.gpu  # with --xla_gpu_deterministic_ops=true
@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "dcgan", "cut"])
def test_a_restored_state_continues_bit_for_bit(tmp_path, name):
    case, key = METHODS[name], jax.random.key(1)
    step = partial(train_step(case.method), batch=case.batch(2), key=key)
    state, _ = step(init(case.method, jax.random.key(0), case.spec(2)))
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        save(checkpoints, state, {})
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        restored = restore(checkpoints, jax.eval_shape(lambda: state))
    assert_equal(step(restored), step(state))


def test_there_may_be_none(tmp_path):
    assert read(tmp_path) is None


def test_the_latest_is_taken(tmp_path):
    assert read(write(tmp_path, [1, 2, 10])).step == 10


def test_the_last_ones_and_every_nth_are_kept(tmp_path):
    write(tmp_path, range(1, 11), keep_last=2, keep_every=4)
    kept = sorted(int(path.name) for path in tmp_path.iterdir() if path.name.isdigit())
    assert kept == [4, 8, 9, 10]


def test_what_is_saved_replaces_later_steps(tmp_path):
    """Where a run was continued from before the step of its best model, say."""
    write(tmp_path, [4, 8])
    write(tmp_path, [6])
    assert {path.name for path in tmp_path.iterdir() if path.name.isdecimal()} == {"4", "6"}
    assert_equal(read(tmp_path), state_at(6, seed=6))


def test_a_checkpoint_carries_its_config(tmp_path):
    write(tmp_path, [3])
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        restored = checkpoints.restore(3, args=ocp.args.Composite(config=ocp.args.JsonRestore()))
    assert restored["config"] == {"lesson": 3}


def test_a_damaged_checkpoint_is_passed_over_and_that_is_said(tmp_path, capsys):
    damage(write(tmp_path, [1, 2, 3]) / "3")
    assert_equal(read(tmp_path), state_at(2, seed=2))
    assert "3 cannot be read" in capsys.readouterr().out
    assert_equal(read(write(tmp_path, [3])), state_at(3, seed=3))  # its place is free again


def test_nothing_but_damaged_checkpoints_is_an_error(tmp_path):
    damage(write(tmp_path, [1]) / "1")
    with pytest.raises(UserError, match=r"no checkpoint in .* can be read"):
        read(tmp_path)


def test_a_flipped_bit_does_not_pass_for_a_weight(tmp_path):
    directory = write(tmp_path, [1, 2])
    files = [file for file in (directory / "2" / "state").rglob("*") if file.is_file()]
    file = max(files, key=lambda file: file.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert_equal(read(directory), state_at(1, seed=1))


def test_the_digest_changes_with_any_bit_and_any_place():
    tree = {"a": jnp.arange(8.0), "b": jnp.arange(3)}
    swapped = {"a": tree["a"][jnp.array([1, 0, 2, 3, 4, 5, 6, 7])], "b": tree["b"]}
    changed = {"a": jnp.nextafter(tree["a"], jnp.inf), "b": tree["b"]}
    assert len({int(digest(t)) for t in (tree, swapped, changed)}) == 3
    assert int(digest(tree)) == int(digest(jax.tree.map(jnp.copy, tree)))


def test_the_state_may_be_donated_while_it_is_written(tmp_path):
    step = jax.jit(CASE.method.train_step, donate_argnums=0)
    state, expected = state_at(1), state_at(1)
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        save(checkpoints, state, {})
        for _ in range(3):
            state, _ = step(state, CASE.batch(2), jax.random.key(0))
    assert_equal(read(tmp_path), expected)


def test_a_checkpoint_of_eight_devices_continues_on_one(tmp_path):
    sharded = ShardedMethod(CASE.method, mesh_of(data=2, fsdp=4), jax.eval_shape(state_at, 1))
    state = jax.device_put(state_at(1), sharded.checkpoint_sharding)
    assert not all(leaf.is_fully_replicated for leaf in jax.tree.leaves(state))
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        save(checkpoints, state, {})
    single = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=single),
        jax.eval_shape(lambda: state_at(0)),
    )
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0) as checkpoints:
        restored = restore(checkpoints, abstract)
    assert_equal(restored, state)
    assert {leaf.sharding for leaf in jax.tree.leaves(restored)} == {single}


def test_all_finite_sees_a_single_nan():
    assert all_finite({"a": jnp.ones(3), "b": jnp.ones(())})
    assert not all_finite({"a": jnp.ones(3).at[1].set(jnp.nan), "b": jnp.ones(())})
    assert not all_finite({"a": jnp.ones(3), "b": jnp.array(jnp.inf)})


def test_only_failed_writes_are_left_out_of_what_nobody_can_catch(monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    silence_orbax.__wrapped__()
    closed, other = (
        SimpleNamespace(object=None, exc_value=RuntimeError(text))
        for text in ("Event loop is closed", "another error")
    )
    sys.unraisablehook(closed)
    sys.unraisablehook(other)
    assert shown == [other]


@pytest.mark.parametrize(
    ("file", "level", "shown"),
    [
        (ocp.checkpoint_manager.__file__, logging.WARNING, False),  # such as about a slow disk
        (ocp.checkpoint_manager.__file__, logging.ERROR, True),
        (jax.__file__, logging.WARNING, True),
    ],
)
def test_warnings_of_orbax_are_not_shown(tmp_path, file, level, shown):
    with open_checkpoints(tmp_path, keep_last=1, keep_every=0):
        pass
    message = logging.makeLogRecord({"pathname": file, "levelno": level, "msg": "a message"})
    assert bool(logging.getLogger("absl").filter(message)) == shown


FULL_DISK = """
import sys
from pathlib import Path
import jax, numpy as np
from jaxgan.cli import console
from jaxgan.training.checkpoint import open_checkpoints, save
from jaxgan.types import TrainState

def main():
    rng = np.random.default_rng(0)
    params = {str(name): jax.numpy.asarray(rng.random(10_000, np.float32)) for name in range(30)}
    state = TrainState(jax.numpy.int32(1), params, {}, {}, {})
    with open_checkpoints(Path(sys.argv[1]), keep_last=1, keep_every=0) as checkpoints:
        save(checkpoints, state, {})
    return 0

sys.exit(console.run(main))
"""


def test_a_disk_that_is_full_during_a_save_ends_in_one_line(tmp_path):
    """A limit on the size of files fails writes as a full disk does."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "checkpoints")]
    limited = ["bash", "-c", 'ulimit -f 50; exec "$@"', "bash", *command]
    failed = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"error: cannot write a checkpoint to {tmp_path / 'checkpoints'} (File")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["1"]


def test_a_checksum_does_not_depend_on_double_precision():
    tree = {"step": np.int32(7), "kernel": np.arange(10, dtype=np.float32)}
    expected = digest(jax.tree.map(jnp.asarray, tree))
    with jax.enable_x64(True):
        assert digest(jax.tree.map(jnp.asarray, tree)) == expected
