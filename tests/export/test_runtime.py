"""The runtime of the demos, from a folder and from a real server on localhost."""

import functools
import hashlib
import http.server
import socket
import threading

import pytest
from demos import runtime

from jaxgan.errors import UserError
from jaxgan.export.runtime import FILES, load_runtime

CONTENT = {"ort.js": b"script", "ort.wasm": b"\0asm"}
SHA256 = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


def contents(files):
    return {name: file.read_bytes() for name, file in files.items()}


def write(folder, content=CONTENT):
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)


@pytest.fixture
def server(tmp_path):
    """The folder that is served, and its address."""
    write(tmp_path / "www")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield tmp_path / "www", f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_files_are_downloaded_once(server, tmp_path):
    folder, url = server
    load = functools.partial(load_runtime, files=SHA256, url=url, folder=tmp_path / "cache")
    assert contents(load()) == CONTENT
    for file in folder.iterdir():
        file.unlink()
    assert contents(load()) == CONTENT


def assert_says_where_to_get_it(error):
    message = str(error.value)
    assert "\n" not in message
    assert "npm pack onnxruntime-web@" in message
    assert "--runtime FOLDER" in message


def test_a_file_that_is_missing_or_another_one_is_refused(server, tmp_path):
    folder, url = server
    load = functools.partial(load_runtime, files=SHA256, url=url, folder=tmp_path / "cache")
    (folder / "ort.wasm").write_bytes(b"other")
    with pytest.raises(UserError, match="SHA-256 is not the one on record") as error:
        load()
    assert_says_where_to_get_it(error)
    (folder / "ort.wasm").unlink()
    with pytest.raises(UserError, match="the server answers 404") as error:
        load()
    assert_says_where_to_get_it(error)


def test_without_a_network_the_error_says_where_to_get_it(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match="connection refused") as error:
        load_runtime(files=SHA256, url=url, folder=tmp_path / "cache")
    assert_says_where_to_get_it(error)


@pytest.mark.parametrize("place", ["", "dist", "package/dist"])
def test_a_local_copy_is_kept(tmp_path, place):
    write(tmp_path / "given" / place)
    load = functools.partial(load_runtime, files=SHA256, folder=tmp_path / "cache")
    assert contents(load(tmp_path / "given")) == CONTENT
    assert contents(load(url="http://127.0.0.1:9")) == CONTENT


def test_a_local_copy_that_is_damaged_or_not_there_is_refused(tmp_path):
    write(tmp_path / "given", CONTENT | {"ort.wasm": b"\0as"})
    with pytest.raises(UserError, match=r"ort\.wasm is damaged or of another version") as error:
        load_runtime(tmp_path / "given", files=SHA256, folder=tmp_path / "cache")
    assert_says_where_to_get_it(error)
    assert not (tmp_path / "cache" / "ort.wasm").exists()
    with pytest.raises(UserError, match=r"does not contain ort\.js") as error:
        load_runtime(tmp_path / "nowhere", files=SHA256, folder=tmp_path / "cache")
    assert_says_where_to_get_it(error)


def test_the_checksums_are_those_of_the_npm_package(tmp_path):
    assert load_runtime(runtime(), folder=tmp_path).keys() == FILES.keys()
