"""How every command reads its arguments and reports errors.

Nothing here imports JAX before it has to, so that help and typing errors take no seconds.
"""

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pooch
import tyro

from jaxgan import __version__
from jaxgan.errors import UserError
from jaxgan.files import is_full


def print_version(arguments: Sequence[str]) -> None:
    """Print the version and exit if `--version` asks for it.

    Raises:
        SystemExit: After printing it.
    """
    if "--version" in arguments:
        print(f"jaxgan {__version__}")
        sys.exit(0)


def check_not_empty(arguments: Sequence[str]) -> None:
    """Refuse empty values, such as those of shell variables that are not set.

    As a path, an empty value would mean the current folder.

    Raises:
        UserError: If there is one.
    """
    for previous, argument in zip(["", *arguments], arguments, strict=False):
        name, equals, value = argument.partition("=")
        if not argument or (equals and not value and name.startswith("--")):
            raise UserError(f"{name or previous} has an empty value: set it, or leave it out")


def parse_as(kind: Any, arguments: Sequence[str], **options: Any) -> Any:
    """Return what tyro makes of arguments.

    Raises:
        UserError: If they do not fit, or a value is empty.
        SystemExit: After printing what `--help` asks for.
    """
    check_not_empty(arguments)
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(kind, args=arguments, use_underscores=True, **options)
    except SystemExit as exit:
        if exit.code:
            message = f"{_one_line(errors.getvalue())} (--help explains all fields)"
            raise UserError(message) from None
        raise


def run(main: Callable[[], int]) -> int:
    """Return the exit code of `main`; an error that the user can fix becomes one line and code 2.

    Compiled programs are kept in the user's cache folder, or in JAX_COMPILATION_CACHE_DIR.
    """
    _keep_compiled_programs()
    # Pillow warns of damage that it reads past; what it cannot read is reported as an error.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may not be of its encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return main()
    except BrokenPipeError:  # the reader of a pipe has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's last flush
        _leave(1)
        return 1
    except (UserError, OSError) as error:
        message = str(error)
        if is_full(error):
            message += ": make room (on the disk, or in /dev/shm) and run the same command again"
    except RuntimeError as error:
        message = _explain(error)
        if message is None:
            raise
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        _leave(130)
        return 130
    message = message.replace("\n", r"\n")  # the name of a file may hold one
    print(f"error: {message}", file=sys.stderr)
    _leave(2)
    return 2


def _keep_compiled_programs() -> None:
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = str(pooch.os_cache("jaxgan") / "xla")
        try:
            os.makedirs(cache, exist_ok=True)
        except OSError as error:
            print(f"compiled programs are not kept: {error}", file=sys.stderr)
            return
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache  # JAX reads it when it is imported
        if "jax" in sys.modules:
            sys.modules["jax"].config.update("jax_compilation_cache_dir", cache)


def _explain(error: RuntimeError) -> str | None:
    """Return what to do about an error of JAX, or None if it is a defect of jaxgan."""
    import jax

    reason = str(error).partition("\n")[0]
    if not isinstance(error, jax.errors.JaxRuntimeError):
        return reason if "backend" in str(error) else None  # JAX says which platform it lacks
    if "RESOURCE_EXHAUSTED" in str(error):
        return (
            "the device is out of memory: lower --config.train.batch_size, "
            "--config.train.sample_count or the image size, or translate with --tile"
        )
    if jax.distributed.is_initialized():
        return (
            f"an operation across processes failed ({reason}): see the output of the others; the "
            "same commands continue from the last checkpoint"
        )
    return None


def _leave(code: int) -> None:
    """See `processes.leave`: a process without JAX is not one of several."""
    if "jax" in sys.modules:
        from jaxgan.devices import processes

        processes.leave(code)


def _one_line(box: str) -> str:
    """Return the message in tyro's frame as a single line, with the first of its suggestions."""
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]  # the first is a title
    text = " ".join(line for line in lines if line.strip("─-╰╯ "))
    text = re.sub(r" ?(Argument helptext|For full helptext).*", "", text)
    return re.sub(r" Perhaps you meant: (\S+).*", r"; perhaps you meant \1", text)
