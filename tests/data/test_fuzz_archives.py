"""Archives of anyone: each is extracted or refused in a line, and nothing is written elsewhere."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import tarfile
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from jaxgan.data.sources import archive as archives
from jaxgan.data.sources.archive import extract
from jaxgan.data.sources.cycle_gan import CycleGANDownload
from jaxgan.errors import UserError

NAMES = [
    *("a.png", "train/1.png", "deep/er/2.png", "./b.png", "a/../c.png", "caf\u00e9.png"),
    *("../evil", "../../evil", "a/../../evil", "/tmp/evil-jaxgan", "..", ".", "", "/", "a" * 300),
    *("a/" * 200 + "b", "a/" * 3000 + "b", "x\0y", "new\nline.png", "caf\udce9.png", "..\\evil"),
    *("C:\\evil", "C:evil", "train", "train/1.png/2.png", " ", "~/evil", "con", "-rf"),
]
TYPES = [*tarfile.SUPPORTED_TYPES, b"V", b"M", b"Z", b"\xff"]
TARGETS = ["..", "../evil", "/tmp", "a.png", "missing", "", "a" * 5000, "train", "b/../.."]
VALUES = ["nan", "inf", "1e400", "-1", "-1e400", "x", "", "9" * 400, "0", "1" + "0" * 18]
RECORDS = ["mtime", "atime", "size", "path", "linkpath", "uid", "mode", "GNU.sparse.size"]
RECORDS += ["GNU.sparse.map", "GNU.sparse.major", "GNU.sparse.realsize", "hdrcharset", "charset"]


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def make_tar(rng):
    """Return a tar of members of any type, name and target."""
    buffer = io.BytesIO()
    form = pick(rng, [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    with tarfile.open(fileobj=buffer, mode="w", format=form) as opened:
        for _ in range(rng.integers(1, 6)):
            entry = tarfile.TarInfo(pick(rng, NAMES).replace("\0", ""))
            content = rng.bytes(rng.integers(0, 2000))
            if rng.random() < 0.4:
                entry.type, entry.linkname = pick(rng, TYPES), pick(rng, TARGETS)
            if rng.random() < 0.3:
                entry.pax_headers = {pick(rng, RECORDS): pick(rng, VALUES)}
            entry.size = len(content) if entry.isreg() else 0
            entry.mode = int(rng.integers(0o10000))
            opened.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    return buffer.getvalue()


def make_zip(rng):
    """Return a zip of members of any type and name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # equal names
        for _ in range(rng.integers(1, 6)):
            entry = zipfile.ZipInfo("name")
            entry.filename = pick(rng, NAMES).encode("utf-8", "replace").decode()
            entry.compress_type = pick(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
            if rng.random() < 0.3:
                entry.external_attr = int(rng.integers(16)) << 28
            opened.writestr(entry, rng.bytes(rng.integers(0, 2000)))
    return buffer.getvalue()


def damage(rng, content):
    """Return content that is cut, overwritten or spliced somewhere."""
    content = bytearray(content)
    place, length = (int(rng.integers(len(content))) for _ in range(2))
    match rng.integers(5):
        case 0:
            del content[place:]
        case 1:
            content[place : place + length % 64] = rng.bytes(length % 64)
        case 2:
            content[place] ^= 1 << int(rng.integers(8))
        case 3:
            content[place:place] = content[length : length + 512]
        case 4:  # a number in a header of a tar, with its checksum, or in a zip
            field = pick(rng, [124, 136, 345, 156])
            content[field : field + 11] = pick(
                rng,
                [b"\x80" + b"\xff" * 10, b"\xff" * 11, b"77777777777", b"-0000000001", bytes(11)],
            )
            if content[257:262] == b"ustar":
                content[148:156] = b" " * 8
                content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


def outside(root, folder):
    """Return all that is below `root` and not in `folder`, with what tells a change."""
    found = {}
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.path.join(place, name) != str(folder)]
        for name in files:
            status = os.lstat(os.path.join(place, name))
            found[place, name] = status.st_ino, status.st_size, status.st_mtime_ns
    return found


def outcome(archive, folder):
    """Extract an archive and return its error, if any."""
    root = folder.parent.parent
    folder.mkdir()
    before = outside(root, folder)
    error = None
    try:
        extract(archive, folder)
    except UserError as refused:
        error = str(refused)
        assert len(error.encode("ascii", "replace").splitlines()) == 1
    assert outside(root, folder) == before
    assert not os.path.exists("/tmp/evil-jaxgan")
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            kind = os.lstat(os.path.join(place, name)).st_mode
            assert stat.S_ISREG(kind) or stat.S_ISDIR(kind)
    shutil.rmtree(folder)
    return error


def check(tmp_path, cases):
    """Extract archives made from the seeds up to `cases`; return how many were extracted."""
    archive, folder = tmp_path / "archives" / "x", tmp_path / "data" / "folder"
    for file in (archive, tmp_path / "data" / "evil", tmp_path / "folder-b" / "evil"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    extracted = 0
    for seed in range(cases):
        rng = np.random.default_rng(seed)
        content = pick(rng, [make_tar, make_zip])(rng)
        if rng.random() < 0.5:
            content = damage(rng, content)
        if not content.startswith(archives.ZIP):
            content = pick(rng, [bytes, gzip.compress, bz2.compress, lzma.compress])(content)
        if rng.random() < 0.1:
            content = damage(rng, content)
        archive.write_bytes(content)
        try:
            extracted += outcome(archive, folder) is None
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    return extracted


def test_any_archive_is_extracted_or_refused_in_a_line(tmp_path):
    assert 10 < check(tmp_path, 300) < 290


@pytest.mark.slow
def test_many_archives_are_extracted_or_refused_in_a_line(tmp_path):
    assert check(tmp_path, 5_000) > 500


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_data_sets_from_any_archive_are_prepared_or_refused_in_a_line(tmp_path, make):
    for seed in range(5):
        (tmp_path / "x").write_bytes(make(np.random.default_rng(seed)))
        with pytest.raises(UserError) as refused:  # none holds an image
            CycleGANDownload(archive=str(tmp_path / "x")).prepare(tmp_path / "data")
        assert len(str(refused.value).encode("ascii", "replace").splitlines()) == 1
        assert not [*(tmp_path / "data").glob("*.extracted"), *tmp_path.glob("evil")]


def entry(name, kind=tarfile.REGTYPE, target="", size=0):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


def tar_of(tmp_path, *entries, suffix=""):
    with tarfile.open(tmp_path / "x.tar", f"w{suffix and ':' + suffix}") as opened:
        for made in entries:
            opened.addfile(made, io.BytesIO(bytes(made.size)))
    return tmp_path / "x.tar"


def test_a_chain_of_links_beyond_the_longest_path_leads_nowhere(tmp_path):
    """CVE-2025-4517: the filter of Python 3.11.7 does not follow a path longer than PATH_MAX."""
    long, steps = "d" * 247, "abcdefghijklmnop"
    entries, path = [], ""
    for step in steps:
        entries += [entry(path + long, tarfile.DIRTYPE), entry(path + step, tarfile.SYMTYPE, long)]
        path += f"{long}/"
    entries.append(entry("/".join(steps) + "/" + "l" * 254, tarfile.SYMTYPE, "../" * len(steps)))
    chain = "/".join(steps) + "/" + "l" * 254
    entries.append(entry("escape", tarfile.SYMTYPE, f"{chain}/../sibling"))
    (tmp_path / "sibling").mkdir()
    archive = tar_of(tmp_path, *entries, entry("escape/evil", size=3))
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        UserError, match=r"x\.tar is not safe to extract .'a' is not a regular file"
    ):
        extract(archive, tmp_path / "folder")
    assert not list((tmp_path / "sibling").iterdir())


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "train/1.png"),
        (tarfile.LNKTYPE, "missing"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_links_and_devices_are_refused_by_name(tmp_path, kind, target):
    archive = tar_of(tmp_path, entry("train/1.png", size=9), entry("b.png", kind, target))
    with pytest.raises(UserError, match=r"'b\.png' is not a regular file.*config\.data\.root=DIR"):
        extract(archive, tmp_path / "folder")


def test_a_link_in_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        link = zipfile.ZipInfo("b.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match=r"'b\.png' is not a regular file"):
        extract(tmp_path / "x.zip", tmp_path / "folder")


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil-jaxgan"])
def test_names_outside_of_the_folder_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        opened.writestr(name, b"evil")
    for archive in (tar_of(tmp_path, entry(name, size=4)), tmp_path / "x.zip"):
        with pytest.raises(UserError, match="is a file outside of its folder"):
            extract(archive, tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["x.tar", "x.zip"]


def test_sizes_counts_and_depths_have_limits(tmp_path, monkeypatch):
    files = [entry(f"{number}.png", size=1000) for number in range(5)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        for file in files:
            opened.writestr(file.name, bytes(file.size))
    packed = tar_of(tmp_path, *files, suffix="gz"), tmp_path / "x.zip"
    for limits, match in (
        ({"MAX_BYTES": 4999}, "more than .* GiB"),
        ({"MAX_MEMBERS": 4}, "more than 4 files"),
        ({"MAX_DEPTH": 0}, "'0.png' is below too many folders"),
        ({"MAX_BYTES": 5000, "MAX_MEMBERS": 5, "MAX_DEPTH": 1}, None),
    ):
        with monkeypatch.context() as patch:
            for name, value in limits.items():
                patch.setattr(archives, name, value)
            for archive in packed:
                if match is None:
                    extract(archive, tmp_path / "folder")
                    assert len(os.listdir(tmp_path / "folder")) == 5
                else:
                    with pytest.raises(UserError, match=match):
                        extract(archive, tmp_path / "folder")


def test_a_header_does_not_fill_the_memory(tmp_path):
    archive = tar_of(tmp_path, entry("x", tarfile.XHDTYPE, size=2**27), suffix="gz")
    assert archive.stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(UserError, match="a header is too large"):
        extract(archive, tmp_path / "folder")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_an_archive_that_is_damaged_in_the_middle_is_not_taken_for_a_short_one(tmp_path):
    archive = tar_of(tmp_path, *(entry(f"{number}.png", size=100) for number in range(4)))
    content = bytearray(archive.read_bytes())
    content[2 * 1024 + 150] ^= 1  # the checksum of the third
    archive.write_bytes(content)
    with pytest.raises(UserError, match="a header is damaged"):
        extract(archive, tmp_path / "folder")


def test_members_that_lead_back_do_not_go_on_for_ever(tmp_path, monkeypatch):
    """CVE-2025-8194: after a negative size, tarfile finds the same header again."""
    monkeypatch.setattr(archives, "MAX_MEMBERS", 50)
    header = entry("a.png", size=-1024).tobuf(tarfile.GNU_FORMAT)
    folders = b"".join(entry(name, tarfile.DIRTYPE).tobuf() for name in "bc")
    (tmp_path / "x.tar").write_bytes(folders + header + bytes(1024))
    with pytest.raises(UserError, match=r"is damaged .*(members overlap|header|offset)"):
        extract(tmp_path / "x.tar", tmp_path / "folder")


@pytest.mark.parametrize("mtime", ["nan", "1e400", "-1e400"])
def test_times_of_members_do_not_matter(tmp_path, mtime):
    file = entry("a.png", size=10)
    file.pax_headers = {"mtime": mtime}
    extract(tar_of(tmp_path, file), tmp_path / "folder")
    assert (tmp_path / "folder" / "a.png").read_bytes() == bytes(10)


def test_a_zip_whose_names_are_not_what_it_says_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        opened.writestr("caf\u00e9.png", b"x")  # in UTF-8, and with its flag
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(content.replace("\u00e9".encode(), b"\xe9\xe9"))
    with pytest.raises(UserError, match=r"x\.zip is damaged or not a tar or zip archive .'utf-8'"):
        extract(tmp_path / "x.zip", tmp_path / "folder")
