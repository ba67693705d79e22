"""Finds the folder of a run."""

from pathlib import Path

from jaxgan.errors import UserError
from jaxgan.training.checkpoint import steps_in

RUNS = Path("runs")  # where runs without a --workdir are
LATEST = "latest"
SHOWN = 3  # runs that a message names


def find_run(run: str | Path) -> Path:
    """Return the folder of a run.

    Args:
        run: The folder, a folder in it, or `latest` for the newest run in `./runs`, which is then
            printed.

    Raises:
        UserError: If the folder does not exist. The message lists the newest runs.
    """
    if not isinstance(run, str | Path):
        raise UserError(f"a run is given by its folder, not by {run!r:.50}")
    folder = Path(run).expanduser()
    if folder.exists():
        return folder
    runs = newest_runs()
    if str(run) == LATEST and runs:
        print(f"the latest run is {runs[0]}")
        return runs[0]
    shown = ", ".join(map(str, runs[:SHOWN]))
    found = f"the newest runs in ./{RUNS} are {shown}" if runs else f"./{RUNS} contains no runs"
    raise UserError(f"the folder {folder} does not exist: {found}")


def newest_runs() -> list[Path]:
    """Return the runs in `./runs` that have a checkpoint, the most recently trained one first."""

    def trained(run: Path) -> int:
        files = (run / "checkpoints", run / "config.json")  # imported runs have no config.json
        return max(file.stat().st_mtime_ns for file in files if file.exists())

    runs = [run for run in RUNS.glob("*") if steps_in(run / "checkpoints")]
    return sorted(runs, key=trained, reverse=True)
