"""Services around a change: what ran before runs after, whoever ended it on the way; dependents stop first and start last."""
import gate as gates
import judge as judges
import nas as lab
import pytest
from stock import add_repository

# The base ends with the client that uses it, as a helper does whose last user says goodbye.
SCRIPT = """#!/bin/sh
run="$APPCENTER_ROOT/var/run"
mkdir -p "$run"
echo "{name} {version} $1" >> "$run/calls.log"
end() {{ [ -e "$run/$1.pid" ] && kill "$(cat "$run/$1.pid")" 2>/dev/null; rm -f "$run/$1.pid"; }}
case "$1" in
start) {start}; sleep 600 >/dev/null 2>&1 </dev/null & echo $! > "$run/{name}.pid" ;;
stop) end {name}; {stop} ;;
esac
exit 0
"""
START_NUMBERS = {"Base": "150", "Client": "101"}  # as if Client were to start first
NEEDS = {("Client", "1.0"): "Base >= 1.0", ("Client", "2.0"): "Base >= 2.0"}


def package(vendor, base, name, version, start=":", stop=":"):
    source = base / f"src-{name}-{version}"
    (source / "shared").mkdir(parents=True)
    keys = {"QPKG_NAME": name, "QPKG_VER": version, "QPKG_AUTHOR": "tests", "QPKG_SERVICE_PROGRAM": "run.sh",
            "QPKG_SERVICE_PIDFILE": f"/var/run/{name}.pid", "QPKG_REQUIRE": NEEDS.get((name, version), ""),
            "QPKG_RC_NUM": START_NUMBERS[name]}
    (source / "qpkg.cfg").write_text("".join(f'{key}="{value}"\n' for key, value in keys.items() if value))
    (source / "package_routines").write_text("")
    (source / "shared/run.sh").write_text(SCRIPT.format(name=name, version=version, start=start, stop=stop))
    (source / "shared/run.sh").chmod(0o755)
    return vendor.pack(source, base / f"{name}_{version}.qpkg")


@pytest.fixture
def couple(make_nas, vendor, web, tmp_path):
    """Client 1.0 and the Base 1.0 that ends with it, both running; 2.0 of both is on offer, which belong together."""
    vendor.add(package(vendor, tmp_path, "Base", "1.0"), package(vendor, tmp_path, "Client", "1.0", stop="end Base"))
    vendor.publish()
    box = make_nas(updates__other="notify", network__poll="1h", safety__health_settle="0s")
    box.start()
    add_repository(box, vendor, web)
    box.ctl("install", "Client", "--yes")

    def offer(**client):
        vendor.add(package(vendor, tmp_path, "Base", "2.0"), package(vendor, tmp_path, "Client", "2.0", **client))
        vendor.publish()
        box.ctl("refresh")
        (box.root / "var/run/calls.log").unlink()
        return box

    return offer


def calls(box):
    return (box.root / "var/run/calls.log").read_text().splitlines()


def states(box):
    return {app["name"]: (app["version"], app["state"]) for app in box.json("list")["apps"]}


def test_what_ran_before_runs_after_though_it_ended_with_another(couple):
    box = couple()
    box.ctl("upgrade", "--yes")
    assert states(box) == {"Base": ("2.0", "running"), "Client": ("2.0", "running")}, calls(box)


def test_what_ran_before_runs_after_an_undo_though_it_ended_with_another(couple):
    box = couple(start="exit 1")
    box.ctl("upgrade", "--yes", expect=10)
    assert states(box) == {"Base": ("1.0", "running"), "Client": ("1.0", "running")}, calls(box)


def test_a_job_that_dies_behind_the_first_stop_leaves_both_running(couple):
    """Base has no row of its own yet; it ended with Client all the same, and Client is not started before it."""
    box = couple()
    gate = gates.Gate(box)
    try:
        box.stop()
        box.start()
        (box.root / "var/run/calls.log").unlink(missing_ok=True)
        gate.hold_at(gates.Stop(gates.at("do", "Client", "STOP", "end")))
        box.ctl("upgrade", "--yes", "--no-wait")
        pid = gate.wait()
        gates.kill(pid)
        judges.wait_until_dead(pid)
        gate.release()
        lab.wait_for("both again", lambda: all(state == ("1.0", "running") for state in states(box).values()), 60)
        started = [line for line in calls(box) if line.endswith("start")]
        assert started == ["Base 1.0 start", "Client 1.0 start"], calls(box)
    finally:
        box.stop()
        gate.close()


def test_an_old_version_that_does_not_start_again_is_shown_and_blocks_nobody(couple, vendor, tmp_path):
    """Its trees are back, so the change is over; a start that fails is the app's, not the transaction's."""
    box = couple(start="exit 1")
    (box.app_dir("Client") / "licence").write_text("expired")
    script = box.app_dir("Client") / "run.sh"
    script.write_text(script.read_text().replace("start)", 'start) [ -e "$SYS_QPKG_DIR/licence" ] && exit 7;'))
    box.ctl("upgrade", "--yes", expect=10)
    newest = box.json("history")["transactions"][0]
    assert (newest["result"], bool(newest["finished_at"])) == ("rolled_back", True)
    assert states(box) == {"Base": ("1.0", "running"), "Client": ("1.0", "failed")}
    assert "does not start" in box.app("Client")["failure"] and "exit code 7" in box.app("Client")["failure"]
    vendor.add(package(vendor, tmp_path, "Client", "3.0"))
    vendor.publish()
    box.ctl("refresh")
    box.ctl("upgrade", "Client=3.0", "--yes")
    assert states(box)["Client"] == ("3.0", "running"), "a failed app ought to run; this is its cure"


@pytest.fixture
def client(make_nas, vendor, web, tmp_path):
    """Client 1.0 over Base 1.0, and a Base 2.0 that does for it as well."""
    def make(start=":"):
        vendor.add(package(vendor, tmp_path, "Base", "1.0"), package(vendor, tmp_path, "Client", "1.0", start=start))
        vendor.publish()
        box = make_nas(updates__other="notify", network__poll="1h", safety__health_settle="0s")
        box.start()
        add_repository(box, vendor, web)
        box.ctl("install", "Client", "--yes")
        vendor.add(package(vendor, tmp_path, "Base", "2.0"))
        vendor.publish()
        box.ctl("refresh")
        (box.root / "var/run/calls.log").unlink()
        return box

    return make


def test_who_needs_what_changes_stops_before_it_and_starts_behind_it(client):
    box = client()
    assert "Client  stops meanwhile: it needs Base" in box.ctl("upgrade", "--dry-run").stdout
    plan = box.json("upgrade", "--dry-run")["sets"][0]
    assert plan["restarts"] == [{"app": "Client", "because": ["Base"]}]
    assert [change["app"] for change in plan["changes"]] == ["Base"]
    done = box.json("upgrade", "--yes")
    assert [change["app"] for change in done["changes"]] == ["Base"], "Client has not changed"
    assert calls(box) == ["Client 1.0 stop", "Base 1.0 stop", "Base 2.0 start", "Client 1.0 start"]
    assert states(box) == {"Base": ("2.0", "running"), "Client": ("1.0", "running")}


def test_who_needs_it_and_does_not_run_is_left_alone(client):
    box = client()
    box.ctl("stop", "Client")
    (box.root / "var/run/calls.log").unlink()
    assert box.json("upgrade", "--dry-run")["sets"][0]["restarts"] == []
    box.ctl("upgrade", "--yes")
    assert calls(box) == ["Base 1.0 stop", "Base 2.0 start"]
    assert states(box) == {"Base": ("2.0", "running"), "Client": ("1.0", "stopped")}


def test_a_version_with_which_its_dependent_does_not_start_goes_back_and_waits(client):
    box = client(start='grep -q "Base 2.0" "$SYS_QPKG_DIR/../Base/run.sh" && exit 1')
    said = box.ctl("upgrade", "--yes", expect=10)
    assert "Client 1.0" in said.stderr
    assert calls(box)[-2:] == ["Base 1.0 start", "Client 1.0 start"]
    assert states(box) == {"Base": ("1.0", "running"), "Client": ("1.0", "running")}
    assert box.sql("SELECT app, version FROM veto") == [("Base", "2.0")], "it is Base that waits, though Client failed"


@pytest.mark.parametrize("app, step", [("Client", "STOP"), ("Base", "SWAP"), ("Client", "START")])
def test_a_job_that_dies_on_the_way_leaves_the_dependent_running(client, app, step):
    box = client()
    gate = gates.Gate(box)
    try:
        box.stop()
        box.start()
        gate.hold_at(gates.Stop(gates.at("do", app, step, "end")))
        box.ctl("upgrade", "--yes", "--no-wait")
        pid = gate.wait()
        gates.kill(pid)
        judges.wait_until_dead(pid)
        gate.release()
        lab.wait_for("the recovery", lambda: box.json("history")["transactions"][0]["result"] == "rolled_back", 60)
        assert states(box) == {"Base": ("1.0", "running"), "Client": ("1.0", "running")}
        assert calls(box)[-1] == "Client 1.0 start"
    finally:
        box.stop()
        gate.close()


def test_at_boot_nobody_starts_before_what_it_needs(client):
    """Though its number in the order of QTS is lower."""
    box = client()
    box.stop()
    box.kill_apps()
    (box.root / "var/run/calls.log").unlink(missing_ok=True)
    box.start()
    lab.wait_for("both", lambda: all(state == ("1.0", "running") for state in states(box).values()), 60)
    assert calls(box) == ["Base 1.0 start", "Client 1.0 start"]
