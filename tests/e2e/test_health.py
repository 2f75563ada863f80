"""What counts as healthy, each way good and bad, and what follows from a bad one: back to the old version, and a veto that waits longer
each time, that an admin may pass over and a newer version ends."""
import os
import re
import time
from pathlib import Path

import nas as lab
import pytest
from stock import add_repository

APP = "Pulse"
HOUR = 3600
BACK_OFF_HOURS = (8, 12, 24, 48, 96, 168, 336)
PID_FILE = "/var/run/pulse.pid"

# A daemon that writes its pid file and runs what is in its first word; python3 answers, sleep is merely alive.
SCRIPT = """#!/bin/sh
pid="$APPCENTER_ROOT{pid}"
mkdir -p "${{pid%/*}}"
case "$1" in
start) {start} ;;
stop) [ -e "$pid" ] && kill "$(cat "$pid")" 2>/dev/null; rm -f "$pid" ;;
esac
exit 0
"""
DAEMON = '{program} >/dev/null 2>&1 </dev/null & echo $! > "$pid"'
SERVER = """import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/well" else 500); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
SERVE = DAEMON.format(program='python3 "$SYS_QPKG_DIR/server.py" $PORT')
SLEEP = DAEMON.format(program="sleep 600")

# name: keys of qpkg.cfg and the start of a good version; the same of a bad one, and its sentence. {port} is put in.
PID = {"QPKG_SERVICE_PIDFILE": PID_FILE}
PORT = {**PID, "QPKG_SERVICE_PORT": "{port}"}
KINDS = {
    "exit code": (({}, "exit 0"), ({}, "echo no licence; exit 3"), r"start: \S+: ended with exit code 3: no licence"),
    "timeout": (({"QPKG_TIMEOUT": "5,5"}, "sleep 0.1"), ({"QPKG_TIMEOUT": "1,1"}, "sleep 60"), r"did not end within 1 s"),
    "pid": ((PID, SLEEP), (PID, "rm -f \"$pid\"; sleep 600 & exit 0"), rf"no process of its pid file {PID_FILE}"),
    "settle": ((PID, SLEEP), (PID, DAEMON.format(program="sleep 0.5")), r"it ended \S+ s after its start"),
    "port": (({**PORT, "APPCENTER_HEALTH": "port"}, SERVE), ({**PORT, "APPCENTER_HEALTH": "port"}, SLEEP),
             r"nothing answers on its port \d+"),
    "exec": (({"APPCENTER_HEALTH": "exec:bin/well"}, "exit 0"), ({"APPCENTER_HEALTH": "exec:bin/sick"}, "exit 0"),
             r"health: sick: ended with exit code 7: my disk is gone"),
    "http": (({**PORT, "APPCENTER_HEALTH": "http:/well"}, SERVE), ({**PORT, "APPCENTER_HEALTH": "http:/sick"}, SERVE),
             r"GET /sick on port \d+: wanted a status 2xx, found 500"),
}


def package(vendor, base, version, keys, start, port=0):
    """An archive of that app: keys of its qpkg.cfg, and what its script does at start."""
    source = base / f"src-{version}"
    (source / "shared" / "bin").mkdir(parents=True)
    all_keys = {"QPKG_NAME": APP, "QPKG_VER": version, "QPKG_AUTHOR": "tests", "QPKG_SERVICE_PROGRAM": "pulse.sh", **keys}
    (source / "qpkg.cfg").write_text("".join(f'{key}="{value.format(port=port)}"\n' for key, value in all_keys.items()))
    (source / "package_routines").write_text("")
    scripts = {"pulse.sh": SCRIPT.format(pid=PID_FILE, start=start.replace("$PORT", str(port))), "server.py": SERVER,
               "bin/well": "#!/bin/sh\nexit 0\n", "bin/sick": "#!/bin/sh\necho my disk is gone\nexit 7\n"}
    for name, text in scripts.items():
        (source / "shared" / name).write_text(text)
        (source / "shared" / name).chmod(0o755)
    return vendor.pack(source, base / f"{APP}_{version}.qpkg")


@pytest.fixture
def pulse(make_nas, vendor, web, tmp_path):
    """A NAS with that app in a first version; a way to publish further ones."""
    port = lab.free_port()

    def publish(version, keys, start):
        vendor.add(package(vendor, tmp_path, version, keys, start, port))
        vendor.publish()

    def make(keys, start, **settings):
        publish("1.0", keys, start)
        box = make_nas(**{"updates__other": "notify", "network__poll": "1h", "safety__health_settle": "1s",
                          "safety__health_timeout": "4s", **settings})
        box.start()
        add_repository(box, vendor, web)
        box.ctl("install", f"{APP}=1.0", "--yes")
        return box

    make.publish = publish
    return make


def state(box):
    app = box.app(APP)
    return app["version"], app["state"]


def vetoes(box):
    return box.sql("SELECT version, n_failures, until FROM veto")


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_version_stays_and_a_bad_one_goes_back(pulse, kind):
    good, bad, sentence = KINDS[kind]
    box = pulse(*good)
    ran = state(box)[1]
    pulse.publish("2.0", *good)
    pulse.publish("3.0", *bad)
    box.ctl("refresh")
    box.ctl("upgrade", f"{APP}=2.0", "--yes")
    assert state(box) == ("2.0", ran) and not vetoes(box)
    done = box.ctl("upgrade", f"{APP}=3.0", "--yes", expect=10)
    assert re.search(sentence, done.stderr), done.stderr
    assert state(box) == ("2.0", ran)
    newest = box.json("history")["transactions"][0]
    assert (newest["result"], newest["error"]["code"]) == ("rolled_back", "health")
    assert [row[:2] for row in vetoes(box)] == [("3.0", 1)]


def sick(pulse, **settings):
    """1.0 runs, 2.0 is on offer and never becomes healthy."""
    good, bad, _ = KINDS["exec"]
    box = pulse(*good, **{"safety__health_timeout": "1s", "safety__health_settle": "0s", **settings})
    pulse.publish("2.0", *bad)
    box.ctl("refresh")
    return box


def test_a_veto_waits_longer_each_time(pulse):
    box = sick(pulse)
    for n, hours in enumerate((*BACK_OFF_HOURS, BACK_OFF_HOURS[-1]), 1):
        begin = time.time()
        box.ctl("upgrade", f"{APP}=2.0", "--yes", expect=10)  # its number named: an admin may, each time
        (version, n_failures, until), = vetoes(box)
        assert (version, n_failures) == ("2.0", n)
        assert begin - 1 <= until - hours * HOUR <= time.time() + 1, f"after failure {n}: {(until - begin) / HOUR:.2f} h"


def test_list_shows_the_veto_and_upgrade_without_a_number_heeds_it(pulse):
    box = sick(pulse, updates__other="auto")
    box.ctl("upgrade", APP, "--yes", expect=10)
    reason = box.app(APP)["candidate"]["reason"]
    assert reason["code"] == "veto" and "my disk is gone" in reason["message"], reason
    assert "2.0 (rolled back)" in box.ctl("list").stdout
    assert "my disk is gone" in box.ctl("list", "--updates").stdout
    before = len(box.json("history")["transactions"])
    done = box.ctl("upgrade", APP, "--yes", expect=None)
    assert "my disk is gone" in done.stdout + done.stderr, done
    assert len(box.json("history")["transactions"]) == before, "it was tried again"


def test_a_newer_version_is_not_under_the_veto_and_ends_it(pulse):
    box = sick(pulse)
    box.ctl("upgrade", APP, "--yes", expect=10)
    pulse.publish("2.1", *KINDS["exec"][0])
    box.ctl("refresh")
    assert box.app(APP)["candidate"]["version"] == "2.1"
    assert box.app(APP)["candidate"]["reason"]["code"] != "veto"
    box.ctl("upgrade", APP, "--yes")
    assert state(box)[0] == "2.1" and not vetoes(box)


def test_a_repair_that_fails_leaves_no_veto(pulse):
    box = pulse({"APPCENTER_HEALTH": "exec:bin/moody"}, 'printf "#!/bin/sh\\n[ ! -e \\$QPKG_ROOT/ill ] || { echo ill; exit 1; }\\n" '
                '> "$SYS_QPKG_DIR/bin/moody"; chmod 755 "$SYS_QPKG_DIR/bin/moody"')
    (box.app_dir(APP) / "bin/sick").write_text("damaged")
    (box.app_dir(APP) / "ill").write_text("")
    done = box.ctl("verify", "--repair", "--yes", expect=None)
    assert done.returncode == 10 and "ill" in done.stderr, done
    assert not vetoes(box) and box.json("history")["transactions"][0]["result"] == "rolled_back"
    (box.app_dir(APP) / "ill").unlink()
    box.ctl("verify", "--repair", "--yes")
    assert (box.app_dir(APP) / "bin/sick").read_text() != "damaged"


HIDING = {"setsid": "setsid sleep {n} &", "double fork": "( ( sleep {n} & ) & )",
          "nohup": "nohup sleep {n} >/dev/null 2>&1 &", "no environment": "env -i setsid sleep {n} &"}


def groups_permitted():
    """May we make control groups (v2)? Without them nobody knows whose a process without an environment is."""
    own = next((line[3:] for line in Path("/proc/self/cgroup").read_text().split("\n") if line.startswith("0::")), "/")
    mount = next((m for m in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if Path(m, "cgroup.procs").exists()), None)
    return mount is not None and os.access(mount + own, os.W_OK)


def running(words):
    return [proc for proc in Path("/proc").glob("[0-9]*") if (proc / "cmdline").exists() and words in commandline(proc)]


def commandline(proc):
    try:
        return (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""  # it has just ended


@pytest.mark.parametrize("how", HIDING)
def test_nothing_is_left_of_a_script_that_is_ended(pulse, how):
    """It takes longer than its limit and has left a process behind that hides from its group."""
    if how == "no environment" and not groups_permitted():
        pytest.skip("this system lets us make no control group")
    seconds = f"612{lab.free_port()}"
    box = pulse({"QPKG_TIMEOUT": "1,1"}, "exit 0")
    pulse.publish("2.0", {"QPKG_TIMEOUT": "1,1"}, f"{HIDING[how].format(n=seconds)}\nsleep {seconds}")
    box.ctl("refresh")
    done = box.ctl("upgrade", APP, "--yes", expect=10)
    assert "did not end within 1 s" in done.stderr, done.stderr
    assert state(box)[0] == "1.0"
    assert running(f"sleep {seconds}") == [], "something is left of the script"
