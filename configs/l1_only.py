"""A custom method in one file: pix2pix without a discriminator, at 128x128 on drawn facades.

Paper:    Isola et al. 2017, section 4.1, the setting "L1" of table 1: the outputs are blurred.
Run:      python train.py --config configs/l1_only.py
Use:      jaxgan translate --config configs/l1_only.py --run RUN --input FILES --output FOLDER
"""

from dataclasses import dataclass

import jax
import optax
import quickstart
from jaxtyping import PRNGKeyArray

from jaxgan.config import Config
from jaxgan.methods.generator import translate
from jaxgan.methods.losses import l1
from jaxgan.methods.updates import init_state, run, update_all
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import Batch, Images, Metrics, Spec, TrainedGenerator, TrainState


@dataclass(frozen=True, kw_only=True)
class L1Only:
    """A U-Net trained only on the L1 distance."""

    features: int = 16
    """Channels of the U-Net's first level."""
    depth: int = 7
    """Number of levels of the U-Net."""
    learning_rate: float = 2e-4
    """Adam's learning rate."""
    paired = True
    directions = ("input_to_target",)

    def resolve(self, batch_spec: Spec, steps: int) -> "L1Only":
        return self

    def init(self, key: PRNGKeyArray, batch_spec: Spec) -> TrainState:
        networks = {"generator": (self.make_generator(), batch_spec["input"].shape)}
        return init_state(key, optax.adam(self.learning_rate), networks, 1)

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        def loss(params):
            stats = state.batch_stats["generator"]
            output, stats = run(self.make_generator(), params, stats, batch["input"], key)
            return l1(output, batch["target"]), stats

        (loss_l1, stats), gradient = jax.value_and_grad(loss, has_aux=True)(
            state.params["generator"]
        )
        params, opt_state = update_all(
            optax.adam(self.learning_rate), {"generator": gradient}, state
        )
        state = TrainState(state.step + 1, params, {"generator": stats}, opt_state, {})
        return state, {"loss/l1": loss_l1}

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        output = translate(self.trained_generator(state, "input_to_target"), batch["input"], key)
        return {"input": batch["input"], "output": output, "target": batch["target"]}

    def source_and_target(self, direction: str) -> tuple[str, str]:
        return "input", "target"

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        params, stats = state.params["generator"], state.batch_stats["generator"]
        return TrainedGenerator(params, stats, self.make_generator())

    def make_generator(self) -> UNetGenerator:
        return UNetGenerator(output_channels=3, features=self.features, depth=self.depth)


def get_config() -> Config:
    config = quickstart.get_config()
    return Config(method=L1Only(), data=config.data, train=config.train)
