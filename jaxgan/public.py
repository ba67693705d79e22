"""The public names, which `jaxgan/__init__.py` imports from here when one is used."""

from jaxgan.config import Config, TrainConfig
from jaxgan.data.facades.dataset import FacadePictures, ProceduralFacades, UnpairedFacades
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.data.sources.celeba import CelebA
from jaxgan.data.sources.cifar10 import CIFAR10
from jaxgan.data.sources.cycle_gan import CycleGANDownload
from jaxgan.data.sources.fashion_mnist import FashionMNIST
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.data.sources.pix2pix import Pix2pixDownload
from jaxgan.data.sources.tfds_images import TFDSImages
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.experiment import evaluate, train
from jaxgan.export.files import export_model
from jaxgan.images.kinds import ImageKind
from jaxgan.inference.model import Model, load
from jaxgan.methods import generator, losses, updates
from jaxgan.methods.cut import CUT
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.pix2pix import Pix2pix
from jaxgan.methods.schedules import Constant, CosineDecay, LinearDecay, StepDecay
from jaxgan.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.patchgan import PatchGAN, PixelGAN
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import (
    Batch,
    Dataset,
    GeneratesImages,
    Images,
    Method,
    Metrics,
    Representing,
    Schedule,
    Spec,
    TrainedGenerator,
    TrainState,
    TranslatesImages,
)
