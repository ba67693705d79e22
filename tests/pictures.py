"""Images of known pixels for tests."""

import numpy as np

COLORS = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
RNG = np.random.default_rng(0)


def save(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def values(dtype, channels, height=5, width=7):
    """Return an image that uses all of its depth."""
    if dtype == "float32":
        return RNG.normal(0, 1000, (height, width, channels)).astype(np.float32)
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
