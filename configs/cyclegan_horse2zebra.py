"""CycleGAN on horses and zebras, at 256x256.

Paper:    Zhu et al. 2017, arXiv 1703.10593, section 4 and appendix 7: batch size 1, 100 epochs at
          the full learning rate and 100 of linear decay. An epoch covers the larger domain.
Run:      jaxgan train cyclegan_horse2zebra
Data:     111 MB, downloaded once; --config.data.archive, .root or .mirror if the host is down.
Expect:   published FIDs of horse to zebra are 62 (the authors' weights) and 65 (MMagic's training).
"""

from jaxgan import Config, CycleGAN, CycleGANDownload, LinearDecay, TrainConfig, Unpaired

EPOCH = 1334  # zebras to train on, and steps at batch size 1


def get_config() -> Config:
    return Config(
        method=CycleGAN(schedule=LinearDecay()),
        data=Unpaired(source=CycleGANDownload(name="horse2zebra")),
        train=TrainConfig(steps=200 * EPOCH, checkpoint_every=5 * EPOCH),
    )
