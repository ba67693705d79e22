"""`python -m jaxgan` is the command `jaxgan`."""

import sys

from jaxgan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
