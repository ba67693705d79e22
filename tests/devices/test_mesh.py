"""What the compiled step sends between devices, and how devices are chosen."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import METHODS, init
from collectives import collectives
from flax import struct
from jax.sharding import PartitionSpec as P

from jaxgan.devices.mesh import ShardedMethod, describe_mesh, make_mesh, mesh_of
from jaxgan.errors import UserError
from jaxgan.networks.layers.convolution_forms import plain, plain_transpose
from jaxgan.networks.layers.convolutions import conv_transpose, strided_conv
from jaxgan.types import TrainState

CYCLEGAN, PIX2PIX, BATCH = METHODS["cyclegan"], METHODS["pix2pix"], 8
KEY = jax.random.key(0)


def on_mesh(case, mesh, batch_size=BATCH):
    init = partial(case.method.init, batch_spec=case.spec(batch_size))
    return ShardedMethod(case.method, mesh, jax.eval_shape(init, KEY))


def compile_step(case, mesh, batch_size=BATCH):
    sharded = on_mesh(case, mesh, batch_size)
    shardings = sharded.state_sharding
    step = jax.jit(
        sharded.train_step,
        in_shardings=(shardings, sharded.batch_sharding, sharded.replicated),
        out_shardings=(shardings, sharded.replicated),
        donate_argnums=0,
    )
    state = jax.eval_shape(sharded.split_directions, sharded.shapes)
    return step.lower(state, case.spec(batch_size), KEY).compile()


def image_size(case):
    return int(np.prod(next(iter(case.shapes.values()))))


@pytest.mark.parametrize(
    ("case", "axes"),
    [
        (PIX2PIX, {"data": 8}),
        (CYCLEGAN, {"data": 8}),
        (CYCLEGAN, {"data": 4, "direction": 2}),
    ],
)
def test_no_device_gathers_the_batch(case, axes):
    """What is larger than half an image stays where it is, or only changes its place."""
    found = list(collectives(compile_step(case, mesh_of(**axes))))
    gathered = [sum(each.sizes) for each in found if each.kind == "all-gather"]
    assert all(size < image_size(case) / 2 for size in gathered), gathered
    reduced = [sum(each.sizes) for each in found if each.kind == "all-reduce"]
    assert max(reduced) > 1000  # the gradients are found


@pytest.mark.parametrize("case", [PIX2PIX, CYCLEGAN])
def test_fsdp_gathers_parameters_and_nothing_else(case):
    sharded = on_mesh(case, mesh_of(fsdp=8))
    shardings = jax.tree.leaves(sharded.state_sharding.params)
    shapes = jax.tree.leaves(sharded.shapes.params)
    split = [x.size for x, s in zip(shapes, shardings, strict=True) if not s.is_fully_replicated]
    assert sum(split) > 0.7 * sum(x.size for x in shapes)
    found = list(collectives(compile_step(case, sharded.mesh)))
    gathered = [size for each in found if each.kind == "all-gather" for size in each.sizes]
    assert {size for size in gathered if size > BATCH} == set(split)
    assert sum(gathered) < 2 * sum(split)  # XLA repeats some


def test_an_optimizer_is_not_gathered():
    """Each device holds an eighth of the moments and updates them alone."""
    case = PIX2PIX
    sharded = on_mesh(case, mesh_of(fsdp=8))
    state = init(case.method, KEY, case.spec(BATCH))
    on_devices = jax.jit(sharded.split_directions, out_shardings=sharded.state_sharding)(state)

    def held(tree):
        return sum(leaf.addressable_shards[0].data.size for leaf in jax.tree.leaves(tree))

    def whole(tree):
        return sum(leaf.size for leaf in jax.tree.leaves(tree))

    assert held(on_devices.params) < 0.2 * whole(state.params)
    assert held(on_devices.opt_state) < 0.2 * whole(state.opt_state)
    memory = [
        compile_step(case, mesh).memory_analysis().argument_size_in_bytes
        for mesh in (mesh_of(data=8), sharded.mesh)
    ]
    assert memory[1] < 0.5 * memory[0]


def test_images_split_by_height_exchange_rows():
    """Edges of large maps travel, and a device holds little more than its part."""
    case = CYCLEGAN._replace(shapes=dict.fromkeys(CYCLEGAN.shapes, (128, 128, 3)))
    whole, parted = (compile_step(case, mesh_of(spatial=n), batch_size=1) for n in (1, 4))
    found = list(collectives(parted))
    largest = 2 * 128 * 128 * case.method.features  # an image of each domain, at once
    assert all(max(each.sizes) <= largest / 4 for each in found if each.kind == "all-gather")
    permuted = [max(each.sizes) for each in found if each.kind == "collective-permute"]
    assert 0 < max(permuted) <= largest / 16
    held, held_of_parts = (step.memory_analysis().temp_size_in_bytes for step in (whole, parted))
    assert held_of_parts < 0.5 * held


def test_the_halves_share_images_and_no_gradients():
    found = list(collectives(compile_step(CYCLEGAN, mesh_of(direction=2, data=4))))
    share = BATCH // 4 * 16 * 16 * 3  # of the batch, in a device
    crossing = []
    for each in found:
        if any(len({device % 2 for device in group}) > 1 for group in each.groups):
            if each.kind == "all-reduce":
                assert max(each.sizes) == 1, each  # the metrics
            else:
                assert each.kind == "collective-permute", each
                crossing.append(max(each.sizes))
    # Generated images on their way to be reconstructed, and their gradients on the way back.
    assert [size for size in crossing if size > 1] == [share, share]
    within = [sum(each.sizes) for each in found if each.kind == "all-reduce"]
    assert max(within) > 1000  # the gradients are found


# (kernel size, stride, padding), image, new channels: each is computed in another form.
FORMS = [
    ((4, 2, 1), (4, 2, 2, 256), 128),  # products of matrices
    ((4, 2, 1), (4, 8, 8, 32), 32),  # phases
    ((7, 1, 0), (4, 12, 12, 3), 32),  # from few channels
    ((7, 1, 3), (2, 12, 12, 32), 3),  # row by row
]


@pytest.mark.parametrize("layer", FORMS)
def test_no_form_of_a_convolution_crosses_the_halves(layer):
    """As partitioned programs add up what a transpose takes to be the same everywhere."""
    (size, stride, padding), shape, features = layer
    halves = mesh_of(direction=2, data=2)
    keys = jax.random.split(jax.random.key(0), 3)
    kernels = jax.random.normal(keys[0], (2, size, size, shape[-1], features))
    kernels /= size * np.sqrt(shape[-1])  # so that no sum is large, and rounding stays small
    images = jax.random.normal(keys[1], (2, *shape))

    def gradients_of(conv, conv_transpose, kernel, image):
        def total(kernel, image):
            y = conv(image, kernel, stride, padding)
            return jnp.sum(jnp.sin(conv_transpose(jnp.cos(y), kernel, stride, padding, 0)))

        gradients = jax.grad(total, argnums=(0, 1))(kernel[0], image[0])
        return jax.tree.map(lambda gradient: gradient[None], gradients)

    split = jax.shard_map(
        partial(gradients_of, strided_conv, conv_transpose),
        mesh=halves,
        in_specs=P("direction"),
        out_specs=P("direction"),
        axis_names={"direction"},
    )
    shard = partial(jax.NamedSharding, halves)
    step = jax.jit(split, in_shardings=(shard(P("direction")), shard(P("direction", "data"))))
    compiled = step.lower(kernels, images).compile()
    crossing = [
        each
        for each in collectives(compiled)
        if any(len({device % 2 for device in group}) > 1 for group in each.groups)
    ]
    assert not crossing
    alone = partial(gradients_of, plain, plain_transpose)
    expected = [alone(kernels[i : i + 1], images[i : i + 1]) for i in (0, 1)]
    for ours, theirs in zip(compiled(kernels, images), zip(*expected, strict=True), strict=True):
        both = jnp.concatenate(theirs)
        np.testing.assert_allclose(ours, both, rtol=0, atol=1e-5 * float(jnp.abs(both).max()))


def test_a_half_holds_one_direction_alone():
    sharded = on_mesh(CYCLEGAN, mesh_of(direction=2, data=4))
    state = init(CYCLEGAN.method, KEY, CYCLEGAN.spec(BATCH))
    on_devices = jax.jit(sharded.split_directions, out_shardings=sharded.state_sharding)(state)
    for role, name in (("generator", "generator_ba"), ("discriminator", "discriminator_a")):
        for stacked, whole in zip(
            jax.tree.leaves((on_devices.params[role], on_devices.opt_state[role])),
            jax.tree.leaves((state.params[name], state.opt_state[name])),
            strict=True,
        ):
            for shard in stacked.addressable_shards:
                assert shard.data.shape == (1, *whole.shape)
            np.testing.assert_array_equal(stacked.addressable_shards[1].data[0], whole)
    pool = on_devices.memory["pool"].images
    assert pool.addressable_shards[0].data.shape == (1, 3, 4, 16, 3)  # a quarter of the height
    jax.tree.map(np.testing.assert_array_equal, jax.jit(sharded.join_directions)(on_devices), state)


@struct.dataclass
class History:
    """What a method of a user's own may keep in its memory."""

    images: Any
    count: Any


def test_images_in_any_memory_are_sharded_by_height_and_weights_are_not():
    history = History(images=jax.ShapeDtypeStruct((64, 16, 16, 3), float), count=KEY)
    average = jax.ShapeDtypeStruct((8, 8, 32, 64), float)  # a kernel of as many axes
    memory = {"history": history, "average": average}
    state = TrainState(step=KEY, params={}, batch_stats={}, opt_state={}, memory=memory)
    sharded = ShardedMethod(CYCLEGAN.method, mesh_of(data=2, fsdp=4), state)
    shardings = sharded.checkpoint_sharding.memory
    assert shardings["history"].images.spec == P(None, ("spatial", "data", "fsdp"))
    assert shardings["history"].count.spec == P()
    assert shardings["average"].spec == P(None, None, None, "fsdp")


@pytest.mark.parametrize(
    ("case", "setting", "batch_size", "expected"),
    [
        (PIX2PIX, "auto", 8, {"data": 8}),
        (PIX2PIX, "auto", 1, {}),
        (PIX2PIX, "auto", 12, {"data": 6}),
        (CYCLEGAN, "auto", 8, {"data": 8}),
        (CYCLEGAN, "auto", 1, {"direction": 2}),
        (CYCLEGAN, "auto", 4, {"direction": 2, "data": 4}),
        (METHODS["cyclegan-batch-unet"], "auto", 1, {}),  # its A has other channels
        (CYCLEGAN, "data:2", 8, {"data": 2}),
        (CYCLEGAN, "direction:2", 3, {"direction": 2}),
        (CYCLEGAN, "data:4, direction:2", 8, {"direction": 2, "data": 4}),
        (PIX2PIX, "spatial:4", 1, {"spatial": 4}),
        (PIX2PIX, "data:2,fsdp:4", 8, {"data": 2, "fsdp": 4}),
    ],
)
def test_devices_are_chosen(case, setting, batch_size, expected):
    spec = case.spec(batch_size)
    state = jax.eval_shape(partial(case.method.init, batch_spec=spec), KEY)
    mesh = make_mesh(setting, case.method, state, spec)
    assert {axis: size for axis, size in mesh.shape.items() if size > 1} == expected


@pytest.mark.parametrize(
    ("case", "setting", "message"),
    [
        (CYCLEGAN, "data=4", "data=4 is not a mesh: write auto, or devices by axis"),
        (CYCLEGAN, "date:4", "the axes are data, fsdp, direction, spatial"),
        (CYCLEGAN, "", "is not a mesh"),
        (CYCLEGAN, "data:2,data:4", "is not a mesh"),
        (CYCLEGAN, "data:3", "the batch size of 8 does not split evenly over data:3"),
        (PIX2PIX, "data:2,fsdp:3", "does not split evenly over data:2,fsdp:3"),
        (PIX2PIX, "spatial:3", "images of 32 rows do not split evenly over spatial:3"),
        (CYCLEGAN, "direction:4", "the axis direction has 2 devices"),
        (CYCLEGAN, "data:8,direction:2", "it needs 16 devices, and there are 8"),
        (PIX2PIX, "direction:2", "the direction axis works only with CycleGAN"),
        (METHODS["cyclegan-batch-unet"], "direction:2", "A and B have the same channels"),
    ],
)
def test_an_impossible_mesh_is_told(case, setting, message):
    state = jax.eval_shape(partial(case.method.init, batch_spec=case.spec(BATCH)), KEY)
    with pytest.raises(UserError, match=message):
        make_mesh(setting, case.method, state, case.spec(BATCH))


def test_one_line_says_what_was_chosen():
    assert describe_mesh(mesh_of(direction=2, data=4)) == (
        "devices: 8 of 8 x cpu, mesh data:4,direction:2"
    )
    assert "6 of 8" in describe_mesh(mesh_of(data=6))
