"""Pix2pix on the CMP Facades, label map to photo, at 256x256.

Paper:    Isola et al. 2017, arXiv 1611.07004, appendix 6.2: 200 epochs, batch size 1, random jitter
          and mirroring. The learning rate decays over the second half, as in the reference.
Run:      jaxgan train pix2pix_facades
Data:     30 MB, downloaded once; --config.data.archive, .root or .mirror if the host is down.
Expect:   published FIDs are 119 (the authors' weights) and 125 (MMagic's training).
"""

from jaxgan import Config, LinearDecay, Paired, Pix2pix, Pix2pixDownload, TrainConfig

EPOCH = 400  # training pairs, and steps at batch size 1


def get_config() -> Config:
    return Config(
        method=Pix2pix(schedule=LinearDecay()),
        data=Paired(source=Pix2pixDownload(name="facades"), direction="ba", label_maps="b"),
        train=TrainConfig(steps=200 * EPOCH, checkpoint_every=5 * EPOCH),
    )
