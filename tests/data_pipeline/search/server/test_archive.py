"""Hostile archives: nothing but expected plain files comes out, and nothing is written."""

import tarfile

import pytest

from data_pipeline.search.server.archive import SizeLimits, read_members
from data_pipeline.search.server.errors import DamagedArchiveError, UnsafeArchiveError
from tests.support.msa_server import bomb, pack

NAMES = frozenset({"uniref.a3m", "pdb70.m8"})
LIMITS = SizeLimits(download=2**20, member=2**20, total=3 * 2**20)
GOOD = {"uniref.a3m": b">101\nMKT\n", "other.txt": b"x"}


def entry(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def read(tmp_path, data):
    path = tmp_path / "in" / "result.tar.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    try:
        return read_members(path, NAMES, LIMITS)
    finally:
        assert sorted(tmp_path.rglob("*")) == before


def test_expected_names_only(tmp_path):
    assert read(tmp_path, pack(GOOD)) == {"uniref.a3m": b">101\nMKT\n"}
    assert read(tmp_path, pack({"./uniref.a3m": b"x"}, (entry(".", tarfile.DIRTYPE), b""))) == {"uniref.a3m": b"x"}
    assert read(tmp_path, pack({})) == {}


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ((entry("../uniref.a3m"), b"x"), "without folders"),
        ((entry("/etc/passwd"), b"x"), "without folders"),
        ((entry("folder/uniref.a3m"), b"x"), "without folders"),
        ((entry("..\\uniref.a3m"), b"x"), "without folders"),
        ((entry("pdb70.m8", tarfile.SYMTYPE, "/etc/passwd"), b""), "a link"),
        ((entry("unexpected", tarfile.SYMTYPE, "../../x"), b""), "a link"),
        ((entry("pdb70.m8", tarfile.LNKTYPE, "uniref.a3m"), b""), "a link"),
        ((entry("pdb70.m8", tarfile.FIFOTYPE), b""), "a special file"),
        ((entry("pdb70.m8", tarfile.CHRTYPE), b""), "a special file"),
        ((entry("uniref.a3m"), b"again"), "twice"),
        ((entry("pdb70.m8"), bytes(2**20 + 1)), "at most 1048576 bytes in a file"),
    ],
)
def test_one_bad_member_spoils_it_all(tmp_path, extra, words):
    with pytest.raises(UnsafeArchiveError) as caught:
        read(tmp_path, pack(GOOD, extra))
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["uniref.a3m", "unexpected"])
def test_bombs(tmp_path, name):
    data = bomb(name, 64)
    assert len(data) < 2**17
    with pytest.raises(UnsafeArchiveError, match="at most"):
        read(tmp_path, data)


def test_every_truncation_is_noticed(tmp_path):
    data = pack(GOOD)
    for end in range(len(data)):
        with pytest.raises(DamagedArchiveError):
            read(tmp_path, data[:end])


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"\x1f\x8b\x08\0\0\0", pack(GOOD)[:40] + b"\0" * 40],
    ids=["nothing", "page", "header", "garbled"],  # an archive has the time in it, which a name must not have
)
def test_something_else(tmp_path, data):
    with pytest.raises(DamagedArchiveError):
        read(tmp_path, data)
