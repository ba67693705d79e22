"""DCGAN on your own images, at 64x64.

Paper:    Radford et al. 2016, arXiv 1511.06434; with the gradient penalty R1 (Mescheder et al.
          2018) and a moving average of the generator, the best settings for small data sets that
          were measured (docs/quality.md).
Run:      jaxgan train dcgan_folder --config.data.root=DIR
Data:     images in DIR, or in DIR/train and DIR/test.
As in the paper: --config.method.r1=0 --config.method.ema=0
Smaller:  --config.data.load_size=32 --config.data.crop_size=32
"""

from jaxgan import DCGAN, Config, ImageFolder, Loading, TrainConfig, Unconditional


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0, features=32, discriminator_features=32, r1=1.0, ema=0.995),
        data=Unconditional(
            source=ImageFolder(), loading=Loading(resize="center", load_size=64, crop_size=64)
        ),
        train=TrainConfig(steps=20_000, batch_size=64, sample_every=500, sample_count=64),
    )
