"""SIGTERM of a job, Ctrl-C of the command that waits for it, DELETE of it, SIGTERM of the daemon: undone the same way."""
import http.client
import json
import os
import signal
import socket

import box as boxes
import gate as gates
import judge as judges
import nas as lab
import pytest
from box import NEW, OLD
from sweep import Sweep
from test_kills import WALKS

UPGRADE = WALKS["upgrade"]


def assert_cancelled(box, code, words):
    assert box.verdict() == "old"
    newest = judges.newest(box.nas)
    assert (newest["result"], newest["error"]["code"]) == ("cancelled", "cancelled"), newest
    assert code == 1 and "cancelled" in words, f"exit {code}: {words}"


def lines_before_the_last_look(walk):
    """A cancel is looked at before each do: behind the last one's beginning it comes too late."""
    lines = [line for line in walk.lines("do") if line[2] not in ("KEEP", walk.steps[-1])]
    return [*lines, walk.cancel] if walk.name == "remove" else lines


@pytest.mark.parametrize("name", WALKS)
def test_sigterm_of_the_job_undoes_what_it_began(stock, name):
    walk = WALKS[name]
    points = [line for line in lines_before_the_last_look(walk) if line[2:] != ("SETUP", "end") or name != "remove"]
    sweep = Sweep("cancel", f"{name}-term", points, sample=1)
    for line in sweep:
        with sweep.at(line), stock.box(walk.template, walk.worlds) as box:
            box.gate.hold_at(gates.Stop(gates.at(*line)))
            box.ask(*walk.command)
            gates.kill(box.gate.wait(), signal.SIGTERM)
            box.gate.release()
            code, words = box.answer()
            assert_cancelled(box, code, words)
    sweep.end()


def test_a_cancel_behind_the_commit_comes_too_late_and_is_told_so(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        box.gate.hold_at(gates.Stop(gates.at("do", "PhotoStation", "KEEP", "begin")))
        box.ask("upgrade")
        gates.kill(box.gate.wait(), signal.SIGTERM)
        box.gate.release()
        code, words = box.answer()
        assert box.verdict() == "new"
        assert code == 0 and judges.newest(box.nas)["result"] == "done", words


@pytest.mark.parametrize("step", ("FETCH", "SWAP", "HEALTH"))
def test_ctrl_c_asks_the_daemon_to_cancel_and_waits_for_the_way_back(stock, step):
    with stock.box("old", UPGRADE.worlds) as box:
        box.gate.hold_at(gates.Stop(gates.at("do", "MediaLibrary", step, "begin")))
        client = box.ask("upgrade")
        box.gate.wait()
        client.send_signal(signal.SIGINT)
        said = []
        for line in client.stdout:
            said.append(line)
            if "asked the daemon to cancel" in line:
                break
        assert client.poll() is None, f"it waits for the job: {said}"
        box.gate.release()
        code, rest = box.answer()
        assert "asked the daemon to cancel" in "".join(said), said
        assert_cancelled(box, code, "".join(said) + rest)


def test_a_second_ctrl_c_leaves_the_job_to_the_daemon(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        box.gate.hold_at(gates.Stop(gates.at("do", "MediaLibrary", "SWAP", "begin")))
        client = box.ask("upgrade")
        box.gate.wait()
        client.send_signal(signal.SIGINT)
        for line in client.stdout:
            if "asked the daemon to cancel" in line:
                break
        client.send_signal(signal.SIGINT)
        code, words = box.answer(20)
        assert code == 1 and "left to the daemon" in words, f"exit {code}: {words}"
        box.gate.release()
        assert box.verdict() == "old"
        assert judges.newest(box.nas)["result"] == "cancelled"


class SocketConnection(http.client.HTTPConnection):
    """HTTP over the daemon's socket, reached through a short name: its path may be longer than an address can be."""

    def __init__(self, nas):
        super().__init__("localhost", timeout=20)
        self.folder = os.open(nas.root / "run/appcenter", os.O_PATH)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(f"/proc/self/fd/{self.folder}/appcenterd.sock")
        os.close(self.folder)


def call(nas, method, path, body=None):
    """(status, JSON) of a request to the daemon."""
    connection = SocketConnection(nas)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def test_delete_of_a_running_job_undoes_it_and_of_one_that_waits_drops_it(stock):
    upgrade = {"action": "upgrade", "apps": [], "options": {}}
    with stock.box("old", UPGRADE.worlds) as box:
        box.gate.hold_at(gates.Stop(gates.at("do", "MediaLibrary", "DATA", "begin")))
        status, first = call(box.nas, "POST", "/v1/apps", upgrade)
        assert status == 202
        box.gate.wait()
        _, second = call(box.nas, "POST", "/v1/apps", upgrade)
        assert call(box.nas, "GET", f"/v1/jobs/{second['job']}")[1]["state"] == "queued"
        assert call(box.nas, "DELETE", f"/v1/jobs/{second['job']}")[0] == 202
        dropped = call(box.nas, "GET", f"/v1/jobs/{second['job']}")[1]
        assert (dropped["state"], dropped["result"]["code"]) == ("cancelled", "cancelled")
        assert call(box.nas, "DELETE", f"/v1/jobs/{first['job']}")[0] == 202
        box.gate.release()
        assert box.verdict() == "old"
        undone = call(box.nas, "GET", f"/v1/jobs/{first['job']}")[1]
        assert (undone["state"], undone["result"]["code"]) == ("cancelled", "cancelled")
        assert [t["result"] for t in undone["result"]["transactions"]] == ["cancelled"]
        assert len(box.nas.sql("SELECT id FROM txn WHERE job_id = ?", second["job"])) == 0, "it never began"
        status, problem = call(box.nas, "DELETE", f"/v1/jobs/{first['job']}")
        assert status == 403 and "is over (cancelled)" in problem["detail"]
        assert call(box.nas, "DELETE", "/v1/jobs/4711")[0] == 404


def test_sigterm_of_the_daemon_undoes_the_job_in_hand(stock):
    with stock.box("old", UPGRADE.worlds) as box:
        box.gate.hold_at(gates.Stop(gates.at("do", "PhotoStation", "SETUP", "begin")))
        box.ask("upgrade")
        box.gate.wait()
        box.nas.daemon.terminate()
        lab.wait_for("the daemon's word", lambda: "ending" in box.nas.log(), 20)
        box.gate.release()
        assert box.nas.daemon.wait(60) == 0
        assert lab.http_get(f"{stock.url}health")[0] == 200, "the old app runs before the daemon is back"
        box.nas.start()
        code, words = box.answer()
        assert_cancelled(box, code, words)


# --- hooks that would go on ---

SLEEPER = """
pkg_post_install() {
    sleep 4711 &
    echo "a hook is at work"
    sleep 4712
    touch "$SYS_QPKG_DIR/hook-went-on"
}
"""


def hang_in_a_hook(source):
    routines = source / "package_routines"
    routines.write_text(routines.read_text() + SLEEPER)


def sleepers(nas):
    return [pid for pid in nas.app_pids() if judges.Judge.command(pid)[:2] in (["sleep", "4711"], ["sleep", "4712"])]


@pytest.mark.parametrize("how", ("killed", "cancelled", "killed with the daemon"))
def test_no_hook_of_a_dead_job_goes_on(nas, session, vendor, photo_url, how):
    nas.ctl("install", *(f"{app}={version}" for app, version in OLD.items()), "--yes")
    slow = session.pack("PhotoStation", NEW["PhotoStation"], change=hang_in_a_hook, out=f"sleeper-{how.replace(' ', '-')}.qpkg")
    vendor.add(session.packages["MediaLibrary", NEW["MediaLibrary"]], slow)
    vendor.publish()
    nas.ctl("refresh")
    packages = [judges.Package(session.base / "src" / f"{app}_{version}.qpkg") for app, version in OLD.items()]
    judge = judges.Judge(nas, packages, {"old": OLD}, photo_url)
    job = nas.json("upgrade", "--yes", "--no-wait")["job"]
    lab.wait_for("the hook", lambda: len(sleepers(nas)) == 2, 30)
    pid, = judge.children()
    if how == "cancelled":
        assert call(nas, "DELETE", f"/v1/jobs/{job}")[0] == 202
    elif how == "killed":
        gates.kill(pid)
    else:
        nas.daemon.kill()
        nas.daemon.wait()
        gates.kill(pid)
        judges.wait_until_dead(pid)
        nas.start()
    judge.settle()
    assert sleepers(nas) == []
    assert judge.verdict() == "old"
    assert judges.newest(nas)["result"] == ("cancelled" if how == "cancelled" else "rolled_back")
    assert not (nas.app_dir("PhotoStation") / "hook-went-on").exists()
