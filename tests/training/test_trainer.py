import dataclasses
import json
import math
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from cases import METHODS
from PIL import Image

from jaxgan.config import Config
from jaxgan.data.facades.dataset import UnpairedFacades
from jaxgan.data.loading import Loading
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.methods.schedules import LinearDecay
from jaxgan.training.checkpoint import all_finite, open_checkpoints, restore
from jaxgan.training.program import initial_state, make_program, resolve, state_shapes
from jaxgan.training.trainer import train
from jaxgan.types import Method


@pytest.fixture
def config(facades):
    return dataclasses.replace(tiny.get_config(), data=facades)


def change(config: Config, **fields) -> Config:
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **fields))


def final_state(config, workdir):
    with open_checkpoints(workdir / "checkpoints", keep_last=3, keep_every=0) as checkpoints:
        return restore(checkpoints, state_shapes(config))


def records(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def losses(workdir):
    return [
        {name: value for name, value in record.items() if name == "step" or name.startswith("loss")}
        for record in records(workdir)
    ]


def test_a_run_leaves_everything_behind(config, tmp_path, capsys):
    assert train(config, tmp_path) is None
    assert [record["step"] for record in records(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert all(math.isfinite(value) for record in records(tmp_path) for value in record.values())
    assert {file.name for file in (tmp_path / "samples").iterdir()} == {
        f"step_{step:08}.png" for step in (0, 3, 6)
    }
    page = (tmp_path / "index.html").read_text()
    assert "<strong>Finished</strong>" in page
    assert "step 6 of 6</p>" in page
    assert list((tmp_path / "tensorboard").iterdir())
    assert json.loads((tmp_path / "config.json").read_text())["config"]["train"]["steps"] == 6
    assert final_state(config, tmp_path).step == 6
    printed = capsys.readouterr().out
    for part in ("step 6/6", "images/s", "waiting for data", "left", "index.html", "compiled"):
        assert part in printed


def test_resuming_is_bitwise_equal_to_not_stopping(config, tmp_path):
    train(config, tmp_path / "whole")
    train(change(config, steps=3), tmp_path / "parts")
    loading = dataclasses.replace(config.data.loading, workers=1)
    more_workers = dataclasses.replace(
        config, data=dataclasses.replace(config.data, loading=loading)
    )
    train(more_workers, tmp_path / "parts")
    whole, parts = (final_state(config, tmp_path / name) for name in ("whole", "parts"))
    jax.tree.map(np.testing.assert_array_equal, parts, whole)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    for step in (0, 3, 6):
        file = f"samples/step_{step:08}.png"
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_samples_keep_the_order_of_their_columns():
    case = METHODS["cyclegan"]
    data = Unpaired(source=UnpairedFacades(), loading=Loading(load_size=16, crop_size=16))
    config = Config(method=case.method, data=data, train=tiny.get_config().train)
    raw = {name: np.zeros((1, 16, 16, 3), np.uint8) for name in "ab"}
    key = jax.random.key(0)
    columns = make_program(config).sample(initial_state(config, key), [raw], key)
    assert list(columns)[:3] == ["real A", "fake B", "reconstructed A"]


def test_a_finished_run_says_so_and_changes_nothing(config, tmp_path, capsys):
    train(config, tmp_path)
    before = (tmp_path / "metrics.jsonl").read_text()
    capsys.readouterr()
    train(config, tmp_path)
    assert "already trained for 6 steps" in capsys.readouterr().out
    assert (tmp_path / "metrics.jsonl").read_text() == before


def rates(workdir):
    return {record["step"]: record["learning_rate"] for record in records(workdir)}


def test_the_learning_rate_follows_the_length_of_the_run_also_when_it_is_extended(
    config, tmp_path, capsys
):
    """Constant for half of the steps, then falling; what is logged is the rate of that step."""
    method = dataclasses.replace(config.method, learning_rate=6e-4, schedule=LinearDecay())
    config = change(dataclasses.replace(config, method=method), sample_every=0)
    train(config, tmp_path)
    expected = {1: 6e-4, 2: 6e-4, 3: 6e-4, 4: 6e-4, 5: 4e-4, 6: 2e-4}
    assert rates(tmp_path) == pytest.approx(expected)
    assert "learning_rate 0.0002" in capsys.readouterr().out
    before = final_state(resolve(config), tmp_path).params["generator"]
    longer = change(config, steps=12)
    train(longer, tmp_path)
    assert rates(tmp_path)[7] == pytest.approx(6e-4)
    assert rates(tmp_path)[12] == pytest.approx(1e-4)
    after = final_state(resolve(longer), tmp_path).params["generator"]
    moved = jax.tree.map(lambda x, y: jnp.abs(x - y).max(), before, after)
    assert max(jax.tree.leaves(moved)) > 1e-4
    changed = "config.method.schedule.constant_steps was 3, is 6"
    assert changed in capsys.readouterr().out


def test_a_run_that_would_learn_nothing_is_refused(config, tmp_path):
    schedule = LinearDecay(constant_steps=1, decay_steps=1)
    method = dataclasses.replace(config.method, schedule=schedule)
    config = change(dataclasses.replace(config, method=method), steps=2, sample_every=0)
    train(config, tmp_path)
    with pytest.raises(UserError, match="zero from step 2 on and the run is at step 2"):
        train(change(config, steps=4), tmp_path)


def test_after_the_memory_ran_out_it_goes_on_with_smaller_batches(config, tmp_path, capsys):
    """The number of steps and the place in the data are those of a run with these batches."""
    train(change(config, batch_size=4, steps=3, sample_every=0), tmp_path)
    smaller = change(config, batch_size=1, epochs=1, steps=3, sample_every=0)
    train(smaller, tmp_path)
    printed = capsys.readouterr().out
    assert "changed since the run's last part: config.train.batch_size was 4, is 1" in printed
    assert "continues at example 3 of" in printed
    assert "1 epochs of 12 examples are 12 steps" in printed
    assert "continuing after step 3" in printed
    assert final_state(config, tmp_path).step == 12
    assert [record["step"] for record in records(tmp_path)] == [*range(1, 13)]
    record = json.loads((tmp_path / "config.json").read_text())
    assert record["changes"] == [{"step": 3, "changes": ["config.train.batch_size was 4, is 1"]}]


def test_a_run_is_as_long_as_its_epochs(config, tmp_path):
    train(change(config, epochs=1, steps=1, sample_every=0), tmp_path)
    assert [record["step"] for record in records(tmp_path)] == [1, 2, 3, 4, 5, 6]  # 12 pairs by 2


def test_intervals_count_steps_whatever_the_batch_size(config, tmp_path):
    train(change(config, batch_size=5, log_every=2, sample_every=4, steps=5), tmp_path)
    assert [record["step"] for record in records(tmp_path)] == [2, 4]
    assert sorted(int(file.stem[5:]) for file in (tmp_path / "samples").iterdir()) == [0, 4, 5]


def test_zero_switches_things_off(config, tmp_path):
    train(change(config, log_every=0, sample_every=0, checkpoint_every=0, steps=2), tmp_path)
    assert records(tmp_path) == []
    assert not list((tmp_path / "samples").iterdir())
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["2"]


def test_steps_taken_at_once_are_those_taken_singly(config, tmp_path):
    config = change(config, steps=4, log_every=2, sample_every=0)
    train(config, tmp_path / "singly")
    pairs = change(config, steps_per_dispatch=2)
    assert {images.shape[0] for images in make_program(pairs).batches_spec().values()} == {2}
    train(change(pairs, steps=2), tmp_path / "pairs")
    train(pairs, tmp_path / "pairs")
    singly, in_pairs = (losses(tmp_path / name) for name in ("singly", "pairs"))
    assert [record["step"] for record in in_pairs] == [2, 4]
    # XLA compiles two steps otherwise than one: rounding differs.
    assert in_pairs == [pytest.approx(record, rel=1e-5) for record in singly]


def test_a_run_goes_on_at_multiples_of_the_steps_taken_at_once(config, tmp_path):
    train(change(config, steps=1, sample_every=0), tmp_path)
    twos = change(config, log_every=2, sample_every=0, steps_per_dispatch=2)
    with pytest.raises(UserError, match="is at step 1, which is not a multiple of"):
        train(twos, tmp_path)


@dataclasses.dataclass(frozen=True)
class Explodes:
    """Multiplies the weights by infinity after a step."""

    inner: Method
    step: int

    def resolve(self, batch_spec, steps):
        return dataclasses.replace(self, inner=self.inner.resolve(batch_spec, steps))

    def init(self, key, batch_spec):
        return self.inner.init(key, batch_spec)

    def sample(self, state, batch, key):
        return self.inner.sample(state, batch, key)

    def train_step(self, state, batch, key):
        state, metrics = self.inner.train_step(state, batch, key)
        factor = jnp.where(state.step == self.step, jnp.inf, 1.0)
        return state.replace(params=jax.tree.map(lambda x: x * factor, state.params)), metrics


def test_of_steps_taken_at_once_the_first_that_diverged_is_named(config, tmp_path):
    threes = change(
        config, steps=3, log_every=3, sample_every=0, checkpoint_every=0, steps_per_dispatch=3
    )
    with pytest.raises(UserError, match=r"diverged: at step 2 loss/"):
        train(dataclasses.replace(threes, method=Explodes(config.method, step=1)), tmp_path)


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(config, tmp_path):
    exploding = dataclasses.replace(config, method=Explodes(config.method, step=4))
    with pytest.raises(UserError, match=r"diverged: at step 4 .*step 2 is saved"):
        train(exploding, tmp_path)
    state = final_state(config, tmp_path)
    assert state.step == 2
    assert all_finite(state.params)
    assert "<strong>Failed</strong>" in (tmp_path / "index.html").read_text()


def test_a_folder_of_another_config_is_refused(config, tmp_path):
    train(change(config, steps=1), tmp_path)
    other = dataclasses.replace(config, method=dataclasses.replace(config.method, features=8))
    with pytest.raises(UserError, match=r"config.method.features was 4, is 8"):
        train(other, tmp_path)


def test_networks_that_do_not_fit_the_images_are_told_before_anything_is_written(config, tmp_path):
    method = dataclasses.replace(config.method, depth=6)
    with pytest.raises(UserError, match="multiples of 64, not 32x32"):
        train(dataclasses.replace(config, method=method), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(config, tmp_path, capsys):
    train(config, tmp_path / "whole")
    train(change(config, steps=4), tmp_path / "hurt")
    for file in (tmp_path / "hurt" / "checkpoints" / "4" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    capsys.readouterr()
    train(config, tmp_path / "hurt")
    printed = capsys.readouterr().out
    assert "cannot be read" in printed
    assert "continuing after step 2" in printed
    whole, hurt = (final_state(config, tmp_path / name) for name in ("whole", "hurt"))
    jax.tree.map(np.testing.assert_array_equal, hurt, whole)
    assert losses(tmp_path / "hurt") == losses(tmp_path / "whole")


def test_replaced_images_are_noticed_and_moved_ones_are_not(config, tmp_path, capsys):
    def draw(folder, seed):
        pixels = np.random.default_rng(seed).integers(0, 256, (3, 32, 64, 3), np.uint8)
        for number, picture in enumerate(pixels):
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number}.bmp")

    def train_on(root, steps, **fields):
        data = dataclasses.replace(config.data, source=PairedFolder(root=str(tmp_path / root)))
        settings = {"steps": steps, "sample_every": 0} | fields
        train(dataclasses.replace(change(config, **settings), data=data), tmp_path / "run")
        return capsys.readouterr().out

    draw(tmp_path / "one" / "train", 0)
    train_on("one", 1)
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    assert "continuing after step 1" in train_on("two", 2)
    draw(tmp_path / "two" / "train", 1)
    with pytest.raises(UserError, match=r"data\.train still has 3 .*allow_new_data=True"):
        train_on("two", 3)
    assert "different images" in train_on("two", 3, allow_new_data=True)
    assert "continuing after step 3" in train_on("two", 4)
