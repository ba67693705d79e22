"""The PyTorch process of `pytorch.py`: serves blocks of a train step on noise.

Takes one argument, JSON: the `method`, its `settings`, which of them are `changed`, and `shapes`.
Prints the available variants, or, with a `platform` and a `variant`, serves blocks of that variant.
"""
# pyright: reportMissingImports=false

import json
import sys

import blocks
import torch
from torch_models import Variant, check_settings, make

VARIANTS = {
    "cpu": {
        "eager": Variant(),
        "channels_last": Variant(channels_last=True, fused=True),
        "channels_last, compile": Variant(channels_last=True, fused=True, compile_mode="default"),
    },
    "gpu": {
        "eager": Variant(),
        "channels_last, compile": Variant(channels_last=True, fused=True, compile_mode="default"),
        "channels_last, bfloat16": Variant(channels_last=True, fused=True, bfloat16=True),
        "channels_last, bfloat16, compile": Variant(
            channels_last=True, fused=True, bfloat16=True, compile_mode="default"
        ),
        "channels_last, bfloat16, compile, CUDA graphs": Variant(
            channels_last=True, fused=True, bfloat16=True, compile_mode="reduce-overhead"
        ),
    },
}
DEVICES = {"cpu": "cpu", "gpu": "cuda"}


def prepare(task):
    """Build a variant, for `blocks.serve`."""
    variant = VARIANTS[task["platform"]][task["variant"]]
    device = torch.device(DEVICES[task["platform"]])
    layout = torch.channels_last if variant.channels_last else torch.contiguous_format
    torch.set_num_threads(blocks.cores())
    torch.backends.cudnn.benchmark = True  # as the references do
    torch.manual_seed(0)
    with device:
        model = make(task["method"], task["settings"], task["shapes"], variant)
        batch = {
            name: (torch.rand(n, c, h, w) * 2 - 1).to(memory_format=layout)
            for name, (n, h, w, c) in task["shapes"].items()
        }

    def run(steps):
        for _ in range(steps):
            torch.compiler.cudagraph_mark_step_begin()
            model.step(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return steps

    def about():
        facts = {"versions": {"torch": torch.__version__}, "threads": torch.get_num_threads()}
        if device.type == "cuda":
            facts["memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
        return facts

    return blocks.Steps(run, about, torch.cuda.empty_cache)  # without a GPU, it does nothing


def describe(task):
    """Return the names of the variants by platform that this PyTorch supports.

    Raises:
        ValueError: If PyTorch's side does not support the task.
    """
    check_settings(task["method"], task["changed"])
    platforms = ["cpu", "gpu"] if torch.cuda.is_available() else ["cpu"]
    return {platform: list(VARIANTS[platform]) for platform in platforms}


def main():
    """Serve blocks, or print the variants."""
    task = json.loads(sys.argv[1])
    if "variant" in task:
        blocks.serve(lambda: prepare(task))
    else:
        print(json.dumps(describe(task)))


if __name__ == "__main__":
    main()
