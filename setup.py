"""What pyproject.toml cannot express: `configs` is installed as `jaxgan/configs`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["jaxgan", "jaxgan.*"]), "jaxgan.configs"],
    package_dir={"jaxgan.configs": "configs"},
)
