"""Converts PyTorch checkpoints to runs, and runs to PyTorch checkpoints."""

import re
import sys
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np

from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.files import printable, replacing
from jaxgan.inference.model import Model
from jaxgan.inference.outputs import claim
from jaxgan.interop.recognize import is_resnet, recognize
from jaxgan.interop.torch_file import read_tensors, write_tensors
from jaxgan.interop.torch_names import from_torch, to_torch
from jaxgan.methods.averages import averaged_weights
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.pix2pix import Pix2pix
from jaxgan.methods.updates import with_weights
from jaxgan.settings.stored import to_json
from jaxgan.training.checkpoint import open_checkpoints, save
from jaxgan.training.program import initial_state, resolve
from jaxgan.types import Method, TrainState

# File name in the references by network. The reference's D_A discriminates domain B.
PIX2PIX_FILES = {"generator": "latest_net_G", "discriminator": "latest_net_D"}
DCGAN_FILES = {"generator": "netG", "discriminator": "netD"}
CYCLEGAN_FILES = {
    "generator_ab": "latest_net_G_A",
    "generator_ba": "latest_net_G_B",
    "discriminator_a": "latest_net_D_B",
    "discriminator_b": "latest_net_D_A",
}
SUFFIXES = (".pth", ".pt", ".safetensors")


def import_torch(folder: Path, workdir: Path, config: Config | None) -> None:
    """Create a run at step 0 from the files in a folder.

    Networks without a file are newly initialized.

    Args:
        folder: Folder with `latest_net_G.pth` and the like, or `netG_epoch_N.pth`. Of several
            files, `latest` or the last epoch is used.
        workdir: The run's folder.
        config: The experiment; None infers the architecture from the tensors.

    Raises:
        UserError: If the files cannot be read or do not fit. Nothing is written then.
    """
    if not folder.is_dir():
        raise UserError(f"the folder {folder} does not exist")
    if (workdir / "checkpoints").exists():
        raise UserError(f"{workdir} already holds a run: choose another --workdir")
    names = [*PIX2PIX_FILES.values(), *DCGAN_FILES.values(), *CYCLEGAN_FILES.values()]
    files = {name: file for name in names if (file := _find(folder, name))}
    if "latest_net_G_A" not in files and "latest_net_G_B" not in files:
        single = read_tensors(files["latest_net_G"]) if "latest_net_G" in files else {}
        if is_resnet(single):  # CycleGAN's generators are published singly
            files["latest_net_G_A"] = files.pop("latest_net_G")
    tensors = {name: read_tensors(file) for name, file in files.items()}
    for name, values in tensors.items():
        if broken := next((key for key, x in values.items() if not np.isfinite(x).all()), None):
            raise UserError(
                f"{files[name]}: {broken} is not finite, as after a training that diverged: take "
                "the files of an earlier epoch"
            )
    if config is None:
        config = recognize(tensors, folder)
    config = resolve(config)
    names = _file_names(config.method)
    expected = [name for role, name in names.items() if role.startswith("generator")]
    if not any(name in files for name in expected):
        raise UserError(f"{folder} has no generator: no file {' or '.join(expected)}.pth")
    state = jax.jit(partial(initial_state, config))(jax.random.key(config.train.seed))
    params, batch_stats = dict(state.params), dict(state.batch_stats)
    for role, network in _networks(config.method, state).items():
        name = names[role]
        if name not in files:
            print(f"{role}: no file, newly initialized")
            continue
        try:
            params[role], batch_stats[role] = from_torch(
                network, params[role], batch_stats[role], tensors[name]
            )
        except UserError as error:
            raise UserError(f"{files[name]}: {error}") from error
        print(f"{role}: {files[name]}")
    with open_checkpoints(workdir / "checkpoints", keep_last=1, keep_every=0) as checkpoints:
        save(checkpoints, with_weights(state, params, batch_stats), to_json(config))
    print(f"run: {workdir}, at step 0")


def export_torch(model: Model, output: Path, *, overwrite: bool = False) -> None:
    """Write the networks of a model as state dicts that the references can load.

    Args:
        model: The model.
        output: The folder to write to.
        overwrite: Whether files that jaxgan did not write may be replaced.

    Raises:
        UserError: If the references have no such network, or files of the user would be replaced.
    """
    state, names = model.state, _file_names(model.config.method)
    variables = {role: averaged_weights(state, role) for role in state.params}
    params = {role: found["params"] for role, found in variables.items()}
    batch_stats = {role: found["batch_stats"] for role, found in variables.items()}
    dicts = {
        names[role]: to_torch(network, params[role], batch_stats[role], int(state.step))
        for role, network in _networks(model.config.method, state).items()
    }
    for role, network in _networks(model.config.method, state).items():
        read = from_torch(network, params[role], batch_stats[role], dicts[names[role]])
        equal = jax.tree.map(np.array_equal, read, (params[role], batch_stats[role]))
        if not jax.tree.all(equal):
            raise UserError(f"{role} read back from PyTorch's names differs: nothing was written")
    claim(output, [Path(f"{name}.pth") for name in dicts], overwrite=overwrite)
    for name, tensors in dicts.items():
        with replacing(output / f"{name}.pth") as opened:
            write_tensors(opened, tensors)
        print(printable(output / f"{name}.pth"))


def _find(folder: Path, name: str) -> Path | None:
    """Return the latest file of a network: `latest` before numbers, higher numbers before lower."""
    network = name.removeprefix("latest_")
    pattern = re.compile(rf"(?:.*?(\d+|latest)_)?{network}(?:_epoch_(\d+))?")

    def age(file: Path) -> int:
        found = pattern.fullmatch(file.stem)
        number = (found and (found[1] or found[2])) or "0"
        return sys.maxsize if number == "latest" else int(number)

    files = [file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES]
    files = [file for file in files if file.is_file()]  # opening a named pipe would block forever
    return max((file for file in files if pattern.fullmatch(file.stem)), key=age, default=None)


def _file_names(method: Method) -> dict[str, str]:
    match method:
        case Pix2pix():
            return PIX2PIX_FILES
        case CycleGAN():
            return CYCLEGAN_FILES
        case DCGAN():
            return DCGAN_FILES
    raise UserError(f"PyTorch's references have no {type(method).__name__}")


def _networks(method: Method, state: TrainState) -> dict[str, nn.Module]:
    """Return the networks of a state, by name."""
    assert isinstance(method, Pix2pix | CycleGAN | DCGAN)

    def network(name: str) -> nn.Module:
        if not name.startswith("generator"):
            return method.make_discriminator()
        output = state.params[name]["output"]
        transposed = isinstance(method, DCGAN)
        channels = output["kernel"].shape[2] if transposed else output["bias"].size
        return method.make_generator(channels)

    return {name: network(name) for name in state.params}
