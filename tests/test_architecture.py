"""Who may import whom."""

import ast

import pytest
from paths import ROOT

PACKAGE = ROOT / "jaxgan"

# The package from the ground up: a module imports from floors below its own, or from its own room.
FLOORS = [
    {"errors", "files", "progress", "__version__"},
    {"settings", "packaged", "pages", "download"},
    {"networks", "images"},
    {"types"},
    {"config"},
    {"data", "devices"},
    {"methods"},
    {"training"},
    {"inference"},
    {"interop"},
    {"metrics"},
    {"export"},
    {"experiment"},
    {"public", "cli"},
    {"__main__"},
]


def imports(file):
    """Return the modules of jaxgan that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("jaxgan"))
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield f"a relative import of {node.module}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxgan"):
            if node.module == "jaxgan":
                yield from (f"jaxgan.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_module_has_a_floor():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")}
    known = {room for floor in FLOORS for room in floor}
    assert rooms - {"__init__", "__pycache__"} == known - {"__version__"}


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE))
)
def test_imports_go_down_and_never_sideways(file):
    room = file.relative_to(PACKAGE).with_suffix("").parts[0]
    if room == "__init__":
        return
    below = set()
    for floor in FLOORS:
        if room in floor:
            break
        below |= floor
    for module in imports(file):
        imported = module.split(".")[1]
        is_own = imported == room and (PACKAGE / room).is_dir()
        assert imported in below or is_own, f"{file} imports {module}"


# What is imported of `jax.experimental`, which may change with every version, and why.
EXPERIMENTAL = {
    "mesh_utils": "meshes that follow the wiring of any TPU; jax.make_mesh splits no axis of some",
    "multihost_utils": "barriers, broadcasts and gathers between processes have no other home",
    "topologies": "compiling for devices that are not there, in benchmarks only",
}
PRIVATE = ("_src", "extend", "interpreters", "lib")


def test_what_is_not_public_in_jax_is_imported_for_a_reason():
    found = set()
    for folder in ("jaxgan", "benchmarks", "configs", "tests"):
        for file in (PACKAGE.parent / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                else:
                    continue
                for name in names:
                    parts = name.split(".")
                    assert parts[0] != "jax" or parts[1:2] not in [[p] for p in PRIVATE], file
                    if parts[:2] == ["jax", "experimental"]:
                        found.add(parts[2])
    assert found == EXPERIMENTAL.keys()
