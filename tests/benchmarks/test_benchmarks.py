import json
import subprocess
import sys

import pytest
from ahead_of_time import kernels
from collectives import bytes_sent, read_collectives
from paths import ROOT
from scaling import efficiency


def run(name, *arguments):
    command = [sys.executable, f"benchmarks/{name}.py", "--config", "tests/tiny.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_step_benchmark_needs_no_data_and_ends_with_json():
    result = json.loads(run("step", "--batch_size=4", "--round_seconds=0.1").splitlines()[-1])
    assert result["config"] == "tiny"
    assert result["batch_size"] == 4
    assert abs(result["images_per_second"] - 4 * result["steps_per_second"]) < 0.03


@pytest.mark.slow
def test_the_layers_of_a_config_are_timed(tmp_path):
    printed = run("layers", f"--json={tmp_path / 'layers.json'}")
    layers = json.loads((tmp_path / "layers.json").read_text())["layers"]
    norms = [layer["layer"] for layer in layers if "norm" in layer["layer"]]
    # U-Net of depth 5: five down and five up; PatchGAN: four, one of which U-Net has too.
    assert len(layers) - len(norms) == 13
    assert len(norms) == len(set(norms)) > 0
    assert all(layer["layer"] in printed and layer["ours_ms"] > 0 for layer in layers)


@pytest.mark.slow
def test_scaling_counts_what_devices_send():
    lines = run("scaling", "--devices=2", "--count_only").splitlines()[2:]
    one, two = (line.partition("- ")[2].strip() for line in lines)
    assert one == "nothing"
    assert two.startswith("all-reduce")


@pytest.mark.parametrize(
    ("kind", "left", "sent"),
    [
        ("all-reduce", 8, 2 * 7 / 8 * 8),  # a reduce-scatter, then an all-gather
        ("all-gather", 8, 7),  # all but the own eighth
        ("reduce-scatter", 1, 7),  # all but the own eighth
        ("all-to-all", 8, 7),
        ("collective-permute", 8, 8),
    ],
)
def test_bytes_in_a_ring_of_eight(kind, left, sent):
    assert bytes_sent(kind, left, 8) == sent


def test_efficiency_is_the_share_of_time_that_is_not_communication():
    # 2 MiB are sent, in 2 ms of the links; the step takes 8 ms.
    link = 2**20 / 1e6
    sent = {"all-gather": 1.0, "collective-permute": 1.5}
    assert efficiency(sent, 2, 2, 0.008, link) == pytest.approx(0.8)
    # Of two devices a reduce-scatter leaves each a half of 4/3 MiB, of four a quarter.
    assert efficiency({"reduce-scatter": 4 / 3}, 2, 4, 0.008, link) == pytest.approx(0.8)


# A part of what XLA makes of a step for H200 GPUs, without the attributes that are not read.
H200_PROGRAM = """HloModule jit_train_steps, is_scheduled=true

%wrapped_transpose_computation (param_0: f32[4,4,3,64]) -> f32[64,4,4,3] {
  %param_0 = f32[4,4,3,64]{3,2,1,0} parameter(0)
  ROOT %transpose.3 = f32[64,4,4,3]{3,2,1,0} transpose(%param_0), dimensions={3,0,1,2}
}

ENTRY %main.1 (k.1: f32[4,4,3,64], x.1: bf16[2,8,8,3]) -> f32[64,4,4,3] {
  %k.1 = f32[4,4,3,64]{3,2,1,0} parameter(0)
  %x.1 = bf16[2,8,8,3]{3,2,1,0} parameter(1)
  %wrapped_transpose = f32[64,4,4,3]{3,2,1,0} fusion(%k.1), kind=kInput
  %cudnn-conv.1 = (bf16[2,4,4,64]{3,2,1,0}, u8[0]{0}) custom-call(%x.1, %wrapped_transpose), custom_call_target="__cudnn$convForward"
  %get-tuple-element.2.0 = bf16[2,4,4,64]{3,2,1,0} get-tuple-element(%cudnn-conv.1), index=0
  %all-gather-start = ((bf16[2,4,4,64]{3,2,1,0}), (bf16[8,4,4,64]{3,2,1,0})) all-gather-start(%get-tuple-element.2.0), channel_id=1, replica_groups=[2,4]<=[8], dimensions={0}
  %all-gather-done = (bf16[8,4,4,64]{3,2,1,0}) all-gather-done(%all-gather-start)
  %all-reduce-start.1 = f32[64,4,4,3]{3,2,1,0} all-reduce-start(%wrapped_transpose), channel_id=2, replica_groups={{0,1}}
  ROOT %all-reduce-done.1 = f32[64,4,4,3]{3,2,1,0} all-reduce-done(%all-reduce-start.1)
}
"""  # noqa: E501


def test_collectives_beside_other_work_are_counted_once_and_by_what_they_leave():
    gather, reduce = read_collectives(H200_PROGRAM)
    assert (gather.kind, gather.bytes) == ("all-gather", 8 * 4 * 4 * 64 * 2)
    assert gather.groups == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert (reduce.kind, reduce.bytes) == ("all-reduce", 64 * 4 * 4 * 3 * 4)
    assert reduce.groups == [[0, 1]]


def test_kernels_of_a_gpu_are_those_of_the_program_with_its_convolutions():
    kernel, x, y = 4 * 4 * 3 * 64 * 4, 2000 * 8 * 8 * 3 * 2, 2000 * 4 * 4 * 64 * 2
    moved = (kernel + kernel) + (x + kernel + y)
    assert kernels(H200_PROGRAM.replace("bf16[2,", "bf16[2000,")) == {
        "kernels_per_step": 2,
        "of_them_convolutions": 1,
        "gigabyte_per_step": round(moved / 1e9, 3),
    }
