"""Fate groups: what is tied goes together, security goes first, and a bad group takes nobody with it; what stood still stands still."""
import nas as lab
import pytest
from stock import NEW, OLD, add_repository

APPS = ("BrokenStart", "HybridBackup", "PhotoStation", "QVPN")


@pytest.fixture
def box(make_nas, session, vendor, web):
    """All of them in their old versions; on offer the new ones, of which QVPN's is urgent and BrokenStart's never starts."""
    made = make_nas(updates__emergency="notify", updates__other="notify", network__poll="1h", safety__health_settle="0s")
    made.start()
    add_repository(made, vendor, web)
    made.ctl("install", *(f"{app}={OLD[app]}" for app in APPS), "--yes")
    vendor.add(*(session.packages[item] for item in NEW.items()))
    vendor("urgent", vendor.repo, f"QVPN={NEW['QVPN']}", "--advisory", "QSA-26-1", "--reason", "exploited", "--curve", "0m:100%")
    vendor.publish()
    made.ctl("refresh")
    return made


def apps(box):
    return {a["name"]: (a["version"], a["state"]) for a in box.json("list")["apps"]}


def groups(box, since):
    """[({apps}, result)] of the transactions behind that one, in their order."""
    return [({c["app"] for c in t["changes"]}, t["result"])
            for t in sorted(box.json("history")["transactions"], key=lambda t: t["id"]) if t["id"] > since]


def test_groups_go_one_after_another_security_first_and_a_bad_one_alone(box):
    last = box.json("history")["transactions"][0]["id"]
    done = box.ctl("upgrade", "--yes", expect=11)
    assert "3 of 4 done" in done.stderr and "BrokenStart" in done.stderr, done.stderr
    went = groups(box, last)
    assert went[0] == ({"QVPN"}, "done"), "the urgent one goes first"
    assert sorted((sorted(names), result) for names, result in went[1:]) == [
        (["BrokenStart"], "rolled_back"), (["HybridBackup"], "done"), (["MediaLibrary", "PhotoStation"], "done")]
    times = box.sql("SELECT started_at, finished_at FROM txn WHERE id > ? ORDER BY id", last)
    assert all(before[1] <= after[0] for before, after in zip(times, times[1:])), "one after another"
    assert apps(box) == {"BrokenStart": ("1.0", "running"), **{app: (NEW[app], "running") for app in NEW if app != "BrokenStart"}}


def steps(box, name):
    """Apps in the order in which that row was written for them."""
    return [app for (app,) in box.sql("SELECT app FROM journal WHERE step = ? AND txn_id = (SELECT max(id) FROM txn) ORDER BY rowid", name)]


def test_dependents_stop_first_and_start_last(box):
    box.ctl("upgrade", "PhotoStation", "--yes")
    assert steps(box, "STOP") == ["PhotoStation", "MediaLibrary"]
    assert steps(box, "START") == ["MediaLibrary", "PhotoStation"]


@pytest.mark.parametrize("app, code, version", (("PhotoStation", 0, NEW["PhotoStation"]), ("BrokenStart", None, None)))
def test_what_stood_still_stands_still(box, app, code, version):
    """It was recorded before the first stop: an upgrade, good or bad, starts nobody who was stopped."""
    box.ctl("stop", app)
    others = {name: box.app_pids(name) for name in APPS if name != app}
    done = box.ctl("upgrade", app, "--yes", expect=code)
    assert apps(box)[app][1] == "stopped", done
    assert box.app_pids(app) == []
    assert version is None or apps(box)[app][0] == version
    assert {name: box.app_pids(name) for name in others} == others, "somebody else was touched"
    if app == "PhotoStation":
        box.ctl("start", app)
        lab.wait_for("its start", lambda: apps(box)[app][1] == "running", 20)
