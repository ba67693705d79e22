"""DCGAN on CIFAR-10: small photos of ten classes, 32x32.

Paper:    Radford et al. 2016, arXiv 1511.06434, section 4.
Run:      jaxgan train dcgan_cifar10
Data:     162 MB, downloaded once; or --config.data.archive=cifar-10-binary.tar.gz.
Differs from the paper: one layer fewer for 32x32; batch size 64 as in PyTorch's example.
"""

from jaxgan import CIFAR10, DCGAN, Config, Loading, TrainConfig, Unconditional

BATCH_SIZE = 64
EPOCH = 50_000 // BATCH_SIZE  # steps


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0),
        data=Unconditional(
            source=CIFAR10(), loading=Loading(load_size=32, crop_size=32, flip=False)
        ),
        train=TrainConfig(
            steps=25 * EPOCH, batch_size=BATCH_SIZE, sample_every=500, sample_count=64
        ),
    )
