"""A custom method in one file: pix2pix without a discriminator, at 128x128 on drawn facades.

Paper:    Isola et al. 2017, section 4.2, the setting "L1" of table 1: the outputs are blurred.
Run:      jaxgan train l1_only
Use:      jaxgan translate --config l1_only --run RUN --input FILES --output FOLDER
"""

from dataclasses import dataclass

import jax
import optax
from jaxtyping import PRNGKeyArray

from jaxgan import (
    Batch,
    Config,
    Images,
    Loading,
    Metrics,
    Paired,
    ProceduralFacades,
    Spec,
    TrainConfig,
    TrainedGenerator,
    TrainState,
    UNetGenerator,
    generator,
    losses,
    updates,
)


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
        return updates.init_state(key, optax.adam(self.learning_rate), networks, 1)

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        def loss(params):
            stats = state.batch_stats["generator"]
            output, stats = updates.run(self.make_generator(), params, stats, batch["input"], key)
            return losses.l1(output, batch["target"]), stats

        (loss_l1, stats), gradient = jax.value_and_grad(loss, has_aux=True)(
            state.params["generator"]
        )
        params, opt_state = updates.update_all(
            optax.adam(self.learning_rate), {"generator": gradient}, state
        )
        state = TrainState(state.step + 1, params, {"generator": stats}, opt_state, {})
        return state, {"loss/l1": loss_l1}

    def sample(self, state: TrainState, batch: Batch, key: PRNGKeyArray) -> dict[str, Images]:
        output = generator.translate(
            self.trained_generator(state, "input_to_target"), batch["input"], key
        )
        return {"input": batch["input"], "output": output, "target": batch["target"]}

    def source_and_target(self, direction: str) -> tuple[str, str]:
        return "input", "target"

    def trained_generator(self, state: TrainState, direction: str) -> TrainedGenerator:
        params, stats = state.params["generator"], state.batch_stats["generator"]
        return TrainedGenerator(params, stats, self.make_generator())

    def make_generator(self) -> UNetGenerator:
        return UNetGenerator(output_channels=3, features=self.features, depth=self.depth)


def get_config() -> Config:
    return Config(
        method=L1Only(),
        data=Paired(
            source=ProceduralFacades(size=128, train_count=800, test_count=32),
            label_maps="a",
            loading=Loading(load_size=128, crop_size=128),
        ),
        train=TrainConfig(steps=4000, batch_size=2, sample_every=500, checkpoint_every=500),
    )
