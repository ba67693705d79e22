"""Gradients over a batch that is worked through in parts, to need the memory of a part alone.

A loss is a mean over images, so that of a batch is the mean of those of its parts. The parts are
interleaved: a batch that is split over devices stays where it is. With a single part all of this is
`jax.grad` and `jax.vjp`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxgan.loops import scan
from jaxgan.types import PyTree

Output = Float[Array, "batch *_"]
Number = Int[Array, ""] | None  # of a part; None if there is one alone


def part_key(key: PRNGKeyArray, number: Number) -> PRNGKeyArray:
    """Return the randomness of a part; that of an only part is the batch's own."""
    return key if number is None else jax.random.fold_in(key, number)


def split(batch: PyTree, parts: int) -> PyTree:
    """Give arrays with a batch axis a new first axis of parts."""
    return jax.tree.map(
        lambda x: x.reshape(len(x) // parts, parts, *x.shape[1:]).swapaxes(0, 1), batch
    )


def merge(parts: PyTree) -> PyTree:
    """Undo `split`."""
    return jax.tree.map(lambda x: x.swapaxes(0, 1).reshape(-1, *x.shape[2:]), parts)


def gradient(
    loss: Callable[[PyTree, PyTree, PyTree, Number], tuple[Any, tuple]],
    params: PyTree,
    batch_stats: PyTree,
    batch: PyTree,
    parts: int,
) -> tuple[PyTree, PyTree, PyTree, PyTree]:
    """Return the gradient of a loss with respect to parameters.

    Args:
        loss: Of parameters, running statistics, a part of the batch, and the number of the part;
            returns the loss, and a tuple of metrics, new running statistics, and images.
        params: Parameters.
        batch_stats: Running statistics, which one part hands on to the next.
        batch: Arrays with a batch axis.
        parts: In how many parts to work through them.

    Returns:
        The gradient, metrics, new running statistics, and the images of the whole batch.
    """
    grad = jax.grad(loss, has_aux=True)
    if parts == 1:
        total, (metrics, batch_stats, images) = grad(params, batch_stats, batch, None)
        return total, metrics, batch_stats, images

    def add(carry, params, part, number):
        total, batch_stats = carry
        found, (metrics, batch_stats, images) = grad(params, batch_stats, part, number)
        return (jax.tree.map(jnp.add, total, found), batch_stats), (metrics, images)

    zeros = jax.tree.map(jnp.zeros_like, params)
    (total, batch_stats), (metrics, images) = _in_turn(
        add, (zeros, batch_stats), params, batch, parts
    )
    mean = jax.tree.map(lambda total: total / parts, total)
    return mean, _mean(metrics), batch_stats, merge(images)


def image_gradient(
    loss: Callable[[Output, PyTree, Number], tuple[Float[Array, ""], Any]],
    images: Output,
    others: PyTree,
    parts: int,
) -> tuple[Output, Any]:
    """Return the gradient of a loss with respect to images, and its metrics.

    Args:
        loss: Of a part of the images and of the others, and the number of the part; returns the
            loss, and metrics.
        images: Images.
        others: Other arrays with a batch axis.
        parts: In how many parts to work through them.
    """
    grad = jax.grad(loss, has_aux=True)
    if parts == 1:
        return grad(images, others, None)

    def judge(carry, _, part, number):
        return carry, grad(*part, number)

    _, (gradients, metrics) = _in_turn(judge, (), (), (images, others), parts)
    return merge(gradients) / parts, _mean(metrics)


def vjp(
    forward: Callable[[PyTree, PyTree, PyTree, Number], tuple[Output, PyTree]],
    params: PyTree,
    batch_stats: PyTree,
    batch: PyTree,
    parts: int,
) -> tuple[Output, PyTree, Callable[[Output], PyTree]]:
    """Return what a network makes, its running statistics, and the pullback to its parameters.

    In several parts, the pullback makes it again.

    Args:
        forward: Of what `gradient` asks of a loss; returns images and new running statistics.
        params: Parameters.
        batch_stats: Running statistics, which one part hands on to the next.
        batch: Arrays with a batch axis.
        parts: In how many parts to work through them.
    """
    if parts == 1:
        output, pullback, batch_stats = jax.vjp(
            lambda params: forward(params, batch_stats, batch, None), params, has_aux=True
        )
        return output, batch_stats, lambda cotangent: pullback(cotangent)[0]

    def advance(batch_stats, params, part, number):
        output, batch_stats = forward(params, batch_stats, part, number)
        return batch_stats, output

    after, outputs = _in_turn(advance, batch_stats, params, batch, parts)

    def pull_back(cotangent):
        def product(params, batch_stats, part, number):
            images, cotangent = part
            output, _ = forward(params, batch_stats, images, number)
            return parts * jnp.vdot(cotangent, output), ({}, batch_stats, ())

        return gradient(product, params, batch_stats, (batch, cotangent), parts)[0]

    return merge(outputs), after, pull_back


def _in_turn(
    function: Callable[[PyTree, PyTree, PyTree, Number], tuple[PyTree, PyTree]],
    carry: PyTree,
    params: PyTree,
    batch: PyTree,
    parts: int,
) -> tuple[PyTree, PyTree]:
    """Scan the parts of a batch, with what is handed on and with parameters."""

    def step(carry, numbered):
        # One part after the other, even where the loop is unrolled.
        carry, held = jax.lax.optimization_barrier((carry, params))
        return function(carry, held, *numbered)

    return scan(step, carry, (split(batch, parts), jnp.arange(parts)))


def _mean(metrics: PyTree) -> PyTree:
    return jax.tree.map(lambda values: values.mean(axis=0), metrics)
