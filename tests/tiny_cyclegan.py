"""A CycleGAN that trains in seconds and fills its pools at once."""

import dataclasses

import tiny
from cases import METHODS

from jaxgan.config import Config
from jaxgan.data.facades.dataset import ProceduralFacades, UnpairedFacades
from jaxgan.data.loading import Loading
from jaxgan.data.unpaired import Unpaired


def get_config() -> Config:
    source = UnpairedFacades(facades=ProceduralFacades(size=32, train_count=5, test_count=2))
    data = Unpaired(source=source, loading=Loading(load_size=18, crop_size=16))
    return dataclasses.replace(tiny.get_config(), method=METHODS["cyclegan"].method, data=data)
