"""A web server for the folder of a demo, on this machine only."""

import errno
import functools
import http.server
import sys
from pathlib import Path
from typing import Any

from jaxgan.errors import UserError

HOST = "127.0.0.1"


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with the headers that let WebAssembly use threads."""

    # The tables of the operating system may lack these types or have others.
    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
    }

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class _Server(http.server.ThreadingHTTPServer):
    """A server that is silent about browsers that close a connection early."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """Return a server for a folder, to be run by `serve_forever`.

    Args:
        folder: The folder.
        port: Port of the server; 0 for a free one.

    Raises:
        UserError: If the port is in use or not allowed.
    """
    handler = functools.partial(_Handler, directory=str(folder))
    try:
        return _Server((HOST, port), handler)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error})"
        raise UserError(f"port {port} {reason}: choose another --port, or 0 for any") from error


def serve(folder: Path, port: int) -> None:
    """Serve a folder until Ctrl-C. See `make_server`."""
    with make_server(folder, port) as server:
        print(f"open http://{HOST}:{server.server_port}/ (Ctrl-C ends the server)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
