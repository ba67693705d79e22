"""DCGAN on drawn facades, at 32x32: nothing to download.

Paper:    Radford et al. 2016, arXiv 1511.06434.
Run:      jaxgan train dcgan_facades_procedural
Differs from the paper: 32x32, half the features; R1 and a moving average of the generator, because
there are few images (docs/quality.md).
"""

from jaxgan import (
    DCGAN,
    Config,
    FacadePictures,
    Loading,
    ProceduralFacades,
    TrainConfig,
    Unconditional,
)


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0, features=32, discriminator_features=32, r1=1.0, ema=0.995),
        data=Unconditional(
            source=FacadePictures(facades=ProceduralFacades(size=64, train_count=2000)),
            loading=Loading(load_size=32, crop_size=32),
        ),
        train=TrainConfig(steps=4000, batch_size=64, sample_every=500, sample_count=64),
    )
