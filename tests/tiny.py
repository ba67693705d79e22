"""A config that trains in seconds."""

from jaxgan.config import Config, TrainConfig
from jaxgan.data.facades.dataset import ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.methods.pix2pix import Pix2pix


def get_config() -> Config:
    return Config(
        method=Pix2pix(features=4, discriminator_features=4, depth=5, discriminator_layers=2),
        data=Paired(
            source=ProceduralFacades(size=32, train_count=12, test_count=3),
            label_maps="a",
            loading=Loading(load_size=36, crop_size=32),
        ),
        train=TrainConfig(
            steps=6,
            batch_size=2,
            log_every=1,
            sample_every=3,
            sample_count=2,
            checkpoint_every=2,
        ),
    )
