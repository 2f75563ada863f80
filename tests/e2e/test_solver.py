"""What --debug-solver writes: of any change, failing or not, a text that the solver's own tests replay."""
import os
import subprocess

import nas as lab
import pytest
from stock import NEW, OLD, add_repository

RUNNER = lab.BUILD / "tests" / "unit-ports"


@pytest.fixture
def box(make_nas, session, vendor, web):
    """Old versions installed, of PhotoStation with its MediaLibrary; the new ones on offer, QVPN's is urgent."""
    made = make_nas(updates__emergency="notify", updates__other="notify", network__poll="1h", safety__health_settle="0s")
    made.start()
    add_repository(made, vendor, web)
    made.ctl("install", *(f"{app}={OLD[app]}" for app in ("HybridBackup", "PhotoStation", "QVPN")), "--yes")
    vendor.add(*(session.packages[item] for item in NEW.items()))
    vendor("urgent", vendor.repo, f"QVPN={NEW['QVPN']}", "--advisory", "QSA-26-1", "--reason", "exploited", "--curve", "0m:100%")
    vendor.publish()
    made.ctl("refresh")
    return made


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    return folder


def replay(folder, expect=0):
    """Every case of the folder, by the program that reads tests/solve."""
    done = subprocess.run([RUNNER, "-p", "/solve"], cwd=lab.TOP, env={**os.environ, "APPCENTER_CASES": str(folder)},
                          capture_output=True, text=True)
    assert (done.returncode == 0) == (expect == 0), done.stdout + done.stderr
    return done.stdout + done.stderr


QUESTIONS = {
    "upgrade_all": (0, "upgrade", "--dry-run"),
    "security_only": (0, "upgrade", "--security", "--dry-run"),
    "one_app": (0, "upgrade", "PhotoStation", "--dry-run"),
    "a_version_that_is_not_there": (3, "install", "QVPN=9.9"),
    "a_removal_that_breaks_another": (4, "remove", "MediaLibrary"),
    "a_cascade": (0, "remove", "MediaLibrary", "--cascade", "--yes"),
    "an_installation": (0, "install", "PhotoStation", "--yes"),
    "nothing_to_remove": (0, "autoremove", "--dry-run"),
}


def test_what_the_solver_was_asked_is_written_and_replays(box, cases):
    box.ctl("hold", "HybridBackup")
    for name, (code, *words) in QUESTIONS.items():
        box.ctl(*words, "--debug-solver", cases / f"{name}.case", expect=code)
    told = replay(cases)
    for name in QUESTIONS:
        assert f" /solve/{name}\n" in told, told
    upgrade = (cases / "upgrade_all.case").read_text()
    assert "\nlocked HybridBackup\n" in upgrade and f"\n= upgrade QVPN {OLD['QVPN']} -> {NEW['QVPN']} (asked for)\n" in upgrade
    assert "\n= conflict: MediaLibrary is needed by PhotoStation" in (cases / "a_removal_that_breaks_another.case").read_text()
    assert f"\nrequest upgrade QVPN={NEW['QVPN']}\n" in (cases / "security_only.case").read_text()


def test_a_case_with_another_answer_fails(box, cases):
    """The replay looks: the same text with one version changed is no case that passes."""
    case = cases / "upgrade_all.case"
    box.ctl("upgrade", "--dry-run", "--debug-solver", case)
    case.write_text(case.read_text().replace(f"-> {NEW['QVPN']} (asked for)", "-> 9.9 (asked for)"))
    told = replay(cases, expect=1)
    assert "assertion failed" in told and "-> 9.9 (asked for)" in told, told


def test_an_archive_brought_by_hand_stands_in_its_case(box, session, cases):
    archive = session.packages["HybridBackup", NEW["HybridBackup"]]
    box.ctl("install", archive, "--trust-sha256", lab.sha256(archive), "--dry-run", "--debug-solver", cases / "by_hand.case")
    text = (cases / "by_hand.case").read_text()
    assert "\noption file\n" in text and f"available HybridBackup {NEW['HybridBackup']}" in text and "; file" in text
    replay(cases)


def test_the_file_is_the_clients_to_write(box, cases):
    """Nowhere else than where appctl was told, and what asks no solver writes nothing."""
    assert "makes no plan" in box.ctl("refresh", "--debug-solver", cases / "x", expect=2).stderr
    assert "makes no plan" in box.ctl("stop", "QVPN", "--debug-solver", cases / "x", expect=2).stderr
    last = str(box.json("history")["transactions"][0]["id"])
    assert "the solver had no part in this" in box.ctl("undo", last, "--dry-run", "--debug-solver", cases / "x").stderr
    assert list(cases.iterdir()) == []
    refused = box.ctl("upgrade", "--dry-run", "--debug-solver", cases / "no-such-folder" / "x", expect=1)
    assert "--debug-solver: " in refused.stderr, refused.stderr
