"""Pix2pix on drawn facades, label map to picture: a first run that needs no download.

Run:      python train.py --config configs/quickstart.py
"""

from jaxgan.config import Config, TrainConfig
from jaxgan.data.paired import Paired
from jaxgan.data.procedural import ProceduralFacades
from jaxgan.methods.pix2pix import Pix2pix


def get_config() -> Config:
    return Config(
        method=Pix2pix(features=16, discriminator_features=16, depth=7),
        data=Paired(
            source=ProceduralFacades(size=128, train_count=800, test_count=32),
            load_size=128,
            crop_size=128,
            label_maps="a",
        ),
        train=TrainConfig(steps=3000, batch_size=4, sample_every=500, checkpoint_every=500),
    )
