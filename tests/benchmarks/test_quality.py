"""The benchmark of image quality: its measures, its runs and its table."""

import dataclasses
import json

import numpy as np
import pytest
import quality
import quality_features
import quality_runs
from cases import METHODS

from jaxgan import (
    Config,
    FacadePictures,
    Loading,
    Paired,
    ProceduralFacades,
    TrainConfig,
    Unconditional,
    Unpaired,
    UnpairedFacades,
)
from jaxgan.data.facades.plan import facade
from jaxgan.training.program import resolve

FACADES = ProceduralFacades(size=32, train_count=12, test_count=6)


def pictures(first, count):
    drawn = [facade(0, index, 32)[1] for index in range(first, first + count)]
    return np.stack(drawn).astype(np.float32) / 127.5 - 1


def test_every_kind_of_strong_damage_increases_the_distances():
    for damage, levels in quality_features.check(pictures(0, 192), pictures(192, 64)).items():
        for name in ("kid", "frechet"):
            none, some, strong = (level[name] for level in levels)
            assert max(none, some) < strong, f"{damage}: {name} {levels}"


def test_equal_sets_have_no_distance_and_the_same_diversity():
    features = np.random.default_rng(0).normal(size=(64, 8))
    measured = quality_features.measure(features, features.copy())
    assert measured["frechet"] == pytest.approx(0, abs=1e-6)
    assert measured["diversity"] == pytest.approx(1)
    assert quality_features.measure(features / 4, features)["diversity"] == pytest.approx(0.25)


def test_domains_are_told_apart():
    a, b = (np.stack([facade(0, index, 32)[place] for index in range(48)]) for place in (0, 1))
    a, b = (images.astype(np.float32) / 127.5 - 1 for images in (a, b))
    classify = quality_features.domains(a[:32], b[:32]).classify
    assert classify(a[32:]).mean() < 0.1
    assert classify(b[32:]).mean() > 0.9


@pytest.fixture(scope="module")
def experiments(data_dir):
    """An experiment of each kind, small."""
    loading = Loading(load_size=32, crop_size=32, data_dir=str(data_dir))
    data = {
        "pix2pix": Paired(source=FACADES, loading=loading),
        "cyclegan": Unpaired(source=UnpairedFacades(facades=FACADES), loading=loading),
        "dcgan": Unconditional(source=FacadePictures(facades=FACADES), loading=loading),
    }
    train = TrainConfig(steps=2, batch_size=2, sample_every=0)

    def variants(name):
        method = dataclasses.replace(METHODS[name].method, ema=0.5)
        if name == "dcgan":
            method = dataclasses.replace(method, image_size=32)
        return {"small": Config(method=method, data=data[name], train=train)}

    return {name: variants(name) for name in data}


def test_runs_are_measured_with_both_weights_and_kept(experiments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(quality_features, "STEPS", 10)  # any features will do
    quality.run_all(experiments, 1, tmp_path)
    for experiment in experiments:
        folder = tmp_path / experiment / "small" / "seed0"
        measured = json.loads((folder / "quality.json").read_text())
        assert measured["latest"]["kid"] != measured["average"]["kid"]
        assert (folder / "grid.png").exists()
    capsys.readouterr()
    quality.run_all(experiments, 1, tmp_path)
    assert capsys.readouterr().out == ""  # nothing is trained again

    table = quality.collect(experiments, tmp_path)
    assert list(table["pix2pix"]["small"]) == ["kid", "frechet", "diversity", "l1"]
    assert list(table["cyclegan"]["small + ema"]) == ["kid", "frechet", "diversity", "target"]
    assert list(table["dcgan"]["small"]) == ["kid", "frechet", "diversity"]


def test_the_table_has_means_and_deviations_over_seeds():
    paper = {"kid": [1e3, 2e3, 3e3], "l1": [0.25, 0.26, 0.27]}
    table = {"pix2pix": {"paper": paper, "other": {}}}
    assert quality.markdown(table).splitlines()[-1] == "| paper | 2,000 ± 1,000 | 0.26 ± 0.01 |"


def test_every_run_fits_its_method_and_data(tmp_path):
    for variants in quality_runs.experiments(tmp_path, tmp_path).values():
        for config in variants.values():
            resolve(config)
