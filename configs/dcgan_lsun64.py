"""DCGAN on bedrooms of LSUN, at 64x64.

Paper:    Radford et al. 2016, arXiv 1511.06434, section 4.1: batch size 128; figure 2 is after one
          epoch. Latent vectors are uniform, as in the paper.
Run:      jaxgan train dcgan_lsun64 --config.data.root=DIR
Data:     bedroom_train_lmdb.zip (43 GB) from http://dl.yf.io/lsun/scenes, exported to a folder of
          images by the authors' own `data.py export` (github.com/fyu/lsun).
"""

from jaxgan import DCGAN, Config, ImageFolder, Loading, TrainConfig, Unconditional

BATCH_SIZE = 128
EPOCH = 3_033_042 // BATCH_SIZE  # steps


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0, latent="uniform"),
        data=Unconditional(
            source=ImageFolder(),
            loading=Loading(resize="center", load_size=64, crop_size=64, flip=False),
        ),
        train=TrainConfig(steps=EPOCH, batch_size=BATCH_SIZE, sample_every=500, sample_count=64),
    )
