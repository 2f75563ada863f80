"""The judge is not blind: each fault that it is there for, made by hand, is seen and named."""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess

import nas as lab
import pytest
from box import NEW, OLD, PHOTO


@contextlib.contextmanager
def changed(path, content):
    before = path.read_bytes()
    path.write_bytes(content)
    yield
    path.write_bytes(before)


@contextlib.contextmanager
def away(path):
    aside = path.with_name(path.name + ".aside-by-the-test")
    hidden = path.parents[2] / aside.name
    os.rename(path, hidden)
    yield
    os.rename(hidden, path)


@contextlib.contextmanager
def extra(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("extra")
    yield
    path.unlink()


@contextlib.contextmanager
def sql(nas, do, undo):
    for statement in (do, undo):
        with contextlib.closing(sqlite3.connect(nas.root / "var/lib/appcenter/state.db", timeout=20)) as db:
            db.execute(statement)
            db.commit()
        if statement == do:
            yield


@contextlib.contextmanager
def script(nas):
    """A shell that carries the app's marks, as a hook of a dead job would."""
    st = os.stat(nas.root)
    marks = {"APPCENTER_APP": "PhotoStation", "APPCENTER_INSTANCE": f"{st.st_dev:x}-{st.st_ino:x}"}
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, **marks})
    yield
    process.kill()
    process.wait()


@contextlib.contextmanager
def killed(nas, app):
    for pid in nas.app_pids(app):
        os.kill(pid, signal.SIGKILL)
    yield
    nas.ctl("start", app)


def faults(nas):
    photo, library = nas.app_dir("PhotoStation"), nas.app_dir("MediaLibrary")
    config, kept = nas.root / "etc/config/qpkg.conf", nas.app_dir(".appcenter") / "kept"
    bad_version = config.read_bytes().replace(b"Version = 6.1.1", b"Version = 6.1.2")
    yield changed(photo / "service.sh", b"#!/bin/sh\n"), "service.sh is not what was packed"
    yield away(library / "bin/mediainfo"), "bin/mediainfo is missing"
    yield extra(library / "lib/new-in-2.0"), "lib/new-in-2.0 is neither the package's nor the user's"
    yield away(photo / "album/first.png"), "the user's album/first.png of PhotoStation is lost or changed"
    yield changed(library / "lib/cache.bin", b"other"), "the user's lib/cache.bin of MediaLibrary is lost or changed"
    yield changed(photo / "etc/photostation.conf", b"port = 1\n"), "etc/photostation.conf is not what was packed, or not"
    yield extra(nas.app_dir(".appcenter") / "stage/7-PhotoStation"), "left in staging: ['7-PhotoStation']"
    yield extra(nas.app_dir("Stranger")), "Stranger is not installed, its folder is there"
    yield extra(kept / "9-QVPN"), "kept tree 9-QVPN is not recorded"
    yield changed(config, bad_version), "qpkg.conf: Version of PhotoStation is 6.1.2, wanted 6.1.1"
    yield away(nas.root / "etc/rcS.d/QS130PhotoStation"), "start links: [] too many, [('rcS.d/QS130PhotoStation'"
    yield extra(nas.root / "var/cache/appcenter/packages/x.part"), "half a download is left: x.part"
    yield sql(nas, "UPDATE journal SET state = 'doing' WHERE step = 'SWAP' AND app = 'PhotoStation'",
              "UPDATE journal SET state = 'done'"), "SWAP of PhotoStation stands as doing"
    yield sql(nas, "UPDATE txn SET result = NULL", "UPDATE txn SET result = 'done'"), "transaction 1 has no result"
    yield sql(nas, "UPDATE job SET state = 'running'", "UPDATE job SET state = 'done'"), "is running, nobody works on it"
    yield script(nas), "a script still runs"
    yield killed(nas, "PhotoStation"), "PhotoStation 6.1.1 does not run"
    yield changed(photo / "logs/starts.log", b"PhotoStation 6.1.2 started beside MediaLibrary 1.4\n"), "ran beside a stranger"


def test_every_fault_is_seen(stock):
    with stock.box("old", {"old": OLD, "new": NEW}) as box:
        assert box.verdict() == "old"
        for fault, sentence in faults(box.nas):
            with fault, pytest.raises(AssertionError) as found:
                box.judge.verdict()
            assert sentence in str(found.value), f"wanted \"{sentence}\", found {found.value}"
        assert box.judge.verdict() == "old", "each fault was taken back"


def test_a_mixed_world_is_seen(stock):
    with stock.box("new", {"old": OLD, "new": NEW}) as box:
        assert box.verdict() == "new"
        live = box.nas.app_dir("MediaLibrary")
        kept, = (box.nas.app_dir(".appcenter") / "kept").glob("*-MediaLibrary")
        shutil.copy(kept / "bin/mediainfo", live / "bin/mediainfo")
        with pytest.raises(AssertionError) as found:
            box.judge.verdict()
        assert "bin/mediainfo is not what was packed" in str(found.value)


def test_a_process_of_another_version_is_seen(stock):
    with stock.box("old", {"old": OLD, "new": NEW}) as box:
        assert box.verdict() == "old"
        program = box.nas.app_dir("PhotoStation") / "bin/photostation"
        content = program.read_bytes()
        program.unlink()
        program.write_bytes(content)
        program.chmod(0o755)
        with pytest.raises(AssertionError) as found:
            box.judge.verdict()
        assert "runs another program" in str(found.value)
        assert lab.http_get(f"{stock.url}photo?name=first.png") == (200, PHOTO)
