"""CycleGAN on drawn facades, label maps and pictures: nothing to download.

Paper:    Zhu et al. 2017, arXiv 1703.10593, appendix 7.1, trains on the CMP Facades at 256x256.
Run:      jaxgan train cyclegan_facades_procedural
Takes:    about 9 minutes on 2 CPU cores.
Differs from the paper: 64x64, 6 blocks, a quarter of the features, a tenth of the steps, twice the
          learning rate, and up-sampling by resizing, which draws no checkerboard.
"""

from jaxgan import (
    Config,
    CycleGAN,
    LinearDecay,
    Loading,
    ProceduralFacades,
    TrainConfig,
    Unpaired,
    UnpairedFacades,
)

EPOCH = 400  # drawings of each domain, and steps at batch size 1


def get_config() -> Config:
    return Config(
        method=CycleGAN(
            features=16,
            discriminator_features=16,
            blocks=6,
            upsample="resize",
            learning_rate=4e-4,
            schedule=LinearDecay(),
        ),
        data=Unpaired(
            source=UnpairedFacades(facades=ProceduralFacades(size=64)),
            loading=Loading(load_size=72, crop_size=64),
        ),
        train=TrainConfig(steps=20 * EPOCH, sample_every=1000, checkpoint_every=1000),
    )
