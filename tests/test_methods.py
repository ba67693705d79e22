"""What every method promises."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from methods import METHODS

from jaxgan import partition

pytestmark = pytest.mark.parametrize("case", METHODS.values(), ids=METHODS.keys())
KEY = jax.random.key(7)


def init(case, batch_size=2):
    return jax.jit(lambda key: case.method.init(key, case.spec(batch_size)))(jax.random.key(0))


def describe(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def assert_trees_equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_a_step_keeps_tree_shapes_and_dtypes_of_the_state(case):
    state = init(case)
    after, metrics = jax.jit(case.method.train_step)(state, case.batch(2), KEY)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert describe(after) == describe(state)
    assert all(value.shape == () and jnp.isfinite(value) for value in metrics.values())
    assert after.step == 1


def test_the_step_compiles_once(case):
    step = jax.jit(case.method.train_step)
    state = init(case)
    for seed in range(3):
        state, _ = step(state, case.batch(2, seed), jax.random.key(seed))
    assert step._cache_size() == 1


def test_every_network_moves_and_none_twice_in_optimizer_terms(case):
    state = init(case)
    after, _ = jax.jit(case.method.train_step)(state, case.batch(2), KEY)
    for name, params in state.params.items():
        moved = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), params, after.params[name])
        assert max(jax.tree.leaves(moved)) > 0, name
        assert after.opt_state[name][0].count == 1


def test_no_two_networks_start_equal(case):
    kernels = [
        leaf.reshape(-1)[:16]
        for params in init(case).params.values()
        for leaf in jax.tree.leaves(params)
        if leaf.ndim == 4
    ]
    firsts = {tuple(np.asarray(kernel).tolist()) for kernel in kernels}
    assert len(firsts) == len(kernels)


def test_equal_keys_give_equal_states_and_steps(case):
    runs = [jax.jit(case.method.train_step)(init(case), case.batch(2), KEY) for _ in range(2)]
    assert_trees_equal(*runs)


def test_eight_devices_compute_what_one_does(case):
    results = []
    for count in (1, 8):
        mesh = Mesh(jax.devices()[:count], ("data",))
        everywhere, split = partition.replicate(mesh), partition.split_batch(mesh)
        init_sharded = partial(case.method.init, batch_spec=case.spec(8))
        state = jax.jit(init_sharded, out_shardings=everywhere)(jax.random.key(0))
        step = jax.jit(
            case.method.train_step,
            in_shardings=(everywhere, split, everywhere),
            out_shardings=everywhere,
        )
        losses = []
        for seed in range(3):
            state, metrics = step(state, case.batch(8, seed), jax.random.key(seed))
            losses.append(metrics)
        samples = case.method.sample(state, case.batch(8), KEY)
        results.append((losses, samples))
    (losses, samples), (sharded_losses, sharded_samples) = jax.device_get(results)
    # Rounding alone: Adam makes full steps of gradients that are nothing but rounding.
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-4), sharded_losses, losses)
    jax.tree.map(partial(np.testing.assert_allclose, atol=2e-3), sharded_samples, samples)


def test_samples_do_not_depend_on_batch_mates(case):
    state = init(case)
    batch, others = case.batch(2, seed=1), case.batch(2, seed=2)
    mixed = {name: jnp.stack([batch[name][0], others[name][1]]) for name in batch}
    sample = jax.jit(case.method.sample)
    for name, images in sample(state, batch, KEY).items():
        np.testing.assert_array_equal(sample(state, mixed, KEY)[name][0], images[0])


def test_samples_are_images(case):
    for images in case.method.sample(init(case), case.batch(2), KEY).values():
        assert images.shape[0] == 2
        assert jnp.abs(images).max() <= 1
