"""A state.db that is not whole any more: set aside, its backup taken, what is installed held against the trees; nothing changes
before an admin has looked."""
import json
import shutil
import sqlite3

import nas as lab
import pytest
from stock import add_repository

STATE = "var/lib/appcenter"


@pytest.fixture
def box(session, vendor, web, make_nas):
    made = make_nas(network__poll="1h", updates__other="notify").start()
    add_repository(made, vendor, web)
    made.ctl("install", "QVPN", "--yes")
    made.ctl("install", "HybridBackup", "--yes")
    return made


def damage(how):
    def tear(path):
        data = bytearray(path.read_bytes())
        page = int.from_bytes(data[16:18], "big")
        data[page:] = bytes(byte ^ 0x5A for byte in data[page:])
        path.write_bytes(data)

    return {"header": lambda path: path.write_bytes(b"not a database " * 9 + path.read_bytes()[135:]),
            "pages": tear,
            "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
            "empty": lambda path: path.write_bytes(b""),
            "stranger": lambda path: path.write_bytes(path.read_bytes()[:68] + b"NOPE" + path.read_bytes()[72:]),
            "gone": lambda path: path.unlink()}[how]


def stop_and_damage(box, how, backups=True):
    box.stop()
    state = box.root / STATE
    for part in ("-wal", "-shm"):
        (state / f"state.db{part}").unlink(missing_ok=True)
    if not backups:
        for name in ("state.db.bak1", "state.db.bak2"):
            (state / name).unlink(missing_ok=True)
    damage(how)(state / "state.db")


def versions(box):
    return {app["name"]: app["version"] for app in box.json("list")["apps"]}


@pytest.mark.parametrize("how", ["header", "pages", "cut", "empty", "stranger", "gone"])
def test_the_backup_is_taken_and_nothing_changes_before_somebody_agrees(box, how):
    stop_and_damage(box, how)
    box.start()
    assert versions(box) == {"QVPN": "3.0", "HybridBackup": "1.0"}
    assert box.json("status")["read_only"] is True
    assert "READ ONLY" in box.ctl("status").stdout
    for words in (("upgrade", "QVPN", "--yes"), ("remove", "QVPN", "--yes"), ("hold", "QVPN"), ("stop", "QVPN"), ("repo", "remove", "vendor")):
        done = box.ctl(*words, expect=9)
        assert "appctl doctor --accept" in done.stderr, words
    box.ctl("refresh")
    box.ctl("verify")
    report = json.loads(box.ctl("doctor", "--json", expect=1).stdout)
    found, = (one for one in report["findings"] if one["check"] == "database" and one["level"] == "error")
    assert "state.db.bak1" in found["message"] and "--accept" in found["help"]
    if how != "gone":
        assert (box.root / STATE / "state.db.damaged-1").exists()
    box.stop()
    box.start()
    assert box.json("status")["read_only"] is True  # it does not heal by itself
    box.ctl("doctor", "--accept")
    assert box.json("status")["read_only"] is False
    box.ctl("upgrade", "QVPN", "--yes")
    box.ctl("hold", "QVPN")


def test_without_any_backup_what_is_installed_comes_from_the_records_of_the_trees(box):
    (box.app_dir("QVPN") / "photo.jpg").write_text("mine")
    before = lab.sha256(box.app_dir("QVPN") / "QVPN.sh")
    stop_and_damage(box, "header", backups=False)
    box.start()
    assert versions(box) == {"QVPN": "3.0", "HybridBackup": "1.0"}
    notes = [one["message"] for one in json.loads(box.ctl("doctor", "--json", expect=1).stdout)["findings"] if one["check"] == "database"]
    assert any("nothing" in note for note in notes) and any("QVPN 3.0 is recorded as its folder says" in note for note in notes)
    box.ctl("doctor", "--accept", expect=(0, 1))
    box.ctl("verify")
    assert (box.app_dir("QVPN") / "photo.jpg").read_text() == "mine" and lab.sha256(box.app_dir("QVPN") / "QVPN.sh") == before


def test_a_tree_that_is_newer_than_the_backup_wins(session, vendor, box):
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    state = box.root / STATE
    box.stop()
    shutil.copy(state / "state.db.bak1", state / "old")
    box.start()
    box.ctl("refresh")
    box.ctl("upgrade", "QVPN", "--yes")
    assert versions(box)["QVPN"] == "3.1"
    stop_and_damage(box, "cut")
    shutil.move(state / "old", state / "state.db.bak1")
    box.start()
    assert versions(box) == {"QVPN": "3.1", "HybridBackup": "1.0"}
    box.ctl("doctor", "--accept", expect=(0, 1))
    box.ctl("verify")
    box.ctl("remove", "QVPN", "--yes")
    box.ctl("install", "QVPN", "--yes")
    assert versions(box)["QVPN"] == "3.1"


def test_a_folder_that_nobody_knows_is_told_and_left_alone(box):
    strange = box.app_dir("QVPN").parent / "Stranger"
    strange.mkdir()
    (strange / "data").write_text("x")
    shutil.rmtree(box.app_dir("HybridBackup"))
    stop_and_damage(box, "empty", backups=False)
    box.start()
    assert versions(box) == {"QVPN": "3.0"}
    notes = " ".join(one["message"] for one in json.loads(box.ctl("doctor", "--json", expect=1).stdout)["findings"])
    assert "Stranger is in no backup either" in notes and (strange / "data").read_text() == "x"


def test_a_restore_that_was_cut_short_begins_again(box):
    """The power fails when the backup lies in its place and nobody has written yet that it is one."""
    state = box.root / STATE
    box.stop()
    for part in ("state.db-wal", "state.db-shm"):
        (state / part).unlink(missing_ok=True)
    shutil.copy(state / "state.db.bak1", state / "state.db")
    (state / "state.db.restoring").write_text("state.db: file is not a database")
    box.start()
    assert box.json("status")["read_only"] is True and not (state / "state.db.restoring").exists()
    assert versions(box) == {"QVPN": "3.0", "HybridBackup": "1.0"}
    found = [one["message"] for one in json.loads(box.ctl("doctor", "--json", expect=1).stdout)["findings"]]
    assert any("file is not a database" in message for message in found)


def test_a_log_without_its_state_is_never_read_into_another(box):
    stop_and_damage(box, "gone", backups=False)
    (box.root / STATE / "state.db-wal").write_bytes(b"x" * 5000)
    box.start()
    assert box.json("status")["read_only"] is True and versions(box) == {"QVPN": "3.0", "HybridBackup": "1.0"}
    assert (box.root / STATE / "state.db.damaged-1-wal").exists()


def test_both_backups_damaged_is_like_none(box):
    state = box.root / STATE
    stop_and_damage(box, "pages")
    for name in ("state.db.bak1", "state.db.bak2"):
        if (state / name).exists():
            damage("header")(state / name)
    box.start()
    assert versions(box) == {"QVPN": "3.0", "HybridBackup": "1.0"}


def test_a_newer_programs_state_is_no_damage(box):
    box.stop()
    db = sqlite3.connect(box.root / STATE / "state.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    done = lab.run([lab.program("appcenterd"), "--root", box.root, "--once"], expect=None, env=box.env)
    assert done.returncode == 9 and "newer program" in done.stderr
    assert not (box.root / STATE / "state.db.damaged-1").exists()


def test_nothing_happens_by_itself_while_it_is_damaged(session, vendor, box):
    vendor.add(session.packages["QVPN", "3.1"])
    vendor("urgent", vendor.repo, "QVPN=3.1", "--class", "emergency", "--curve", "0m:100%")
    vendor.publish()
    stop_and_damage(box, "header")
    done = lab.run([lab.program("appcenterd"), "--root", box.root, "--once"], env=box.env)
    assert "QVPN 3.0 -> 3.1" in done.stdout
    box.start()
    assert versions(box)["QVPN"] == "3.0"
    box.ctl("doctor", "--accept", expect=(0, 1))
    lab.wait_for("the fix", lambda: versions(box)["QVPN"] == "3.1", 60)


def test_a_sound_box_is_sound(box):
    report = json.loads(box.ctl("doctor", "--json").stdout)
    assert report["schema"] == "appctl.doctor/1" and report["ok"]
    assert {one["check"] for one in report["findings"]} >= {"database", "clock", "space", "repository", "app", "config"}
    assert all(one["help"] for one in report["findings"] if one["level"] != "ok")


def test_a_sick_box_says_what_to_do(box, web):
    web.stop()
    box.ctl("refresh", expect=8)
    report = json.loads(box.ctl("doctor", "--json", expect=1).stdout)
    found, = (one for one in report["findings"] if one["check"] == "repository")
    assert found["level"] == "error" and "appctl refresh" in found["help"]
    assert "-> " in box.ctl("doctor", expect=1).stdout
