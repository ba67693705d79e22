"""Times programs in alternation; each is a process that stays alive between its blocks.

Disturbances of the machine then affect all programs equally, and programs do not share threads or
allocators. Needs only the standard library.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

WARM_UP = 3  # steps to compile and fill caches, before a timed step that sets the block length


class Steps(NamedTuple):
    """The steps of a program.

    Attributes:
        run: Completes at least the given number of steps, and returns how many it ran.
        about: Returns facts about the program, after its first steps.
        free: Frees memory that the program does not need between blocks.
    """

    run: Callable[[int], int]
    about: Callable[[], Mapping[str, Any]]
    free: Callable[[], None] = lambda: None


def serve(prepare: Callable[[], Steps]) -> None:
    """Serve a `Competitor` over standard input and output until the input ends.

    Args:
        prepare: Builds and compiles the program.
    """
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not mix with replies
    start = time.perf_counter()
    run, about, free = prepare()
    run(WARM_UP)
    start_seconds = time.perf_counter() - start

    def seconds_per_step(steps):
        start = time.perf_counter()
        done = run(steps)
        return (time.perf_counter() - start) / done

    measured = {"start_seconds": start_seconds, "seconds_per_step": seconds_per_step(1)}
    facts = {**about(), **measured}
    free()
    print(json.dumps(facts), file=replies)
    for line in sys.stdin:
        run(1)  # not timed, because other programs have evicted the caches
        seconds = seconds_per_step(int(line))
        free()
        print(json.dumps(seconds), file=replies)


class Failed(Exception):
    """A program ended unexpectedly. The message says why."""


class Competitor:
    """A process that runs `serve`.

    Attributes:
        about: Facts about the program, once it is ready, with `start_seconds`, without its imports,
            and `seconds_per_step` of a single step.
    """

    about: Mapping[str, Any]

    def __init__(self, command: Sequence[str], variables: Mapping[str, str] | None = None):
        """Start the process.

        Args:
            command: The command.
            variables: Environment variables to add to those of this process.
        """
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | dict(variables or {}),
        )

    def wait_until_ready(self, seconds: float = threading.TIMEOUT_MAX) -> None:
        """Wait until the process can run blocks.

        Args:
            seconds: Time limit. At least one second is given, so that a process that is ready
                passes whenever it is asked.

        Raises:
            Failed: If it ends before that, or takes longer.
        """
        seconds = max(1, seconds)
        deadline = threading.Timer(seconds, self._process.kill)
        deadline.start()
        try:
            self.about = self._read()
        except Failed as error:
            if deadline.finished.is_set():
                raise Failed(f"it was not ready within {seconds:.0f} s") from error
            raise
        finally:
            deadline.cancel()

    def seconds_per_step(self, steps: int) -> float:
        """Run a block of steps and return the seconds per step.

        Raises:
            Failed: If the process ends.
        """
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{steps}\n")
            self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process, which has nothing to save."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        raise Failed(f"{reason_in(self._errors.read())} (exit code {code})")


def compete(
    competitors: Mapping[str, Competitor], rounds: int, block_seconds: float
) -> Iterator[tuple[Mapping[str, Sequence[float]], Mapping[str, str]]]:
    """Run blocks of all competitors in turn; each round starts with another competitor.

    Yields:
        After every round, the seconds per step of every block so far by name, and the reasons why
        competitors failed.
    """
    names = list(competitors)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    failures: dict[str, str] = {}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            if name in failures:
                continue
            latest = [competitors[name].about["seconds_per_step"], *seconds[name]][-1]
            steps = max(1, round(block_seconds / latest))
            try:
                seconds[name].append(competitors[name].seconds_per_step(steps))
            except Failed as error:
                failures[name] = str(error)
                del seconds[name]
        yield seconds, failures


def reason_in(text: str) -> str:
    """Return the line that says why a program ended: the exception, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception)(:|$)", line)]
    return (named or lines or ["it said nothing"])[-1].removeprefix("error: ")


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
