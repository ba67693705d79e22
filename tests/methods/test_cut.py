"""What is special about CUT and FastCUT."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import METHODS, init, train_step
from paths import REFERENCE

from jaxgan.interop.torch_file import read_tensors
from jaxgan.interop.torch_names import from_torch
from jaxgan.methods.cut import CUT, patch_nce
from jaxgan.networks.layers.compute import Compute

KEY = jax.random.key(0)
CASE = METHODS["cut"]
FASTCUT = {"lambda_nce": 10.0, "nce_identity": False, "flip_equivariance": True}


class Given(CUT):
    """Takes the positions of its patches from the batch."""

    def train_step(self, state, batch, key):
        positions = [batch[f"positions_{layer}"] for layer in range(5)]
        drawn = [layer[image] for image in (0, 1) for layer in positions]
        object.__setattr__(self, "given", iter(drawn))
        return super().train_step(state, {"a": batch["a"], "b": batch["b"]}, key)

    def draw_patches(self, key, positions):
        return next(self.given)


def mirrors(method, key):
    """Return whether the step with this key mirrors the generator's input."""
    x = jnp.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    return bool(method.mirror(x, jax.random.split(key, 6)[0])[0, 0, 0, 0])


def reference_weights(method, numbers):
    """Return the parameters from which the reference starts."""
    files = {"generator": "G_A", "discriminator": "D_A"}
    networks = {"generator": method.make_generator(3), "discriminator": method.make_discriminator()}
    params = {}
    for name, network in networks.items():
        shapes = jax.eval_shape(network.init, KEY, jnp.zeros((1, 32, 32, 3)))["params"]
        tensors = read_tensors(REFERENCE / f"cyclegan_idt0.5_net_{files[name]}.pth")
        params[name] = from_torch(network, shapes, {}, tensors)[0]
    for number, name in enumerate(method.heads):
        params[name] = {
            ours: {
                "kernel": numbers[f"head_{number}.{theirs}.weight"].T,
                "bias": numbers[f"head_{number}.{theirs}.bias"],
            }
            for ours, theirs in (("layers_0", 0), ("layers_2", 2))
        }
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), params)


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "settings"), [("cut", {}), ("fastcut", FASTCUT)])
def test_it_trains_as_pytorch_in_double_precision(name, settings):
    numbers = np.load(REFERENCE / "cut_float64.npz")
    sizes = {"features": 8, "discriminator_features": 8, "blocks": 6, "head_features": 16}
    method = Given(**sizes, **settings)
    keys = {mirrors(method, key): key for key in map(jax.random.key, range(8))}
    with jax.enable_x64(True):
        images = {n: jnp.asarray(numbers[n], jnp.float64) / 127.5 - 1 for n in "ab"}
        state = init(method, KEY, jax.eval_shape(lambda: images))
        params = reference_weights(method, numbers)
        assert jax.tree.structure(params) == jax.tree.structure(state.params)
        opt_state = {n: method.make_optimizer().init(p) for n, p in params.items()}
        state = state.replace(params=params, opt_state=opt_state)
        step, losses = jax.jit(method.train_step), []
        for number, mirrored in enumerate(numbers[f"{name}_mirrored"]):
            drawn = {f"positions_{n}": numbers[f"positions_{n}"][number] for n in range(5)}
            state, metrics = step(state, images | drawn, keys[mirrored])
            losses.append(jax.device_get(metrics))
        output = method.sample(state, images, KEY)["fake B"]
    images_contrasted = 2 if method.nce_identity else 1  # of which the loss is the mean
    names = {
        "generator_gan": ("G_GAN", 1),
        "discriminator_real": ("D_real", 1),
        "discriminator_fake": ("D_fake", 1),
        "nce_a": ("NCE", images_contrasted),
        "nce_b": ("NCE_Y", images_contrasted),
    }
    for ours, (theirs, count) in list(names.items())[: 3 + images_contrasted]:
        actual = [count * metrics[f"loss/{ours}"] for metrics in losses]
        np.testing.assert_allclose(actual, numbers[f"{name}_{theirs}"], rtol=1e-10, err_msg=ours)
    np.testing.assert_allclose(output, numbers[f"{name}_output"], atol=1e-10)


@pytest.mark.parametrize(
    ("blocks", "layers"),
    [(9, (0, 1, 2, 3, 7)), (6, (0, 1, 2, 3, 7)), (2, (0, 1, 2, 3, 4)), (1, (0, 1, 2, 3))],
)
def test_the_layers_are_the_authors_where_there_are_as_many(blocks, layers):
    assert CUT(blocks=blocks).layers == layers


def widen(tree):
    return jax.tree.map(lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, tree)


@pytest.mark.slow
def test_parts_of_a_batch_have_the_gradients_of_the_whole():
    with jax.enable_x64(True):
        moments = []
        for parts in (1, 2):
            # All patches: their order, which is drawn for each part, does not matter.
            compute = Compute(accumulate=parts)
            method = dataclasses.replace(CASE.method, patches=500, compute=compute)
            state = widen(init(method, KEY, CASE.spec(4)))
            after, _ = train_step(method)(state, widen(CASE.batch(4)), KEY)
            moments.append({name: state[0].mu for name, state in after.opt_state.items()})
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-12), *moments)


def test_the_contrast_of_equal_patches_is_the_logarithm_of_their_number():
    same = jnp.ones((2, 5, 3)) / jnp.sqrt(3)
    assert patch_nce(same, same, 0.07) == pytest.approx(np.log(5), rel=1e-5)
    apart = jnp.eye(5)[None]
    assert patch_nce(apart, apart, 0.07) < 1e-5
    assert patch_nce(apart, apart[:, ::-1], 0.07) > 10
    q, k = jax.random.normal(KEY, (2, 1, 5, 3))
    assert not jax.grad(patch_nce, argnums=1)(q, k, 1.0).any()
    assert jax.grad(patch_nce)(q, k, 1.0).all()


def test_patches_without_a_direction_have_finite_gradients():
    head = CUT(head_features=4).make_head()
    x = jnp.zeros((1, 2, 3))
    params = head.init(KEY, x)
    gradients = jax.grad(lambda params, x: head.apply(params, x).sum(), argnums=(0, 1))(params, x)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_patches_are_drawn_without_repetition():
    drawn = CUT(patches=16).draw_patches(KEY, 20)
    assert len(set(drawn.tolist())) == 16
    assert set(CUT(patches=256).draw_patches(KEY, 20).tolist()) == set(range(20))


def test_domains_must_have_the_same_channels():
    case = CASE._replace(shapes={"a": (16, 16, 1), "b": (16, 16, 3)})
    with pytest.raises(ValueError, match="one size and number of channels"):
        init(CASE.method, KEY, case.spec(1))
