"""Types and protocols that all packages share.

Images are NHWC. Raw batches have the data type of their files; a method gets float32 in [-1, 1].
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
Splits = Mapping[str, Sequence[Any]]  # records by name of the split, with random access
Metrics = dict[str, Float[Array, ""]]
StepMetrics = dict[str, Float[Array, " steps"]]


class HeldOut(NamedTuple):
    """Examples for samples and evaluation.

    Attributes:
        batches: The examples, in batches of images of equal size.
        total: Number of examples in the split.
        split: Name of the split they come from.
    """

    batches: list[RawBatch]
    total: int
    split: str


@struct.dataclass
class TrainState:
    """The whole state of training, as arrays. A checkpoint holds all of it.

    Attributes:
        step: Steps taken so far, a scalar int32.
        params: Dict of parameters by network name (`generator`, `discriminator`, ...).
        batch_stats: Dict of running batch-norm statistics by network name.
        opt_state: Dict of optimizer states by network name.
        memory: Dict of other state of a method, such as image pools.
    """

    # No array types here: JAX and Orbax also build this tree from shapes, shardings and options.
    step: Any
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    memory: PyTree


@runtime_checkable
class Method(Protocol):
    """One GAN: a frozen dataclass of hyperparameters with pure methods, which can be jitted."""

    def resolve(self, batch_spec: Spec, steps: int) -> "Method":
        """Return the method with all settings that depend on the images and the run filled in.

        The other functions need a resolved method.

        Args:
            batch_spec: Shapes and dtypes of the batches that `train_step` will get.
            steps: Length of the run, in steps.

        Raises:
            ValueError: If no settings fit images of these shapes.
        """
        ...

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        """Return the state before the first step.

        Args:
            key: Key for all initial weights. Each network uses its own key.
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
            state: State before the step. The returned state has the same tree, shapes and dtypes.
            batch: Images in [-1, 1].
            key: Key for this step only.

        Returns:
            The state after the step, and metrics by name: `loss/...` for weighted terms of a loss,
            `warning/...` for values that are reported unless they are zero.
        """
        ...

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Return named images in [-1, 1], in the order of the columns of a sample grid."""
        ...


@runtime_checkable
class Schedule(Protocol):
    """A learning-rate schedule."""

    def over(self, steps: int) -> "Schedule":
        """Return this schedule for a run of `steps` steps, with all None fields filled in."""
        ...

    def end(self) -> int | None:
        """Return the step at which the learning rate reaches zero, or None if it never does."""
        ...

    def scale(self, learning_rate: float) -> optax.Schedule:
        """Return the learning rate as a function of the step.

        Raises:
            ValueError: If the schedule depends on the length of the run: call `over` first.
        """
        ...


@runtime_checkable
class Scheduled(Protocol):
    """A method whose learning rate follows a schedule."""

    @property
    def learning_rate(self) -> float:
        """The maximum learning rate."""
        ...

    @property
    def schedule(self) -> Schedule:
        """How the learning rate changes over the steps."""
        ...


@runtime_checkable
class GeneratesImages(Protocol):
    """A method that generates images from latent vectors."""

    def draw_latents(self, key: PRNGKeyArray, count: int) -> Float[Array, "{count} latent_dim"]:
        """Return random latent vectors."""
        ...

    def generate(self, state: TrainState, latents: Float[Array, "batch latent_dim"]) -> Images:
        """Return images in [-1, 1]. Each depends only on its own latent vector."""
        ...


class Evaluated(NamedTuple):
    """Results of an evaluation: metrics by name, and a score (higher is better)."""

    values: Mapping[str, float]
    score: float


@struct.dataclass
class TrainedGenerator:
    """An image-to-image generator with its weights, and how it is used after training.

    Attributes:
        params: Its parameters.
        batch_stats: Its running statistics; empty without batch norm.
        network: The module. Its `multiple` and `smallest` say which image sizes it accepts.
        dropout: Whether dropout stays on.
        use_running_average: Whether batch norm uses its running statistics.
    """

    params: PyTree
    batch_stats: PyTree
    network: Any = struct.field(pytree_node=False)
    dropout: bool = struct.field(pytree_node=False, default=True)
    use_running_average: bool = struct.field(pytree_node=False, default=False)


@runtime_checkable
class TranslatesImages(Protocol):
    """A method that translates images."""

    @property
    def paired(self) -> bool:
        """Whether each input has a target."""
        ...

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the directions of translation."""
        ...

    def source_and_target(self, direction: str) -> tuple[str, str]:
        """Return the names of the input images and of the target domain in a batch."""
        ...

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        """Return the generator of a direction."""
        ...


@runtime_checkable
class Representing(Protocol):
    """A method whose discriminator can be used as a feature extractor."""

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """Return the features of every hidden layer, outermost first."""
        ...


@runtime_checkable
class Splittable(Protocol):
    """A method with two directions that can be trained on separate halves of the devices.

    In a split state, the networks of the two directions are stacked along a new first axis, which
    the mesh axis `direction` shards.
    """

    def split(self, state: TrainState) -> TrainState:
        """Return the split state. Its step is unchanged.

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
        """Run `Method.train_step` on a split state, with each direction on its half of the mesh."""
        ...


@runtime_checkable
class HoldsImages(Protocol):
    """A dataclass in `TrainState.memory` with images, which are sharded by height."""

    @property
    def images(self) -> Any:
        """Images `[size, height, width, channels]`."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """Records of a split with a fingerprint of their content."""

    @property
    def fingerprint(self) -> str:
        """A short text that changes if the content of the records changes."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """A source of batches, and their augmentation.

    `augment` and `preprocess` are pure and run inside the jitted step. All else runs on the host.
    """

    def spec(self, batch_size: int) -> Spec:
        """Return shapes and dtypes of the batches of `stream`. Reads no data."""
        ...

    def kinds(self) -> Mapping[str, ImageKind]:
        """Return the kind of each image of a batch, by name."""
        ...

    def prepare(self) -> Splits:
        """Return the prepared data set. Writes it to disk the first time.

        Raises:
            jaxgan.errors.UserError: If the images cannot be read or downloaded.
        """
        ...

    def epoch_size(self, splits: Splits) -> int:
        """Return the number of training examples in an epoch."""
        ...

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        """Yield the given rows of training batches forever, starting with batch number `start`.

        The sequence depends only on `seed` and `batch_size`, so the batch number is the whole state
        of the iterator.
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
            count: Maximum number of examples. A larger split yields a fixed random subset.
            split: Name of the split; None takes the first of test, val and train that exists.
            domain: For unpaired images, the domain to take examples from; None takes equally many
                of both.

        Raises:
            jaxgan.errors.UserError: If there is no such split.
        """
        ...

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        """Turn a batch of `stream` into a batch for `Method.train_step`."""
        ...

    def preprocess(self, raw: RawBatch) -> Batch:
        """Turn a batch of `held_out` into a batch for `Method.sample`."""
        ...


@runtime_checkable
class Published(Protocol):
    """A data set or source whose size is known before it is prepared."""

    @property
    def published_epoch_size(self) -> int | None:
        """Training examples per epoch; None if that depends on the images found."""
        ...
