"""The benchmark beside PyTorch; what needs PyTorch is skipped where that is missing."""

import dataclasses
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blocks import Competitor, Failed
from cases import METHODS, init
from paths import ROOT

from jaxgan.interop.torch_names import to_torch
from jaxgan.methods.dcgan import DCGAN

KEY = jax.random.key(0)
STEPS, BATCH_SIZE = 3, 2


class Given(DCGAN):
    """Takes latent vectors that PyTorch's side can be given too."""

    def draw_latents(self, key, count):
        return jnp.asarray(latents(count, self.latent_dim))


def latents(count, latent_dim):
    return np.random.default_rng(1).normal(size=(count, latent_dim))


def settings_of(method):
    return {field.name: getattr(method, field.name) for field in dataclasses.fields(method)}


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


def make_both(name, settings, shapes):
    """Return a method of the conformance suite with other settings, and PyTorch's counterpart."""
    import torch_models

    case = METHODS[name]
    kind = Given if isinstance(case.method, DCGAN) else type(case.method)
    # Kernels larger than the papers' make outputs that are far from zero.
    method = kind(**settings_of(case.method) | {"initializer": "kaiming"} | settings)
    theirs = type(case.method).__name__
    return method, torch_models.make(theirs, settings_of(method), shapes, torch_models.Variant())


@pytest.mark.parametrize(
    ("name", "settings", "edge"),
    [
        ("dcgan", {}, 16),
        ("dcgan", {"image_size": 12, "adversarial_loss": "hinge"}, 12),
        ("pix2pix", {"dropout": 0.0}, 32),
        ("pix2pix-instance-pixel", {"dropout": 0.0}, 32),
        ("cyclegan", {"pool_size": STEPS * BATCH_SIZE}, 16),  # no image is drawn from the pool
        ("cyclegan-batch-unet", {}, 16),
    ],
)
def test_steps_in_pytorch_have_our_losses(torch, name, settings, edge):
    rng = np.random.default_rng(0)
    batch = {
        image: rng.uniform(-1, 1, (BATCH_SIZE, edge, edge, channels))
        for image, (_, _, channels) in METHODS[name].shapes.items()
    }
    shapes = {image: array.shape for image, array in batch.items()}
    method, model = make_both(name, settings, shapes)
    model.draw_latents = lambda real: torch.tensor(latents(len(real), method.latent_dim))
    theirs = {image: torch.tensor(array).permute(0, 3, 1, 2) for image, array in batch.items()}

    with jax.enable_x64(True):
        ours = jax.tree.map(jnp.asarray, batch)
        state = init(method, KEY, jax.eval_shape(lambda: ours))
        for role, network in model.networks.items():
            is_generator = role.startswith("generator")
            module = method.make_generator(3) if is_generator else method.make_discriminator()
            tensors = to_torch(module, state.params[role], state.batch_stats[role], step=0)
            assert list(tensors) == list(network.state_dict())
            network.load_state_dict({name: torch.tensor(value) for name, value in tensors.items()})
        step = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})
        for _ in range(STEPS):
            state, metrics = step(state, ours, KEY)
            losses = model.step(theirs)
            assert set(losses) == {metric for metric in metrics if metric.startswith("loss/")}
            for loss, value in losses.items():
                np.testing.assert_allclose(value.item(), metrics[loss], rtol=1e-9, err_msg=loss)


def test_networks_in_pytorch_have_the_references_parameters_and_dropout(torch):
    import torch_networks as networks

    def millions(network):
        return round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 3)

    # As the reference prints them for its defaults.
    with torch.device("meta"):
        unet = networks.unet_generator(3, 3, features=64, depth=8, norm="batch", dropout=0.5)
        resnet = networks.resnet_generator(
            3, 3, features=64, blocks=9, norm="instance", dropout=0.0
        )
        discriminator = networks.patch_discriminator(3, features=64, layers=3, norm="instance")
    assert [millions(unet), millions(resnet), millions(discriminator)] == [54.414, 11.378, 2.765]
    assert sum(isinstance(layer, torch.nn.Dropout) for layer in unet.modules()) == 3


def test_the_pool_in_pytorch_keeps_half_of_what_comes_once_it_is_full(torch):
    from torch_models import ImagePool

    pool = ImagePool(2)
    first = torch.arange(2.0).reshape(2, 1, 1, 1)
    assert torch.equal(pool.query(first), first)
    came = torch.arange(2.0, 1002.0).reshape(-1, 1, 1, 1)
    went = pool.query(came)
    held = torch.cat(pool.images)
    # Every image is in one place, and nothing is lost.
    assert torch.equal(torch.cat([went, held]).sort(0)[0], torch.cat([first, came]))
    assert 400 < (went == came).sum() < 600  # 500 are expected, with a standard deviation of 16


def test_settings_that_pytorchs_side_lacks_are_named(torch):
    from torch_models import check_settings

    check_settings("DCGAN", ["features", "schedule"])
    with pytest.raises(ValueError, match=r"DCGAN .* --config.method.ema: leave"):
        check_settings("DCGAN", ["features", "ema"])


def benchmark(*arguments):
    command = [sys.executable, "benchmarks/pytorch.py", "--config", "tests/tiny.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_without_pytorch_ours_is_measured_and_a_line_says_so(tmp_path):
    bare = tmp_path / "python"  # which sees no installed packages
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    file = tmp_path / "results.json"
    done = benchmark(f"--python={bare}", "--rounds=1", "--block_seconds=0.1", f"--json={file}")
    assert done.returncode == 0, done.stderr
    missing = f"{bare} has no PyTorch: pip install torch, or name one by --python"
    assert f"PyTorch    failed: {missing}" in done.stdout
    results = json.loads(file.read_text())["results"]
    assert results["jaxgan"]["ms_per_step"] > 0
    assert results["PyTorch"] == {"error": missing}


def test_a_competitor_that_is_not_ready_in_time_is_ended():
    competitor = Competitor([sys.executable, "-c", "import time; time.sleep(600)"])
    with pytest.raises(Failed, match="not ready within 1 s"):
        competitor.wait_until_ready(1)
    competitor.close()


@pytest.mark.slow  # it compiles in PyTorch
def test_every_competitor_runs_every_round(torch, tmp_path):
    file = tmp_path / "results.json"
    done = benchmark("--rounds=2", "--block_seconds=0.1", f"--json={file}", "--batch_size=3")
    assert done.returncode == 0, done.stderr
    results = json.loads(file.read_text())
    assert results["batch_size"] == 3
    assert list(results["results"]) == [
        "jaxgan",
        "PyTorch eager",
        "PyTorch channels_last",
        "PyTorch channels_last, compile",
    ]
    ours = results["results"]["jaxgan"]["seconds_per_step"]
    for result in results["results"].values():
        ratios = np.divide(result["seconds_per_step"], ours)
        assert len(ratios) == 2
        assert result["ratio"] == pytest.approx(np.median(ratios))
