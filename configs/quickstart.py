"""Pix2pix on drawn facades, label map to picture: a first run, with nothing to download.

Run:      jaxgan train quickstart
Takes:    about 5 minutes on 2 CPU cores.
Expect:   held-out facades with windows, doors and balconies where the label map has them.
Differs from the paper: 128x128, a quarter of the features, batches of 2, twice the learning rate.
          In so short a run, the paper's other settings draw a cross-hatch over the pictures. These
          do not: up-sampling by resizing, instance norm, least squares, patches of 16x16 pixels.
"""

from jaxgan import Config, LinearDecay, Loading, Paired, Pix2pix, ProceduralFacades, TrainConfig


def get_config() -> Config:
    return Config(
        method=Pix2pix(
            features=16,
            discriminator_features=16,
            discriminator_layers=1,
            upsample="resize",
            norm="instance",
            adversarial_loss="least_squares",
            learning_rate=4e-4,
            schedule=LinearDecay(),
        ),
        data=Paired(
            source=ProceduralFacades(size=128, train_count=800, test_count=32),
            label_maps="a",
            loading=Loading(load_size=128, crop_size=128),
        ),
        train=TrainConfig(steps=3000, batch_size=2, sample_every=500, checkpoint_every=500),
    )
