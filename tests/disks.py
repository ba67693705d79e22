"""A disk that takes no more, for tests."""

import contextlib
import resource


@contextlib.contextmanager
def full_at(size):
    """Limit the size of files in bytes, which fails writes as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
