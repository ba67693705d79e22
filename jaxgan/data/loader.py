"""Streams batches of decoded images from prepared data sets with Grain."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import grain
import numpy as np
from absl import flags
from jaxtyping import UInt8

from jaxgan.errors import UserError
from jaxgan.images import ImageError
from jaxgan.types import RawBatch

DecodedRecord = Mapping[str, UInt8[np.ndarray, "height width channels"]]


class Decoded:
    """A random-access source of decoded records, which keeps them once decoded if asked to."""

    def __init__(
        self, records: Sequence[Any], decode: Callable[[Any], DecodedRecord], *, keep: bool
    ):
        self._records = records
        self._decode = decode
        kept: list[DecodedRecord | None] = [None] * len(records)
        self._kept = kept if keep else None

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> DecodedRecord:
        """Return a decoded record.

        Raises:
            UserError: If the prepared data was damaged since it was written.
        """
        if self._kept is not None and (kept := self._kept[index]) is not None:
            return kept
        try:
            decoded = self._decode(self._records[index])
        except (RuntimeError, ImageError) as error:
            raise UserError(
                f"record {index} of the prepared data is damaged ({error}): "
                "delete the data's folder, named above, and run again"
            ) from error
        if self._kept is not None:
            self._kept[index] = decoded
        return decoded

    def __repr__(self) -> str:
        return f"Decoded({len(self)} records)"


def batches(
    sources: Sequence[Decoded], *, seed: int, batch_size: int, start: int, workers: int
) -> Iterator[RawBatch]:
    """Yield batches for ever, every source in a new order each time it is through.

    An example holds the images of one record from every source. The sequence is a function of
    `seed` and `batch_size`, whatever the number of workers, so starting at batch `start` continues
    it exactly.

    Args:
        sources: Sources of records of equal shapes, each shuffled and repeated by itself.
        seed: Seed of the orders.
        batch_size: Examples a batch.
        start: Number of the first batch to yield.
        workers: Processes that decode; 0 decodes in threads of this process.
    """
    # Different seeds: equal ones would pair sources of equal length.
    seeds = np.random.SeedSequence(seed).generate_state(len(sources)).tolist()
    dataset = grain.experimental.ZipMapDataset(
        [
            grain.MapDataset.source(source).shuffle(seed=source_seed).repeat()
            for source, source_seed in zip(sources, seeds, strict=True)
        ]
    ).map(_merge)  # pyright: ignore[reportArgumentType]
    dataset = dataset.batch(batch_size, drop_remainder=True)[start:]
    stream = dataset.to_iter_dataset(
        grain.ReadOptions(num_threads=os.cpu_count() or 1, prefetch_buffer_size=8)
    )
    if workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # google/grain#1355
        options = grain.MultiprocessingOptions(num_workers=workers)
        stream = stream.mp_prefetch(options, worker_init_fn=_leave_interrupts_to_the_trainer)
    return iter(stream)


def _leave_interrupts_to_the_trainer(worker: int, workers: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _merge(records: tuple[DecodedRecord, ...]) -> DecodedRecord:
    return {name: image for record in records for name, image in record.items()}
