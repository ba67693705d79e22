#!/usr/bin/env bash
# Measures jaxgan and PyTorch on a GPU in less than eight minutes, without a network.
#
#   benchmarks/gpu.sh [--wheels DIR] [--results FILE]
#   benchmarks/gpu.sh ... --only TEXT       repeat the measurements whose name contains TEXT
#   benchmarks/gpu.sh --rehearse            the same with tiny sizes, on a CPU
#   benchmarks/gpu.sh --download DIR        download the wheels for --wheels, for Python 3.12
#
# Needs JAX for the GPU, Flax, optax, orbax-checkpoint and PyTorch. --wheels DIR holds wheels of the
# other packages of jaxgan and its tests, for a machine that has neither them nor a network. They
# are unpacked into a temporary folder; nothing is installed.
set -euo pipefail

packages="beartype certifi charset-normalizer cloudpickle docstring-parser execnet filelock
  flatbuffers idna imagecodecs iniconfig jaxtyping packaging pillow platformdirs pluggy pooch
  pygments pytest pytest-xdist requests safetensors tensorboardX tifffile tqdm typeguard tyro
  urllib3 wadler-lindig"

root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
path=$root
if [ "${1:-}" = --download ]; then
  # shellcheck disable=SC2086
  exec "$python" -m pip download --no-deps --only-binary=:all: --python-version=3.12 --dest="${2:?name a folder: --download DIR}" $packages
fi
if [ "${1:-}" = --wheels ]; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  "$python" -m pip install --quiet --no-index --no-deps --target="$unpacked" "${2:?name a folder: --wheels DIR}"/*.whl
  path=$root:$unpacked
  shift 2
fi
PYTHONPATH=$path "$python" "$root/benchmarks/gpu.py" "$@"
