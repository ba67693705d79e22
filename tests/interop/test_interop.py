"""PyTorch's weights in and out."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import tiny_cyclegan
from cases import METHODS
from paths import REFERENCE

import jaxgan
from jaxgan.cli import main as cli
from jaxgan.data.facades.dataset import FacadePictures, ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import UserError
from jaxgan.interop.runs import export_torch, import_torch
from jaxgan.interop.torch_file import read_tensors, write_tensors
from jaxgan.settings.stored import to_json
from jaxgan.training.checkpoint import open_checkpoints, save
from jaxgan.training.program import initial_state
from jaxgan.training.trainer import train


def dcgan_config():
    source = FacadePictures(facades=ProceduralFacades(size=32, train_count=12, test_count=3))
    loading = Loading(load_size=16, crop_size=16)
    data = Unconditional(source=source, loading=loading)
    return dataclasses.replace(tiny.get_config(), method=METHODS["dcgan"].method, data=data)


def short(config, data_dir, **fields):
    loading = dataclasses.replace(config.data.loading, data_dir=str(data_dir))
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, loading=loading),
        train=dataclasses.replace(config.train, steps=2, sample_every=0, **fields),
    )


CONFIGS = {
    "pix2pix": tiny.get_config(),
    "cyclegan": tiny_cyclegan.get_config(),
    "dcgan": dcgan_config(),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data_dir):
    """A run of every method."""
    folders = {}
    for name, config in CONFIGS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        train(short(config, data_dir), folders[name])
    return folders


@pytest.mark.parametrize("name", CONFIGS)
def test_import_after_export_is_the_identity(runs, tmp_path, name):
    export_torch(jaxgan.load(runs[name]), tmp_path / "torch")
    import_torch(tmp_path / "torch", tmp_path / "run", CONFIGS[name])
    before, after = jaxgan.load(runs[name]).state, jaxgan.load(tmp_path / "run").state
    for part in ("params", "batch_stats"):
        jax.tree.map(np.testing.assert_array_equal, getattr(after, part), getattr(before, part))
    assert after.step == 0


def test_an_import_is_trained_on(runs, tmp_path, data_dir, capsys):
    export_torch(jaxgan.load(runs["pix2pix"]), tmp_path / "torch")
    import_torch(tmp_path / "torch", tmp_path / "run", CONFIGS["pix2pix"])
    config = short(CONFIGS["pix2pix"], data_dir)
    other = dataclasses.replace(config.method, features=8)
    with pytest.raises(UserError, match=r"another architecture: .*features was 4, is 8"):
        train(dataclasses.replace(config, method=other), tmp_path / "run")
    untouched = dataclasses.replace(config.method, learning_rate=1e-30)
    assert train(dataclasses.replace(config, method=untouched), tmp_path / "run") is None
    before, after = (jaxgan.load(folder).state for folder in (runs["pix2pix"], tmp_path / "run"))
    assert after.step == 2
    jax.tree.map(np.testing.assert_array_equal, after.params, before.params)


def copy(folder, **files):
    folder.mkdir()
    for name, source in files.items():
        shutil.copy(REFERENCE / f"{source}.pth", folder / f"{name}.pth")
    return folder


@pytest.mark.parametrize(
    ("files", "kind", "settings"),
    [
        (
            {"latest_net_G": "pix2pix_vanilla_net_G", "latest_net_D": "pix2pix_vanilla_net_D"},
            "Pix2pix",
            {"depth": 7, "features": 8, "discriminator_layers": 3, "norm": "batch"},
        ),
        (
            {
                "latest_net_G_A": "cyclegan_idt0.5_net_G_A",
                "latest_net_G_B": "cyclegan_idt0.5_net_G_B",
            },
            "CycleGAN",
            {"generator": "resnet", "blocks": 6, "features": 8, "norm": "instance"},
        ),
        pytest.param(
            *({"latest_net_G": "G_resnet_6blocks_ngf8"}, "CycleGAN", {"blocks": 6, "features": 8}),
            marks=pytest.mark.slow,
        ),
        (
            {"netG_epoch_24": "dcgan_net_G", "netD_epoch_24": "dcgan_net_D"},
            "DCGAN",
            {"image_size": 64, "latent_dim": 16, "features": 8, "discriminator_features": 8},
        ),
    ],
)
def test_the_architecture_is_read_off_the_tensors(tmp_path, files, kind, settings):
    """With the reference's own files; a generator may come alone."""
    import_torch(copy(tmp_path / "torch", **files), tmp_path / "run", None)
    method = jaxgan.load(tmp_path / "run").config.method
    assert type(method).__name__ == kind
    assert {name: getattr(method, name) for name in settings} == settings


def test_a_published_generator_translates_as_the_reference(tmp_path):
    folder = copy(tmp_path / "torch", latest_net_G="G_resnet_6blocks_ngf8")
    import_torch(folder, tmp_path / "run", None)
    model = jaxgan.load(tmp_path / "run")
    numbers = np.load(REFERENCE / "G_resnet_6blocks_ngf8.npz")
    a = jnp.asarray(numbers["input_u8"], jnp.float32) / 127.5 - 1
    columns = model.config.method.sample(model.state, {"a": a, "b": a}, jax.random.key(0))
    np.testing.assert_allclose(columns["fake B"], numbers["output_eval"], atol=1e-4)


def test_the_latest_of_several_files_is_taken(tmp_path):
    folder = copy(
        tmp_path / "torch", netG_epoch_3="D_basic_ndf8_instance", netG_epoch_12="dcgan_net_G"
    )
    import_torch(folder, tmp_path / "run", None)
    assert jaxgan.load(tmp_path / "run").config.method.image_size == 64


def test_old_and_wrapped_names_are_understood(tmp_path):
    """Statistics of instance norms, of PyTorch before 0.4, and DataParallel's prefix."""
    tensors = read_tensors(REFERENCE / "G_resnet_6blocks_ngf8.pth")
    old = tensors | {f"model.2.running_{name}": np.zeros(8, np.float32) for name in ("mean", "var")}
    (tmp_path / "torch").mkdir()
    wrapped = {f"module.{name}": value for name, value in old.items()}
    write_tensors(tmp_path / "torch" / "latest_net_G.pth", wrapped)
    import_torch(tmp_path / "torch", tmp_path / "run", None)
    kernel = jaxgan.load(tmp_path / "run").state.params["generator_ab"]["Conv_0"]["kernel"]
    np.testing.assert_array_equal(kernel, tensors["model.1.weight"].transpose(2, 3, 1, 0))


def damaged(kind, folder):
    """Return a folder with a generator that is damaged in some way, and what is said of it."""
    file = folder / "latest_net_G.pth"
    tensors = read_tensors(REFERENCE / "pix2pix_vanilla_net_G.pth")
    name = "model.model.1.model.1.weight"
    if kind == "no checkpoint":
        file.write_bytes(b"PK not really")
        return "cannot be read as PyTorch's tensors"
    if kind == "truncated":
        content = (REFERENCE / "pix2pix_vanilla_net_G.pth").read_bytes()
        file.write_bytes(content[: len(content) // 2])
        return "cannot be read as PyTorch's tensors"
    if kind == "missing":
        del tensors[name]
        message = f"the tensor {name} is missing"
    elif kind == "surplus":
        tensors["model.extra.weight"] = np.zeros(3, np.float32)
        message = "the tensor model.extra.weight is not part of UNetGenerator"
    else:
        tensors[name] = tensors[name][:, :, :3]
        message = f"the tensor {name} has the shape"
    write_tensors(file, tensors)
    return message


@pytest.mark.parametrize("kind", ["no checkpoint", "truncated", "missing", "surplus", "shape"])
def test_bad_files_are_one_line_and_nothing_is_written(tmp_path, capsys, kind):
    message = damaged(kind, tmp_path)
    config = tmp_path / "config.py"
    config.write_text(
        "from jaxgan.config import Config, TrainConfig\n"
        "from jaxgan.data.loading import Loading\n"
        "from jaxgan.data.paired import Paired\n"
        "from jaxgan.data.sources.paired_folder import PairedFolder\n"
        "from jaxgan.methods.pix2pix import Pix2pix\n"
        "def get_config():\n"
        "    loading = Loading(load_size=128, crop_size=128)\n"
        "    method = Pix2pix(features=8, discriminator_features=8, depth=7)\n"
        "    data = Paired(source=PairedFolder(), loading=loading)\n"
        "    return Config(method=method, data=data, train=TrainConfig(steps=1))\n"
    )
    arguments = ["import-torch", "--from", str(tmp_path), "--workdir", str(tmp_path / "run")]
    assert cli.main([*arguments, "--config", str(config)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert message in errors
    assert "latest_net_G.pth" in errors
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path):
    tensors = read_tensors(REFERENCE / "G_resnet_6blocks_ngf8.pth")
    first = next(iter(tensors))
    tensors[first] = np.full_like(tensors[first], np.nan)
    write_tensors(tmp_path / "latest_net_G.pth", tensors)
    with pytest.raises(UserError, match=rf"latest_net_G\.pth: {first} is not finite"):
        import_torch(tmp_path, tmp_path / "run", None)
    assert not (tmp_path / "run").exists()


def test_folders_without_a_generator_are_told(tmp_path):
    with pytest.raises(UserError, match=r"has no generator: no file latest_net_G\.pth"):
        import_torch(tmp_path, tmp_path / "run", None)
    with pytest.raises(UserError, match="does not exist"):
        import_torch(tmp_path / "nowhere", tmp_path / "run", None)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", [tiny, tiny_cyclegan])
def test_networks_that_the_reference_lacks_are_not_exported(tmp_path, experiment):
    config = experiment.get_config()
    method = dataclasses.replace(config.method, upsample="resize")
    config = dataclasses.replace(config, method=method)
    with open_checkpoints(tmp_path / "run" / "checkpoints", keep_last=1, keep_every=0) as opened:
        save(opened, initial_state(config, jax.random.key(0)), to_json(config))
    with pytest.raises(UserError, match=r"references have no \w+Generator with these settings"):
        export_torch(jaxgan.load(tmp_path / "run"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_discriminators_that_the_reference_lacks_are_not_exported(runs, norm, tmp_path):
    model = jaxgan.load(runs["cyclegan"])
    method = dataclasses.replace(model.config.method, discriminator_norm=norm)
    config = dataclasses.replace(model.config, method=method)
    model = dataclasses.replace(
        model, config=config, state=initial_state(config, jax.random.key(0))
    )
    with pytest.raises(UserError, match="references have no PatchGAN with these settings"):
        export_torch(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_starts_from_the_weights_of_another(runs, tmp_path, data_dir, capsys, monkeypatch):
    config = short(CONFIGS["pix2pix"], data_dir, init_from=str(runs["pix2pix"]))
    trained = jaxgan.load(runs["pix2pix"]).state
    untouched = dataclasses.replace(config.method, learning_rate=1e-30)
    train(dataclasses.replace(config, method=untouched), tmp_path / "runs" / "same")
    state = jaxgan.load(tmp_path / "runs" / "same").state
    jax.tree.map(np.testing.assert_array_equal, state.params, trained.params)
    assert state.opt_state["generator"][0].count == 2  # its own two steps
    capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    config = short(CONFIGS["pix2pix"], data_dir, init_from="latest")
    wider = dataclasses.replace(config.method, discriminator_features=8)
    train(dataclasses.replace(config, method=wider), tmp_path / "wider")
    printed = capsys.readouterr().out
    assert "the latest run is runs/same\n" in printed
    assert "no matching weights: discriminator/Conv_0/bias, discriminator/Conv_0/kernel" in (
        printed
    )
    assert "generator/Conv_0/kernel" not in printed
