"""Pix2pix on aerial photos and Google Maps, photo to map, at 256x256.

Paper:    Isola et al. 2017, arXiv 1611.07004, appendix 6.2: 200 epochs, batch size 1, random jitter
          and mirroring. The learning rate decays over the second half, as in the reference.
Run:      jaxgan train pix2pix_maps
          Map to photo: --config.data.direction=ba
Data:     250 MB, downloaded once; --config.data.archive, .root or .mirror if the host is down.
Expect:   published FIDs of photo to map are 150 (the authors' weights) and 123 (MMagic's training),
          of map to photo 102 and 88.
"""

from jaxgan import Config, LinearDecay, Paired, Pix2pix, Pix2pixDownload, TrainConfig

EPOCH = 1096  # training pairs, and steps at batch size 1


def get_config() -> Config:
    return Config(
        method=Pix2pix(schedule=LinearDecay()),
        data=Paired(source=Pix2pixDownload(name="maps")),
        train=TrainConfig(steps=200 * EPOCH, checkpoint_every=5 * EPOCH),
    )
