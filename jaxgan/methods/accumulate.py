"""Gradient accumulation: processes a batch in micro-batches to save memory.

A loss is a mean over images, so its gradient over a batch is the mean of its gradients over the
parts. The parts are interleaved, so that splitting a sharded batch moves no data between devices.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.methods.loops import scan
from jaxgan.types import Images, PyTree

Loss = Callable[[PyTree, PyTree, PyTree, PyTree], tuple[Any, tuple[PyTree, PyTree]]]
Forward = Callable[[PyTree, PyTree, PyTree, PyTree], tuple[Images, PyTree]]
Pullback = Callable[[Images], PyTree]


def split_batch(batch: PyTree, parts: int) -> PyTree:
    """Split arrays along the batch axis into parts, which become a new first axis."""
    return jax.tree.map(
        lambda x: x.reshape(len(x) // parts, parts, *x.shape[1:]).swapaxes(0, 1), batch
    )


def merge_batch(parts: PyTree) -> PyTree:
    """Undo `split_batch`."""
    return jax.tree.map(lambda x: x.swapaxes(0, 1).reshape(-1, *x.shape[2:]), parts)


def grad(loss: Loss, parts: int) -> Callable[..., tuple[PyTree, tuple]]:
    """Return `jax.grad(loss, has_aux=True)` that processes the batch in parts.

    Args:
        loss: `loss(params, batch_stats, batch, key)` returns a scalar and, as auxiliary data,
            `(aux, batch_stats)`. Each part gets the running statistics that the previous one
            returned, and its own keys, derived from those in the pytree `key`. In `aux`, scalars
            are averaged over the parts and arrays are merged along their batch axis.
        parts: Number of parts; with one this is `jax.grad`.
    """
    gradient = jax.grad(loss, has_aux=True)
    if parts == 1:
        return gradient

    def accumulated(params, batch_stats, batch, key):
        zeros = jax.tree.map(jnp.zeros_like, params)
        total, others = _in_turn(gradient, zeros, params, batch_stats, batch, key, parts)
        return jax.tree.map(lambda total: total / parts, total), others

    return accumulated


def image_grad(loss: Loss, parts: int) -> Callable[..., tuple[Images, tuple]]:
    """Return `grad` with respect to images, which replace the parameters and are split too."""
    gradient = jax.grad(loss, has_aux=True)

    def of_part(_, batch_stats, images_and_batch, key):
        images, batch = images_and_batch
        found, (aux, batch_stats) = gradient(images, batch_stats, batch, key)
        return (found, aux), batch_stats

    def accumulated(images, batch_stats, batch, key):
        (found, aux), batch_stats = _forward(of_part, parts)((), batch_stats, (images, batch), key)
        return found / parts, (aux, batch_stats)

    return accumulated


def vjp(function: Forward, parts: int) -> Callable[..., tuple[Images, PyTree, Pullback]]:
    """Return `jax.vjp` with respect to the parameters that processes the batch in parts.

    Args:
        function: `function(params, batch_stats, batch, key)` returns images and running statistics.
        parts: Number of parts. With several, the pullback recomputes the images.

    Returns:
        A function of the same arguments that returns the images, the running statistics, and the
        pullback from gradients of the images to gradients of the parameters.
    """

    def with_pullback(params, batch_stats, batch, key):
        if parts == 1:
            images, pullback, after = jax.vjp(
                lambda params: function(params, batch_stats, batch, key), params, has_aux=True
            )
            return images, after, lambda gradient: pullback(gradient)[0]

        def pull_back(gradient):
            def product(params, batch_stats, batch_and_gradient, key):
                batch, gradient = batch_and_gradient
                images, batch_stats = function(params, batch_stats, batch, key)
                return parts * jnp.vdot(gradient, images), ((), batch_stats)

            return grad(product, parts)(params, batch_stats, (batch, gradient), key)[0]

        images, after = _forward(function, parts)(params, batch_stats, batch, key)
        return images, after, pull_back

    return with_pullback


def _forward(function: Callable[..., tuple], parts: int) -> Callable[..., tuple]:
    """Return a function that returns `(aux, batch_stats)` and processes the batch in parts."""
    if parts == 1:
        return function

    def without_gradient(*arguments):
        return (), function(*arguments)

    def in_parts(params, batch_stats, batch, key):
        return _in_turn(without_gradient, (), params, batch_stats, batch, key, parts)[1]

    return in_parts


def _in_turn(
    function: Callable[..., tuple[PyTree, tuple]],
    zeros: PyTree,
    params: PyTree,
    batch_stats: PyTree,
    batch: PyTree,
    key: PyTree,
    parts: int,
) -> tuple[PyTree, tuple]:
    """Return the sum of a function's first result over the parts, and `(aux, batch_stats)`."""

    def step(carry, numbered):
        (total, batch_stats), (part, number) = carry, numbered
        keys = jax.tree.map(lambda key: jax.random.fold_in(key, number), key)
        found, (aux, batch_stats) = function(params, batch_stats, part, keys)
        return (jax.tree.map(jnp.add, total, found), batch_stats), aux

    inputs = (split_batch(batch, parts), jnp.arange(parts))
    (total, batch_stats), aux = scan(step, (zeros, batch_stats), inputs)
    merged = jax.tree.map(lambda x: x.mean(axis=0) if x.ndim == 1 else merge_batch(x), aux)
    return total, (merged, batch_stats)
