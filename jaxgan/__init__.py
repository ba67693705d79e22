"""DCGAN, pix2pix and CycleGAN in pure JAX."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxgan.public import *

__version__ = "0.2.0"
__all__ = [
    "CIFAR10",
    "CUT",
    "DCGAN",
    "Batch",
    "CelebA",
    "Compute",
    "Config",
    "Constant",
    "CosineDecay",
    "CycleGAN",
    "CycleGANDownload",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Dataset",
    "FacadePictures",
    "FashionMNIST",
    "GeneratesImages",
    "ImageFolder",
    "ImageKind",
    "Images",
    "LinearDecay",
    "Loading",
    "Method",
    "Metrics",
    "Model",
    "Paired",
    "PairedFolder",
    "PatchGAN",
    "Pix2pix",
    "Pix2pixDownload",
    "PixelGAN",
    "ProceduralFacades",
    "Representing",
    "ResNetGenerator",
    "Schedule",
    "Spec",
    "StepDecay",
    "TFDSImages",
    "TrainConfig",
    "TrainState",
    "TrainedGenerator",
    "TranslatesImages",
    "UNetGenerator",
    "Unconditional",
    "Unpaired",
    "UnpairedFacades",
    "UnpairedFolder",
    "UserError",
    "evaluate",
    "export_model",
    "generator",
    "load",
    "losses",
    "train",
    "updates",
]


def __getattr__(name: str):
    """Import the public names when one is used: JAX takes longer than a command line."""
    if name in __all__:
        return getattr(importlib.import_module("jaxgan.public"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
