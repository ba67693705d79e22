"""Every data set with every source: those that fit, and one line for the others."""

import dataclasses
import importlib
import inspect
import json
import pkgutil

import pytest

import jaxgan.data
from jaxgan.data.matching import SOURCES
from jaxgan.data.paired import Paired
from jaxgan.data.sources.tfds_images import TFDSImages
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.images.kinds import RGB_DOMAINS, RGB_IMAGE
from jaxgan.settings.stored import from_json, to_json

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(jaxgan.data.__path__, "jaxgan.data.")
]
# Data sets know their `source`; sources are what else can prepare images.
CLASSES = {
    name: kind
    for module in MODULES
    for name, kind in inspect.getmembers(module, dataclasses.is_dataclass)
    if hasattr(kind, "prepare")
}
DATA = {"Paired": Paired, "Unpaired": Unpaired, "Unconditional": Unconditional}
FITTING = [(kind, source) for kind, sources in SOURCES.items() for source in sources]
OTHERS = [(kind, source) for kind in DATA for _, source in FITTING if source not in SOURCES[kind]]


def make(name):
    return TFDSImages(name="mnist") if name == "TFDSImages" else CLASSES[name]()


def test_every_source_is_of_one_data_set():
    assert sorted(source for _, source in FITTING) == sorted(set(CLASSES) - set(DATA))
    assert SOURCES.keys() == DATA.keys()
    assert len(FITTING) == 12
    assert len(OTHERS) == 24


@pytest.mark.parametrize(("kind", "name"), FITTING)
def test_sources_that_fit_name_the_images_of_their_data_set(kind, name):
    source = make(name)
    data = DATA[kind](source=source)
    assert data.source == source
    images = RGB_IMAGE if kind == "Unconditional" else RGB_DOMAINS
    assert source.kinds().keys() == images.keys()
    assert data.spec(2)


@pytest.mark.parametrize(("kind", "name"), OTHERS)
def test_another_source_is_one_line_that_says_which_fit(kind, name):
    (right,) = (other for other, sources in SOURCES.items() if name in sources)
    message = (
        f"{name} is a source of {right} data and does not fit {kind}: use {right}, or one of "
        + ", ".join(SOURCES[kind])
    )
    with pytest.raises(UserError) as raised:
        DATA[kind](source=make(name))
    assert str(raised.value) == message
    plain = to_json(DATA[right](source=make(name)))
    plain["type"] = f"jaxgan.data.{kind.lower()}.{kind}"
    plain = {key: value for key, value in plain.items() if key in ("type", "source", "loading")}
    with pytest.raises(UserError) as raised:
        from_json(json.loads(json.dumps(plain)))
    assert str(raised.value) == message


def test_a_class_that_extends_a_source_is_of_the_same_data_set():
    class Mine(UnpairedFolder):
        pass

    assert Unpaired(source=Mine()).source == Mine()
    with pytest.raises(
        UserError, match="Mine is a source of Unpaired data and does not fit Paired"
    ):
        Paired(source=Mine())


class Own:
    """A source of a user, which no table knows."""

    def __init__(self, *splits):
        self.splits = splits

    def kinds(self):
        return RGB_DOMAINS

    def prepare(self, data_dir):
        return {split: ["record"] for split in self.splits}


@pytest.mark.parametrize(
    ("kind", "splits", "missing"),
    [
        ("Paired", ["trainA", "trainB"], "train"),
        ("Unconditional", ["test"], "train"),
        ("Unpaired", ["train", "test"], "trainA"),
        ("Unpaired", ["trainA"], "trainB"),
        ("Unpaired", [], "trainA"),
    ],
)
def test_an_own_source_without_the_splits_is_one_line(kind, splits, missing):
    with pytest.raises(UserError) as raised:
        DATA[kind](source=Own(*splits)).prepare()
    found = ", ".join(splits) or "none"
    assert str(raised.value) == (
        f"Own has no split {missing}, which is trained on: there are {found}"
    )
