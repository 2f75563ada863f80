"""A disk fills up: the volume, the state, the cache; bytes or inodes; before an upgrade and at every line of its progress.

What can be known is refused before anything stops (exit 6, with volume, need and have); what cannot is walked back. With
the disk still full the old apps run, whole, and `appctl status` answers; when there is space again, the same works.
"""
import itertools
import re
import signal

import box as boxes
import gate as gates
import nas as lab
import pytest
import small_disk
from box import NEW, OLD
from sweep import Sweep
from test_kills import STAGE, WALKS

FOLDERS = {"volume": lab.VOLUME, "state": "var/lib/appcenter", "cache": "var/cache/appcenter"}
NAMES = {"volume": "/share/CACHEDEV1_DATA", "state": "/var/lib/appcenter", "cache": "/var/cache/appcenter"}
SIZES = {"volume": "24m", "state": "24m", "cache": "8m"}
INODES = {"volume": 600, "state": 60, "cache": 60}
WORLDS = {"old": OLD, "new": NEW}
UPGRADE = WALKS["upgrade"]
NUMBERS = itertools.count(1)

pytestmark = pytest.mark.skipif(small_disk.why_not() is not None, reason=str(small_disk.why_not()))


class SmallBox(boxes.Box):
    """A box whose volume, state and cache are small disks of their own."""

    def __init__(self, stock, sizes=None):
        super().__init__(stock, "old", WORLDS, stock.base / f"d{next(NUMBERS)}")
        (self.nas.root / FOLDERS["state"] / "ballast").unlink()  # it is laid anew, as this disk has room for it
        sizes = {**SIZES, **(sizes or {})}
        self.disks = {name: small_disk.Disk(self.nas.root / folder, sizes[name], INODES[name])
                      for name, folder in FOLDERS.items()}

    def __exit__(self, *why):
        self.gate.release()
        self.nas.stop()
        self.nas.kill_apps()
        for disk in self.disks.values():
            disk.end()
        super().__exit__(*why)


@pytest.fixture(scope="module", autouse=True)
def own_mounts():
    small_disk.own_mounts()


def upgrade_with_space(box):
    """The same upgrade, when there is space again."""
    for disk in box.disks.values():
        disk.clear()
    box.nas.ctl("upgrade", "--yes")
    assert box.verdict() == "new"


@pytest.mark.parametrize("disk, what, leave, need", (
    ("volume", "bytes", 1 << 20, r"need \S+ \S+ and 1\.0 MB in reserve, have \S+ \S+ free"),
    ("volume", "bytes", 0, r"need \S+ \S+ and 1\.0 MB in reserve, have \S+ \S+ free"),
    ("volume", "inodes", 8, r"need \d+ files, room for \d"),
    ("cache", "bytes", 4096, r"need \S+ \S+ .*have \S+ \S+ free"),
    ("cache", "bytes", 0, r"need \S+ \S+ .*have \S+ \S+ free"),
    ("cache", "inodes", 0, r"need \d+ files, room for 0"),
))
def test_what_can_be_known_is_said_before_anything_stops(stock, disk, what, leave, need):
    with SmallBox(stock) as box:
        pids = {app: box.nas.app_pids(app) for app in OLD}
        box.disks[disk].fill(what, leave)
        done = box.nas.ctl("upgrade", "--yes", expect=6)
        assert NAMES[disk] in done.stderr and re.search(need, done.stderr), done.stderr
        assert {app: box.nas.app_pids(app) for app in OLD} == pids, "somebody was stopped"
        assert box.judge.verdict() == "old"
        upgrade_with_space(box)


def test_a_full_state_disk_costs_the_ballast_first_and_then_the_upgrade(stock):
    with SmallBox(stock) as box:
        ballast = box.nas.root / FOLDERS["state"] / "ballast"
        assert ballast.stat().st_size >= 1 << 20, "a small disk has a small ballast"
        before = ballast.stat().st_size
        box.disks["state"].fill("bytes")
        box.nas.ctl("refresh")
        assert ballast.stat().st_size < before, "a full disk costs ballast"
        ballast.write_bytes(b"")
        box.disks["state"].fill("bytes")
        pids = {app: box.nas.app_pids(app) for app in OLD}
        done = box.nas.ctl("upgrade", "--yes", expect=6)
        assert NAMES["state"] in done.stderr, done.stderr
        assert {app: box.nas.app_pids(app) for app in OLD} == pids, "somebody was stopped"
        assert box.nas.json("status")["installed"] == 2
        assert {a["state"] for a in box.nas.json("list")["apps"]} == {"running"}
        assert box.judge.verdict() == "old"
        upgrade_with_space(box)


def test_a_daemon_starts_on_a_full_state_disk(stock):
    with SmallBox(stock) as box:
        box.disks["state"].fill("bytes")
        box.nas.stop()
        box.disks["state"].fill("bytes")
        box.nas.start()
        assert box.nas.json("status")["installed"] == 2
        assert box.judge.verdict() == "old"
        upgrade_with_space(box)


def moments():
    """Every line of progress, forward and back, and every way for a disk to be full."""
    full = [(disk, what) for disk in FOLDERS for what in ("bytes", "inodes")]
    return [(line, *how) for phase in ("do", "undo") for line in UPGRADE.lines(phase) for how in full]


def fill_at(box, line, disk, what, also=lambda: None):
    """An upgrade, during which the disk fills up at that line; its exit code and words."""
    stops = [gates.Stop(gates.at(*line))]
    if line[0] == "undo":
        stops.insert(0, gates.Stop(gates.at(*UPGRADE.cancel), act=lambda pid: gates.kill(pid, signal.SIGTERM)))
    box.gate.hold_at(*stops)
    box.ask("upgrade")
    box.gate.wait()
    also()
    box.disks[disk].fill(what)
    box.gate.release()
    return box.answer()


def eaten_moments():
    """From the first moment at which the old world is touched, all the way back; and behind the commit."""
    switch = [line for line in UPGRADE.lines("do") if line[2] not in STAGE]
    return [*switch, *UPGRADE.lines("undo")]


def test_a_state_disk_that_takes_nothing_more_leaves_no_app_down(stock):
    """The ballast is eaten as well: nothing can be recorded until there is space, but what was stopped runs again."""
    sweep = Sweep("disk", "state without ballast", eaten_moments(), sample=2)
    for line in sweep:
        with sweep.at(line), SmallBox(stock) as box:
            code, words = fill_at(box, line, "state", "bytes", also=lambda b=box: eat_ballast(b))
            assert code in (0, 1, 6, 10), f"exit {code}: {words}"
            status, body = lab.http_get(stock.url + "health", 10)
            assert status == 200, f"PhotoStation answers {status}, exit {code}: {words}"
            assert (NEW if code == 0 else OLD)["PhotoStation"].encode() in body, f"exit {code}: {words} {body}"
            assert box.nas.json("status")["installed"] == 2
            upgrade_with_space(box)
    sweep.end()


def eat_ballast(box):
    (box.nas.root / FOLDERS["state"] / "ballast").write_bytes(b"")


@pytest.mark.parametrize("state_size", ("24m", "160m"))
def test_a_disk_that_fills_up_at_a_step(stock, state_size):
    """24m: no room for the whole ballast, 160m: there is."""
    sweep = Sweep("disk", f"state of {state_size}", moments(), sample=5)
    for line, disk, what in sweep:
        with sweep.at((line, disk, what)), SmallBox(stock, {"state": state_size}) as box:
            code, words = fill_at(box, line, disk, what)
            assert box.nas.json("status")["installed"] == 2
            world = box.verdict()
            newest = boxes.judges.newest(box.nas)
            if world == "old":
                assert code in ((1,) if line[0] == "undo" else (1, 6, 10)), f"exit {code}: {words}"
                went_back = "cancelled" if line[0] == "undo" else "failed" if line[2] in STAGE else "rolled_back"
                assert newest["result"] == went_back, newest
                upgrade_with_space(box)
            else:
                assert (line[0], code, newest["result"]) == ("do", 0, "done"), f"exit {code}: {words}"
    sweep.end()
