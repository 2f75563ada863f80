"""Snapshots of an app's data: taken before a change of version, listed, brought back, and gone when their time is over."""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import gate as gates
import nas as lab
import pytest
from stock import add_repository

APP = "Notes"


def package(vendor, base, version, hook="", health=None, migrates=None, files=None):
    """An app whose service ends at once: its archive. hook: shell text of pkg_install."""
    source = base / f"src-{version}"
    (source / "shared" / "bin").mkdir(parents=True)
    lines = [f'QPKG_NAME="{APP}"', f'QPKG_VER="{version}"', 'QPKG_AUTHOR="tests"', 'QPKG_CONFIG="notes.conf"',
             'QPKG_SERVICE_PROGRAM="bin/well"']
    if migrates:
        lines.append(f'APPCENTER_MIGRATES="{migrates}"')
    if health:
        lines.append(f'APPCENTER_HEALTH="exec:bin/{health}"')
    (source / "qpkg.cfg").write_text("\n".join(lines) + "\n")
    (source / "package_routines").write_text(f"pkg_install()\n{{\n:\n{hook}\n}}\n")
    for name, text in {"bin/well": "#!/bin/sh\nexit 0\n", "bin/sick": "#!/bin/sh\nexit 1\n",
                       "notes.conf": f"of {version}\n", "page": f"page {version}\n", **(files or {})}.items():
        path = source / "shared" / name
        path.write_text(text)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)
    return vendor.pack(source, base / f"{APP}_{version}.qpkg")


CONVERT = 'for f in "$SYS_QPKG_DIR/db" "$SYS_QPKG_DIR/albums/index"; do [ -e "$f" ] && echo converted > "$f"; done; true'


@pytest.fixture(scope="module")
def archives(session, tmp_path_factory):
    base = tmp_path_factory.mktemp("notes")
    make = lambda version, **how: package(session.vendor, base, version, **how)  # noqa: E731
    return {"1.0": make("1.0", health="well"), "2.0": make("2.0", health="well", hook=CONVERT),
            "3.0": make("3.0", health="sick", hook=CONVERT),
            "4.0": make("4.0", health="sick", hook=CONVERT, migrates="db albums"),
            "5.0": make("5.0", health="well", hook=CONVERT, migrates="db albums")}


@pytest.fixture
def notes(make_nas, vendor, web, archives):
    """A NAS with Notes 1.0 and a user's data in it; settings, and the versions on offer."""

    def make(*versions, **settings):
        vendor.add(archives["1.0"], *(archives[v] for v in versions))
        vendor.publish()
        box = make_nas(updates__other="notify", network__poll="1h", safety__health_settle="0s",
                       safety__health_timeout="2s", **settings)
        box.start()
        add_repository(box, vendor, web)
        box.ctl("install", f"{APP}=1.0", "--yes")
        folder = box.app_dir(APP)
        (folder / "db").write_text("as of 1.0")
        (folder / "albums").mkdir()
        (folder / "albums" / "index").write_text("index of 1.0")
        (folder / "albums" / "a.png").write_bytes(b"a")
        return box, folder

    return make


def snapshots_dir(box):
    return box.root / lab.VOLUME / ".qpkg/.appcenter/snapshots"


def listed(box):
    return box.json("snapshot", "list")["snapshots"]


def told(box):
    return " ".join(json.loads(text).get("text", "") for (text,) in box.sql("SELECT json_text FROM event"))


def all_steps(box, txn):
    return {step for (step,) in box.sql("SELECT step FROM journal WHERE txn_id = ?", txn)}


def test_content_as_of_the_upgrade_comes_back_and_the_newer_is_kept(notes):
    box, folder = notes("2.0")
    upgrade = box.json("upgrade", f"{APP}=2.0", "--yes")
    one, = listed(box)
    assert (one["app"], one["version"], one["transaction"], one["whole"]) == (APP, "1.0", upgrade["id"], True)
    kept = snapshots_dir(box) / f"{upgrade['id']}-{APP}"
    assert (kept / "db").read_text() == "as of 1.0" and (kept / "albums/a.png").read_bytes() == b"a"
    assert not (kept / "page").exists(), "the package's own files are the previous version's"
    assert (folder / "db").read_text() == "converted\n"
    (folder / "albums" / "b.png").write_bytes(b"b")
    (folder / "notes.conf").write_text("mine since 2.0\n")
    plan = box.ctl("snapshot", "restore", str(one["id"]), "--dry-run").stdout
    assert "with 1.0" in plan and "becomes a snapshot" in plan
    done = box.json("snapshot", "restore", str(one["id"]), "--yes")
    assert (done["result"], [c["op"] for c in done["changes"]]) == ("done", ["restore"])
    assert (folder / "db").read_text() == "as of 1.0" and not (folder / "albums/b.png").exists()
    assert (folder / "page").read_text() == "page 2.0\n" and box.app(APP)["version"] == "2.0"
    assert (folder / "notes.conf").read_text() == "mine since 2.0\n", "no snapshot had that file"
    records = box.root / lab.VOLUME / ".qpkg/.appcenter/records"
    record = json.loads((records / str(folder.stat().st_ino)).read_text())
    assert "page" in json.dumps(record["tree"]) and "albums" not in json.dumps(record["tree"])
    newer, old = listed(box)
    assert newer["transaction"] == done["id"] and old["id"] == one["id"]
    put_away = snapshots_dir(box) / f"{done['id']}-{APP}"
    assert (put_away / "db").read_text() == "converted\n" and (put_away / "albums/b.png").read_bytes() == b"b"
    assert not (put_away / "page").exists()
    box.ctl("undo", str(done["id"]), "--yes")
    assert (folder / "db").read_text() == "converted\n" and (folder / "albums/b.png").read_bytes() == b"b"
    assert box.sql("SELECT DISTINCT state FROM journal") == [("done",)]
    assert list((box.root / lab.VOLUME / ".qpkg/.appcenter/stage").iterdir()) == []


def test_a_rollback_keeps_the_data_of_today_and_the_snapshot_has_that_of_then(notes):
    box, folder = notes("2.0")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    box.ctl("rollback", APP, "--yes")
    assert (folder / "db").read_text() == "converted\n", "going back never takes data back unasked"
    before_rollback, before_upgrade = listed(box)
    assert (before_rollback["version"], before_upgrade["version"]) == ("2.0", "1.0")
    box.ctl("snapshot", "restore", str(before_upgrade["id"]), "--yes")
    assert (folder / "db").read_text() == "as of 1.0" and (folder / "page").read_text() == "page 1.0\n"
    verify = box.sql("SELECT count(*) FROM app_file WHERE app = ? AND path = 'db'", APP)
    assert verify == [(0,)], "what is the user's does not become the package's"


def test_what_a_package_says_that_it_converts_comes_back_when_it_fails(notes):
    box, folder = notes("4.0", safety__snapshot="off")
    plan = box.json("upgrade", f"{APP}=4.0", "--dry-run")["sets"][0]["changes"][0]
    assert (plan["snapshot"], plan["content_goes_back"]) == ("declared", True)
    box.ctl("upgrade", f"{APP}=4.0", "--yes", expect=10)
    assert box.app(APP)["version"] == "1.0"
    assert (folder / "db").read_text() == "as of 1.0" and (folder / "db.newer").read_text() == "converted\n"
    assert (folder / "albums/index").read_text() == "index of 1.0"
    assert (folder / "albums.newer/index").read_text() == "converted\n"
    assert (folder / "albums/a.png").read_bytes() == b"a" == (folder / "albums.newer/a.png").read_bytes()
    assert "db.newer" in told(box)
    assert list(snapshots_dir(box).iterdir()) == [] and listed(box) == []


def test_what_is_converted_is_kept_whatever_the_setting_says(notes):
    box, folder = notes("5.0", safety__snapshot="off")
    done = box.json("upgrade", f"{APP}=5.0", "--yes")
    one, = listed(box)
    assert one["whole"] is False
    kept = snapshots_dir(box) / f"{done['id']}-{APP}"
    assert {p.name for p in kept.iterdir()} == {"db", "albums"} and (kept / "db").read_text() == "as of 1.0"
    assert (folder / "db").read_text() == "converted\n"


def test_without_a_declaration_the_plan_says_that_content_is_not_taken_back(notes):
    box, folder = notes("3.0")
    change = box.json("upgrade", f"{APP}=3.0", "--dry-run")["sets"][0]["changes"][0]
    assert (change["snapshot"], change["content_goes_back"]) == ("whole", False)
    assert "that is not taken back" in box.ctl("upgrade", f"{APP}=3.0", "--dry-run").stdout
    box.ctl("upgrade", f"{APP}=3.0", "--yes", expect=10)
    assert (folder / "db").read_text() == "converted\n"
    assert not (folder / "db.newer").exists() and list(snapshots_dir(box).iterdir()) == []


def test_off_keeps_nothing(notes):
    box, folder = notes("2.0", safety__snapshot="off")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert listed(box) == [] and list(snapshots_dir(box).iterdir()) == []
    assert "no snapshots" in box.ctl("snapshot", "list").stdout


def shares_blocks(folder):
    return subprocess.run(["cp", "--reflink=always", "/etc/hostname", folder / "reflink"],
                          capture_output=True).returncode == 0


def test_data_above_data_copy_max_is_left_out_and_that_is_said(notes):
    box, folder = notes("2.0", safety__data_copy_max="64k")
    if shares_blocks(folder):
        pytest.skip("the file system here shares blocks")
    (folder / "film").write_bytes(os.urandom(100000))
    change = box.json("upgrade", f"{APP}=2.0", "--dry-run")["sets"][0]["changes"][0]
    assert change["snapshot"] == "none" and "data_copy_max" in change["keeps"]
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert listed(box) == [] and "no snapshot of its data" in told(box)


def test_required_refuses_before_anything_stops(notes):
    box, folder = notes("2.0", safety__data_copy_max="64k", safety__snapshot="required")
    if shares_blocks(folder):
        pytest.skip("the file system here shares blocks")
    (folder / "film").write_bytes(os.urandom(100000))
    refused = box.ctl("upgrade", f"{APP}=2.0", "--yes", expect=9)
    assert "a snapshot is required" in refused.stderr and "data_copy_max" in refused.stderr
    assert all_steps(box, box.json("history")["transactions"][0]["id"]) == {"SPACE"}
    (folder / "film").unlink()
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert len(listed(box)) == 1


def test_what_cannot_be_copied_is_told_and_keeps_no_upgrade_back(notes):
    box, folder = notes("2.0")
    deep = folder / "albums"
    for _ in range(230):
        deep = deep / "d"
        deep.mkdir()
    (deep / "x.png").write_bytes(b"x")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert "no snapshot of its data" in told(box) and "deep" in told(box)
    assert (deep / "x.png").read_bytes() == b"x" and list(snapshots_dir(box).iterdir()) == []


def test_an_app_whose_folder_is_gone_is_upgraded_all_the_same(notes):
    box, folder = notes("5.0")
    shutil.rmtree(folder)
    box.ctl("upgrade", f"{APP}=5.0", "--yes")
    assert box.app(APP)["version"] == "5.0" and listed(box) == []


COMMAND = """#!/bin/sh
echo "$APPCENTER_TRANSACTION $APPCENTER_APPS $APPCENTER_VOLUME" >> "$0.calls"
cat > "$0.input"
exit $(cat "$0.exit")
"""


def command(tmp_path, code):
    script = tmp_path / "take-snapshot"
    script.write_text(COMMAND)
    script.chmod(0o755)
    (tmp_path / "take-snapshot.exit").write_text(str(code))
    return script


def test_the_admins_command_runs_once_before_the_first_stop(notes, tmp_path):
    script = command(tmp_path, 0)
    box, folder = notes("2.0", safety__snapshot_command=str(script))
    done = box.json("upgrade", f"{APP}=2.0", "--yes")
    volume = box.root / lab.VOLUME
    assert (tmp_path / "take-snapshot.calls").read_text() == f"{done['id']} {APP} {volume}\n"
    told_it = json.loads((tmp_path / "take-snapshot.input").read_text())
    assert told_it["apps"] == [{"name": APP, "from": "1.0", "to": "2.0"}] and told_it["transaction"] == done["id"]


def test_a_command_that_fails_stops_what_requires_it_and_nothing_else(notes, tmp_path):
    script = command(tmp_path, 3)
    box, folder = notes("2.0", "5.0", safety__snapshot_command=str(script), safety__snapshot="required")
    refused = box.ctl("upgrade", f"{APP}=2.0", "--yes", expect=9)
    assert "snapshot_command" in refused.stderr
    assert box.app(APP)["version"] == "1.0"
    assert "STOP" not in all_steps(box, box.json("history")["transactions"][0]["id"])
    config = box.root / "etc/appcenter/appcenter.conf"
    config.write_text(config.read_text().replace("snapshot = required", "snapshot = auto"))
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert box.app(APP)["version"] == "2.0" and "snapshot_command failed" in told(box)


def test_snapshots_end_with_their_time(notes):
    box, folder = notes("2.0", safety__keep_snapshots="1s")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    time.sleep(2.1)
    box.ctl("refresh")
    assert listed(box) == [] and list(snapshots_dir(box).iterdir()) == []


def test_a_purge_takes_the_snapshots_too(notes):
    box, folder = notes("2.0")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert len(listed(box)) == 1
    box.ctl("remove", APP, "--purge", "--yes")
    assert listed(box) == [] and list(snapshots_dir(box).iterdir()) == []


def test_a_removal_keeps_them_and_a_restore_needs_the_app(notes):
    box, folder = notes("2.0")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    box.ctl("remove", APP, "--yes")
    one, = listed(box)
    refused = box.ctl("snapshot", "restore", str(one["id"]), "--yes", expect=3)
    assert f"{APP} is not installed" in refused.stderr
    refused = box.ctl("snapshot", "restore", "4711", "--yes", expect=3)
    assert "no snapshot 4711" in refused.stderr
    box.ctl("snapshot", "restore", "yesterday", expect=2)


def test_a_restore_that_does_not_become_healthy_goes_back(notes):
    box, folder = notes("2.0")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    one, = listed(box)
    (folder / "albums" / "b.png").write_bytes(b"b")
    (folder / "bin/well").write_text('#!/bin/sh\n[ "$1" ] || grep -q converted "${0%/bin/*}/db"\n')  # asked for health
    done = box.ctl("snapshot", "restore", str(one["id"]), "--yes", expect=10)
    assert (folder / "db").read_text() == "converted\n" and (folder / "albums/b.png").read_bytes() == b"b"
    assert {p.name for p in folder.iterdir() if ".local" in p.name or ".newer" in p.name} == set(), done.stderr
    assert [s["id"] for s in listed(box)] == [one["id"]]
    assert box.sql("SELECT 1 FROM veto") == []


def test_snapshots_that_the_state_does_not_know_are_found_again(notes):
    box, folder = notes("2.0")
    done = box.json("upgrade", f"{APP}=2.0", "--yes")
    before, = listed(box)
    box.stop()
    db = sqlite3.connect(box.root / "var/lib/appcenter/state.db")
    db.execute("DELETE FROM snapshot")
    db.commit()
    db.close()
    half = snapshots_dir(box) / f"99-{APP}~"
    half.mkdir()
    (half / "db").write_text("as")
    (snapshots_dir(box) / "what-is-this").mkdir()
    box.start()
    one, = lab.wait_for("the recovery", lambda: listed(box), 20)
    assert (one["app"], one["transaction"], one["version"]) == (APP, done["id"], "unknown")
    assert one["files"] == before["files"] and not half.exists()
    box.ctl("snapshot", "restore", str(one["id"]), "--yes")
    assert (folder / "db").read_text() == "as of 1.0"


def test_state_of_the_schema_before_is_taken_over(make_nas, nas):
    nas.stop()
    db = sqlite3.connect(nas.root / "var/lib/appcenter/state.db")
    db.executescript("""DROP TABLE snapshot; DROP TABLE notice; DROP TABLE change;
        CREATE TABLE change (txn_id INTEGER NOT NULL REFERENCES txn (id) ON DELETE CASCADE, ordinal INTEGER NOT NULL,
          op TEXT NOT NULL CHECK (op IN ('install', 'upgrade', 'downgrade', 'remove')), app TEXT NOT NULL,
          from_version TEXT, to_version TEXT, reason TEXT, PRIMARY KEY (txn_id, ordinal)) STRICT, WITHOUT ROWID;
        INSERT INTO txn (id, job_id, trigger, result, is_committed, started_at, finished_at)
          VALUES (7, 0, 'admin', 'done', 1, 1, 2);
        INSERT INTO change VALUES (7, 0, 'install', 'Old', NULL, '1', 'asked for');
        PRAGMA user_version = 1;""")
    db.close()
    nas.start()
    change, = nas.json("history", "show", "7")["changes"]
    assert (change["op"], change["app"], change["to"]) == ("install", "Old", "1")
    assert nas.json("snapshot", "list") == {"schema": "appctl.snapshots/1", "snapshots": []}


# --- what a copy keeps, and a move ---

def nature(path):
    """What of a file must survive: kind, mode, owner, time, attributes, names, holes."""
    st = os.lstat(path)
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path, follow_symlinks=False)
                  if name.startswith("user.")} if not path.is_symlink() else {}
    return st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns, attributes, st.st_size, st.st_nlink


def has_attributes(folder):
    probe = folder / "attribute-probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.tag", b"x")
        return True
    except OSError:
        return False
    finally:
        probe.unlink()


def rich_content(folder):
    """Hard links, a hole, attributes, an odd owner and time, a link to nowhere, an empty folder."""
    album = folder / "rich"
    (album / "empty").mkdir(parents=True)
    (album / "one").write_text("two names")
    os.link(album / "one", album / "two")
    with open(album / "sparse", "wb") as file:
        file.truncate(8 << 20)
        file.seek(4 << 20)
        file.write(b"in the middle")
    (album / "nowhere").symlink_to("/no/such/place")
    if has_attributes(folder):
        os.setxattr(album / "one", "user.tag", b"holiday")
        os.setxattr(album, "user.tag", b"folder")
    os.chmod(album / "sparse", 0o640)
    if os.geteuid() == 0:
        os.chown(album / "sparse", 1234, 4321)
        os.chown(album / "nowhere", 1234, 4321, follow_symlinks=False)
    for path in (album / "one", album / "sparse", album / "nowhere", album / "empty", album):
        os.utime(path, ns=(1_000_000_000_123_456_789, 1_100_000_000_987_654_321), follow_symlinks=False)
    return album


def natures(album):
    return {str(p.relative_to(album)): nature(p) for p in [album, *sorted(album.rglob("*"))]}


def test_links_holes_attributes_owners_and_times_are_kept_by_moves_and_by_copies(notes):
    box, folder = notes("2.0")
    before = natures(rich_content(folder))
    done = box.json("upgrade", f"{APP}=2.0", "--yes")
    copy = snapshots_dir(box) / f"{done['id']}-{APP}" / "rich"
    box.ctl("snapshot", "restore", str(listed(box)[0]["id"]), "--yes")
    put_aside = snapshots_dir(box) / f"{done['id'] + 1}-{APP}" / "rich"
    for album in (copy, put_aside, folder / "rich"):
        assert natures(album) == before, album
        assert os.stat(album / "one").st_ino == os.stat(album / "two").st_ino
        assert os.stat(album / "sparse").st_blocks * 512 < 1 << 20, "holes are not filled"
        assert (album / "sparse").read_bytes()[4 << 20:][:13] == b"in the middle"


# --- a file system that shares blocks ---

@contextlib.contextmanager
def loop_volume(base, kind):
    """A file system of that kind, mounted; skipped by name where that is not permitted."""
    image, point = base / f"{kind}.img", base / kind
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate((400 if kind == "xfs" else 160) << 20)
    tool = shutil.which(f"mkfs.{kind}", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not tool:
        pytest.skip(f"mkfs.{kind} is not installed")
    lab.run([tool, *(["-q"] if kind == "xfs" else ["-q", "-f"]), image])
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"{kind} cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield point
    finally:
        lab.run(["umount", "-l", point])


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_where_blocks_are_shared_any_size_is_kept_at_no_cost(vendor, web, archives, tmp_path, kind):
    vendor.add(archives["1.0"], archives["2.0"])
    vendor.publish()
    with contextlib.ExitStack() as stack:
        point = stack.enter_context(loop_volume(tmp_path, kind))
        box = lab.Nas(point / "nas")
        stack.callback(box.kill_apps)
        stack.callback(box.stop)
        box.configure(lab.config(updates__other="notify", network__poll="1h", safety__health_settle="0s",
                                 safety__data_copy_max="1k", safety__snapshot="required"))
        box.start()
        add_repository(box, vendor, web)
        box.ctl("install", f"{APP}=1.0", "--yes")
        folder = box.app_dir(APP)
        (folder / "film").write_bytes(os.urandom(40 << 20))
        os.sync()
        before = shutil.disk_usage(point).free
        box.ctl("upgrade", f"{APP}=2.0", "--yes")
        os.sync()
        one, = listed(box)
        assert one["shared"] is True and one["size"] >= 40 << 20
        assert before - shutil.disk_usage(point).free < 20 << 20
        (folder / "film").write_bytes(b"cut")
        box.ctl("snapshot", "restore", str(one["id"]), "--yes")
        assert (folder / "film").stat().st_size == 40 << 20


# --- space ---

@pytest.mark.parametrize("version, big, mode", [("2.0", "film", "auto"), ("5.0", "db", "off")])
def test_the_copy_counts_as_space_and_the_refusal_names_volume_need_and_have(notes, version, big, mode):
    box, folder = notes(version, safety__snapshot=mode)
    if shares_blocks(folder):
        pytest.skip("the file system here shares blocks")
    (folder / big).write_bytes(os.urandom(100 << 20))
    free = os.statvfs(folder)
    reserve = free.f_bavail * free.f_frsize - (60 << 20)  # others may write and delete here meanwhile
    config = box.root / "etc/appcenter/appcenter.conf"
    config.write_text(config.read_text().replace("reserve = 1M", f"reserve = {reserve}"))
    refused = box.ctl("upgrade", f"{APP}={version}", "--yes", expect=6).stderr
    assert f"/{lab.VOLUME}: need " in refused and " in reserve, have " in refused and " free" in refused
    assert "STOP" not in all_steps(box, box.json("history")["transactions"][0]["id"])
    config.write_text(config.read_text().replace(f"reserve = {reserve}", "reserve = 1M"))
    box.ctl("upgrade", f"{APP}={version}", "--yes")
    assert len(listed(box)) == 1


# --- later ---

FAKETIME = next(iter(lab.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="a sanitizer wants to be the first library, and so does faketime")
def test_a_rollback_after_three_days_keeps_the_photos_of_those_days(notes):
    box, folder = notes("2.0")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    for day in (1, 2, 3):
        (folder / "albums" / f"day{day}.png").write_bytes(b"day %d" % day)
    box.stop()
    box.env.update(LD_PRELOAD=str(FAKETIME), FAKETIME="+3d", FAKETIME_DONT_FAKE_MONOTONIC="1")
    box.start()
    done = box.json("rollback", APP, "--yes")
    started = time.mktime(time.strptime(done["started_at"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert started > time.time() + 2 * 86400, "three days have passed for the NAS"
    assert box.app(APP)["version"] == "1.0"
    assert [(folder / "albums" / f"day{day}.png").read_bytes() for day in (1, 2, 3)] == [b"day 1", b"day 2", b"day 3"]
    assert (folder / "albums/a.png").read_bytes() == b"a"


# --- killed on the way ---

def killed_at(box, stops, *command):
    """Runs it, kills the job at the last stop, and waits until the daemon has recovered."""
    gate = gates.Gate(box)
    box.stop()
    box.start()
    gate.hold_at(*stops)
    follower = subprocess.Popen([lab.program("appctl"), "--root", str(box.root), *command, "--yes"], env=box.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.kill(gate.wait(), signal.SIGKILL)
    gate.release()
    follower.wait(60)
    lab.wait_for("the recovery", lambda: box.sql("SELECT count(*) FROM txn WHERE result IS NULL") == [(0,)], 60)
    box.stop()
    gate.close()
    for name in ("LD_PRELOAD", "TEST_GATE"):
        del box.env[name]
    box.start()


@pytest.mark.parametrize("phase, step, when, where", [
    ("do", "SNAP", "begin", gates.END), ("do", "SETUP", "end", gates.AT), ("undo", "SWAP", "end", gates.AT),
    ("undo", "SNAP", "begin", gates.AT), ("undo", "SNAP", "begin", gates.END), ("undo", "SNAP", "end", gates.AT)])
def test_what_was_converted_comes_back_whenever_it_is_killed(notes, phase, step, when, where):
    box, folder = notes("4.0", safety__snapshot="off")
    killed_at(box, [gates.Stop(gates.at(phase, APP, step, when), where)], "upgrade", f"{APP}=4.0")
    assert box.app(APP)["version"] == "1.0"
    assert (folder / "db").read_text() == "as of 1.0" and (folder / "albums/index").read_text() == "index of 1.0"
    assert (folder / "albums/a.png").read_bytes() == b"a"
    newer = sorted(p.name for p in folder.iterdir() if ".newer" in p.name)
    assert newer == ([] if (phase, step) == ("do", "SNAP") else ["albums.newer", "db.newer"])
    assert list(snapshots_dir(box).iterdir()) == [] == listed(box)


@pytest.mark.parametrize("step, when, where, is_new", [
    ("UNPACK", "begin", gates.END, False), ("SWAP", "begin", gates.END, False), ("DATA", "begin", gates.END, False),
    ("HEALTH", "begin", gates.END, False), ("KEEP", "begin", gates.AT, True), ("KEEP", "begin", gates.END, True)])
def test_a_restore_that_is_killed_is_wholly_old_or_new(notes, step, when, where, is_new):
    box, folder = notes("2.0")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    one, = listed(box)
    (folder / "albums" / "b.png").write_bytes(b"b")
    killed_at(box, [gates.Stop(gates.at("do", APP, step, when), where)], "snapshot", "restore", str(one["id"]))
    newer = folder if not is_new else snapshots_dir(box) / f"{listed(box)[0]['transaction']}-{APP}"
    assert (folder / "db").read_text() == ("as of 1.0" if is_new else "converted\n")
    assert (newer / "db").read_text() == "converted\n" and (newer / "albums/b.png").read_bytes() == b"b"
    assert len(listed(box)) == (2 if is_new else 1) == len(list(snapshots_dir(box).iterdir()))
    assert not [p for p in folder.iterdir() if ".local" in p.name]
    assert list((box.root / lab.VOLUME / ".qpkg/.appcenter/stage").iterdir()) == []
