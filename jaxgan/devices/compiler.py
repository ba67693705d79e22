"""XLA compiler options for the CPU.

Each was measured with jax 0.10.2 and 0.12 (README, Speed): both know all three.
"""

import functools

import jax

_CPU: dict[str, str | bool] = {
    # Of XLA's two libraries for convolutions on the CPU the newer one is up to five times slower on
    # ResNet blocks; for products of matrices it is the faster one. By default it does both, with
    # which a step takes 18% longer for pix2pix and CycleGAN at 64x64 with jax 0.12.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
    # Without it parameters and optimizer are copied before each update in place, a fifth of a step
    # of pix2pix at 64x64.
    "xla_cpu_copy_insertion_use_region_analysis": True,
    # jax 0.10 removes optimization barriers before all else, and with them what `remat` saves. In
    # jax 0.12 they stay without this.
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
    except jax.errors.JaxRuntimeError:  # another version of XLA
        print(f"this XLA lacks {name}: some of what jaxgan computes is slower or takes more memory")
        return False
    return True
