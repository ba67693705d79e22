"""DCGAN on a TFDS data set, at 64x64.

Paper:    Radford et al. 2016, arXiv 1511.06434, section 4; batch size 128.
Run:      jaxgan train dcgan_tfds --config.data.name=NAME
Data:     NAME is a TFDS data set such as oxford_flowers102, prepared as ArrayRecord in
          --config.data.data_dir. Preparing it needs TensorFlow: tfds.builder(NAME,
          file_format="array_record").download_and_prepare().
"""

from jaxgan import DCGAN, Config, Loading, TFDSImages, TrainConfig, Unconditional


def get_config() -> Config:
    return Config(
        method=DCGAN(image_size=0),
        data=Unconditional(
            source=TFDSImages(name="oxford_flowers102"),
            loading=Loading(resize="center", load_size=64, crop_size=64, flip=False),
        ),
        train=TrainConfig(steps=20_000, batch_size=128, sample_every=500, sample_count=64),
    )
