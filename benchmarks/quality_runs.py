"""The runs that `quality.py` compares: variants of each method on small data sets."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jaxgan import (
    CUT,
    DCGAN,
    Config,
    CycleGAN,
    FacadePictures,
    FashionMNIST,
    ImageFolder,
    LinearDecay,
    Loading,
    Paired,
    PairedFolder,
    Pix2pix,
    ProceduralFacades,
    TrainConfig,
    Unconditional,
    Unpaired,
    UnpairedFacades,
    UnpairedFolder,
)
from jaxgan.types import Dataset, Method

EMA = 0.995
CROPS = Loading(load_size=72, crop_size=64)
FACADES = ProceduralFacades(size=64, train_count=600, test_count=200)
FEW_FACADES = ProceduralFacades(size=64, train_count=100, test_count=200)

# Each variant changes the papers' settings, which only have smaller networks.
_pix2pix = Pix2pix(features=16, discriminator_features=16, schedule=LinearDecay(), ema=EMA)
_quick_start = replace(
    _pix2pix,
    upsample="resize",
    norm="instance",
    adversarial_loss="least_squares",
    discriminator_layers=1,
    learning_rate=4e-4,
)
PIX2PIX = {
    "paper": _pix2pix,
    "DiffAugment": replace(_pix2pix, diff_augment=True),
    "R1": replace(_pix2pix, r1=1.0),
    "resize": replace(_pix2pix, upsample="resize"),
    "quick start": _quick_start,
    "quick start, DiffAugment": replace(_quick_start, diff_augment=True),
    "quick start, R1": replace(_quick_start, r1=1.0),
}

_cyclegan = CycleGAN(
    features=12, discriminator_features=16, blocks=4, schedule=LinearDecay(), ema=EMA
)
CYCLEGAN = {
    "paper": _cyclegan,
    "DiffAugment": replace(_cyclegan, diff_augment=True),
    "R1": replace(_cyclegan, r1=1.0),
    "resize": replace(_cyclegan, upsample="resize"),
}
CUTS = {
    "CUT": CUT(
        features=12,
        discriminator_features=16,
        blocks=4,
        head_features=64,
        patches=64,
        schedule=LinearDecay(),
        ema=EMA,
    )
}
CUTS["FastCUT"] = replace(
    CUTS["CUT"],
    lambda_nce=10,
    nce_identity=False,
    flip_equivariance=True,
    schedule=LinearDecay(constant_share=0.75),
)

_dcgan = DCGAN(image_size=0, features=16, discriminator_features=16, ema=EMA)
_r3gan = replace(_dcgan, relativistic=True, r1=1.0, r2=1.0, r1_every=1, discriminator_norm="none")
DCGANS = {
    "paper": _dcgan,
    "DiffAugment": replace(_dcgan, diff_augment=True),
    "R1": replace(_dcgan, r1=1.0),
    "R3GAN": _r3gan,
    "R3GAN, DiffAugment": replace(_r3gan, diff_augment=True),
}

CYCLEGAN_STEPS = 2000
# A step took 38.0 ms for CycleGAN, 27.9 for CUT and 16.9 for FastCUT on one core (Xeon 2.5 GHz).
EQUAL_TIME = {"CUT": 2720, "FastCUT": 4500}


def experiments(data: Path, fashion_mnist: Path) -> dict[str, dict[str, Config]]:
    """Return the configs by experiment, a method on a data set, and by variant.

    Args:
        data: Folder of the folders edges2emoji, noto2twemoji and twemoji.
        fashion_mnist: Folder of Fashion-MNIST's four files.
    """
    pairs = Paired(source=PairedFolder(root=str(data / "edges2emoji")), loading=CROPS)
    emoji = Unpaired(source=UnpairedFolder(root=str(data / "noto2twemoji")), loading=CROPS)
    drawings = Unpaired(source=UnpairedFacades(facades=FACADES), loading=CROPS)
    clothes = Loading(load_size=28, crop_size=28, flip=False)
    return {
        "pix2pix, edges2emoji": _runs(PIX2PIX, pairs, 4000),
        "pix2pix, 600 facades": _runs(
            PIX2PIX, Paired(source=FACADES, label_maps="a", loading=CROPS), 4000
        ),
        "pix2pix, 100 facades": _runs(
            PIX2PIX, Paired(source=FEW_FACADES, label_maps="a", loading=CROPS), 4000
        ),
        "CycleGAN, noto2twemoji": _unpaired(emoji),
        "CycleGAN, 600 facades": _unpaired(drawings),
        "DCGAN, twemoji": _runs(
            DCGANS,
            Unconditional(
                source=ImageFolder(root=str(data / "twemoji")),
                loading=Loading(load_size=64, crop_size=64),
            ),
            2000,
            batch_size=16,
        ),
        "DCGAN, 600 facades": _runs(
            DCGANS,
            Unconditional(
                source=FacadePictures(facades=FACADES), loading=Loading(load_size=32, crop_size=32)
            ),
            2500,
            batch_size=32,
        ),
        "DCGAN, Fashion-MNIST": _runs(
            DCGANS,
            Unconditional(source=FashionMNIST(root=str(fashion_mnist)), loading=clothes),
            2500,
            batch_size=32,
        ),
    }


def _unpaired(data: Dataset) -> dict[str, Config]:
    runs = _runs(CYCLEGAN, data, CYCLEGAN_STEPS)
    for name, steps in EQUAL_TIME.items():
        runs |= _runs({name: CUTS[name]}, data, steps)
    return runs


def _runs(
    methods: Mapping[str, Method], data: Dataset, steps: int, batch_size: int = 1
) -> dict[str, Config]:
    train = TrainConfig(
        steps=steps, batch_size=batch_size, log_every=0, sample_every=0, checkpoint_every=1000
    )
    return {name: Config(method=method, data=data, train=train) for name, method in methods.items()}
