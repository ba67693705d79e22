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

SUBSET_SEED = 0  # of the examples that models are shown and measured on


class DecodedRecords:
    """A random-access source of decoded records, which keeps those that fit into memory."""

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
            UserError: If it cannot be used.
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
    """A random-access source of what certain rows of every batch of a data set hold."""

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
    """Yield batches for ever, every source in a new order each time it is through.

    An example holds the images of one record from every source. The sequence is a function of
    `seed` and `batch_size`, whatever the number of workers, so starting at batch `start` continues
    it exactly.

    Args:
        sources: Sources of records, each shuffled and repeated by itself.
        window: Cuts a part out of a record, so that all have equal shapes.
        seed: Seed of the orders.
        batch_size: Examples a batch.
        start: Number of the first batch to yield.
        rows: Which of the examples of a batch to yield, and read.
        workers: Processes that decode; 0 decodes in threads of this process.
    """
    import grain  # takes longer to import than a command line

    # Different seeds: equal ones would pair sources of equal length.
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
        UserError: If one of the processes that decode ended.
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
    """Return the name of a split: the given one, or the first there is of test, val and train.

    Args:
        splits: All splits.
        split: Its name.
        domains: What is added to the name, where every domain has splits of its own.

    Raises:
        UserError: If there is none.
    """
    for name in (split,) if split else ("test", "val", "train"):
        if all(f"{name}{domain}" in splits for domain in domains):
            return name
    raise UserError(f"there are no images in the split {split}: there are {', '.join(splits)}")


def subset(total: int, count: int) -> list[int]:
    """Return indices of `count` of all examples, drawn with seed 0 and in order; all if fewer."""
    drawn = np.random.default_rng(SUBSET_SEED).permutation(total)[:count]
    return sorted(drawn.tolist())


def stack(examples: Iterable[Example]) -> list[RawBatch]:
    """Return examples as batches of equal shapes, in the order in which the shapes come up."""
    groups: dict[tuple, list[Example]] = {}
    for example in examples:
        shapes = tuple(image.shape for image in example.values())
        groups.setdefault(shapes, []).append(example)
    return [
        {name: np.stack([example[name] for example in group]) for name in group[0]}
        for group in groups.values()
    ]


def merge(records: tuple[Example, ...]) -> Example:
    """Return one example with the images of all."""
    return {name: image for record in records for name, image in record.items()}
