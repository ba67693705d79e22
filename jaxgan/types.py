"""The types that all parts of jaxgan share.

Images are NHWC. On their way to the device they have the bit depth of their files; inside a method
they are float32 in [-1, 1].
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
Splits = Mapping[str, Sequence[Any]]  # records with random access, by name of the split
Metrics = dict[str, Float[Array, ""]]
StepMetrics = dict[str, Float[Array, " steps"]]


class HeldOut(NamedTuple):
    """Examples for samples or evaluation.

    Attributes:
        batches: The examples, in batches of images of one size.
        total: Number of examples to choose from.
        split: Name of the split that they come from.
    """

    batches: list[RawBatch]
    total: int
    split: str


@struct.dataclass
class TrainState:
    """The complete state of training, as a pytree of arrays. A checkpoint stores all of it.

    Attributes:
        step: Steps taken so far, a scalar int32.
        params: Dict of parameters by network name (`generator`, `discriminator`, ...).
        batch_stats: Dict of running batch-norm statistics by network name.
        opt_state: Dict of optimizer states by network name.
        memory: Dict of other state of a method, such as image pools.
    """

    # Not annotated as arrays: JAX and Orbax also build this tree of shapes, shardings and options.
    step: Any
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    memory: PyTree


@runtime_checkable
class Method(Protocol):
    """One GAN: a frozen dataclass of hyperparameters with pure methods, which can be jitted."""

    def resolve(self, batch_spec: Spec, steps: int) -> "Method":
        """Return the method with all settings filled in that depend on the images and the run.

        The other methods expect a resolved method.

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
            key: Root key of all initial weights; each network uses its own key.
            batch_spec: Shapes and dtypes of the batches that `train_step` will get.

        Raises:
            ValueError: If the networks do not support images of these shapes.
        """
        ...

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Update every network once.

        Args:
            state: State before the step. The returned state has the same tree, shapes and dtypes.
            batch: Images in [-1, 1].
            key: Random key for this step only.

        Returns:
            The state after the step, and metrics by name: `loss/...` for weighted terms of a loss,
            `warning/...` for values that should be zero and are shown if they are not.
        """
        ...

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        """Return named images in [-1, 1], in the order of display."""
        ...


@runtime_checkable
class Schedule(Protocol):
    """A learning rate as a function of the step."""

    def over(self, steps: int) -> "Schedule":
        """Return this schedule for a run of `steps` steps, with fields that are None filled in."""
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
        """The highest learning rate."""
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
        """Return images in [-1, 1], each of which depends only on its latent vector."""
        ...


class Evaluated(NamedTuple):
    """Results of an evaluation: metrics by name, and a score, for which higher is better."""

    values: Mapping[str, float]
    score: float


@struct.dataclass
class TrainedGenerator:
    """An image-to-image generator with its weights and the settings for use after training.

    Attributes:
        params: Its parameters.
        batch_stats: Its running statistics; empty without batch norm.
        network: The module; its `multiple` and `smallest` define the supported sizes.
        dropout: Whether dropout stays on, if the network has any.
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
        """Whether the images of an example are pairs, so that the correct output is known."""
        ...

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the directions of translation."""
        ...

    def source_and_target(self, direction: str) -> tuple[str, str]:
        """Return the names, in a batch, of the source and target images of a direction."""
        ...

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        """Return the generator of a direction."""
        ...


@runtime_checkable
class Representing(Protocol):
    """A method that provides the features of its discriminator."""

    def represent(self, state: TrainState, images: Images) -> list[Float[Array, "batch _ _ _"]]:
        """Return the features of every hidden layer, outermost first."""
        ...


@runtime_checkable
class Splittable(Protocol):
    """A method with two directions that can be trained on separate halves of the devices.

    In its split state, the networks of both directions are stacked along a new first axis, which
    the mesh axis `direction` shards.
    """

    def split(self, state: TrainState) -> TrainState:
        """Return the split state, with the same `step`.

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
        """Run `Method.train_step` on a split state, each direction on its half of the mesh."""
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
        """A short text that depends on the content of the records, not on their location."""
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
        """Return the kinds of the images of a batch, by name."""
        ...

    def prepare(self) -> Splits:
        """Return the prepared data set, which is first written to disk if it is not there yet.

        Raises:
            jaxgan.errors.UserError: If the images are not available; the message says what to do.
        """
        ...

    def epoch_size(self, splits: Splits) -> int:
        """Return the number of training examples per epoch."""
        ...

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        """Yield `rows` of an endless sequence of training batches, from batch number `start` on.

        The sequence depends only on `seed` and `batch_size`, so the number of a batch is the whole
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
            count: Maximum number of examples; if there are more, a fixed random subset is used.
            split: Name of the split; None uses the first of test, val and train that exists.
            domain: For unpaired images, the domain to use; None uses as many images of each domain
                as the smaller one has.

        Raises:
            jaxgan.errors.UserError: If the split does not exist.
        """
        ...

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        """Return a batch of `stream` as images that a method trains on."""
        ...

    def preprocess(self, raw: RawBatch) -> Batch:
        """Return a batch of `held_out` as images that a method translates."""
        ...


@runtime_checkable
class Published(Protocol):
    """A data set or source whose size is known before it is prepared."""

    @property
    def published_epoch_size(self) -> int | None:
        """Training examples per epoch; None if that depends on the images found."""
        ...
