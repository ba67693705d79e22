"""CycleGAN on your own images of two domains, at 256x256.

Paper:    Zhu et al. 2017, arXiv 1703.10593; its settings for about a thousand images.
Run:      jaxgan train cyclegan_folder --config.data.root=DIR
Data:     DIR/trainA and DIR/trainB; DIR/testA and DIR/testB are optional and shown in the samples.
Smaller:  --config.data.load_size=72 --config.data.crop_size=64 --config.method.blocks=6
"""

from jaxgan import Config, CycleGAN, LinearDecay, TrainConfig, Unpaired, UnpairedFolder


def get_config() -> Config:
    return Config(
        method=CycleGAN(schedule=LinearDecay()),
        data=Unpaired(source=UnpairedFolder()),
        train=TrainConfig(steps=200_000),
    )
