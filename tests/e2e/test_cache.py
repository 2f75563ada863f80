"""The catalogue cache: never worth a failure, never believed when anything about it is odd, never made without need."""
import os
import sqlite3

import pytest
from stock import NEW

CACHE = "var/cache/appcenter/catalogue.db"


def cache_of(nas):
    return nas.root / CACHE


def flip_digests(path):
    """One digit of every archive's digest: each line is still a release, and no longer what was signed."""
    data = bytearray(path.read_bytes())
    at, n = data.find(b'"path":"packages/'), 0
    while at >= 0:
        data[at + 20] ^= 1
        at, n = data.find(b'"path":"packages/', at + 1), n + 1
    assert n > 0
    with open(path, "r+b") as file:
        file.write(data)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def open_to_all(path):
    path.chmod(0o666)


def give_away(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, 65534)


def second_name(path):
    os.link(path, path.with_name("another"))


def garbage(path):
    path.write_bytes(os.urandom(path.stat().st_size))


def another_import(path):
    with sqlite3.connect(path) as db:
        assert db.execute("UPDATE source SET sha256 = 'vendor=' || hex(zeroblob(32))").rowcount == 1


@pytest.mark.parametrize("spoil", [flip_digests, truncate, open_to_all, give_away, second_name, garbage, another_import])
def test_an_odd_cache_is_rebuilt_by_the_next_refresh_with_a_line_in_the_log(nas, spoil):
    assert nas.ctl("install", "MediaLibrary", "--dry-run", "--yes").returncode == 0
    nas.stop()
    with sqlite3.connect(cache_of(nas)) as db:  # all of it in the one file
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    spoil(cache_of(nas))
    nas.start()
    nas.ctl("install", "MediaLibrary", "--dry-run", "--yes", expect=None)  # may know nothing now, and must say so
    nas.ctl("refresh")
    assert "MediaLibrary" in nas.ctl("install", "MediaLibrary", "--dry-run", "--yes").stdout
    assert "catalogue made anew: catalogue.db: " in nas.log()
    info = cache_of(nas).stat()
    assert (info.st_mode & 0o777, info.st_uid, info.st_nlink) == (0o600, os.geteuid(), 1)
    assert nas.daemon.poll() is None


def state_of_cache(nas):
    """What writing to the cache would change: its files, and when they were written."""
    return sorted((str(p), p.stat().st_ino, p.stat().st_size, p.stat().st_mtime_ns)
                  for p in (nas.root / "var/cache/appcenter").rglob("*") if p.is_file() and not p.name.endswith("-shm"))


def test_a_refresh_without_news_reads_no_catalogue_and_writes_nothing_to_the_cache(nas, vendor):
    kept, = (nas.root / "var/cache/appcenter/catalogues").rglob("*.zst")
    kept.write_bytes(b"who reads this, fails")
    before = state_of_cache(nas)
    nas.ctl("refresh")
    vendor.publish()  # another timestamp and nothing more
    nas.ctl("refresh")
    assert state_of_cache(nas) == before
    assert nas.log().count("catalogue of vendor: ") == 1  # the import of the fixture


def test_a_refresh_with_news_imports_once(nas, vendor, session):
    vendor.add(session.packages["MediaLibrary", NEW["MediaLibrary"]])
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("refresh")
    assert nas.log().count("catalogue of vendor: ") == 2
    assert NEW["MediaLibrary"] in nas.ctl("install", "MediaLibrary", "--dry-run", "--yes").stdout
