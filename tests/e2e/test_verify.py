"""appctl verify: is what is installed what was installed? And verify --repair: the same version once more, nothing of the user's lost."""
import json
import shutil

import nas as lab
import pytest
from stock import add_repository


@pytest.fixture
def box(session, vendor, web, make_nas):
    made = make_nas(network__poll="1h", updates__other="notify").start()
    add_repository(made, vendor, web)
    made.ctl("install", "QVPN", "HybridBackup", "--yes")
    return made


def verify(box, *words, expect=0):
    told = json.loads(box.ctl("verify", "--json", *words, expect=expect).stdout)
    assert told["schema"] == "appctl.verify/1"
    return {app["name"]: app for app in told["apps"]}


def findings(app):
    return {(one["path"], one["finding"]) for one in app["findings"]}


def damage_qvpn(box):
    folder = box.app_dir("QVPN")
    script = folder / "QVPN.sh"
    script.write_text(script.read_text() + "# evil\n")
    program = next(path for path in sorted(folder.rglob("*")) if path.is_file() and path != script and path.stat().st_mode & 0o100)
    program.unlink()
    return folder, {("QVPN.sh", "changed"), (str(program.relative_to(folder)), "missing")}


def test_what_is_as_installed_is_ok(box):
    apps = verify(box)
    assert set(apps) == {"QVPN", "HybridBackup"} and all(app["ok"] for app in apps.values())
    assert set(verify(box, "QVPN")) == {"QVPN"}
    assert "QVPN 3.0: ok" in box.ctl("verify").stdout
    assert "Nobody" in box.ctl("verify", "Nobody", expect=3).stderr


def test_what_the_user_did_is_no_damage(box):
    folder = box.app_dir("QVPN")
    with (folder / "etc/qvpn.conf").open("a") as conf:
        conf.write("mine\n")
    (folder / "photos").mkdir()
    (folder / "photos/one.jpg").write_text("x")
    (folder / "photos/two.jpg").write_text("x")
    app = verify(box)["QVPN"]
    assert app["ok"] and (app["config"], app["missing"], app["changed"]) == (1, 0, 0)
    assert ("etc/qvpn.conf", "config") in findings(app) and ("photos", "extra") in findings(app)
    assert "config   etc/qvpn.conf" in box.ctl("verify").stdout
    assert not any(path.startswith("photos/") for path, _ in findings(app))  # what is the user's is not looked into


def test_damage_is_named_and_repaired(box):
    (box.app_dir("QVPN") / "photos").mkdir()
    (box.app_dir("QVPN") / "photos/one.jpg").write_text("mine")
    with (box.app_dir("QVPN") / "etc/qvpn.conf").open("a") as conf:
        conf.write("# mine\n")
    folder, damaged = damage_qvpn(box)
    (folder / "etc").chmod(0o700)
    apps = verify(box, expect=1)
    assert apps["HybridBackup"]["ok"] and not apps["QVPN"]["ok"]
    assert damaged | {("etc", "mode")} == {one for one in findings(apps["QVPN"]) if one[1] not in ("extra", "config")}
    done = box.ctl("verify", expect=1)
    assert "QVPN 3.0: NOT as installed" in done.stdout and "QVPN.sh" in done.stdout
    kept = box.sql("SELECT count(*) FROM kept")
    done = box.ctl("verify", "--repair", "--yes")
    assert "done: transaction" in done.stdout and "repaired" in done.stdout and "undo" not in done.stdout
    assert verify(box)["QVPN"]["ok"]
    assert (folder / "photos/one.jpg").read_text() == "mine" and (folder / "etc/qvpn.conf").read_text().endswith("# mine\n")
    assert box.app("QVPN")["state"] == "running" and box.app("QVPN")["version"] == "3.0"
    assert box.sql("SELECT count(*) FROM kept") == kept  # a damaged tree is nothing to go back to
    change, = box.json("history")["transactions"][0]["changes"]
    assert (change["op"], change["app"], change["from"], change["to"]) == ("upgrade", "QVPN", "3.0", "3.0")
    assert list((box.root / lab.VOLUME.lstrip("/") / ".qpkg/.appcenter/stage").iterdir()) == []


def test_nothing_is_repaired_that_is_not_damaged(box):
    before = len(box.json("history")["transactions"])
    box.ctl("verify", "--repair", "--yes")
    assert len(box.json("history")["transactions"]) == before


def test_a_dry_run_repairs_nothing(box):
    damage_qvpn(box)
    plan = json.loads(box.ctl("verify", "--repair", "--dry-run", "--json").stdout)
    assert [change["app"] for group in plan["sets"] for change in group["changes"]] == ["QVPN"]
    verify(box, expect=1)


def test_a_folder_that_is_gone_is_said_and_repaired(box):
    box.ctl("stop", "QVPN")
    shutil.rmtree(box.app_dir("QVPN"))
    app = verify(box, "QVPN", expect=1)["QVPN"]
    assert not app["ok"] and app["missing"] == 1
    box.ctl("verify", "QVPN", "--repair", "--yes")
    assert verify(box)["QVPN"]["ok"]


def test_what_nobody_offers_any_more_cannot_be_repaired(box, session, vendor):
    damage_qvpn(box)
    box.ctl("repo", "remove", "vendor")
    done = box.ctl("verify", "--repair", "--yes", expect=3)
    assert "no repository offers the archive of QVPN 3.0 any more" in done.stderr
    assert box.app("QVPN")["version"] == "3.0"


# --- going back wants a word ---

def test_a_script_that_goes_back_says_that_it_means_it(session, vendor, box):
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    box.ctl("refresh")
    box.ctl("upgrade", "QVPN")  # forward needs no word
    last = box.json("history")["transactions"][0]["id"]
    for words in (("rollback", "QVPN"), ("undo", last), ("install", "QVPN=3.0"), ("rollback", "QVPN", "--json"), ("undo", last, "--no-wait")):
        done = box.ctl(*words, expect=2)
        assert "needs --yes" in done.stderr, words
    assert box.app("QVPN")["version"] == "3.1"
    box.ctl("install", "QVPN=3.1")  # nothing to do
    box.ctl("rollback", "QVPN", "--yes")
    assert box.app("QVPN")["version"] == "3.0"
    box.ctl("rollback", "QVPN")  # to 3.1, which is forward
    assert box.app("QVPN")["version"] == "3.1"


def test_why_not_says_what_speaks_against_a_version(session, vendor, box):
    vendor.add(session.packages["PhotoStation", "6.1.2"])
    vendor.publish()
    box.ctl("refresh")
    told = json.loads(box.ctl("why-not", "PhotoStation=6.1.2", "--json").stdout)
    assert told["schema"] == "appctl.explanation/1" and (told["app"], told["version"]) == ("PhotoStation", "6.1.2")
    problem, = told["problems"]
    assert problem["rule"] == "absent" and "MediaLibrary >= 2.0" in problem["message"]
    assert "MediaLibrary >= 2.0" in box.ctl("why-not", "PhotoStation=6.1.2").stdout
    assert box.ctl("why-not", "PhotoStation=6.1.1").stdout == "nothing speaks against it: appctl install PhotoStation=6.1.1\n"
    assert json.loads(box.ctl("why-not", "PhotoStation=6.1.1", "--json").stdout)["problems"] == []
    assert box.ctl("why-not", "MediaLibrary").stdout == "nothing speaks against it: appctl install MediaLibrary\n"  # only offered
    assert "Nobody" in box.ctl("why-not", "Nobody", expect=3).stderr
    assert "QVPN 3.0" in box.ctl("why-not", "QVPN").stdout
    assert box.json("history")["transactions"][0]["changes"][0]["app"] != "PhotoStation"  # nothing was done
