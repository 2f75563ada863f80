"""Two who want to change the same NAS: queued or refused (exit 7), never both at work."""
import json
import os
import signal
import subprocess
import time

import gate as gates
import judge as judges
import nas as lab
from stock import NEW as NEWEST
from stock import add_repository
from test_kills import WALKS

UPGRADE = WALKS["upgrade"]


def hold(box, *command, app="MediaLibrary", step="DATA"):
    """A command whose job is held in the middle of a switch; its pid."""
    box.gate.hold_at(gates.Stop(gates.at("do", app, step, "begin")))
    box.ask(*command)
    return box.gate.wait()


def stray_env(box):
    """For a job that is no business of the gate."""
    return {key: value for key, value in box.nas.env.items() if key != "TEST_GATE"}


def test_the_second_upgrade_waits_for_the_first_and_finds_nothing_to_do(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        hold(box, "upgrade")
        second = subprocess.Popen([lab.program("appctl"), "--root", str(box.nas.root), "upgrade", "--yes"],
                                  env=box.nas.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            queued = lab.wait_for("the second job", lambda: box.nas.sql("SELECT id FROM job WHERE state = 'queued'"), 20)
            time.sleep(1)  # every chance to begin beside the first
            assert box.nas.sql("SELECT id FROM job WHERE state = 'queued'") == queued
            assert box.nas.sql("SELECT count(*) FROM txn WHERE result IS NULL") == [(1,)]
            assert len(box.judge.jobs()) == 1
            assert box.nas.ctl("upgrade", "--yes", "--no-wait", expect=7).returncode == 7
            box.gate.release()
            code, words = box.answer()
            assert code == 0, words
            said, _ = second.communicate(timeout=60)
        finally:
            lab.end(second)
        assert (second.returncode, said.strip()) == (0, "nothing to do")
        assert box.verdict() == "new"
        assert len(box.nas.sql("SELECT id FROM txn")) == 2, "the install and one upgrade"


def test_two_at_the_very_same_time_make_one_upgrade(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        argv = [lab.program("appctl"), "--root", str(box.nas.root), "upgrade", "--yes"]
        both = [subprocess.Popen(argv, env=box.nas.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
                for _ in range(2)]
        said = [client.communicate(timeout=90)[0] for client in both]
        assert [client.returncode for client in both] == [0, 0], said
        assert box.verdict() == "new"
        assert len(box.nas.sql("SELECT id FROM txn")) == 2


def test_a_job_that_is_started_by_hand_waits_for_the_lock(stock):
    """The engine's own lock: even a second engine that no daemon knows of does nothing beside the first."""
    with stock.box("old", UPGRADE.worlds) as box:
        hold(box, "upgrade")
        stray = subprocess.Popen([lab.program("appcenter-job"), "--root", str(box.nas.root)], env=stray_env(box), text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            stray.stdin.write(json.dumps({"action": "upgrade", "request": {"apps": [], "options": {}}}))
            stray.stdin.close()
            note = json.loads(stray.stdout.readline())
            assert note["event"] == "note" and "waits for a job" in note["text"], note
            time.sleep(1)
            assert stray.poll() is None
            assert box.nas.sql("SELECT count(*) FROM txn WHERE result IS NULL") == [(1,)]
            box.gate.release()
            lines = [json.loads(line) for line in stray.stdout]
            assert stray.wait(60) == 0
        finally:
            lab.end(stray)
        assert lines[-1]["transactions"] == [], "nothing was left to do"
        assert not any(line["event"] == "step" for line in lines)
        assert box.verdict() == "new"


def test_a_job_that_waits_for_the_lock_can_be_cancelled(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        hold(box, "upgrade")
        stray = subprocess.Popen([lab.program("appcenter-job"), "--root", str(box.nas.root)], env=stray_env(box), text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            stray.stdin.write(json.dumps({"action": "recover"}))
            stray.stdin.close()
            stray.stdout.readline()
            stray.send_signal(signal.SIGTERM)
            result = json.loads(stray.stdout.readline())
            assert stray.wait(20) == 1
        finally:
            lab.end(stray)
        assert (result["event"], result["code"]) == ("result", "cancelled")
        box.gate.release()
        assert box.answer()[0] == 0
        assert box.verdict() == "new"


def test_an_upgrade_waits_for_the_schedulers_job(make_nas, session, vendor, web):
    """An emergency installs itself; the admin who asks for the same in the middle of it gets in line."""
    nas = make_nas()
    gate = gates.Gate(nas)
    try:
        nas.start()
        add_repository(nas, vendor, web)
        nas.ctl("install", "PhotoStation", "--yes")
        gate.hold_at(gates.Stop(gates.at("do", "PhotoStation", "SWAP", "begin")))
        vendor.add(*(session.packages[app, NEWEST[app]] for app in ("MediaLibrary", "PhotoStation")))
        vendor("urgent", vendor.repo, f"PhotoStation={NEWEST['PhotoStation']}", "--advisory", "QSA-22-24", "--reason",
               "exploited", "--curve", "0m:100%")
        vendor.publish()
        gate.wait()
        client = subprocess.Popen([lab.program("appctl"), "--root", str(nas.root), "upgrade", "PhotoStation", "--yes"],
                                  env=nas.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            lab.wait_for("the admin's job", lambda: nas.sql("SELECT id FROM job WHERE state = 'queued'"), 20)
            running = nas.sql("SELECT action FROM job WHERE state = 'running'")
            assert running == [("auto",)]
            gate.release()
            said, _ = client.communicate(timeout=60)
        finally:
            lab.end(client)
        assert client.returncode == 0 and "nothing to do" in said, said
        triggers = [t["trigger"] for t in nas.json("history")["transactions"]]
        assert triggers == ["emergency", "admin"]
    finally:
        gate.release()
        nas.stop()
        gate.close()


def test_the_scheduler_waits_for_the_admins_job(make_nas, session, vendor, web):
    nas = make_nas()
    gate = gates.Gate(nas)
    try:
        nas.start()
        add_repository(nas, vendor, web)
        nas.ctl("install", "PhotoStation", "--yes")
        gate.hold_at(gates.Stop(gates.at("do", "QVPN", "READY", "begin")))
        client = subprocess.Popen([lab.program("appctl"), "--root", str(nas.root), "install", "QVPN", "--yes"],
                                  env=nas.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            gate.wait()
            vendor.add(*(session.packages[app, NEWEST[app]] for app in ("MediaLibrary", "PhotoStation")))
            vendor("urgent", vendor.repo, f"PhotoStation={NEWEST['PhotoStation']}", "--advisory", "QSA-22-24",
                   "--reason", "exploited", "--curve", "0m:100%")
            vendor.publish()
            time.sleep(3)  # three polls' time
            assert nas.sql("SELECT action FROM job WHERE state IN ('running', 'queued')") == [("install",)]
            gate.release()
            assert client.wait(60) == 0
        finally:
            lab.end(client)
        lab.wait_for("the fix", lambda: nas.app("PhotoStation")["version"] == NEWEST["PhotoStation"], 60, every=0.5)
    finally:
        gate.release()
        nas.stop()
        gate.close()


def test_a_second_daemon_is_refused_while_a_job_runs(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        hold(box, "upgrade")
        for mode in ("--foreground", "--once"):
            done = lab.run([lab.program("appcenterd"), "--root", box.nas.root, mode], expect=7, env=box.nas.env)
            assert "another appcenterd" in done.stderr
        box.gate.release()
        assert box.answer()[0] == 0
        assert box.verdict() == "new"


def test_a_new_daemon_does_nothing_beside_the_job_of_a_dead_one(stock):
    """The daemon dies, its job is alive and slow; the next daemon's recovery must not undo it under its hands."""
    with stock.box("old", UPGRADE.worlds) as box:
        pid = hold(box, "upgrade", app="PhotoStation")
        os.kill(pid, signal.SIGSTOP)
        box.kill_daemon()
        log = len(box.nas.log())
        with open(box.nas.root.parent / "nas.log", "ab") as out:
            box.nas.daemon = subprocess.Popen([lab.program("appcenterd"), "--root", str(box.nas.root), "--foreground"],
                                              env=box.nas.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            lab.wait_for("its recovery", lambda: len(box.judge.jobs()) == 2, 20)
            time.sleep(1)
            assert box.nas.sql("SELECT DISTINCT state FROM journal WHERE txn_id = 2 AND state LIKE 'und%'") == []
            assert box.nas.sql("SELECT result FROM txn WHERE id = 2") == [(None,)]
        finally:
            os.kill(pid, signal.SIGCONT)
            box.gate.release()
        lab.wait_for("the door", box.nas.answers, 60)
        code, words = box.answer()
        assert code == 0, f"{words}\n{box.nas.log()[log:]}"
        assert box.verdict() == "new"
        assert judges.newest(box.nas)["result"] == "done"
