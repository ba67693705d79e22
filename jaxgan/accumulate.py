"""Gradient accumulation: processes a batch in micro-batches to save memory.

A loss is a mean over images, so its gradient over a batch is the mean of those over its parts. The
parts are interleaved: a batch that is split over devices stays where it is.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.loops import scan
from jaxgan.types import PyTree


def split(batch: PyTree, parts: int) -> PyTree:
    """Give arrays with a batch axis a new first axis of parts."""
    return jax.tree.map(
        lambda x: x.reshape(len(x) // parts, parts, *x.shape[1:]).swapaxes(0, 1), batch
    )


def merge(parts: PyTree) -> PyTree:
    """Undo `split`."""
    return jax.tree.map(lambda x: x.swapaxes(0, 1).reshape(-1, *x.shape[2:]), parts)


def grad(loss: Callable[..., tuple[Any, tuple]], parts: int) -> Callable[..., tuple[PyTree, tuple]]:
    """Return `jax.grad(loss, has_aux=True)` that processes the batch in parts.

    Args:
        loss: `loss(params, batch_stats, batch, key)` returns a scalar and, as auxiliary data,
            `(aux, batch_stats)`. Each part gets the running statistics that the previous one
            returned, and keys of its own, made of all those in the pytree `key`. In `aux`, scalars
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


def forward(function: Callable[..., tuple], parts: int) -> Callable[..., tuple]:
    """Return a function `(params, batch_stats, batch, key)` that processes the batch in parts.

    Args:
        function: Of these arguments; returns `(aux, batch_stats)`, as a loss of `grad` does.
        parts: Number of parts.
    """
    if parts == 1:
        return function

    def in_parts(params, batch_stats, batch, key):
        nothing = ()
        without_gradient = lambda *part: (nothing, function(*part))  # noqa: E731
        return _in_turn(without_gradient, nothing, params, batch_stats, batch, key, parts)[1]

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
        # The barrier keeps one part after the other, even where the loop is unrolled.
        (total, batch_stats), held = jax.lax.optimization_barrier((carry, params))
        part, number = numbered
        keys = jax.tree.map(lambda key: jax.random.fold_in(key, number), key)
        found, (aux, batch_stats) = function(held, batch_stats, part, keys)
        return (jax.tree.map(jnp.add, total, found), batch_stats), aux

    inputs = (split(batch, parts), jnp.arange(parts))
    (total, batch_stats), aux = scan(step, (zeros, batch_stats), inputs)
    merged = jax.tree.map(lambda x: x.mean(axis=0) if x.ndim == 1 else merge(x), aux)
    return total, (merged, batch_stats)
