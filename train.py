"""Trains the experiment of a config file: `python train.py --config configs/quickstart.py`."""

import sys

from jaxgan.cli import console, train

if __name__ == "__main__":
    sys.exit(console.run(lambda: train.main(sys.argv[1:])))
