import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.methods.losses import ADVERSARIAL_LOSSES, correlation, l1

# By hand: softplus(x) = log(1 + e^x), whose values at -2 and 1 are 0.126928 and 1.313262.
SOFTPLUS = {-2.0: 0.12692801, -1.0: 0.31326169, 1.0: 1.31326169, 2.0: 2.12692801}


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        (
            "vanilla",
            (SOFTPLUS[-1.0] + SOFTPLUS[2.0]) / 2,
            (SOFTPLUS[1.0] + SOFTPLUS[-2.0]) / 2,
            (SOFTPLUS[-1.0] + SOFTPLUS[2.0]) / 2,
        ),
        ("least_squares", (0 + 9) / 2, (1 + 4) / 2, (0 + 9) / 2),
        ("hinge", (0 + 3) / 2, (2 + 0) / 2, (-1 + 2) / 2),
    ],
)
def test_values_at_logits_1_and_minus_2(name, real, fake, generator):
    logits = jnp.array([1.0, -2.0])
    loss = ADVERSARIAL_LOSSES[name]
    np.testing.assert_allclose(loss.real(logits), real, rtol=1e-6)
    np.testing.assert_allclose(loss.fake(logits), fake, rtol=1e-6)
    np.testing.assert_allclose(loss.generator(logits), generator, rtol=1e-6)


def test_vanilla_does_not_overflow():
    loss = ADVERSARIAL_LOSSES["vanilla"]
    assert loss.real(jnp.array([-500.0])) == 500
    assert loss.real(jnp.array([500.0])) == 0
    assert loss.fake(jnp.array([500.0])) == 500


def test_l1_is_a_mean():
    np.testing.assert_allclose(l1(jnp.array([1.0, -2.0]), jnp.array([0.0, 1.0])), 2.0)


@pytest.mark.parametrize(
    ("name", "boundary"), [("vanilla", 0), ("least_squares", 0.5), ("hinge", 0)]
)
def test_accuracy_is_the_share_on_the_right_side_of_the_boundary(name, boundary):
    real, fake = (boundary + jnp.array(x) for x in ([1.0, 1, 1, -1], [1.0, -1, 1, -1]))
    accuracy = ADVERSARIAL_LOSSES[name].accuracy("discriminator", real, fake)
    assert accuracy == {"accuracy/discriminator_real": 0.75, "accuracy/discriminator_fake": 0.5}


def test_correlation_is_that_of_brightness():
    a, b = (jax.random.uniform(jax.random.key(seed), (2, 8, 8, 3)) for seed in (1, 2))
    expected = np.corrcoef(np.ravel(a.mean(-1)), np.ravel(b.mean(-1)))[0, 1]
    np.testing.assert_allclose(correlation(a, b), expected, rtol=1e-4)
    np.testing.assert_allclose(correlation(a, -a), -1, rtol=1e-5)
    assert correlation(a, jnp.zeros_like(a)) == 0
