"""The commands `jaxgan import-torch` and `jaxgan export-torch`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ImportTorch:
    """Import PyTorch checkpoints as a run, for inference or further training."""

    from_: Annotated[Path, tyro.conf.arg(name="from")]
    """Folder with latest_net_G.pth and the like, or netG_epoch_N.pth."""
    workdir: Path
    """Folder of the new run."""
    config: Path | None = None
    """Config file of the experiment; by default the architecture is inferred from the files."""

    def __call__(self) -> None:
        """Create the run."""
        from jaxgan.config import load
        from jaxgan.interop.runs import import_torch

        config = None if self.config is None else load(self.config)
        import_torch(self.from_, self.workdir, config)


@dataclass(frozen=True)
class ExportTorch:
    """The old name of `jaxgan export --format=torch`, to be removed in version 0.4."""

    run: Path
    """Folder of the run or one of its checkpoints; latest for the newest run in ./runs."""
    output: Path
    """Folder to write to."""
    config: Path | None = None
    """The config that the run was trained with, for data sets that are not jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __call__(self) -> None:
        """Write the files."""
        from jaxgan.inference.model import load
        from jaxgan.interop.runs import export_torch

        print("jaxgan export-torch is now jaxgan export --format=torch", file=sys.stderr)
        export_torch(load(self.run, config=self.config), self.output, overwrite=self.overwrite)
