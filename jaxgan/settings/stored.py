"""Configs as JSON, stored in the folder of a run and in its checkpoints.

A class is stored under a tag, never under its module, so that runs still load after classes are
moved or renamed. A field that is not stored takes its default.
"""

import dataclasses
import pkgutil
from collections.abc import Iterable
from typing import Any

from jaxgan.errors import UserError
from jaxgan.settings.validation import check_fields

# Tags never change, because stored runs contain them.
CLASSES = {
    "Config": "jaxgan.config:Config",
    "TrainConfig": "jaxgan.config:TrainConfig",
    "CUT": "jaxgan.methods.cut:CUT",
    "DCGAN": "jaxgan.methods.dcgan:DCGAN",
    "Pix2pix": "jaxgan.methods.pix2pix:Pix2pix",
    "CycleGAN": "jaxgan.methods.cyclegan:CycleGAN",
    "Compute": "jaxgan.networks.layers.compute:Compute",
    "Constant": "jaxgan.methods.schedules:Constant",
    "LinearDecay": "jaxgan.methods.schedules:LinearDecay",
    "CosineDecay": "jaxgan.methods.schedules:CosineDecay",
    "StepDecay": "jaxgan.methods.schedules:StepDecay",
    "Paired": "jaxgan.data.paired:Paired",
    "Unpaired": "jaxgan.data.unpaired:Unpaired",
    "Unconditional": "jaxgan.data.unconditional:Unconditional",
    "Loading": "jaxgan.data.loading:Loading",
    "ImageKind": "jaxgan.images.kinds:ImageKind",
    "PairedFolder": "jaxgan.data.sources.paired_folder:PairedFolder",
    "UnpairedFolder": "jaxgan.data.sources.unpaired_folder:UnpairedFolder",
    "ImageFolder": "jaxgan.data.sources.image_folder:ImageFolder",
    "Pix2pixDownload": "jaxgan.data.sources.pix2pix:Pix2pixDownload",
    "CycleGANDownload": "jaxgan.data.sources.cycle_gan:CycleGANDownload",
    "CelebA": "jaxgan.data.sources.celeba:CelebA",
    "CIFAR10": "jaxgan.data.sources.cifar10:CIFAR10",
    "FashionMNIST": "jaxgan.data.sources.fashion_mnist:FashionMNIST",
    "TFDSImages": "jaxgan.data.sources.tfds_images:TFDSImages",
    "ProceduralFacades": "jaxgan.data.facades.dataset:ProceduralFacades",
    "UnpairedFacades": "jaxgan.data.facades.dataset:UnpairedFacades",
    "FacadePictures": "jaxgan.data.facades.dataset:FacadePictures",
}
# Tags and fields of version 0.1 that were renamed.
FORMER = {"Pixels": "ImageKind", "Crops": "Loading"}
FORMER_FIELDS = {"crops": "loading"}
TAGS = {path: tag for tag, path in CLASSES.items()}


def to_json(value: Any) -> Any:
    """Return a config as JSON values, with a tag for every dataclass.

    A class from outside jaxgan is stored as `module:Class`.

    Raises:
        UserError: If the type of a value is not supported.
    """
    if isinstance(value, tuple):
        return [to_json(part) for part in value]
    if dataclasses.is_dataclass(value):
        path = f"{type(value).__module__}:{type(value).__qualname__}"
        fields = {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
        return {"type": TAGS.get(path, path)} | fields
    if value is not None and not isinstance(value, str | int | float):
        raise UserError(
            f"a config cannot store the {type(value).__name__} {value!r:.50}: use text, numbers, "
            "tuples and frozen dataclasses"
        )
    return value


def from_json(value: Any, own: Iterable[type] = ()) -> Any:
    """Undo `to_json`.

    Args:
        value: The JSON values. Of the classes they name, only jaxgan's are imported.
        own: Classes from outside jaxgan that the values may name.

    Raises:
        UserError: If a class is unknown, or does not have the stored fields.
    """
    return _from_json(value, {kind.__qualname__: kind for kind in own})


def own_classes(config: Any) -> set[type]:
    """Return the classes in a config that are not part of jaxgan."""
    if isinstance(config, tuple):
        return {kind for part in config for kind in own_classes(part)}
    if not dataclasses.is_dataclass(config):
        return set()
    values = tuple(getattr(config, field.name) for field in dataclasses.fields(config))
    kind = type(config)
    is_ours = f"{kind.__module__}:{kind.__qualname__}" in TAGS
    return own_classes(values) | (set() if is_ours else {kind})


def _from_json(value: Any, own: dict[str, type]) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(part, own) for part in value)
    if not isinstance(value, dict):
        return value
    tag = str(value.get("type", ""))
    try:
        fields = {
            FORMER_FIELDS.get(str(name), str(name)): _from_json(part, own)
            for name, part in value.items()
            if name != "type"
        }
        kind = _find_class(tag, own)
        check_fields(kind, fields)
        return kind(**fields)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"the config does not fit this version of jaxgan: {tag!r:.99}: {error}"
        ) from error


def _find_class(tag: str, own: dict[str, type]) -> type:
    name = tag.rpartition(":")[2].rpartition(".")[2]
    name = FORMER.get(name, name)
    if tag in CLASSES or tag.startswith("jaxgan."):  # version 0.1 stored jaxgan.MODULE.CLASS
        if name not in CLASSES:
            raise ValueError("not a part of jaxgan")
        return pkgutil.resolve_name(CLASSES[name])
    if name not in own:
        raise UserError(
            f"the run uses a class that is not one of jaxgan's, {tag!r:.99}: name the config file "
            "that it was trained with by --config FILE (jaxgan.load: config=FILE)"
        )
    return own[name]
