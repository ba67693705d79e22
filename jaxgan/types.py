"""The types every part of jaxgan shares.

Images are NHWC. On their way to the device they are as deep as their files; inside a method they
are float32 in [-1, 1].
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
import optax
from flax import struct
from jax.sharding import Mesh
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from jaxgan.images.kinds import ImageKind

PyTree = Any
Images = Float[Array, "batch height width channels"]
ImageArray = Float[np.ndarray, "_height _width _channels"]
Batch = Mapping[str, Float[Array, "batch _ _ _"]]
RawBatch = Mapping[str, Shaped[Any, "batch _ _ _"]]
RawBatches = Mapping[str, Shaped[Any, "steps batch _ _ _"]]
Example = Mapping[str, Shaped[np.ndarray, "_ _ _"]]
Spec = Mapping[str, jax.ShapeDtypeStruct]
Splits = Mapping[str, Sequence[Any]]  # records, by name of the split, read at random
Metrics = dict[str, Float[Array, ""]]
StepMetrics = dict[str, Float[Array, " steps"]]


class HeldOut(NamedTuple):
    """Examples that a model is shown or measured on.

    Attributes:
        batches: The examples, in batches of one size each.
        total: How many examples there are to choose from.
        split: Name of the split they come from.
    """

    batches: list[RawBatch]
    total: int
    split: str


@struct.dataclass
class TrainState:
    """All that training carries from one step to the next, in arrays: a checkpoint is the whole.

    Attributes:
        step: Steps taken so far, a scalar int32.
        params: Dict of parameters by network name (`generator`, `discriminator`, ...).
        batch_stats: Dict of running batch-norm statistics by network name.
        opt_state: Dict of optimizer states by network name.
        memory: Dict of what else a method carries, such as image pools.
    """

    # Unannotated within: JAX and Orbax also build this tree of shapes, shardings and options.
    step: Any
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    memory: PyTree


@runtime_checkable
class Method(Protocol):
    """One GAN: a frozen dataclass of hyperparameters with pure methods, each safe to `jit`."""

    def resolve(self, batch_spec: Spec, steps: int) -> "Method":
        """Return the method with the settings filled in that follow from images and run.

        The other methods expect a method without such gaps.

        Args:
            batch_spec: Shapes and dtypes of the batches that `train_step` will get.
            steps: Length of the run.

        Raises:
            ValueError: If no setting fits images of these shapes.
        """
        ...

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        """Return the state before the first step.

        Args:
            key: Root of all initial weights; each network draws from a key of its own.
            batch_spec: Shapes and dtypes of the batches that `train_step` will get.

        Raises:
            ValueError: If the networks cannot take images of these shapes.
        """
        ...

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Update every network once.

        Args:
            state: State before the step; the returned one has the same tree, shapes and dtypes.
            batch: Images in [-1, 1].
            key: Fresh randomness for this step alone.

        Returns:
            The state after the step, and metrics by name: `loss/...` for terms as they enter the
            total, `warning/...` for what should be zero and is shown when it is not.
        """
        ...

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Return named images in [-1, 1], in the order in which to show them side by side."""
        ...


@runtime_checkable
class Schedule(Protocol):
    """Scales a learning rate over time."""

    def over(self, steps: int) -> "Schedule":
        """Return this schedule for a run of a number of steps, which fills in what is None."""
        ...

    def end(self) -> int | None:
        """The step at which the learning rate reaches zero; None if it never does."""
        ...

    def scale(self, learning_rate: float) -> optax.Schedule:
        """Return the learning rate as a function of the number of steps taken.

        Raises:
            ValueError: If the schedule depends on the length of the run: call `over` first.
        """
        ...


@runtime_checkable
class Scheduled(Protocol):
    """A method whose learning rate follows a schedule."""

    @property
    def learning_rate(self) -> float:
        """The learning rate at its highest."""
        ...

    @property
    def schedule(self) -> Schedule:
        """How it changes over the steps."""
        ...


@runtime_checkable
class GeneratesImages(Protocol):
    """A method that makes images out of latent vectors."""

    def draw_latents(self, key: PRNGKeyArray, count: int) -> Float[Array, "{count} latent_dim"]:
        """Return random latent vectors."""
        ...

    def generate(self, state: TrainState, latents: Float[Array, "batch latent_dim"]) -> Images:
        """Return the images of latent vectors, in [-1, 1]; none depends on the others."""
        ...


class Evaluated(NamedTuple):
    """What was measured on a model: metrics by name, and a score that is better if higher."""

    values: Mapping[str, float]
    score: float


@struct.dataclass
class TrainedGenerator:
    """A generator of images out of images, with its weights and how it is used after training.

    Attributes:
        params: Its parameters.
        batch_stats: Its running statistics; empty without batch norm.
        network: The module, which says by `multiple` and `smallest` what sizes it takes.
        dropout: Whether dropout stays on, if it has any.
        use_running_average: Whether batch norm uses its running statistics.
    """

    params: PyTree
    batch_stats: PyTree
    network: Any = struct.field(pytree_node=False)
    dropout: bool = struct.field(pytree_node=False, default=True)
    use_running_average: bool = struct.field(pytree_node=False, default=False)


@runtime_checkable
class TranslatesImages(Protocol):
    """A method that makes images out of images."""

    @property
    def paired(self) -> bool:
        """Whether the images of an example belong together, so that there is a right output."""
        ...

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the directions in which it translates."""
        ...

    def source_and_target(self, direction: str) -> tuple[str, str]:
        """Return the names, in a batch, of what is translated and of what it is to look like."""
        ...

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        """Return the generator of a direction."""
        ...


@runtime_checkable
class Representing(Protocol):
    """A method whose discriminator's features are of use."""

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """Return the features of every hidden layer, outermost first."""
        ...


@runtime_checkable
class Splittable(Protocol):
    """A method of two directions, each of which can be trained on its own half of the devices.

    Its state is then split: the networks of both directions are stacked along a new first axis,
    which the mesh axis `direction` shards.
    """

    def split(self, state: TrainState) -> TrainState:
        """Return the split state, its step as it was.

        Raises:
            ValueError: If the networks of the two directions differ in shape.
        """
        ...

    def join(self, state: TrainState) -> TrainState:
        """Undo `split`."""
        ...

    def split_train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray, mesh: Mesh
    ) -> tuple[TrainState, Metrics]:
        """Do as `Method.train_step` with a split state, each direction on its half of the mesh."""
        ...


@runtime_checkable
class HoldsImages(Protocol):
    """A dataclass in `TrainState.memory` with images, which are sharded by their height."""

    @property
    def images(self) -> Any:
        """Images `[size, height, width, channels]`."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """Records of a split that know what they hold."""

    @property
    def fingerprint(self) -> str:
        """A short text that changes with the content of the records, and not with their place."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """Where batches come from and how they are augmented.

    `augment` and `preprocess` are pure and run inside the jitted step; the rest runs on the host.
    """

    def spec(self, batch_size: int) -> Spec:
        """Return shapes and dtypes of the batches of `stream`, without reading any data."""
        ...

    def kinds(self) -> Mapping[str, ImageKind]:
        """What the images of a batch are, by name."""
        ...

    def prepare(self) -> Splits:
        """Return the prepared data set, after writing it to disk if it is not there yet.

        Raises:
            jaxgan.errors.UserError: If the images cannot be had; it says what to do.
        """
        ...

    def epoch_size(self, splits: Splits) -> int:
        """Return how many training examples one epoch holds."""
        ...

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        """Yield certain rows of training batches for ever, from batch number `start` on.

        The sequence depends on `seed` and `batch_size` alone, so the number of a batch is the whole
        state of the iterator.
        """
        ...

    def held_out(
        self,
        splits: Splits,
        count: int,
        split: str | None = None,
        domain: str | None = None,
    ) -> HeldOut:
        """Return examples of a split.

        Args:
            splits: The prepared data set.
            count: How many, at most: if there are more, a fixed random subset of them.
            split: Name of the split; None takes the first there is of test, val and train.
            domain: For unrelated images, the name of the domain to take examples of; None takes as
                many of each as the smaller one has.

        Raises:
            jaxgan.errors.UserError: If there is no such split.
        """
        ...

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        """Turn a batch of `stream` into what a method trains on."""
        ...

    def preprocess(self, raw: RawBatch) -> Batch:
        """Turn a batch of `held_out` into what a method translates."""
        ...


@runtime_checkable
class Published(Protocol):
    """A data set, or a source of one, whose size is known before it is prepared."""

    @property
    def published_epoch_size(self) -> int | None:
        """Training examples of one epoch; None if that depends on the images found."""
        ...
