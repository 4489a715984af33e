"""What pyproject.toml cannot say: the bundle in `weights/` goes into the package's wheel."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["hcc_xai*"]), "hcc_xai.weights"],
    package_dir={"hcc_xai.weights": "weights"},
)
