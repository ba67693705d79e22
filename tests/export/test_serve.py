"""The local server of demos."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from paths import ROOT

from jaxgan.errors import UserError
from jaxgan.export.serve import make_server

# The signal is set because programs in the background of a shell ignore it.
SCRIPT = """
import signal
import sys
from pathlib import Path
from jaxgan.cli import console
from jaxgan.export.serve import serve
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(console.run(lambda: serve(Path(sys.argv[1]), 0) or 0))
"""


def test_it_serves_a_folder_with_types_and_headers_until_ctrl_c(tmp_path):
    types = {"a.mjs": "text/javascript", "a.wasm": "application/wasm", "index.html": "text/html"}
    for name in types:
        (tmp_path / name).write_text(name)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout
    line = process.stdout.readline()
    url = line.split()[1]
    assert url.startswith("http://127.0.0.1:")
    for name, kind in types.items():
        with urllib.request.urlopen(url + name) as response:
            assert response.read().decode() == name
            assert response.headers["Content-Type"] == kind
            assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert not errors


def test_a_port_in_use_is_a_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use: choose another --port"):
            make_server(tmp_path, port)
