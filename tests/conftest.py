import dataclasses
import os

import jax
import pytest
import tiny
import tiny_cyclegan
from paths import ROOT

from jaxgan.data.facades.dataset import ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.training.trainer import train

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
# Most of the time goes into compilation; so it takes less than half as long.
# All cores have tests to run, so each program is compiled by one thread.
FLAGS = "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
if jax.__version_info__ < (0, 11):  # later versions of XLA end the process if they get this flag
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)
CACHE = ROOT / ".cache"
jax.config.update("jax_compilation_cache_dir", str(CACHE / "xla"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
# Programs that tests start share the cache.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(CACHE / "xla")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.5"


@pytest.fixture(scope="module", autouse=True)
def programs():
    """Free the programs of a module: thousands of them exhaust the memory maps of a process."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """A folder of prepared data sets, shared by all tests."""
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def facades(data_dir):
    """A small data set of 32x32 facades."""
    return Paired(
        source=ProceduralFacades(size=32, train_count=12, test_count=3),
        label_maps="a",
        loading=Loading(load_size=36, crop_size=32, data_dir=str(data_dir)),
    )


@pytest.fixture(scope="session")
def runs(tmp_path_factory, data_dir):
    """Runs of one step, of 32x32 facades."""
    folders = {}
    for name, config in {
        "pix2pix": tiny.get_config(),
        "cyclegan": tiny_cyclegan.get_config(),
    }.items():
        folders[name] = tmp_path_factory.mktemp(name)
        loading = dataclasses.replace(config.data.loading, data_dir=str(data_dir))
        data = dataclasses.replace(config.data, loading=loading)
        settings = dataclasses.replace(config.train, steps=1, sample_every=0)
        train(dataclasses.replace(config, data=data, train=settings), folders[name])
    return folders
