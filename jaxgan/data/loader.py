"""Streams batches of decoded images from prepared data sets with Grain."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from absl import flags

from jaxgan.data.prepared import Prepared
from jaxgan.errors import ImageError, UserError
from jaxgan.types import Example, RawBatch, Splits

SUBSET_SEED = 0  # selects the examples for samples and metrics


class DecodedRecords:
    """A random-access source of decoded records, with a cache of `cache_gib`."""

    def __init__(
        self, records: Sequence[Any], decode: Callable[[Any], Example], *, cache_gib: float = 0.0
    ):
        self._records = records
        self._decode = decode
        self._kept: dict[int, Example] = {}
        self._room = cache_gib * 2**30

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Example:
        """Return a decoded record.

        Raises:
            UserError: If the record cannot be decoded.
        """
        if kept := self._kept.get(index):
            return kept
        record = self._records[index]
        try:
            decoded = self._decode(record)
        except ImageError as error:
            if isinstance(self._records, Prepared):
                raise self._records.damaged(index, error) from error
            raise UserError(f"record {index} of the data cannot be used: {error}") from error
        size = sum(image.nbytes for image in decoded.values())
        if size <= self._room:
            self._room -= size
            self._kept[index] = decoded
        return decoded

    def __repr__(self) -> str:
        return f"DecodedRecords({len(self)} records)"


class _Rows:
    """A random-access source of the examples in certain rows of every batch."""

    def __init__(self, dataset: Any, batch_size: int, rows: Sequence[int]):
        self._dataset = dataset
        self._batch_size = batch_size
        self._rows = rows

    def __len__(self) -> int:
        return len(self._dataset) // self._batch_size * len(self._rows)

    def __getitem__(self, index: int) -> Example:
        batch, place = divmod(index, len(self._rows))
        return self._dataset[batch * self._batch_size + self._rows[place]]

    def __repr__(self) -> str:
        return f"rows of {self._dataset}"


def batches(
    sources: Sequence[DecodedRecords],
    window: Callable[[Example, np.random.Generator], Example],
    *,
    seed: int,
    batch_size: int,
    start: int,
    rows: Sequence[int],
    workers: int,
) -> Iterator[RawBatch]:
    """Yield batches forever. Every source is reshuffled after each pass.

    An example holds the images of one record from every source. The sequence depends only on
    `seed` and `batch_size`, not on the number of workers, so starting at batch `start` continues it
    exactly.

    Args:
        sources: Sources of records, each shuffled and repeated independently.
        window: Cuts a window from an example, so that all examples have equal shapes.
        seed: Seed for the shuffling and the windows.
        batch_size: Examples per batch.
        start: Number of the first batch to yield.
        rows: Rows of every batch to read and yield.
        workers: Processes that decode images; 0 decodes in threads of this process.
    """
    import grain  # slow to import

    # Equal seeds would shuffle sources of equal length into the same order.
    seeds = np.random.SeedSequence(seed).generate_state(len(sources)).tolist()
    dataset = grain.experimental.ZipMapDataset(
        [
            grain.MapDataset.source(source)
            .shuffle(seed=source_seed)
            .repeat()
            .random_map(window, seed=source_seed)
            for source, source_seed in zip(sources, seeds, strict=True)
        ]
    ).map(merge)  # pyright: ignore[reportArgumentType]
    dataset = grain.MapDataset.source(_Rows(dataset, batch_size, rows))
    dataset = dataset.batch(len(rows), drop_remainder=True)[start:]
    stream = dataset.to_iter_dataset(
        grain.ReadOptions(num_threads=os.cpu_count() or 1, prefetch_buffer_size=8)
    )
    if workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # google/grain#1355
        options = grain.MultiprocessingOptions(num_workers=workers)
        stream = stream.mp_prefetch(options, worker_init_fn=_leave_signals_to_the_trainer)
    return _with_workers(stream)


def _with_workers(stream: Iterable[RawBatch]) -> Iterator[RawBatch]:
    """Yield batches.

    Raises:
        UserError: If a worker process ended unexpectedly.
    """
    try:
        yield from stream
    except RuntimeError as error:
        if "was terminated unexpectedly" not in str(error):
            raise
        code = str(error).partition("exit code ")[2].partition(".")[0]
        raise UserError(
            f"a process that decodes images ended with code {code}; with -9 there was not enough "
            "memory, with -7 not enough shared memory (docker run --shm-size=8g): lower "
            "--config.data.workers, or provide more. The same command continues the run"
        ) from error


def _leave_signals_to_the_trainer(worker: int, workers: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def choose_split(splits: Splits, split: str | None, domains: Sequence[str] = ("",)) -> str:
    """Return the name of a split: the given one, or the first of test, val and train that exists.

    Args:
        splits: All splits.
        split: Name of the split, if given.
        domains: Suffixes of the name, if every domain has its own splits.

    Raises:
        UserError: If the split does not exist.
    """
    for name in (split,) if split else ("test", "val", "train"):
        if all(f"{name}{domain}" in splits for domain in domains):
            return name
    raise UserError(f"there are no images in the split {split}: there are {', '.join(splits)}")


def subset(total: int, count: int) -> list[int]:
    """Return the sorted indices of `count` random examples (fixed seed), or all if fewer."""
    drawn = np.random.default_rng(SUBSET_SEED).permutation(total)[:count]
    return sorted(drawn.tolist())


def stack(examples: Iterable[Example]) -> list[RawBatch]:
    """Stack examples of equal shapes into batches, in the order in which shapes first occur."""
    groups: dict[tuple, list[Example]] = {}
    for example in examples:
        shapes = tuple(image.shape for image in example.values())
        groups.setdefault(shapes, []).append(example)
    return [
        {name: np.stack([example[name] for example in group]) for name in group[0]}
        for group in groups.values()
    ]


def merge(records: tuple[Example, ...]) -> Example:
    """Merge examples into one that holds all their images."""
    return {name: image for record in records for name, image in record.items()}
