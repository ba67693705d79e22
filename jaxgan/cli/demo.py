"""The command `jaxgan demo`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxgan.settings.validation import check_tree, require


@dataclass(frozen=True)
class Demo:
    """Write a web page that runs a trained model in the browser; images stay on the machine."""

    run: Path
    """Folder of the run or one of its checkpoints; latest for the newest run in ./runs."""
    output: Path | None = None
    """Folder to write to: demo.html, which opens from disk if the model is small, and index.html
    with its files for a web server; by default the folder demo in the run's folder."""
    serve: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also serve the folder on this machine, until Ctrl-C."""
    port: int = 8000
    """Port for --serve; 0 for a free one."""
    weights: Literal["float32", "float16", "int8"] = "float32"
    """Data type of the weights in the files: float16 halves their size, and int8 quarters it but
    changes the images."""
    runtime: Path | None = None
    """Folder of the npm package onnxruntime-web, in place of a download."""
    config: Path | None = None
    """The config that the run was trained with, for methods and data sets that are not
    jaxgan's."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also replace files that jaxgan did not write."""

    def __post_init__(self):
        check_tree(self)
        require(0 <= self.port < 2**16, "port must be at least 0 and below 65536")

    def __call__(self) -> None:
        """Write the demo, and serve it if asked to."""
        from jaxgan.errors import UserError
        from jaxgan.export.demo import run_of, write_demo
        from jaxgan.export.serve import serve
        from jaxgan.files import printable
        from jaxgan.inference.model import load
        from jaxgan.training.run_page import link_demo

        model = load(self.run, config=self.config)
        run = run_of(model)
        if not (output := self.output or (run and run / "demo")):
            raise UserError(f"{model.checkpoint} is not in the folder of a run: pass --output")
        output = output.expanduser()
        page = write_demo(
            model, output, runtime=self.runtime, weights=self.weights, overwrite=self.overwrite
        )
        if run:
            link_demo(run)
        if page.name == "demo.html":
            print(f"the demo is in {printable(output)}: open {printable(page)}")
        else:
            print(
                f"the demo is in {printable(output)}: serve it with --serve, or by any web server"
            )
        if self.serve:
            serve(output, self.port)
