"""The Photo Station story, piece by piece: what issue and README promise, seen from outside."""
import json
import sqlite3
import time

import nas as lab
import pytest
from stock import NEW, OLD, add_repository

PHOTO = b"\x89PNG\r\n\x1a\n" + b"photo"
LEAK = "photo?name=../../../Private/wallet.txt"


def install_old(nas, *apps):
    nas.ctl("install", *(f"{app}={OLD[app]}" for app in apps), "--yes")


def publish_new(session, vendor, *apps, urgent=None):
    vendor.add(*(session.packages[app, NEW[app]] for app in apps))
    if urgent:
        vendor("urgent", vendor.repo, f"{urgent}={NEW[urgent]}", "--advisory", "QSA-22-24", "--reason", "exploited",
               "--curve", "0m:100%")
    vendor.publish()


def upload(url, name, body=PHOTO):
    status, _ = lab.http_post(f"{url}upload?name={name}", body)
    assert status in (200, 201)


def test_an_install_is_recorded_whole(nas):
    install_old(nas, "PhotoStation")
    apps = {a["name"]: a for a in nas.json("list")["apps"]}
    assert {n: a["version"] for n, a in apps.items()} == {"PhotoStation": "6.1.1", "MediaLibrary": "1.4"}
    assert all(a["state"] == "running" and a["publisher"] == "vendor" for a in apps.values())
    assert apps["PhotoStation"]["install_path"] == "/share/CACHEDEV1_DATA/.qpkg/PhotoStation"
    assert nas.sql("SELECT count(*) FROM app") == [(2,)]
    on_disk = {str(p.relative_to(nas.app_dir("MediaLibrary"))) for p in nas.app_dir("MediaLibrary").rglob("*")}
    recorded = {path for (path,) in nas.sql("SELECT path FROM app_file WHERE app = 'MediaLibrary'")}
    assert recorded and recorded <= on_disk
    assert nas.sql("SELECT result FROM txn") == [("done",)]
    assert nas.sql("SELECT DISTINCT state FROM journal") == [("done",)]
    assert nas.json("history")["transactions"][0]["trigger"] == "admin"
    registration = (nas.root / "etc/config/qpkg.conf").read_text()
    assert "[PhotoStation]" in registration and "Version = 6.1.1" in registration


def test_the_hole_is_real_and_the_fix_closes_it(nas, session, vendor, photo_url):
    install_old(nas, "PhotoStation")
    private = nas.root / lab.VOLUME / "Private"
    private.mkdir()
    (private / "wallet.txt").write_text("secret")
    upload(photo_url, "a.png")
    assert lab.http_get(photo_url + LEAK) == (200, b"secret")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation")
    nas.ctl("refresh")
    nas.ctl("upgrade", "PhotoStation", "--yes")
    status, body = lab.http_get(photo_url + LEAK)
    assert status in (400, 403, 404) and b"secret" not in body
    assert lab.http_get(photo_url + "photo?name=a.png") == (200, PHOTO)
    assert nas.app("MediaLibrary")["version"] == "2.0", "the resolver brings what 6.1.2 needs"


def test_an_emergency_installs_itself_outside_the_window(make_nas, session, vendor, web, photo_url):
    nas = make_nas()
    nas.start()
    add_repository(nas, vendor, web)
    install_old(nas, "PhotoStation", "QVPN")
    upload(photo_url, "before.png")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation", "QVPN", urgent="PhotoStation")
    lab.wait_for("6.1.2", lambda: nas.app("PhotoStation")["version"] == "6.1.2", 45, every=0.5)
    newest = nas.json("history")["transactions"][0]
    assert (newest["trigger"], newest["result"]) == ("emergency", "done")
    assert {c["app"] for c in newest["changes"]} == {"PhotoStation", "MediaLibrary"}
    time.sleep(3)  # several polls more: QVPN had every chance
    qvpn = nas.app("QVPN")
    assert qvpn["version"] == "3.0"
    assert (qvpn["candidate"]["verdict"], qvpn["candidate"]["reason"]["code"]) == ("at", "window")
    assert nas.sql("SELECT reason FROM offer WHERE app = 'QVPN'") == [("window",)]
    assert nas.json("status")["protected"] is True
    assert lab.http_get(photo_url + "photo?name=before.png") == (200, PHOTO)


def test_consent_is_asked_for_and_not_reinterpreted(make_nas, session, vendor, web):
    nas = make_nas(updates__emergency="notify", updates__other="notify")
    nas.start()
    add_repository(nas, vendor, web)
    install_old(nas, "PhotoStation")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation", urgent="PhotoStation")
    lab.wait_for("the offer", lambda: nas.app("PhotoStation")["candidate"], 20)
    time.sleep(3)
    app = nas.app("PhotoStation")
    assert app["version"] == "6.1.1"
    assert (app["candidate"]["verdict"], app["candidate"]["class"]) == ("ask", "emergency")
    assert nas.json("status")["protected"] is False
    assert nas.ctl("check", expect=103).returncode == 103


def test_photos_of_the_days_between_survive_a_rollback(nas, session, vendor, photo_url):
    install_old(nas, "PhotoStation")
    upload(photo_url, "old.png")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation")
    nas.ctl("refresh")
    nas.ctl("upgrade", "PhotoStation", "--yes")
    upload(photo_url, "new.png", PHOTO + b"new")
    nas.ctl("rollback", "PhotoStation", "--yes")
    app = nas.app("PhotoStation")
    assert (app["version"], app["state"]) == ("6.1.1", "running")
    assert lab.http_get(photo_url + "photo?name=old.png") == (200, PHOTO)
    assert lab.http_get(photo_url + "photo?name=new.png") == (200, PHOTO + b"new")


def never_healthy(source):
    config = source / "qpkg.cfg"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("APPCENTER_HEALTH")]
    config.write_text("\n".join([*lines, 'APPCENTER_HEALTH="http:/no-such-page"']) + "\n")


def test_a_failed_health_check_brings_a_group_of_two_back(nas, session, vendor, photo_url):
    install_old(nas, "PhotoStation")
    upload(photo_url, "a.png")
    sick = session.pack("PhotoStation", "6.1.2", change=never_healthy, out="sick.qpkg")
    vendor.add(session.packages["MediaLibrary", "2.0"], sick)
    vendor.publish()
    nas.ctl("refresh")
    done = nas.ctl("upgrade", "PhotoStation", "--yes", expect=10)
    assert "health" in (done.stdout + done.stderr).lower()
    versions = {a["name"]: (a["version"], a["state"]) for a in nas.json("list")["apps"]}
    assert versions == {"PhotoStation": ("6.1.1", "running"), "MediaLibrary": ("1.4", "running")}
    starts = (nas.app_dir("PhotoStation") / "logs/starts.log").read_text().splitlines()
    assert any("6.1.2" in line for line in starts), "the new version did start"
    assert all(("6.1.1" in line) == ("MediaLibrary 1.4" in line) for line in starts)
    assert lab.http_get(photo_url + "photo?name=a.png") == (200, PHOTO)
    newest = nas.json("history")["transactions"][0]
    assert newest["result"] == "rolled_back" and newest["error"]["code"] == "health"
    assert nas.sql("SELECT app, version, n_failures FROM veto") == [("PhotoStation", "6.1.2", 1)]


def test_what_comes_in_during_an_upgrade_that_fails_is_kept(nas, session, vendor, photo_url):
    """The new app runs while its health is looked at: a photo that it takes must survive the way back."""
    install_old(nas, "PhotoStation")
    sick = session.pack("PhotoStation", "6.1.2", change=never_healthy, out="sick2.qpkg")
    vendor.add(session.packages["MediaLibrary", "2.0"], sick)
    vendor.publish()
    nas.ctl("refresh")
    job = nas.json("upgrade", "PhotoStation", "--yes", "--no-wait")["job"]

    def new_version_answers():
        status, body = lab.http_get(photo_url + "health", 1)
        return status == 200 and b"6.1.2" in body

    lab.wait_for("the new version", new_version_answers, 30, every=0.05)
    upload(photo_url, "meanwhile.png", PHOTO + b"m")
    nas.ctl("watch", job, timeout=60)
    assert nas.app("PhotoStation")["version"] == "6.1.1"
    assert lab.http_get(photo_url + "photo?name=meanwhile.png") == (200, PHOTO + b"m")


def test_upgrade_all_goes_on_past_a_broken_app_and_a_hold(nas, session, vendor):
    install_old(nas, "QVPN", "HybridBackup", "BrokenStart")
    nas.ctl("hold", "HybridBackup", "--reason", "restore test", "--for", "72h")
    publish_new(session, vendor, "QVPN", "HybridBackup", "BrokenStart")
    nas.ctl("refresh")
    done = nas.ctl("upgrade", "--yes", expect=11)
    assert "HybridBackup" in done.stdout + done.stderr, "what is left out has its reason"
    versions = {a["name"]: (a["version"], a["state"]) for a in nas.json("list")["apps"]}
    assert versions == {"QVPN": ("3.1", "running"), "HybridBackup": ("1.0", "running"), "BrokenStart": ("1.0", "running")}
    held = nas.app("HybridBackup")
    assert held["hold"]["note"] == "restore test" and held["candidate"]["reason"]["code"] == "held"
    assert nas.ctl("upgrade", "HybridBackup", "--yes", expect=9).returncode == 9
    nas.ctl("unhold", "HybridBackup")
    nas.ctl("upgrade", "HybridBackup", "--yes")
    assert nas.app("HybridBackup")["version"] == "1.1"


def test_a_vetoed_version_is_not_tried_again_by_itself(make_nas, session, vendor, web):
    now = time.gmtime()
    nas = make_nas(window__timer=f"00:00-{now.tm_hour:02d}:59; {now.tm_hour:02d}:00-23:59")
    nas.start()
    add_repository(nas, vendor, web)
    install_old(nas, "BrokenStart")
    publish_new(session, vendor, "BrokenStart")
    lab.wait_for("the veto", lambda: nas.sql("SELECT 1 FROM veto"), 60, every=0.5)
    time.sleep(4)
    app = nas.app("BrokenStart")
    assert (app["version"], app["state"]) == ("1.0", "running")
    assert app["candidate"]["reason"]["code"] == "veto"
    assert len([t for t in nas.json("history")["transactions"] if t["result"] == "rolled_back"]) == 1


def test_one_byte_changed_in_the_archive_is_refused(nas, session, vendor, photo_url):
    install_old(nas, "PhotoStation")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation")
    archive, = (vendor.public / "packages").glob("*PhotoStation_6.1.2_*")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    nas.ctl("refresh")
    before = nas.app_pids("PhotoStation")
    done = nas.ctl("upgrade", "PhotoStation", "--yes", expect=5)
    assert "PhotoStation" in done.stderr and "sha256" in done.stderr
    app = nas.app("PhotoStation")
    assert (app["version"], app["state"]) == ("6.1.1", "running")
    assert nas.app_pids("PhotoStation") == before, "it was not even stopped"
    assert nas.app("MediaLibrary")["version"] == "1.4"
    stage = nas.root / lab.VOLUME / ".qpkg/.appcenter/stage"
    assert list(stage.iterdir()) == []


def test_a_halted_release_is_refused_at_once(nas, session, vendor):
    install_old(nas, "QVPN")
    publish_new(session, vendor, "QVPN")
    vendor("halt", vendor.repo, "QVPN=3.1", "--reason", "crashes")
    vendor.publish()
    nas.ctl("refresh")
    candidate = nas.app("QVPN")["candidate"]
    assert (candidate["verdict"], candidate["reason"]["code"]) == ("refuse", "halted")
    nas.ctl("upgrade", "--yes", expect=0)
    assert nas.app("QVPN")["version"] == "3.0"
    vendor("resume", vendor.repo, "QVPN=3.1")
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("upgrade", "QVPN", "--yes")
    assert nas.app("QVPN")["version"] == "3.1"


def test_remove_keeps_the_photos_and_undo_brings_the_app_back(nas, photo_url):
    install_old(nas, "PhotoStation")
    upload(photo_url, "a.png")
    removed = nas.json("remove", "PhotoStation", "--yes")
    assert nas.app("PhotoStation") is None and lab.http_get(photo_url, 1)[0] == 0
    assert nas.app_pids("PhotoStation") == []
    nas.ctl("undo", str(removed["id"]), "--yes")
    assert nas.app("PhotoStation")["state"] == "running"
    assert lab.http_get(photo_url + "photo?name=a.png") == (200, PHOTO)


def test_what_others_need_is_not_removed(nas):
    install_old(nas, "PhotoStation")
    done = nas.ctl("remove", "MediaLibrary", "--yes", expect=4)
    assert "PhotoStation" in done.stderr
    assert nas.app("MediaLibrary")["state"] == "running"


def test_a_dry_run_changes_nothing(nas, session, vendor):
    install_old(nas, "PhotoStation")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation")
    nas.ctl("refresh")
    before = nas.sql("SELECT name, version FROM app ORDER BY name")
    plan = nas.json("upgrade", "--dry-run")
    assert plan["schema"] == "appctl.plan/1"
    changes = {c["app"]: (c["op"], c["from"], c["to"]) for s in plan["sets"] for c in s["changes"]}
    assert changes == {"PhotoStation": ("upgrade", "6.1.1", "6.1.2"), "MediaLibrary": ("upgrade", "1.4", "2.0")}
    assert nas.sql("SELECT name, version FROM app ORDER BY name") == before
    assert len(nas.json("history")["transactions"]) == 1


HOOK = """
pkg_post_install()
{
    mkdir -p /etc/config /opt 2>/dev/null
    echo hook > /etc/config/appcenter-e2e-x
    echo hook > /usr/local/appcenter-e2e-x
    echo hook > /opt/appcenter-e2e-x
    echo hook > /usr/appcenter-e2e-x
    return 0
}
"""


@pytest.mark.private_root
def test_a_hook_never_writes_to_the_host(nas, session, vendor):
    def with_hook(source):
        routines = source / "package_routines"
        routines.write_text(routines.read_text() + HOOK)

    archive = session.pack("MediaLibrary", "2.0", change=with_hook, out="hook.qpkg")
    vendor.add(archive)
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("install", "MediaLibrary=2.0", "--yes")
    for path in ("etc/config", "usr/local", "opt", "usr"):
        assert not lab.Path(f"/{path}/appcenter-e2e-x").exists(), f"/{path} of the host was written"
    assert (nas.root / "etc/config/appcenter-e2e-x").read_text() == "hook\n"
    assert (nas.root / "opt/appcenter-e2e-x").read_text() == "hook\n"


def test_a_second_daemon_on_the_same_root_is_refused(nas):
    done = lab.run([lab.program("appcenterd"), "--root", nas.root, "--foreground"], expect=7, env=nas.env)
    assert "another appcenterd" in done.stderr


def test_without_a_daemon_the_exit_code_says_so(make_nas):
    nas = make_nas()
    done = nas.ctl("status", expect=12)
    assert "start it" in done.stderr


def test_a_daemon_that_was_killed_finds_its_apps_running(nas, photo_url):
    install_old(nas, "PhotoStation")
    pids = nas.app_pids("PhotoStation")
    nas.daemon.kill()
    nas.daemon.wait()
    assert lab.http_get(photo_url)[0] == 200, "apps do not die with the daemon"
    nas.start()
    assert nas.app("PhotoStation")["state"] == "running"
    assert nas.app_pids("PhotoStation") == pids


def test_a_job_that_is_killed_is_undone(nas, session, vendor, photo_url):
    install_old(nas, "PhotoStation")
    upload(photo_url, "a.png")
    publish_new(session, vendor, "MediaLibrary", "PhotoStation")
    nas.ctl("refresh")
    job = nas.json("upgrade", "PhotoStation", "--yes", "--no-wait")["job"]
    events = lab.subprocess.Popen([lab.program("appctl"), "--root", str(nas.root), "watch", str(job), "--json"],
                                  stdout=lab.subprocess.PIPE, env=nas.env, text=True)
    for line in events.stdout:
        event = json.loads(line)
        if event.get("step") == "DATA" and event.get("when") == "begin":
            break
    children = lab.Path(f"/proc/{nas.daemon.pid}/task/{nas.daemon.pid}/children").read_text().split()
    lab.os.kill(int(children[0]), lab.signal.SIGKILL)
    events.terminate()
    events.wait()
    lab.wait_for("recovery", lambda: nas.sql("SELECT 1 FROM txn WHERE result = 'rolled_back'"), 30)
    lab.wait_for("the old app", lambda: lab.http_get(photo_url + "photo?name=a.png", 1) == (200, PHOTO), 20)
    assert {a["name"]: a["version"] for a in nas.json("list")["apps"]} == {"PhotoStation": "6.1.1", "MediaLibrary": "1.4"}


def test_once_does_what_is_due_and_prints_the_ledger(make_nas, session, vendor, web):
    nas = make_nas(network__poll="1h")
    nas.start()
    add_repository(nas, vendor, web)
    install_old(nas, "PhotoStation", "QVPN")
    nas.stop()
    publish_new(session, vendor, "MediaLibrary", "PhotoStation", "QVPN", urgent="PhotoStation")
    done = lab.run([lab.program("appcenterd"), "--root", nas.root, "--once"], env=nas.env)
    assert "PhotoStation 6.1.2" in done.stdout and "QVPN 3.0 -> 3.1" in done.stdout


def test_a_bad_configuration_is_named_by_file_and_line(make_nas):
    nas = make_nas()
    nas.configure("[updates]\nsecurity = maybe\n")
    done = lab.run([lab.program("appcenterd"), "--root", nas.root, "--check-config"], expect=14, env=nas.env)
    assert "appcenter.conf:2" in done.stderr and "maybe" in done.stderr


def test_the_state_file_is_for_readers_too(nas):
    """An admin looks with sqlite3 while the daemon runs."""
    install_old(nas, "QVPN")
    db = sqlite3.connect(f"file:{nas.root}/var/lib/appcenter/state.db?mode=ro", uri=True)
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
