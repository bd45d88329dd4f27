import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace

import pytest

from examples import datasets
from polytask.errors import UserError
from polytask.lab.tables import ENTRIES, DataEntry, DataFile, bundled, fetch

CONTENT = b"1,2\n3,4\n"


def make_entry(url="https://nowhere.invalid/set.zip", sha256=None):
    digest = hashlib.sha256(CONTENT).hexdigest() if sha256 is None else sha256
    return DataEntry(
        name="tiny",
        title="Tiny",
        homepage="https://nowhere.invalid",
        license="CC0",
        license_url="",
        citation="",
        load=lambda data_dir, full, seed: None,
        url=url,
        folder="tiny_set",
        files=(
            DataFile("tiny.test", digest, len(CONTENT)),
            DataFile("tiny.data", required=False),
        ),
    )


def make_archive(path):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for name, content in (("tiny.test", CONTENT), ("readme", b"x")):
            member = tarfile.TarInfo(f"folder/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("tiny.tar.gz", inner.getvalue())
        outer.writestr("tiny.data.gz", gzip.compress(b"5,6\n", mtime=0))
    return path


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("POLYTASK_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "datasets" / "polytask" / "tiny_set"


@pytest.mark.parametrize("place", ["tiny_set/tiny.test", "tiny.test"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_is_read_plain_or_gzipped(tmp_path, monkeypatch, place, zipped):
    path = tmp_path / "data" / (place + ".gz" * zipped)
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(CONTENT, mtime=0) if zipped else CONTENT)
    assert fetch(make_entry(), tmp_path / "data") == {"tiny.test": CONTENT}
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path / "data"))
    assert fetch(make_entry()) == {"tiny.test": CONTENT}


def test_the_archive_is_downloaded_once_and_unpacked(tmp_path, empty_cache):
    archive = make_archive(tmp_path / "set.zip")
    entry = make_entry(archive.as_uri())
    expected = {"tiny.test": CONTENT, "tiny.data": b"5,6\n"}
    assert fetch(entry) == expected
    archive.unlink()
    assert fetch(entry) == expected
    names = sorted(path.name for path in empty_cache.iterdir())
    assert names == ["tiny.data.gz", "tiny.test.gz"]


def test_an_archive_of_pictures_is_kept(tmp_path, empty_cache):
    archive = make_archive(tmp_path / "set.zip")
    fetch(replace(make_entry(archive.as_uri()), keep_archive=True))
    assert (empty_cache / "set.zip").read_bytes() == archive.read_bytes()


def test_a_file_that_is_no_archive_is_downloaded_as_it_is(tmp_path, empty_cache):
    (tmp_path / "tiny.test").write_bytes(CONTENT)
    entry = make_entry((tmp_path / "tiny.test").as_uri())
    assert fetch(entry)["tiny.test"] == CONTENT
    assert [path.name for path in empty_cache.iterdir()] == ["tiny.test.gz"]


def test_an_address_need_not_end_in_the_name_of_the_file(tmp_path, empty_cache):
    (tmp_path / "5976027").write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    entry = make_entry((tmp_path / "5976027").as_uri(), sha256="")
    entry = replace(entry, archive="tiny.test", sha256=digest)
    assert fetch(entry)["tiny.test"] == CONTENT
    (tmp_path / "5976027").write_bytes(b"another")
    with pytest.raises(UserError, match="could not be downloaded"):
        fetch(replace(entry, folder="other"))


def test_what_a_killed_download_left_is_not_used(tmp_path, empty_cache):
    archive = make_archive(tmp_path / "set.zip")
    empty_cache.mkdir(parents=True)
    (empty_cache / "set.zip").write_bytes(archive.read_bytes()[:50])
    assert fetch(make_entry(archive.as_uri()))["tiny.test"] == CONTENT


def test_without_a_network_the_message_says_how_to_supply_the_file(tmp_path):
    entry = make_entry((tmp_path / "absent.zip").as_uri())
    with pytest.raises(UserError) as caught:
        fetch(entry)
    for part in ("absent.zip", "tiny_set/tiny.test", "--data-dir", "POLYTASK_DATA"):
        assert part in str(caught.value)


def test_an_archive_with_another_checksum_is_refused_and_not_kept(
    tmp_path, empty_cache
):
    archive = make_archive(tmp_path / "set.zip")
    entry = replace(make_entry(archive.as_uri()), sha256="0" * 64)
    with pytest.raises(UserError, match="hash"):
        fetch(entry)
    assert list(empty_cache.iterdir()) == []
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert fetch(replace(entry, sha256=digest))["tiny.test"] == CONTENT


def test_a_damaged_archive_is_refused_and_not_kept(tmp_path, empty_cache):
    archive = tmp_path / "set.zip"
    archive.write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="is damaged"):
        fetch(make_entry(archive.as_uri()))
    assert list(empty_cache.iterdir()) == []


def test_an_archive_without_the_file_is_refused(tmp_path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as outer:
        outer.writestr("other", b"x")
    with pytest.raises(UserError, match=r"does not hold tiny\.test"):
        fetch(make_entry(archive.as_uri()))


def test_of_two_files_with_one_name_the_checksum_chooses(tmp_path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as outer:
        outer.writestr("mine/tiny.test", CONTENT)
        outer.writestr("other/tiny.test", CONTENT + b"5,6\n")
    assert fetch(make_entry(archive.as_uri()))["tiny.test"] == CONTENT


def test_a_file_with_another_content_is_refused(tmp_path):
    (tmp_path / "tiny.test").write_bytes(CONTENT + b"5,6\n")
    with pytest.raises(UserError, match="SHA-256"):
        fetch(make_entry(), tmp_path)


def test_a_folder_with_some_of_the_files_names_the_others(tmp_path):
    entry = make_entry()
    entry = replace(
        entry, files=(*entry.files, DataFile("more.test"), DataFile("most.test"))
    )
    (tmp_path / "tiny.test").write_bytes(CONTENT)
    with pytest.raises(UserError, match=r"missing: more\.test, most\.test"):
        fetch(entry, tmp_path)


def test_what_a_killed_download_unpacked_is_completed(tmp_path, empty_cache):
    archive = make_archive(tmp_path / "set.zip")
    entry = make_entry(archive.as_uri())
    entry = replace(entry, files=(entry.files[0], DataFile("tiny.data")))
    empty_cache.mkdir(parents=True)
    (empty_cache / "tiny.test").write_bytes(CONTENT)
    assert fetch(entry) == {"tiny.test": CONTENT, "tiny.data": b"5,6\n"}


def test_a_truncated_gzip_file_is_refused(tmp_path):
    (tmp_path / "tiny.test.gz").write_bytes(gzip.compress(CONTENT, mtime=0)[:-6])
    with pytest.raises(UserError, match=r"tiny\.test\.gz cannot be read"):
        fetch(make_entry(), tmp_path)


def test_a_folder_that_does_not_exist_is_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"data_dir is .*none"):
        fetch(make_entry(), tmp_path / "none")
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"POLYTASK_DATA is .*none"):
        fetch(make_entry())


def test_every_entry_names_license_citation_and_checksums():
    for entry in (*ENTRIES.values(), *datasets.ENTRIES.values()):
        assert entry.license
        assert entry.license_url.startswith("https://")
        assert entry.homepage.startswith("http")
        assert entry.url.startswith("https://") or not entry.files
        assert entry.citation
        # Of the archive, where its file differs from copy to copy.
        files = [f for f in entry.files if f.required]
        assert all(len(f.sha256 or entry.sha256) == 64 for f in files)


def test_an_unknown_data_set_suggests_the_nearest():
    with pytest.raises(UserError, match='Did you mean "census"'):
        bundled("cencus")
