"""The data sets of the CycleGAN paper by their names: one config for all."""

import dataclasses
from typing import get_args, get_type_hints

import pytest
from paths import CONFIGS
from PIL import Image

from jaxgan.cli import train as command_line
from jaxgan.cli.arguments import keep_epochs
from jaxgan.config import Config, TrainConfig, load
from jaxgan.data.loading import Loading
from jaxgan.data.sources.cycle_gan import EPOCHS, CycleGANDownload
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.schedules import LinearDecay
from jaxgan.settings.stored import to_json
from jaxgan.training.program import resolve

# Steps and checkpoint_every of the configs cyclegan_NAME.py of version 0.1: 200 and 5 epochs.
SETTINGS = {
    "apple2orange": (203_800, 5095),
    "cezanne2photo": (1_257_400, 31_435),
    "cityscapes": (595_000, 14_875),
    "facades": (80_000, 2000),
    "horse2zebra": (266_800, 6670),
    "iphone2dslr_flower": (665_000, 16_625),
    "maps": (219_200, 5480),
    "monet2photo": (1_257_400, 31_435),
    "summer2winter_yosemite": (246_200, 6155),
    "ukiyoe2photo": (1_257_400, 31_435),
    "vangogh2photo": (1_257_400, 31_435),
}


def parse(*arguments, name="cyclegan"):
    return command_line.parse([f"--config={CONFIGS / name}.py", *arguments])[1].config


@pytest.mark.parametrize("name", SETTINGS)
def test_a_name_gives_the_experiment_of_its_former_config(name):
    steps, checkpoint_every = SETTINGS[name]
    former = Config(
        method=CycleGAN(schedule=LinearDecay()),
        data=Unpaired(source=CycleGANDownload(name=name)),
        train=TrainConfig(steps=steps, checkpoint_every=checkpoint_every),
    )
    for argument in ([f"--config.data.name={name}"], ["--config.data.name", name]):
        assert parse(*argument) == former
    assert to_json(parse(f"--config.data.name={name}")) == to_json(former)
    schedule = LinearDecay(constant_steps=steps // 2, decay_steps=steps // 2)
    assert resolve(parse(f"--config.data.name={name}")).method.schedule == schedule
    assert (former.method.lambda_cycle, former.method.lambda_identity) == (10, 0.5)


def test_configs_of_one_data_set_are_the_same_experiment():
    for name in ("horse2zebra", "facades"):
        one = load(CONFIGS / f"cyclegan_{name}.py")
        assert one == parse(f"--config.data.name={name}")
        assert parse("--config.data.name=maps", name=f"cyclegan_{name}") == parse(
            "--config.data.name=maps"
        )


def test_the_table_has_every_name():
    names = get_args(get_type_hints(CycleGANDownload)["name"])
    assert sorted(names) == sorted(EPOCHS) == sorted(SETTINGS)


def test_what_is_typed_wins():
    train = parse("--config.train.steps=7", "--config.data.name=maps").train
    assert (train.steps, train.checkpoint_every) == (7, 5480)
    train = parse("--config.data.name=maps", "--config.train.checkpoint_every", "9").train
    assert (train.steps, train.checkpoint_every) == (219_200, 9)
    # 6670, of horse2zebra, is not a multiple of 4; 5480 is
    train = parse("--config.data.name=maps", "--config.train.steps_per_dispatch=4").train
    assert (train.steps, train.checkpoint_every) == (219_200, 5480)


def test_a_mistyped_name_is_one_line_with_all_names():
    with pytest.raises(UserError) as raised:
        parse("--config.data.name=monet")
    message = str(raised.value)
    assert "\n" not in message
    assert "'monet'" in message
    for name in SETTINGS:
        assert f"'{name}'" in message


def test_help_lists_the_names_and_the_steps_of_the_chosen_one(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse("--config.data.name=monet2photo", "--help")
    assert stopped.value.code == 0
    text = "".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"--config.data.name{{{','.join(EPOCHS)}}}" in text
    assert "--config.train.stepsINTTotaltrainingsteps." in text
    assert "(default:1257400)" in text
    assert "--config.method.lambda_identity" in text


def test_steps_that_are_not_whole_epochs_stay():
    config = load(CONFIGS / "cyclegan.py")
    monet = Unpaired(source=CycleGANDownload(name="monet2photo"))
    train = dataclasses.replace(config.train, steps=1000, checkpoint_every=0)
    config = dataclasses.replace(config, train=train)
    assert keep_epochs(config, monet) == config
    # whole calls: 5 epochs of 1,019 images, 10 steps at a time
    train = dataclasses.replace(train, steps=5 * 1334, steps_per_dispatch=10)
    apples = Unpaired(source=CycleGANDownload(name="apple2orange"))
    kept = keep_epochs(dataclasses.replace(config, train=train), apples)
    assert kept.train.steps == 5100
    folder = Unpaired(source=UnpairedFolder())
    assert keep_epochs(config, folder) == config
    assert keep_epochs(load(CONFIGS / "cyclegan_folder.py"), monet).train.steps == 200_000


def test_images_of_another_data_set_are_reported(tmp_path, capsys, monkeypatch):
    for folder, count in (("trainA", 2), ("trainB", 3)):
        (tmp_path / "mine" / folder).mkdir(parents=True)
        for number in range(count):
            image = Image.new("RGB", (8, 8), (number, 0, 0))
            image.save(tmp_path / "mine" / folder / f"{number}.png")
    source = CycleGANDownload(name="maps", root=str(tmp_path / "mine"))
    data = Unpaired(source=source, loading=Loading(data_dir=str(tmp_path / "data")))
    data.prepare()
    assert (
        "warning: the larger domain of maps has 1096 images to train on, but 3 were found"
        in capsys.readouterr().out
    )
    monkeypatch.setitem(EPOCHS, "maps", 3)
    data.prepare()
    assert "larger domain" not in capsys.readouterr().out
