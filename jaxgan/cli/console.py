"""Argument parsing and error reporting of all commands.

JAX is imported only when needed, so that help and usage errors are fast.
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
    """Check that no value is empty, as an unset shell variable is.

    An empty path would mean the current folder.

    Raises:
        UserError: If a value is empty.
    """
    for previous, argument in zip(["", *arguments], arguments, strict=False):
        name, equals, value = argument.partition("=")
        if not argument or (equals and not value and name.startswith("--")):
            raise UserError(f"{name or previous} has an empty value: set it, or leave it out")


def parse_as(kind: Any, arguments: Sequence[str], **options: Any) -> Any:
    """Return an object of a type, parsed from arguments by tyro.

    Raises:
        UserError: If an argument is invalid or a value is empty.
        SystemExit: After printing the help for `--help`.
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
    """Run `main` and return its exit code; errors that the user can fix print a line and return 2.

    Compiled programs are cached in the user's cache folder, or in JAX_COMPILATION_CACHE_DIR.
    """
    _keep_compiled_programs()
    # Pillow warns about damage that it ignores. Files that it cannot read raise errors.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if isinstance(sys.stdout, io.TextIOWrapper):  # its encoding may lack characters of file names
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return main()
    except BrokenPipeError:  # the reader of a pipe has closed it, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's flush at exit
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
    message = message.replace("\n", r"\n")  # file names can contain newlines
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
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache  # JAX reads it on import
        if "jax" in sys.modules:
            sys.modules["jax"].config.update("jax_compilation_cache_dir", cache)


def _explain(error: RuntimeError) -> str | None:
    """Return the message for an error of JAX, or None if it is a bug in jaxgan."""
    import jax

    reason = str(error).partition("\n")[0]
    if not isinstance(error, jax.errors.JaxRuntimeError):
        return reason if "backend" in str(error) else None  # JAX names the missing platform
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
    """Call `processes.leave`, unless JAX is not imported: then there is only one process."""
    if "jax" in sys.modules:
        from jaxgan.devices import processes

        processes.leave(code)


def _one_line(box: str) -> str:
    """Return the message in tyro's box as a single line, with its first suggestion."""
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]  # the first is a title
    text = " ".join(line for line in lines if line.strip("─-╰╯ "))
    text = re.sub(r" ?(Argument helptext|For full helptext).*", "", text)
    return re.sub(r" Perhaps you meant: (\S+).*", r"; perhaps you meant \1", text)
