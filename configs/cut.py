"""CUT on any data set of CycleGAN's authors, at 256x256.

Paper:    Park et al. 2020, arXiv 2007.15651: batch size 1, and in the authors' code 200 epochs at
          the full learning rate and 200 of linear decay. An epoch covers the larger domain.
Run:      jaxgan train cut --config.data.name=horse2zebra
          (--help lists the names; the number of steps follows from the name)
FastCUT:  --config.method.lambda_nce=10 --config.method.nce_identity=False
          --config.method.flip_equivariance=True --config.train.epochs=200
          --config.method.schedule.constant_share=0.75
Data:     34 MB to 1.4 GB, downloaded once; --config.data.archive, .root or .mirror if the host is
          down.
Differs from the paper: the networks are CycleGAN's, without the authors' blur before and after
          strided layers.
Expect:   the published FID of horse to zebra is 45.5, with that blur.
"""

from jaxgan import CUT, Config, CycleGANDownload, LinearDecay, TrainConfig, Unpaired


def get_config() -> Config:
    source = CycleGANDownload()
    epoch = source.published_epoch_size  # steps at batch size 1
    return Config(
        method=CUT(schedule=LinearDecay()),
        data=Unpaired(source=source),
        train=TrainConfig(steps=400 * epoch, checkpoint_every=5 * epoch),
    )
