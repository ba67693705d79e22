"""The papers' data sets, served by a real server on localhost."""

import contextlib
import functools
import http.server
import io
import socket
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from jaxgan.data.sources.cycle_gan import CycleGANDownload
from jaxgan.data.sources.pix2pix import Pix2pixDownload
from jaxgan.errors import UserError


def make_archive(counts=(("train", 3), ("val", 2), ("test", 1))):
    """Return a tar.gz of the original layout: facades/SPLIT/N.jpg, A left of B."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for split, count in counts:
            for number in range(1, count + 1):
                picture = io.BytesIO()
                Image.effect_noise((64, 32), 50).convert("RGB").save(picture, "jpeg")
                entry = tarfile.TarInfo(f"facades/{split}/{number}.jpg")
                entry.size = len(picture.getvalue())
                archive.addfile(entry, io.BytesIO(picture.getvalue()))
    return buffer.getvalue()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder.

    Below /broken-off/ it closes the connection half way, below /slow/ and /slow-header/ it sends
    a byte every 50 ms, and below /steady/ a kilobyte.
    """

    def do_GET(self):
        if self.path.startswith("/slow"):
            content = b"HTTP/1.0 200 OK\r\nX: " + b"y" * 1000
            if not self.path.startswith("/slow-header/"):
                self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 9999\r\n\r\n")
            with contextlib.suppress(OSError):  # until the other side goes away
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            return None
        if self.path.startswith("/steady/"):
            content = (Path(self.directory) / Path(self.path).name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for start in range(0, len(content), 2**10):
                self.wfile.write(content[start : start + 2**10])
                time.sleep(0.05)
            return None
        if not self.path.startswith("/broken-off/"):
            return super().do_GET()
        content = make_archive()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        return None

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """The folder that is served, and its address."""
    folder = tmp_path / "www"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def sizes(splits):
    return {split: len(source) for split, source in splits.items()}


def test_a_whole_archive_is_downloaded_once(server, tmp_path):
    folder, address = server
    (folder / "facades.tar.gz").write_bytes(make_archive())
    source = Pix2pixDownload(mirror=address)
    expected = {"train": 3, "val": 2, "test": 1}
    assert sizes(source.prepare(tmp_path / "data")) == expected
    (folder / "facades.tar.gz").unlink()
    assert sizes(source.prepare(tmp_path / "data")) == expected
    assert not list((tmp_path / "data").glob("*.extracted"))


def test_a_missing_file_ends_in_a_line_that_says_what_to_do(server, tmp_path):
    with pytest.raises(UserError) as error:
        Pix2pixDownload(name="maps", mirror=server[1]).prepare(tmp_path)
    message = str(error.value)
    assert "\n" not in message
    for part in ("404", "maps.tar.gz", "data.archive=", "data.root=", "data.mirror="):
        assert part in message


def test_a_truncated_archive_is_not_kept(server, tmp_path):
    folder, address = server
    whole = make_archive()
    (folder / "facades.tar.gz").write_bytes(whole[: len(whole) // 2])
    source = Pix2pixDownload(mirror=address)
    with pytest.raises(UserError, match=r"facades.tar.gz is damaged"):
        source.prepare(tmp_path / "data")
    (folder / "facades.tar.gz").write_bytes(whole)
    assert sizes(source.prepare(tmp_path / "data"))["train"] == 3


def test_a_connection_that_breaks_off_is_told(server, tmp_path):
    source = Pix2pixDownload(mirror=server[1] + "/broken-off")
    with pytest.raises(UserError, match="broke off"):
        source.prepare(tmp_path)


def test_a_server_that_is_down_fails_at_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(UserError, match="connection refused"):
        Pix2pixDownload(mirror=f"http://127.0.0.1:{port}").prepare(tmp_path)
    assert time.monotonic() - start < 60


def test_a_server_that_never_answers_is_given_up_within_a_minute(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.download.TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UserError, match="no answer for 1 seconds"):
            Pix2pixDownload(mirror=address).prepare(tmp_path)


@pytest.mark.parametrize("path", ["slow", "slow-header"])
def test_a_server_that_sends_a_byte_at_a_time_is_given_up(server, tmp_path, monkeypatch, path):
    monkeypatch.setattr("jaxgan.download.WINDOW", 0.5)
    monkeypatch.setattr("jaxgan.download.SLOWEST", 2**10)
    start = time.monotonic()
    with pytest.raises(UserError, match=r"less than 1 KiB came in 0\.5 seconds.: get facades"):
        Pix2pixDownload(mirror=f"{server[1]}/{path}").prepare(tmp_path)
    assert time.monotonic() - start < 20
    assert not [file for file in (tmp_path / "downloads").rglob("*") if file.is_file()]


def test_a_download_that_takes_long_but_goes_on_is_whole(server, tmp_path, monkeypatch):
    """A kilobyte every 50 ms, for several windows."""
    monkeypatch.setattr("jaxgan.download.WINDOW", 0.5)
    monkeypatch.setattr("jaxgan.download.SLOWEST", 2**10)
    archive = make_archive((("train", 40),))
    (server[0] / "facades.tar.gz").write_bytes(archive)
    assert len(archive) / 2**10 * 0.05 > 3 * 0.5
    source = Pix2pixDownload(mirror=f"{server[1]}/steady")
    assert sizes(source.prepare(tmp_path / "data")) == {"train": 40}


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_an_unusable_download_is_removed(server, tmp_path, kind):
    """A hard link to a member that is not there, and a symbolic link."""
    folder, address = server
    link = tarfile.TarInfo("facades/train/1.jpg")
    link.type, link.linkname = kind, "missing"
    with tarfile.open(folder / "facades.tar.gz", "w:gz") as archive:
        archive.addfile(link)
    source = Pix2pixDownload(mirror=address)
    with pytest.raises(UserError, match=r"1\.jpg' is not a regular file"):
        source.prepare(tmp_path / "data")
    assert not list((tmp_path / "data").rglob("facades.tar.gz"))
    (folder / "facades.tar.gz").write_bytes(make_archive())
    assert sizes(source.prepare(tmp_path / "data"))["train"] == 3


def test_what_a_killed_process_left_is_removed(server, tmp_path):
    folder, address = server
    (folder / "facades.tar.gz").write_bytes(make_archive())
    left = [
        tmp_path / "data" / "downloads" / "pix2pix_facades" / "tmpabcdefgh",
        tmp_path / "data" / ".pix2pix_facades.extracted" / "facades" / "train" / "9.jpg",
    ]
    for file in left:
        file.parent.mkdir(parents=True)
        file.touch()
    expected = {"train": 3, "val": 2, "test": 1}
    assert sizes(Pix2pixDownload(mirror=address).prepare(tmp_path / "data")) == expected
    assert not [file for file in left if file.exists()]


def test_a_local_archive_or_its_extracted_folder_stand_in(tmp_path):
    archive = tmp_path / "facades.tar.gz"
    archive.write_bytes(make_archive())
    expected = {"train": 3, "val": 2, "test": 1}
    assert sizes(Pix2pixDownload(archive=str(archive)).prepare(tmp_path / "data")) == expected
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    source = Pix2pixDownload(root=str(tmp_path / "facades"))
    assert sizes(source.prepare(tmp_path / "data")) == expected


def test_cyclegan_downloads_are_checked_by_their_sum(server, tmp_path):
    folder, address = server
    with zipfile.ZipFile(folder / "horse2zebra.zip", "w") as archive:
        archive.writestr("horse2zebra/trainA/1.jpg", b"")
    with pytest.raises(UserError, match="SHA-256 is not the one on record"):
        CycleGANDownload(mirror=address).prepare(tmp_path / "data")
    assert not list((tmp_path / "data").rglob("horse2zebra.zip"))


def test_a_cyclegan_archive_of_the_users_own_is_taken_as_it_is(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "jpeg")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for name in ("trainA/1", "trainA/2", "trainB/1", "testA/1"):
            archive.writestr(f"horse2zebra/{name}.jpg", picture.getvalue())
    splits = CycleGANDownload(archive=str(tmp_path / "mine.zip")).prepare(tmp_path / "data")
    assert sizes(splits) == {"trainA": 2, "trainB": 1, "testA": 1}


def test_a_zip_with_a_wrong_checksum_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("horse2zebra/trainA/1.jpg", b"0123456789")
    content = (tmp_path / "mine.zip").read_bytes()
    (tmp_path / "mine.zip").write_bytes(content.replace(b"0123456789", b"0123456780"))
    with pytest.raises(UserError, match=r"mine\.zip is damaged"):
        CycleGANDownload(archive=str(tmp_path / "mine.zip")).prepare(tmp_path / "data")


def test_a_local_archive_that_is_missing_or_damaged_is_named(tmp_path):
    archive = tmp_path / "mine.tar.gz"
    with pytest.raises(UserError, match=r"no file .*mine.tar.gz"):
        Pix2pixDownload(archive=str(archive)).prepare(tmp_path)
    archive.write_bytes(b"not an archive")
    with pytest.raises(UserError, match=r"mine.tar.gz is damaged or not"):
        Pix2pixDownload(archive=str(archive)).prepare(tmp_path)
    assert archive.exists()


def test_an_archive_of_several_data_sets_is_not_guessed_at(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "jpeg")
    names = ("maps/train/1", "maps/train/deep/train/2", "maps/tset/1", "cities/train/1")
    for archived in (names, names[:3]):
        with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
            for name in archived:
                archive.writestr(f"{name}.jpg", picture.getvalue())
        source = Pix2pixDownload(archive=str(tmp_path / "mine.zip"))
        if archived == names:
            with pytest.raises(UserError, match=r"several data sets \(cities and maps\)"):
                source.prepare(tmp_path / "data")
    for _ in range(2):
        assert sizes(source.prepare(tmp_path / "data")) == {"train": 2}


def test_what_an_archive_holds_besides_is_named_at_every_start(tmp_path, capsys):
    (tmp_path / "facades.tar.gz").write_bytes(make_archive((("train", 1), ("tset", 2))))
    source = Pix2pixDownload(archive=str(tmp_path / "facades.tar.gz"))
    for _ in range(2):
        assert sizes(source.prepare(tmp_path / "data")) == {"train": 1}
        assert "in no split, and not used: tset\n" in capsys.readouterr().out
