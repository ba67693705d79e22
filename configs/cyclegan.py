"""CycleGAN on any data set of the paper, at 256x256.

Paper:    Zhu et al. 2017, arXiv 1703.10593, section 4 and appendix 7: batch size 1, 100 epochs at
          the full learning rate and 100 of linear decay. An epoch covers the larger domain.
Run:      jaxgan train cyclegan --config.data.name=monet2photo
          (--help lists the names; the number of steps follows from the name)
Data:     34 MB to 1.4 GB, downloaded once; --config.data.archive, .root or .mirror if the host is
          down.
Differs from the paper: the identity loss is on for every data set, as in the authors' code. The
          paper uses it only for paintings to photos and for flowers
          (--config.method.lambda_identity=0 disables it), and trains on Cityscapes at 128x128.
"""

from jaxgan import Config, CycleGAN, CycleGANDownload, LinearDecay, TrainConfig, Unpaired


def get_config() -> Config:
    source = CycleGANDownload()
    epoch = source.published_epoch_size  # steps at batch size 1
    return Config(
        method=CycleGAN(schedule=LinearDecay()),
        data=Unpaired(source=source),
        train=TrainConfig(steps=200 * epoch, checkpoint_every=5 * epoch),
    )
