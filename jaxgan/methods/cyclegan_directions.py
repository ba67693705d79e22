"""CycleGAN with each direction on its own half of the devices: A to B on one, B to A on the other.

A half holds one generator, and the discriminator and the pool of its target domain. The steps are
those of `CycleGAN.train_step`. The halves exchange only generated images and, in the backward pass,
their gradients.
"""

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Integer, PRNGKeyArray

from jaxgan.methods import accumulate
from jaxgan.methods.averages import update_averages
from jaxgan.methods.image_pool import query
from jaxgan.methods.losses import ADVERSARIAL_LOSSES, correlation, l1
from jaxgan.methods.updates import Passes, run, update_all
from jaxgan.types import Batch, Metrics, TrainState

if TYPE_CHECKING:
    import jaxgan.methods.cyclegan

DIRECTIONS = ("ab", "ba")
Domain = Float[Array, "batch height width _"]  # images of either domain
PARTS = ("params", "batch_stats", "opt_state", "memory")


def _names(direction: str) -> dict[str, str]:
    """Return the names of a direction's networks, pool and average, by role."""
    return {
        "generator": f"generator_{direction}",
        "discriminator": f"discriminator_{direction[1]}",
        "pool": f"pool_{direction[1]}",
        "average": f"average_{direction}",
    }


def stack(state: TrainState) -> TrainState:
    """Return a state with names by role and both directions stacked along a new first axis.

    Raises:
        ValueError: If the shapes of the directions differ.
    """

    def pick(part, direction):
        return {role: part[name] for role, name in _names(direction).items() if name in part}

    ab, ba = (
        {part: pick(getattr(state, part), direction) for part in PARTS} for direction in DIRECTIONS
    )
    if jax.tree.map(jnp.shape, ab) != jax.tree.map(jnp.shape, ba):
        raise ValueError("the directions can only be split if A and B have the same channels")
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), ab, ba)
    return TrainState(step=state.step, **stacked)


def unstack(state: TrainState) -> TrainState:
    """Undo `stack`."""

    def name(part):
        return {
            _names(direction)[role]: jax.tree.map(lambda leaf, half=half: leaf[half], value)
            for half, direction in enumerate(DIRECTIONS)
            for role, value in part.items()
        }

    return TrainState(step=state.step, **{part: name(getattr(state, part)) for part in PARTS})


def train_step(
    method: "jaxgan.methods.cyclegan.CycleGAN",
    state: TrainState,
    batch: Batch,
    key: PRNGKeyArray,
    mesh: Mesh,
) -> tuple[TrainState, Metrics]:
    """Run `CycleGAN.train_step` on a stacked state whose first axis the mesh shards."""

    def update_half(half, a, b, step, keys):
        is_ab = jax.lax.axis_index("direction") == 0
        x, y = jnp.where(is_ab, a, b), jnp.where(is_ab, b, a)
        half, key = jax.tree.map(lambda leaf: leaf[0], (half, keys))
        half, metrics = _update(method, half, x, y, step, key)
        return jax.tree.map(lambda leaf: leaf[None], (half, metrics))

    # XLA's partitioner handles the other axes of the mesh.
    half, both = P("direction"), P()
    update_halves = jax.shard_map(
        update_half,
        mesh=mesh,
        in_specs=(half, both, both, both, half),
        out_specs=half,
        axis_names={"direction"},
    )
    stepless = dataclasses.replace(state, step=())
    after, metrics = update_halves(
        stepless, batch["a"], batch["b"], state.step, jax.random.split(key)
    )
    named = {
        name.format(direction=direction, target=direction[1]): values[half]
        for half, direction in enumerate(DIRECTIONS)
        for name, values in metrics.items()
    }
    named |= method.find_inverted(named, state.step)
    after = dataclasses.replace(after, step=state.step + 1)
    if method.ema:
        averages = update_averages(state, after, method.ema)
        after = dataclasses.replace(after, memory=after.memory | averages)
    return after, named


def _update(
    method: "jaxgan.methods.cyclegan.CycleGAN",
    half: TrainState,
    x: Domain,
    y: Domain,
    step: Integer[Array, ""],
    key: PRNGKeyArray,
) -> tuple[TrainState, Metrics]:
    """Update the networks of the direction that translates `x` to the domain of `y`."""
    gan, parts = ADVERSARIAL_LOSSES[method.adversarial_loss], method.compute.accumulate
    identity = method.lambda_identity > 0  # both domains have the same channels

    def generator_loss(params, stats, images, key):
        x, y = images
        generator = Passes(method.make_generator(y.shape[-1]), params, stats, key)
        if identity and method.norm == "instance":
            fake, same = generator.both(x, y)
            cycled = generator(_exchange(fake))
        else:
            fake = generator(x)
            cycled = generator(_exchange(fake))
            same = generator(y) if identity else y
        judged, _ = run(
            method.make_discriminator(),
            half.params["discriminator"],
            half.batch_stats["discriminator"],
            method.augment(fake, key, 4),
        )
        losses = {
            "loss/generator_{direction}_gan": gan.generator(judged),
            "loss/cycle_{target}": method.lambda_cycle * l1(cycled, y),
        }
        if identity:
            weight = method.lambda_identity * method.lambda_cycle
            losses["loss/identity_{target}"] = weight * l1(same, y)
        return sum(losses.values()), ((losses, fake), generator.stats)

    gradients, batch_stats, memory = {}, {}, {}
    gradients["generator"], ((metrics, fake), batch_stats["generator"]) = accumulate.grad(
        generator_loss, parts
    )(half.params["generator"], half.batch_stats["generator"], (x, y), key)

    old_fake = fake
    if method.pool_size:
        pool_key = jax.random.fold_in(key, 3)
        memory["pool"], old_fake = query(half.memory["pool"], fake, pool_key)

    loss = partial(method.discriminator_loss, "{target}", step)
    gradients["discriminator"], (measured, batch_stats["discriminator"]) = accumulate.grad(
        loss, parts
    )(half.params["discriminator"], half.batch_stats["discriminator"], (y, old_fake), key)

    params, opt_state = update_all(method.make_optimizer(), gradients, half)
    metrics |= measured | {"correlation/{direction}": correlation(x, fake)}
    return TrainState(half.step, params, batch_stats, opt_state, memory), metrics


def _exchange(images: Domain) -> Domain:
    """Return the images of the other half of the devices."""
    return jax.lax.ppermute(images, "direction", ((0, 1), (1, 0)))
