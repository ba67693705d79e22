"""Pix2pix on shoes and their edges, edges to photo, at 256x256.

Paper:    Isola et al. 2017, arXiv 1611.07004, appendix 6.2: 15 epochs, batch size 4.
Run:      jaxgan train pix2pix_edges2shoes
Data:     2 GB, downloaded once; --config.data.archive, .root or .mirror if the host is down.
Expect:   published FIDs are 76 (the authors' weights) and 84 (MMagic's training).
"""

from jaxgan import Config, Paired, Pix2pix, Pix2pixDownload, TrainConfig

BATCH_SIZE = 4
EPOCH = 49_825 // BATCH_SIZE  # steps


def get_config() -> Config:
    return Config(
        method=Pix2pix(),
        data=Paired(source=Pix2pixDownload(name="edges2shoes")),
        train=TrainConfig(steps=15 * EPOCH, batch_size=BATCH_SIZE, checkpoint_every=5000),
    )
