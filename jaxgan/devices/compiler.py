"""XLA compiler options for the CPU.

They were measured with jax 0.10.2 and 0.12, which both support all three (docs/performance.md).
"""

import functools

import jax

_CPU: dict[str, str | bool] = {
    # XLA has two libraries for the CPU. The newer one is faster for matrix products, but up to five
    # times slower for the convolutions of ResNet blocks. By default it does both, which makes a
    # step of pix2pix or CycleGAN at 64x64 take 18% longer with jax 0.12.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
    # Without this, parameters and optimizer state are copied before each in-place update, which
    # takes a fifth of a step of pix2pix at 64x64.
    "xla_cpu_copy_insertion_use_region_analysis": True,
    # jax 0.10 removes optimization barriers first, so that `remat` saves no memory. jax 0.12 keeps
    # them without this option.
    "xla_disable_hlo_passes": "cse_barrier_expander",
}


@functools.cache
def compiler_options() -> dict[str, str | bool]:
    """Return the options for `jax.jit` that make these networks fast on this machine."""
    if jax.default_backend() != "cpu":
        return {}
    return {name: value for name, value in _CPU.items() if _is_known(name, value)}


def _is_known(name: str, value: str | bool) -> bool:
    try:
        jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
    except jax.errors.JaxRuntimeError:  # an XLA version without these options
        print(f"this XLA lacks {name}: some of what jaxgan computes is slower or takes more memory")
        return False
    return True
