"""The admin goes back: removal and its undo, and a rollback out of an emergency fix, which is his right and is said."""
import json

import nas as lab
from stock import NEW, OLD

PHOTO = b"\x89PNG\r\n\x1a\n" + b"photo"


def fix_by_itself(nas, session, vendor):
    """An emergency is published and installs itself."""
    nas.ctl("install", f"PhotoStation={OLD['PhotoStation']}", "--yes")
    vendor.add(session.packages["MediaLibrary", NEW["MediaLibrary"]], session.packages["PhotoStation", NEW["PhotoStation"]])
    vendor("urgent", vendor.repo, f"PhotoStation={NEW['PhotoStation']}", "--advisory", "QSA-22-24", "--reason",
           "exploited", "--curve", "0m:100%")
    vendor.publish()
    nas.ctl("refresh")
    lab.wait_for("the fix", lambda: nas.app("PhotoStation")["version"] == NEW["PhotoStation"], 60, every=0.5)


def test_a_rollback_out_of_an_emergency_is_not_undone_by_the_scheduler(nas, session, vendor, photo_url):
    fix_by_itself(nas, session, vendor)
    assert lab.http_post(f"{photo_url}upload?name=days-between.png", PHOTO)[0] in (200, 201)
    lab.wait_for("protected", lambda: nas.json("status")["protected"] is True, 30)  # the ledger follows the commit
    nas.ctl("rollback", "PhotoStation", "--yes")
    app = nas.app("PhotoStation")
    assert (app["version"], app["state"]) == (OLD["PhotoStation"], "running")
    assert app["candidate"]["version"] == NEW["PhotoStation"]
    assert app["candidate"]["reason"]["code"] == "skipped", "the way back must not be a way round in circles"
    assert lab.http_get(f"{photo_url}photo?name=days-between.png") == (200, PHOTO)
    # every occasion to install it again by itself: refreshes, a restart of the daemon
    for _ in range(3):
        nas.ctl("refresh")
    nas.stop()
    nas.start()
    nas.ctl("refresh")
    transactions = nas.json("history")["transactions"]
    ups = [c for t in transactions for c in t["changes"] if (c["app"], c["op"]) == ("PhotoStation", "upgrade")]
    assert len(ups) == 1, json.dumps(transactions)
    assert nas.app("PhotoStation")["version"] == OLD["PhotoStation"]
    status = nas.json("status")
    assert status["protected"] is False
    spoken = nas.ctl("status").stdout
    assert "protected: NO" in spoken.replace("  ", " ") and "PhotoStation" in spoken
    assert nas.ctl("check", expect=103).returncode == 103
    # the admin may still have it, by name
    nas.ctl("upgrade", f"PhotoStation={NEW['PhotoStation']}", "--yes")
    assert nas.app("PhotoStation")["version"] == NEW["PhotoStation"]
    lab.wait_for("protected", lambda: nas.json("status")["protected"] is True, 30)
    assert lab.http_get(f"{photo_url}photo?name=days-between.png") == (200, PHOTO)


def test_an_undone_emergency_is_skipped_too(nas, session, vendor):
    fix_by_itself(nas, session, vendor)
    fixed = nas.json("history")["transactions"][0]
    assert fixed["trigger"] == "emergency"
    nas.ctl("undo", str(fixed["id"]), "--yes")
    nas.ctl("refresh")
    apps = {a["name"]: a for a in nas.json("list")["apps"]}
    assert apps["PhotoStation"]["version"] == OLD["PhotoStation"]
    assert apps["PhotoStation"]["candidate"]["reason"]["code"] == "skipped"
    assert apps["MediaLibrary"]["version"] == OLD["MediaLibrary"], "the whole group goes back"
    assert nas.json("status")["protected"] is False


def test_a_removal_is_undone_with_what_the_app_was(nas, photo_url):
    nas.ctl("install", f"PhotoStation={OLD['PhotoStation']}", "--yes")
    assert lab.http_post(f"{photo_url}upload?name=a.png", PHOTO)[0] in (200, 201)
    files = nas.sql("SELECT path, sha256 FROM app_file WHERE app = 'PhotoStation' ORDER BY path")
    removed = nas.json("remove", "PhotoStation", "--yes")
    registration = nas.root / "etc/config/qpkg.conf"
    assert "[PhotoStation]" not in registration.read_text()
    assert nas.app("PhotoStation") is None and nas.app_pids("PhotoStation") == []
    again = nas.ctl("remove", "PhotoStation", "--yes", expect=3)
    assert "PhotoStation" in again.stderr
    nas.ctl("undo", str(removed["id"]), "--yes")
    app = nas.app("PhotoStation")
    assert (app["version"], app["state"]) == (OLD["PhotoStation"], "running")
    assert "[PhotoStation]" in registration.read_text()
    assert nas.sql("SELECT path, sha256 FROM app_file WHERE app = 'PhotoStation' ORDER BY path") == files
    assert lab.http_get(f"{photo_url}photo?name=a.png") == (200, PHOTO)
    twice = nas.ctl("undo", str(removed["id"]), "--yes", expect=(3, 4, 9))
    assert twice.stderr.strip(), "an undo that is no longer possible says why"


def test_a_purge_cannot_be_undone_and_says_so_before(nas, photo_url):
    nas.ctl("install", f"PhotoStation={OLD['PhotoStation']}", "--yes")
    assert lab.http_post(f"{photo_url}upload?name=a.png", PHOTO)[0] in (200, 201)
    plan = nas.ctl("remove", "PhotoStation", "--purge", "--dry-run").stdout
    assert "erased for good: this cannot be undone" in plan
    removed = nas.json("remove", "PhotoStation", "--purge", "--yes")
    assert not nas.app_dir("PhotoStation").exists()
    refused = nas.ctl("undo", str(removed["id"]), "--yes", expect=(3, 4, 9))
    assert refused.stderr.strip()


def test_autoremove_takes_what_came_along_and_nothing_else(nas, photo_url):
    nas.ctl("install", f"PhotoStation={OLD['PhotoStation']}", f"QVPN={OLD['QVPN']}", "--yes")
    assert "nothing to do" in nas.ctl("autoremove", "--yes").stdout
    nas.ctl("remove", "PhotoStation", "--yes")
    plan = nas.ctl("autoremove", "--dry-run").stdout
    assert "MediaLibrary" in plan and "QVPN" not in plan and "nothing needs it any more" in plan
    removed = nas.json("autoremove", "--yes")
    assert [c["app"] for c in removed["changes"]] == ["MediaLibrary"]
    assert {a["name"] for a in nas.json("list")["apps"]} == {"QVPN"}
    nas.ctl("undo", str(removed["id"]), "--yes")
    assert nas.app("MediaLibrary")["version"] == OLD["MediaLibrary"]
