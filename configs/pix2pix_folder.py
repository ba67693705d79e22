"""Pix2pix on your own pairs of images, at 256x256.

Paper:    Isola et al. 2017, arXiv 1611.07004; its settings for a few hundred pairs, and the
          gradient penalty R1, which made images better (docs/quality.md); the paper has r1=0.
Run:      jaxgan train pix2pix_folder --config.data.root=DIR
Data:     DIR/train holds pictures with A left and B right; or DIR/trainA and DIR/trainB hold images
          of the same names. DIR/test (testA, testB) is optional and shown in the samples.
Smaller:  --config.data.load_size=72 --config.data.crop_size=64
"""

from jaxgan import Config, LinearDecay, Paired, PairedFolder, Pix2pix, TrainConfig


def get_config() -> Config:
    return Config(
        method=Pix2pix(r1=1.0, schedule=LinearDecay()),
        data=Paired(source=PairedFolder()),
        train=TrainConfig(steps=40_000),
    )
