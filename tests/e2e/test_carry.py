"""What becomes of the user's files when an app changes its version, row by row of the table in docs/architecture.md.

Each row is one path or folder of one app: what 1.0 and 2.0 ship there, what the user made of it, what must be there under
2.0, and what must be there again under 1.0 after a rollback, or after an upgrade that failed at its very end.
"""
import json
import os
import time
from dataclasses import dataclass, field

import nas as lab
import pytest
from stock import add_repository

APP = "Album"


@dataclass
class Row:
    name: str
    old: dict  # shipped by 1.0
    new: dict  # shipped by 2.0
    user: dict  # written by the user meanwhile
    under_new: dict
    under_old: dict
    told: tuple = field(default=())  # what the admin hears of


ROWS = (
    Row("the user's own file", {}, {}, {"own/photo": "p"}, {"own/photo": "p"}, {"own/photo": "p"}),
    Row("edited, no longer shipped", {"gone": "1"}, {}, {"gone": "mine"}, {"gone": "mine"}, {"gone": "mine"}),
    Row("untouched, no longer shipped", {"stale": "1"}, {}, {}, {"stale": None}, {"stale": "1"}),
    Row("edited, both ship it", {"page": "1"}, {"page": "2"}, {"page": "mine"},
        {"page": "2", "page.local": "mine"}, {"page": "mine", "page.local": None}, ("page.local",)),
    Row("the user's file where 2.0 ships a file", {}, {"list": "2"}, {"list": "mine"},
        {"list": "2", "list.local": "mine"}, {"list": "mine", "list.local": None}, ("list.local",)),
    Row("the user's folder where 2.0 ships a file", {}, {"box": "2"}, {"box/in": "mine"},
        {"box": "2", "box.local/in": "mine"}, {"box/in": "mine", "box.local": None}, ("box.local",)),
    Row("the user's file where 2.0 ships a folder", {}, {"crate/in": "2"}, {"crate": "mine"},
        {"crate/in": "2", "crate.local": "mine"}, {"crate": "mine", "crate.local": None}, ("crate.local",)),
    Row("the user's file in a folder of the package", {"web/a": "1"}, {"web/a": "2"}, {"web/mine": "m"},
        {"web/a": "2", "web/mine": "m"}, {"web/a": "1", "web/mine": "m"}),
    Row("config, the user did not change it", {"c1": "1"}, {"c1": "2"}, {}, {"c1": "2"}, {"c1": "1"}),
    Row("config, only the user changed it", {"c2": "1"}, {"c2": "1"}, {"c2": "mine"}, {"c2": "mine"}, {"c2": "mine"}),
    Row("config, both changed it", {"c3": "1"}, {"c3": "2"}, {"c3": "mine"},
        {"c3": "mine", "c3.new": "2"}, {"c3": "mine", "c3.new": None}, ("c3.new",)),
    Row("config, no longer shipped, the user changed it", {"c4": "1"}, {}, {"c4": "mine"},
        {"c4": "mine"}, {"c4": "mine"}),
    Row("config, no longer shipped, untouched", {"c5": "1"}, {}, {}, {"c5": None}, {"c5": "1"}),
    Row("made by a hook of 2.0", {}, {}, {}, {"hooked": "by 2.0\n"}, {"hooked": "by 2.0\n"}),
    Row("made by a hook of 2.0 where 1.0 ships it", {"both": "1"}, {}, {}, {"both": "by 2.0\n"},
        {"both": "1", "both.local": "by 2.0\n"}),
)
HOOK = 'cd "$SYS_QPKG_DIR" && echo "by 2.0" > hooked && echo "by 2.0" > both'
DEAF = """setsid sh -c 'trap "" TERM HUP INT; exec 9>>journal; while :; do echo tick >&9; sleep 0.05; done' &"""


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def package(vendor, base, version, files, hook=":", start=":", health="well"):
    """An archive of Album. start: shell text of its service's start."""
    source = base / f"src-{version}"
    (source / "shared/bin").mkdir(parents=True)
    (source / "qpkg.cfg").write_text("\n".join((
        f'QPKG_NAME="{APP}"', f'QPKG_VER="{version}"', 'QPKG_AUTHOR="tests"', 'QPKG_SERVICE_PROGRAM="bin/service"',
        f'QPKG_CONFIG="{" ".join(sorted({"c1", "c2", "c3", "c4", "c5"} & set(files)))}"', f'APPCENTER_HEALTH="exec:bin/{health}"')) + "\n")
    (source / "package_routines").write_text(f"pkg_install()\n{{\n{hook}\n}}\n")
    write(source / "shared", files)
    for name, text in (("well", "exit 0"), ("sick", "exit 1"),
                       ("service", f'cd "${{0%/bin/*}}" || exit 1\n[ "$1" = start ] || exit 0\n{start}\nexit 0')):
        path = source / "shared/bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return vendor.pack(source, base / f"{APP}_{version}.qpkg")


def shipped(which):
    return {path: text for row in ROWS for path, text in getattr(row, which).items()}


@pytest.fixture(scope="module")
def archives(session, tmp_path_factory):
    base = tmp_path_factory.mktemp("album")
    return {"1.0": package(session.vendor, base, "1.0", shipped("old")),
            "2.0": package(session.vendor, base, "2.0", shipped("new"), hook=HOOK),
            "3.0": package(session.vendor, base, "3.0", shipped("new"), hook=HOOK, health="sick"),
            "0.9": package(session.vendor, base, "0.9", {}, start=DEAF)}


@pytest.fixture
def album(make_nas, vendor, web, archives):
    """A NAS with a version of Album, the others on offer."""

    def make(version):
        vendor.add(*archives.values())
        vendor.publish()
        box = make_nas(updates__other="notify", network__poll="1h", safety__health_settle="0s",
                       safety__health_timeout="2s")
        box.start()
        add_repository(box, vendor, web)
        box.ctl("install", f"{APP}={version}", "--yes")
        return box, box.app_dir(APP)

    return make


def faults(folder, which):
    """Every row that is not as it must be."""
    found = []
    for row in ROWS:
        for name, wanted in getattr(row, which).items():
            path = folder / name
            is_there = path.read_text() if path.is_file() else "a folder" if path.is_dir() else None
            if is_there != wanted:
                found.append(f"{row.name}: {name} is {is_there!r}, wanted {wanted!r}")
    return found


def told(box):
    return " ".join(json.loads(text).get("text", "") for (text,) in box.sql("SELECT json_text FROM event"))


def test_every_row_of_the_table_holds_in_an_upgrade_and_its_rollback(album):
    box, folder = album("1.0")
    write(folder, shipped("user"))
    plan = box.json("upgrade", f"{APP}=2.0", "--dry-run")["sets"][0]["changes"][0]
    assert plan["keeps"], "the plan says what is kept"
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert not faults(folder, "under_new"), faults(folder, "under_new")
    silent = [name for row in ROWS for name in row.told if name not in told(box)]
    assert not silent, f"nobody was told of {silent}: {told(box)}"
    write(folder, {"own/later": "since 2.0", "web/later": "since 2.0"})
    box.ctl("rollback", APP, "--yes")
    assert not faults(folder, "under_old"), faults(folder, "under_old")
    assert (folder / "own/later").read_text() == (folder / "web/later").read_text() == "since 2.0"


def test_every_row_of_the_table_holds_in_an_upgrade_that_fails(album):
    box, folder = album("1.0")
    write(folder, shipped("user"))
    box.ctl("upgrade", f"{APP}=3.0", "--yes", expect=10)
    assert box.app(APP)["version"] == "1.0"
    assert not faults(folder, "under_old"), faults(folder, "under_old")


def test_a_process_that_is_deaf_and_holds_a_file_open_is_dead_before_the_exchange(album):
    """It left its session, hears no signal and writes all the time: what it has written goes with the app, all of it."""
    box, folder = album("0.9")
    lab.wait_for("the deaf process", lambda: (folder / "journal").exists(), 10)
    inode = os.stat(folder / "journal").st_ino
    assert box.app_pids(APP)
    box.ctl("upgrade", f"{APP}=1.0", "--yes")
    assert box.app_pids(APP) == []
    assert os.stat(folder / "journal").st_ino == inode, "moved, not copied"
    size = os.stat(folder / "journal").st_size
    time.sleep(0.3)
    assert size > 0 and os.stat(folder / "journal").st_size == size, "somebody still writes"
