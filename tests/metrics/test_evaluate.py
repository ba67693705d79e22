"""Models measured, from the command line and while they are trained."""

import dataclasses
import json
import math
import re

import jax
import numpy as np
import pytest
import tiny
from browser import fact
from cases import METHODS
from PIL import Image

import jaxgan
from jaxgan.cli import main as cli
from jaxgan.data.facades.dataset import FacadePictures, ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.inference import model
from jaxgan.inference.model import Model
from jaxgan.metrics.distances import frechet_distance
from jaxgan.metrics.evaluate import Settings, during_training, make_evaluate
from jaxgan.metrics.extractors import make_extractor
from jaxgan.metrics.linear_probe import linear_probe
from jaxgan.metrics.measures import Result
from jaxgan.training.program import initial_state, make_program
from jaxgan.training.trainer import train


def evaluate(run, *arguments):
    """Return the exit code and what was written."""
    output = run / "metrics.json"
    output.unlink(missing_ok=True)
    code = cli.main(["evaluate", "--run", str(run), *arguments])
    results = json.loads(output.read_text()) if output.exists() else []
    return code, {result["metric"]: Result(**result) for result in results}


def test_pairs_are_compared_one_by_one(runs, capsys):
    code, results = evaluate(runs["pix2pix"], "--metrics", "l1,psnr,ssim", "--split", "train")
    assert code == 0
    assert list(results) == ["l1", "psnr", "ssim"]
    trained = jaxgan.load(runs["pix2pix"])
    data = trained.config.data
    (raw,) = data.held_out(data.prepare(), 100, "train").batches
    batch = data.preprocess(raw)
    made = trained.translate(np.asarray(batch["input"]))
    written = np.round((made + 1) * 127.5) / 127.5 - 1  # as 8-bit files hold it
    distances = np.abs(written - batch["target"]).mean((1, 2, 3))
    assert results["l1"].value == pytest.approx(distances.mean(), rel=1e-5)
    assert results["l1"].standard_error == pytest.approx(distances.std(ddof=1) / math.sqrt(12))
    protocol = results["ssim"].protocol
    assert protocol["images"] == "all 12 of train, 32x32"
    assert protocol["norm statistics"] == "of each image"
    assert protocol["model"].endswith("checkpoints/1")
    printed = capsys.readouterr().out
    assert "images: all 12 of train, 32x32" in printed
    assert "psnr" in printed


def test_features_of_a_run_take_the_place_of_inception(runs):
    features = ("--features", f"run:{runs['cyclegan']}", "--metrics", "kid,fid", "--split", "train")
    for run, arguments in (("cyclegan", ("--direction", "ba")), ("pix2pix", ())):
        code, results = evaluate(runs[run], *features, *arguments)
        assert code == 0
        assert list(results) == ["kid", "fid"]
        assert results["fid"].value > 0
        assert results["kid"].standard_error > 0
        assert "the discriminator of" in results["kid"].protocol["features"]
    assert "direction" in results["fid"].protocol


def test_a_part_of_the_images_is_drawn_from_all_of_them(runs):
    """The first images of a split are often of one class, or of one film."""
    config = jaxgan.load(runs["pix2pix"]).config
    held_out = config.data.held_out(config.data.prepare(), 5, "train")
    (every,) = config.data.held_out(config.data.prepare(), 12, "train").batches
    (part,) = held_out.batches
    places = [
        [np.array_equal(image, other) for other in every["input"]].index(True)
        for image in part["input"]
    ]
    assert (held_out.total, held_out.split) == (12, "train")
    assert places == sorted(np.random.default_rng(0).permutation(12)[:5])
    assert places != [0, 1, 2, 3, 4]
    code, results = evaluate(runs["pix2pix"], "--metrics", "l1", "--split", "train", "--count", "5")
    assert code == 0
    expected = "5 of 12 of train, drawn with seed 0, 32x32"
    assert results["l1"].protocol["images"] == expected


def test_all_images_of_both_domains_are_measured(tmp_path, runs):
    """FID and KID compare sets, which need not be equally large."""
    for domain, count in (("A", 5), ("B", 9)):
        for split in ("train", "test"):
            (tmp_path / f"{split}{domain}").mkdir()
            for number in range(count):
                picture = Image.new("RGB", (16, 16), (20 * number, 99, 255 - 20 * number))
                picture.save(tmp_path / f"{split}{domain}" / f"{number}.png")
    loading = Loading(load_size=16, crop_size=16, data_dir=str(tmp_path / "tfds"))
    data = Unpaired(source=UnpairedFolder(root=str(tmp_path)), loading=loading)
    trained = jaxgan.load(runs["cyclegan"])
    config = dataclasses.replace(trained.config, data=data)
    settings = Settings(metrics=("fid",), features=f"run:{runs['cyclegan']}")
    (result,) = make_evaluate(config, data.prepare(), settings)(
        dataclasses.replace(trained, config=config)
    )
    assert result.protocol["images"] == (
        "all 5 of testA, 16x16 translated, compared with all 9 of testB, 16x16"
    )
    extractor = make_extractor(f"run:{runs['cyclegan']}", "clean", None)
    splits = data.prepare()
    (of_a,), (of_b,) = (data.held_out(splits, 9, "test", name).batches for name in "ab")
    a, b = (np.asarray(data.preprocess(raw)[name]) for name, raw in (("a", of_a), ("b", of_b)))
    written = np.round((trained.translate(a, "ab") + 1) * 127.5) / 127.5 - 1
    expected = frechet_distance(extractor.extract(written), extractor.extract(b))
    assert result.value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("run", "arguments", "message"),
    [
        ("pix2pix", ["--metrics", "beauty"], "unknown metric beauty: choose from fid, kid"),
        ("cyclegan", ["--metrics", "ssim"], "a CycleGAN has no targets"),
        ("pix2pix", ["--metrics", "l1", "--split", "val"], "no images in the split val"),
        ("pix2pix", ["--metrics", "fid"], "get it from https://github.com"),
        ("pix2pix", ["--metrics", "lpips"], "alexnet-owt-7be5be79.pth"),
        ("pix2pix", ["--metrics", "fid", "--features", "eyes"], "choose inception, or run:DIR"),
        ("cyclegan", ["--metrics", "l1", "--norm_statistics", "running"], "has no"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    runs, tmp_path, monkeypatch, capsys, run, arguments, message
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert evaluate(runs[run], *arguments) == (2, {})
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert message in errors


def test_generated_images_are_measured(tmp_path, runs, data_dir, capsys):
    drawn = ProceduralFacades(size=16 * 2, train_count=8, test_count=8)
    loading = Loading(load_size=16, crop_size=16, data_dir=str(data_dir))
    data = Unconditional(source=FacadePictures(facades=drawn), loading=loading)
    config = dataclasses.replace(
        tiny.get_config(),
        method=METHODS["dcgan"].method,
        data=data,
        train=dataclasses.replace(tiny.get_config().train, steps=1),
    )
    train(config, tmp_path)
    code, results = evaluate(
        tmp_path, "--features", f"run:{runs['cyclegan']}", "--metrics", "kid", "--seed", "1"
    )
    assert code == 0
    assert results["kid"].protocol["images"] == "all 8 of test, 16x16"
    assert results["kid"].protocol["seed"] == "1"
    assert evaluate(tmp_path, "--metrics", "kid", "--direction", "ab") == (2, {})
    assert "does not translate images: leave direction out" in capsys.readouterr().err


def test_the_best_model_is_kept_beside_the_last(tmp_path, data_dir):
    config = tiny.get_config()
    loading = dataclasses.replace(config.data.loading, data_dir=str(data_dir))
    settings = dataclasses.replace(
        config.train, steps=6, eval_every=2, eval_metrics="psnr,l1", sample_every=0
    )
    data = dataclasses.replace(config.data, loading=loading)
    config = dataclasses.replace(config, data=data, train=settings)
    train(config, tmp_path, during_training)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    measured = {r["step"]: r["eval/psnr"] for r in records if "eval/psnr" in r}
    assert list(measured) == [2, 4, 6]
    (best,) = (path for path in (tmp_path / "best").iterdir() if path.name.isdecimal())
    assert int(best.name) == max(measured, key=lambda step: measured[step])
    code, results = evaluate(best, "--metrics", "psnr", "--count", "256")
    assert code == 0
    assert results["psnr"].value == pytest.approx(measured[int(best.name)], rel=1e-5)
    page = (tmp_path / "index.html").read_text()
    step = max(measured, key=lambda step: measured[step])
    assert f"psnr {measured[6]:.4g}," in fact(page, "Last evaluation")
    assert f"psnr {measured[step]:.4g}," in fact(page, "Best evaluation")
    assert fact(page, "Best evaluation").endswith(f"at step {step}")
    # Another measure begins anew: scores of different measures cannot be compared.
    settings = dataclasses.replace(settings, steps=7, eval_metrics="l1")
    train(dataclasses.replace(config, train=settings), tmp_path, during_training)
    assert (tmp_path / "best" / "7").exists()


def test_images_of_many_sizes_are_compared_with_as_many_generated_ones(tmp_path, runs):
    for number in range(8):
        (tmp_path / "train").mkdir(exist_ok=True)
        picture = Image.new("RGB", (16 + 8 * (number % 2), 16), (30 * number, 0, 0))
        picture.save(tmp_path / "train" / f"{number}.png")
    loading = Loading(resize="none", load_size=16, crop_size=16, data_dir=str(tmp_path / "tfds"))
    data = Unconditional(source=ImageFolder(root=str(tmp_path / "train")), loading=loading)
    config = dataclasses.replace(tiny.get_config(), method=METHODS["dcgan"].method, data=data)
    settings = Settings(metrics=("kid",), split="train", features=f"run:{runs['cyclegan']}")
    splits, key = data.prepare(), jax.random.key(0)
    measure = make_evaluate(config, splits, settings)
    state = initial_state(config, key)
    (result,) = measure(Model(config, state, tmp_path))
    assert result.protocol["images"] == "all 8 of train, 16x16, 16x24"
    with pytest.raises(UserError, match="needs images of one size"):
        linear_probe(Model(config, state, tmp_path), {**splits, "test": splits["train"]}, 8)
    columns = make_program(config).sample(state, data.held_out(splits, 8, "train").batches, key)
    small, large = columns["generated"]
    assert (small != large).any()  # of other latent vectors


@pytest.mark.parametrize(
    ("metrics", "count", "message"),
    [
        ("kid", 3, "KID needs at least 4 images"),
        ("l1,ssim,linear-probe", 8, "linear-probe is not measured during training"),
        ("lpips", 8, "alexnet-owt-7be5be79.pth"),
        ("fid", 8, "get it from https://github.com"),
    ],
)
def test_what_cannot_be_measured_is_told_before_training(
    facades, runs, tmp_path, monkeypatch, metrics, count, message
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    features = f"run:{runs['cyclegan']}" if metrics == "kid" else "inception"
    settings = dataclasses.replace(
        tiny.get_config().train, eval_metrics=metrics, eval_count=count, eval_features=features
    )
    config = dataclasses.replace(tiny.get_config(), data=facades, train=settings)
    with pytest.raises(UserError, match=re.escape(message)):
        during_training(config, facades.prepare())


def test_a_model_is_measured_as_often_as_wanted_without_compiling_again(facades):
    config = dataclasses.replace(tiny.get_config(), data=facades)
    settings = dataclasses.replace(config.train, eval_metrics="l1")
    evaluate = during_training(dataclasses.replace(config, train=settings), facades.prepare())
    state = initial_state(config, jax.random.key(0))
    first = evaluate(state)
    programs = model._jitted_translate(32, 32)._cache_size()
    assert evaluate(state) == first
    assert model._jitted_translate(32, 32)._cache_size() == programs
