"""Who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jaxgan"

# Parts of the package, and what each may import of it. What is not listed may import nothing.
ALLOWED = {
    "types": ["pixels", "schedules"],
    "files": [],
    "errors": [],
    "validation": [],
    "resume": [],
    "config_json": ["errors", "validation"],
    "losses": [],
    "loops": ["types"],
    "image_pool": ["types"],
    "accumulate": ["loops", "types"],
    "diff_augment": ["types"],
    "processes": ["config", "config_json", "errors", "resume"],
    "stopping": [],
    "partition": ["errors", "types"],
    "progress": [],
    "schedules": ["errors", "validation"],
    "networks": ["errors", "networks", "resume", "validation"],
    "updates": ["accumulate", "networks", "types"],
    "methods": [
        *(
            "accumulate",
            "diff_augment",
            "image_pool",
            "images",
            "methods",
            "networks",
            "losses",
            "resume",
            "schedules",
            "updates",
            "types",
            "validation",
        )
    ],
    "images": ["types"],
    "pixels": ["errors", "validation"],
    "outputs": ["errors", "files"],
    "decoded": ["errors"],
    "tiff": ["decoded", "errors"],
    "decoders": ["decoded", "errors", "pixels", "tiff"],
    "image_files": ["decoded", "decoders", "errors", "files", "pixels", "tiff"],
    "tiles": ["compiler", "networks", "types", "updates"],
    "translations": ["files", "images", "outputs", "types"],
    "data": ["data", "errors", "files", "image_files", "pixels", "resume", "types", "validation"],
    "config": ["types", "errors", "resume", "validation"],
    "quiet": [],
    "checkpoint": ["quiet", "types", "errors"],
    "events": [],
    "report": ["events", "files", "images", "progress", "types"],
    "fine_tune": [*("checkpoint", "config", "config_json", "errors", "resume", "types", "updates")],
    "workdir": ["config", "config_json", "errors", "files", "resume"],
    "compiler": [],
    "program": ["compiler", "config", "errors", "loops", "partition", "types"],
    "session": [
        *("checkpoint", "config", "errors", "fine_tune", "partition", "processes", "program"),
        *("progress", "report", "stopping", "types", "workdir"),
    ],
    "trainer": [
        *("config", "errors", "fine_tune", "processes", "program", "schedules", "session"),
        *("types", "workdir"),
    ],
    "dry_run": ["config", "partition", "program", "types"],
    "model": ["checkpoint", "compiler", "config", "errors", "program", "types", "updates"],
    "metrics": [
        *("compiler", "config", "data", "errors", "files", "image_files", "images", "interop"),
        *("metrics", "model"),
        *("networks", "pixels", "program", "types"),
    ],
    "console": ["__version__", "errors", "files", "processes"],
    "arguments": ["config", "processes", "types"],
    "command_line": ["arguments", "config", "console", "errors"],
    "interop": [
        *("checkpoint", "config", "data", "errors", "files", "interop", "methods", "model"),
        *("networks", "outputs", "pixels", "program", "types", "updates"),
    ],
    "translate": [
        *("data", "decoders", "errors", "files", "image_files", "model", "outputs", "pixels"),
        "tiles",
        *("translations", "types"),
    ],
    "cli": [
        *("config", "console", "errors", "files", "image_files", "images", "interop"),
        *("metrics", "model", "outputs", "translate", "types", "validation"),
    ],
}


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


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.name))
def test_imports_go_down_and_never_sideways(file):
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return
    allowed = {f"jaxgan.{part}" for part in ALLOWED[parts[0]]}
    for module in imports(file):
        assert ".".join(module.split(".")[:2]) in allowed, f"{file} imports {module}"


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
