"""The command `jaxgan export` and `jaxgan.export_model`."""

import dataclasses
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
from cases import METHODS, init
from flax.traverse_util import unflatten_dict
from paths import CONFIGS
from safetensors.numpy import load_file

import jaxgan
from jaxgan.cli import main as cli
from jaxgan.config import Config
from jaxgan.data.loading import Loading
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import UserError
from jaxgan.export import graph
from jaxgan.images.kinds import ImageKind
from jaxgan.inference.model import Model
from jaxgan.interop.torch_file import read_tensors
from jaxgan.training.trainer import train

IMAGES = np.random.default_rng(0).uniform(-1, 1, (3, 21, 34, 3)).astype(np.float32)


def export(run, output, *options):
    return cli.main(["export", f"--run={run}", f"--output={output}", *options])


def run_onnx(file, *given):
    """Return the output for one input, or a list of those for several."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    made = [np.asarray(session.run(None, {name: each})[0]) for each in given]
    return made[0] if len(made) == 1 else made


@pytest.mark.parametrize("direction", ["ab", "ba"])
def test_onnx_translates_as_the_model_does(runs, tmp_path, capsys, direction):
    file = tmp_path / "new" / "model.onnx"
    assert export(runs["cyclegan"], file, f"--direction={direction}") == 0
    expected = jaxgan.load(runs["cyclegan"]).translate(IMAGES, direction)
    np.testing.assert_allclose(run_onnx(file, IMAGES), expected, atol=2e-5)
    out = capsys.readouterr().out
    assert "onnxruntime and JAX differ by at most" in out
    assert "on 2 held-out images" in out
    facts = {entry.key: entry.value for entry in onnx.load_model(file).metadata_props}
    assert facts["direction"] == direction
    assert facts["size_multiple"] == "4"
    assert facts["input_values"] == "uint8, -1 is 0, 1 is 255"
    assert facts["jaxgan_version"] == jaxgan.__version__


@pytest.fixture
def random(runs):
    """A CycleGAN with dropout and batch norm."""
    model = jaxgan.load(runs["cyclegan"])
    method = dataclasses.replace(model.config.method, dropout=0.5, norm="batch")
    config = dataclasses.replace(model.config, method=method)
    state = init(method, jax.random.key(0), METHODS["cyclegan"].spec(1))
    return dataclasses.replace(model, config=config, state=state)


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("statistics", ["image", "running"])
def test_onnx_keeps_dropout_and_statistics_as_chosen(random, tmp_path, capsys, dropout, statistics):
    model = dataclasses.replace(random, dropout=dropout, norm_statistics=statistics)
    jaxgan.export_model(model, tmp_path / "model.onnx")
    first, second = run_onnx(tmp_path / "model.onnx", IMAGES, IMAGES)
    assert np.array_equal(first, second) != dropout
    assert ("differs in every call" in capsys.readouterr().out) == dropout
    if not dropout:
        np.testing.assert_allclose(first, model.translate(IMAGES), atol=2e-5)


def test_int8_weights_are_checked_and_what_they_change_is_printed(runs, tmp_path, capsys):
    sizes = {}
    for weights in ("float32", "float16", "int8"):
        file = tmp_path / f"{weights}.onnx"
        assert export(runs["cyclegan"], file, f"--weights={weights}") == 0
        sizes[weights] = file.stat().st_size
        changed = f"{weights} weights change images by"
        assert (changed in capsys.readouterr().out) == (weights != "float32")
    assert sizes["int8"] < sizes["float16"] < sizes["float32"]


# What docs/export.md shows; nothing of jaxgan is needed.
LOADER = """
import sys
import jax
import jax.export
import numpy as np

with open(sys.argv[1], "rb") as file:
    translate = jax.export.deserialize(bytearray(file.read())).call
images = np.load(sys.argv[2])
np.save(sys.argv[3], translate(images))
assert not any(name.split(".")[0] in ("jaxgan", "flax") for name in sys.modules)
"""


def test_stablehlo_is_run_by_jax_alone(runs, tmp_path):
    assert export(runs["cyclegan"], tmp_path / "model.stablehlo") == 0
    np.save(tmp_path / "images.npy", IMAGES)
    files = [tmp_path / name for name in ("model.stablehlo", "images.npy", "made.npy")]
    subprocess.run([sys.executable, "-c", LOADER, *files], check=True, cwd=tmp_path)
    expected = jaxgan.load(runs["cyclegan"]).translate(IMAGES)
    np.testing.assert_allclose(np.load(tmp_path / "made.npy"), expected, atol=2e-5)


def test_stablehlo_takes_the_seed_of_dropout(random, tmp_path):
    jaxgan.export_model(random, tmp_path / "model.stablehlo")
    call = jax.export.deserialize(bytearray((tmp_path / "model.stablehlo").read_bytes())).call
    made = call(IMAGES, np.uint32(5))
    np.testing.assert_array_equal(made, call(IMAGES, np.uint32(5)))
    assert np.abs(made - call(IMAGES, np.uint32(6))).max() > 0.01


def test_safetensors_hold_the_variables_of_the_network(runs, tmp_path):
    file = tmp_path / "model.safetensors"
    assert export(runs["cyclegan"], file, "--direction=ba") == 0
    generator = jaxgan.load(runs["cyclegan"]).trained_generator("ba")
    tensors = {name: jnp.asarray(value) for name, value in load_file(file).items()}
    variables = unflatten_dict(tensors, sep="/")
    jax.tree.map(np.testing.assert_array_equal, variables["params"], generator.params)


def test_torch_files_are_those_of_the_old_command(runs, tmp_path, capsys):
    run, new, old = runs["cyclegan"], tmp_path / "new", tmp_path / "old"
    assert export(run, new, "--format=torch") == 0
    assert cli.main(["export-torch", f"--run={run}", f"--output={old}"]) == 0
    assert "jaxgan export --format=torch" in capsys.readouterr().err
    assert {file.name for file in new.glob("*.pth")} == {file.name for file in old.glob("*.pth")}
    for file in new.glob("*.pth"):
        tensors, others = read_tensors(file), read_tensors(old / file.name)
        assert tensors.keys() == others.keys()
        for name in tensors:
            np.testing.assert_array_equal(tensors[name], others[name])


@pytest.fixture
def dcgan(tmp_path):
    """A DCGAN whose moving averages differ from its weights."""
    case, loading = METHODS["dcgan-spectral-ema"], Loading(load_size=12, crop_size=12)
    source = ImageFolder(root=str(tmp_path / "missing"), image=ImageKind(channels=1))
    config = Config(
        method=case.method,
        data=Unconditional(source=source, loading=loading),
        train=tiny.get_config().train,
    )
    state = init(case.method, jax.random.key(0), case.spec(2))
    average = jax.tree.map(lambda x: x + 0.1, state.memory["average"])
    return Model(config, dataclasses.replace(state, memory={"average": average}), tmp_path / "3")


@pytest.mark.parametrize("suffix", ["onnx", "stablehlo"])
def test_a_dcgan_is_exported_with_its_moving_averages(dcgan, tmp_path, suffix, capsys):
    file = tmp_path / f"model.{suffix}"
    jaxgan.export_model(dcgan, file)
    assert "on random latent vectors" in capsys.readouterr().out
    latents = dcgan.config.method.draw_latents(jax.random.key(7), 5)
    expected = dcgan.config.method.generate(dcgan.state, latents)
    assert expected.shape == (5, 12, 12, 1)
    if suffix == "onnx":
        made = run_onnx(file, np.asarray(latents))
        facts = {entry.key: entry.value for entry in onnx.load_model(file).metadata_props}
        assert facts["input"] == "latents, uniform distribution"
    else:
        made = jax.export.deserialize(bytearray(file.read_bytes())).call(latents)
    np.testing.assert_allclose(made, expected, atol=2e-5)


def test_a_method_of_ones_own_is_exported(facades, tmp_path, capsys):
    method = dataclasses.replace(jaxgan.config.load(CONFIGS / "l1_only.py").method)
    method = dataclasses.replace(method, features=2, depth=5)
    settings = dataclasses.replace(tiny.get_config().train, steps=1, sample_every=0)
    train(Config(method=method, data=facades, train=settings), tmp_path / "run")
    assert export(tmp_path / "run", tmp_path / "model.onnx") == 2
    assert "name the config file" in capsys.readouterr().err
    assert export(tmp_path / "run", tmp_path / "model.onnx", "--config=l1_only") == 0


def test_a_model_without_its_data_is_checked_on_random_images(runs, tmp_path, capsys):
    model = jaxgan.load(runs["cyclegan"])
    (tmp_path / "file").touch()
    missing = jaxgan.UnpairedFolder(root=str(tmp_path / "missing"))
    for source, data_dir, reason in (
        (missing, tmp_path / "none", f"the folder {missing.root} does not exist"),
        (model.config.data.source, tmp_path / "file" / "none", "[Errno 20] Not a directory"),
    ):
        loading = dataclasses.replace(model.config.data.loading, data_dir=str(data_dir))
        data = dataclasses.replace(model.config.data, source=source, loading=loading)
        config = dataclasses.replace(model.config, data=data)
        file = tmp_path / "model.onnx"
        jaxgan.export_model(dataclasses.replace(model, config=config), file, overwrite=True)
        assert f"held-out images are not available: {reason}" in capsys.readouterr().out
        assert file.is_file()


def test_a_file_that_computes_something_else_is_not_written(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "EPSILON", 0.1)
    with pytest.raises(UserError, match="does not compute what JAX computes"):
        jaxgan.export_model(jaxgan.load(runs["cyclegan"]), tmp_path / "model.onnx")
    assert not any(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(dcgan, tmp_path):
    broken = jax.tree.map(lambda x: x * jnp.nan, dcgan.state.memory)
    model = dataclasses.replace(dcgan, state=dataclasses.replace(dcgan.state, memory=broken))
    with pytest.raises(UserError, match="not finite, as after a training that diverged"):
        jaxgan.export_model(model, tmp_path / "model.onnx")


def test_a_missing_package_is_named(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert export(runs["cyclegan"], tmp_path / "model.onnx") == 2
    assert 'pip install "jaxgan[onnx]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("model", [], "has none of the suffixes .onnx, .stablehlo and .safetensors"),
        ("model.pth", [], "pass --format, one of onnx, stablehlo, safetensors, torch"),
        ("mine.onnx", [], "mine.onnx exists: choose another --output, or pass --overwrite"),
        ("folder", ["--format=onnx"], "is a folder: name a file, such as model.onnx"),
        ("model.stablehlo", ["--weights=int8"], "only ONNX files can have int8 weights"),
        ("torch", ["--format=torch", "--direction=ab"], "leave direction out"),
        ("torch", ["--format=torch", "--dropout=off"], "leave dropout out"),
        ("mine.onnx/model.onnx", [], "is not a folder"),
    ],
)
def test_arguments_that_cannot_work_are_refused(runs, tmp_path, capsys, name, options, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.onnx").write_text("mine")
    assert export(runs["cyclegan"], tmp_path / name, *options) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert message in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "mine.onnx"]
    assert (tmp_path / "mine.onnx").read_text() == "mine"


def test_only_regular_files_are_replaced(dcgan, tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(UserError, match="not a regular file"):
        jaxgan.export_model(dcgan, tmp_path / "pipe.onnx", overwrite=True)
    assert (tmp_path / "pipe.onnx").is_fifo()


def test_a_tilde_is_the_home_folder(dcgan, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    jaxgan.export_model(dcgan, "~/model.safetensors")
    assert (tmp_path / "model.safetensors").is_file()


def test_an_existing_file_is_replaced_on_demand(runs, tmp_path):
    (tmp_path / "model.onnx").write_text("old")
    assert export(runs["cyclegan"], tmp_path / "model.onnx", "--overwrite") == 0
    assert run_onnx(tmp_path / "model.onnx", IMAGES).shape == IMAGES.shape


@pytest.mark.parametrize("name", ["dropout", "norm_statistics"])
def test_a_dcgan_has_no_choices_of_translation(dcgan, tmp_path, name):
    model = dataclasses.replace(dcgan, **{name: {"dropout": True}.get(name, "image")})
    with pytest.raises(UserError, match=f"is a DCGAN: leave {name} out"):
        jaxgan.export_model(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("direction", ["ab", "sideways"])
def test_directions_that_a_model_does_not_have_are_refused(runs, dcgan, tmp_path, direction):
    for model in (dcgan, jaxgan.load(runs["pix2pix"])):
        with pytest.raises(UserError, match="leave"):
            jaxgan.export_model(model, tmp_path / "model.onnx", direction=direction)


def test_a_method_whose_generator_is_not_known_is_refused(dcgan, tmp_path):
    config = dataclasses.replace(dcgan.config)  # a copy
    object.__setattr__(config, "method", dataclasses.make_dataclass("Own", [])())
    with pytest.raises(UserError, match="is a Own, which has no export"):
        jaxgan.export_model(dataclasses.replace(dcgan, config=config), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
