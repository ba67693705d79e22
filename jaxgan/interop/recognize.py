"""Infers the experiment of PyTorch checkpoints from the shapes of their tensors."""

from pathlib import Path
from typing import Any

from jaxgan.config import Config, TrainConfig
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.images.kinds import ImageKind
from jaxgan.interop.torch_file import Tensors
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.pix2pix import Pix2pix


def recognize(tensors: dict[str, Tensors], folder: Path) -> Config:
    """Return the experiment that tensors belong to, with folders of images as its data.

    Fields that cannot be inferred keep their defaults.

    Args:
        tensors: The state dicts, by the file names of the references.
        folder: Their folder, for messages.

    Raises:
        UserError: If the architecture of the generator is unknown.
    """
    for generators, discriminators, read in (
        (("netG",), ("netD",), _dcgan),
        (("latest_net_G_A", "latest_net_G_B"), ("latest_net_D_A", "latest_net_D_B"), _cyclegan),
        (("latest_net_G",), ("latest_net_D",), _pix2pix),
    ):
        generator = next((tensors[name] for name in generators if name in tensors), None)
        discriminator = next((tensors[name] for name in discriminators if name in tensors), {})
        if generator is not None:
            try:
                return read(generator, discriminator)
            except (IndexError, ValueError, StopIteration) as error:
                reason = "its generator is of no architecture that is known here"
                raise UserError(f"{folder}: {reason}") from error
    expected = "latest_net_G.pth, latest_net_G_A.pth or netG_epoch_N.pth"
    raise UserError(f"{folder} has no generator: no file {expected}")


def is_resnet(tensors: Tensors) -> bool:
    """Return whether tensors are those of a ResNet generator."""
    return any("conv_block" in name for name in tensors)


def _dcgan(generator: Tensors, discriminator: Tensors) -> Config:
    first, *_, last = _kernels(generator)
    size = 2 ** (len(_kernels(generator)) + 1)
    method = DCGAN(
        image_size=size,
        latent_dim=first.shape[0],
        features=last.shape[0],
        discriminator_features=_kernels(discriminator)[0].shape[0] if discriminator else 64,
    )
    channels = last.shape[1]
    loading = Loading(resize="center", load_size=size, crop_size=size, flip=False)
    data = Unconditional(source=ImageFolder(image=ImageKind(channels=channels)), loading=loading)
    return Config(method=method, data=data, train=TrainConfig(steps=20_000, batch_size=64))


def _pix2pix(generator: Tensors, discriminator: Tensors) -> Config:
    depth = len(_kernels(generator)) // 2
    method = Pix2pix(depth=depth, **_image_to_image(generator, discriminator))
    data = Paired(source=PairedFolder(), loading=_loading(2**depth))
    return Config(method=method, data=data, train=TrainConfig(steps=40_000))


def _cyclegan(generator: Tensors, discriminator: Tensors) -> Config:
    settings = _image_to_image(generator, discriminator)
    size = 256
    if is_resnet(generator):
        settings["blocks"] = len({n.split(".")[1] for n in generator if "conv_block" in n})
        settings["dropout"] = (
            0.5
            if "model.10.conv_block.6.weight" in generator
            and (generator["model.10.conv_block.6.weight"].ndim == 4)
            else 0.0
        )
    else:
        settings["generator"] = "unet"
        settings["depth"] = len(_kernels(generator)) // 2
        size = 2 ** settings["depth"]
    data = Unpaired(source=UnpairedFolder(), loading=_loading(size))
    return Config(method=CycleGAN(**settings), data=data, train=TrainConfig(steps=200_000))


def _image_to_image(generator: Tensors, discriminator: Tensors) -> dict[str, Any]:
    """Return the settings that pix2pix and CycleGAN have in common."""
    scales = [x for name, x in generator.items() if name.endswith("weight") and x.ndim == 1]
    settings: dict[str, Any] = {
        "features": _kernels(generator)[0].shape[0],
        "norm": "batch" if scales else "instance",
    }
    if discriminator:
        kernels = _kernels(discriminator)
        pixel = next(iter(discriminator)).startswith("net.")
        settings["discriminator_features"] = kernels[0].shape[0]
        settings["discriminator_layers"] = 0 if pixel else len(kernels) - 2
    return settings


def _loading(size: int) -> Loading:
    return Loading(load_size=size * 286 // 256, crop_size=size)


def _kernels(tensors: Tensors) -> list:
    return [value for value in tensors.values() if value.ndim == 4]
