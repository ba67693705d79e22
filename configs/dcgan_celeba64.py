"""DCGAN on faces of CelebA, at 64x64.

Paper:    Radford et al. 2016, arXiv 1511.06434, section 4 (on other faces); batch size 128, 5
          epochs and a square center crop as in PyTorch's tutorial.
Run:      jaxgan train dcgan_celeba64 --config.data.archive=FILE
Data:     FILE is your img_align_celeba.zip (1.4 GB); or its extracted folder as --config.data.root;
          prepared once, which takes about 15 GB of disk.
"""

from jaxgan import DCGAN, CelebA, Config, Loading, TrainConfig, Unconditional

BATCH_SIZE = 128
EPOCH = 202_599 // BATCH_SIZE  # steps


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0),
        data=Unconditional(
            source=CelebA(),
            loading=Loading(resize="center", load_size=64, crop_size=64, flip=False),
        ),
        train=TrainConfig(
            steps=5 * EPOCH, batch_size=BATCH_SIZE, sample_every=500, sample_count=64
        ),
    )
