"""Policy under clocks that are not today's: windows, deadlines and blackouts as they come, the nights in which clocks change,
a box that was off or asleep, and clocks that are wrong."""
import calendar
import os
import time

import nas as lab
import pytest
from stock import NEW, OLD, add_repository

FAKETIME = next(iter(lab.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
HOUR = 3600

pytestmark = [
    pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed"),
    pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="a sanitizer wants to be the first library, and so does faketime"),
]


def seconds(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


class Clock:
    """A clock of its own for programs that get its environment; it can be set while they run."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.set_offset(0)
        self.env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(path), "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set_offset(self, offset):
        self.offset = int(offset)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{self.offset:+d}\n")
        fresh.rename(self.path)

    def set(self, text):
        self.set_offset(seconds(text) - time.time())

    def forward(self, by_s):
        self.set_offset(self.offset + by_s)

    def now(self):
        return time.time() + self.offset


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "clock")


@pytest.fixture
def make_timed(make_nas, vendor, web, clock):
    """A running NAS on that clock, with QVPN's old version."""
    def make(**settings):
        box = make_nas(**settings)
        box.env.update(clock.env)
        box.start()
        add_repository(box, vendor, web)
        box.ctl("install", f"QVPN={OLD['QVPN']}", "--yes")
        return box
    return make


def publish(vendor, session, cls, clock=None):
    """The new version as a fix of that class, which all boxes may have at once; with the clock given."""
    def run(*args):
        lab.run([lab.program("appvendor"), *args], env=dict(os.environ, **clock.env) if clock else None)
    run("add", vendor.repo, session.packages["QVPN", NEW["QVPN"]])
    run("urgent", vendor.repo, f"QVPN={NEW['QVPN']}", "--class", cls, "--advisory", "QSA-22-24", "--reason", "exploited",
        "--curve", "0m:100%", "--install-within", "14d" if cls == "critical" else "12h")
    run("publish", vendor.repo, "--keys", vendor.keys)


def republish(vendor, clock):
    """What is there, signed at the clock's time."""
    lab.run([lab.program("appvendor"), "publish", vendor.repo, "--keys", vendor.keys], env=dict(os.environ, **clock.env))


def offer(box):
    return box.app("QVPN")["candidate"]


def wait_for_code(box, code):
    lab.wait_for(f"the reason {code}", lambda: (offer(box) or {}).get("reason", {}).get("code") == code, 45, every=0.3)
    return offer(box)


def wait_until_installed(box):
    lab.wait_for("the new version", lambda: box.app("QVPN")["version"] == NEW["QVPN"], 60, every=0.3)
    done = next(t for t in box.json("history")["transactions"] if t["result"] == "done")
    return done["trigger"], seconds(done["started_at"])


def stays(box, wait_s=3):
    """It had every chance (a poll each second) and did nothing."""
    time.sleep(wait_s)
    return box.app("QVPN")["version"] == OLD["QVPN"]


def window_in(clock, hours):
    """A window of an hour that opens in so many hours."""
    start = time.gmtime(clock.now() + hours * HOUR)
    return f"{start.tm_hour:02d}:{start.tm_min:02d}-{(start.tm_hour + 1) % 24:02d}:{start.tm_min:02d}"


def test_a_fix_waits_for_its_window_and_goes_in_when_it_opens(make_timed, session, vendor, clock):
    box = make_timed(window__timer=window_in(clock, 3))
    publish(vendor, session, "critical")
    at = seconds(wait_for_code(box, "window")["at"])
    assert stays(box)
    assert seconds(box.json("status")["window"]["next_start"]) == at
    clock.forward(at - clock.now() + 5)
    trigger, began = wait_until_installed(box)
    assert trigger == "window" and at <= began < at + HOUR


def test_a_deadline_leaves_the_window(make_timed, session, vendor, clock):
    box = make_timed(window__timer=window_in(clock, 8), updates__deadline_critical="2h")
    publish(vendor, session, "critical")
    wanted = wait_for_code(box, "deadline")
    assert wanted["verdict"] == "at" and wanted["at"] == wanted["deadline"]
    assert stays(box)
    clock.forward(2 * HOUR + 5)
    trigger, began = wait_until_installed(box)
    assert trigger == "deadline" and began >= seconds(wanted["deadline"])


def test_a_window_that_was_missed_is_made_up_for_by_the_deadline(make_timed, session, vendor, clock):
    box = make_timed(window__timer=window_in(clock, 2), updates__deadline_critical="5h")
    publish(vendor, session, "critical")
    wait_for_code(box, "window")
    box.stop()
    clock.forward(6 * HOUR)  # off through its window
    box.start()
    trigger, _ = wait_until_installed(box)
    assert trigger == "deadline"


def test_a_box_that_slept_through_its_window_notices_when_it_wakes(make_timed, session, vendor, clock):
    box = make_timed(window__timer=window_in(clock, 2), updates__deadline_critical="5h")
    publish(vendor, session, "critical")
    wait_for_code(box, "window")
    clock.forward(6 * HOUR)  # the daemon runs on and has noticed nothing of that time
    trigger, _ = wait_until_installed(box)
    assert trigger == "deadline"
    assert "the box slept or its clock was set" in box.log()


def test_a_blackout_holds_what_is_overdue_until_its_end(make_timed, session, vendor, clock):
    today = time.strftime("%Y-%m-%d", time.gmtime(clock.now() + 24 * HOUR))
    clock.set(f"{today}T10:00:00")
    republish(vendor, clock)
    box = make_timed(window__timer="02:00-03:00", window__blackout=f"{today}..{today}", updates__deadline_critical="2h")
    publish(vendor, session, "critical", clock)
    at = seconds(wait_for_code(box, "blackout")["at"])
    assert at == seconds(f"{today}T00:00:00") + 24 * HOUR
    clock.forward(3 * HOUR)
    assert stays(box) and offer(box)["reason"]["code"] == "blackout"
    clock.forward(at - clock.now() + 5)
    trigger, began = wait_until_installed(box)
    assert trigger == "deadline" and began >= at


def test_a_blackout_does_not_hold_an_emergency(make_timed, session, vendor, clock):
    days = [time.strftime("%Y-%m-%d", time.gmtime(clock.now() + day * 24 * HOUR)) for day in (-1, 1)]
    box = make_timed(window__blackout="..".join(days))
    publish(vendor, session, "emergency")
    assert wait_until_installed(box)[0] == "emergency"


@pytest.mark.parametrize("noon, opens, closes", [
    ("2027-03-27T12:00:00", "2027-03-28T01:00:00", "2027-03-28T02:00:00"),  # 02:30 is not there: from 03:00 on
    ("2027-10-30T12:00:00", "2027-10-31T00:30:00", "2027-10-31T01:30:00"),  # 02:30 is there twice: the first one
])
def test_in_the_nights_of_the_clock_change_the_window_opens_once(make_timed, session, vendor, clock, noon, opens, closes):
    clock.set(noon)
    republish(vendor, clock)
    box = make_timed(window__timer="02:30-03:30", window__timezone="Europe/Berlin")
    publish(vendor, session, "critical", clock)
    assert seconds(wait_for_code(box, "window")["at"]) == seconds(opens)
    window = box.json("status")["window"]
    assert (window["next_start"][:19], window["next_end"][:19]) == (opens, closes)
    clock.set_offset(seconds(opens) - 60 - time.time())
    assert stays(box)
    clock.set_offset(seconds(opens) + 5 - time.time())
    trigger, began = wait_until_installed(box)
    assert trigger == "window" and seconds(opens) <= began < seconds(closes)


def test_with_the_clock_at_1970_emergencies_still_come(make_timed, session, vendor, clock):
    clock.set("1970-01-01T00:00:10")
    box = make_timed()
    assert box.json("status")["clock"]["ok"] is False
    publish(vendor, session, "emergency")
    assert wait_until_installed(box)[0] == "emergency"
    clock.set_offset(0)
    lab.wait_for("the right clock", lambda: box.json("status")["clock"]["ok"], 20)


def test_a_clock_that_was_at_2038_is_believed_again_once_it_is_right(make_timed, session, vendor, clock):
    box = make_timed()
    box.stop()
    clock.set("2038-01-19T03:14:10")
    box.start()
    publish(vendor, session, "emergency")
    lab.wait_for("a poll", lambda: box.json("status")["repositories"][0]["error"], 30)
    assert stays(box), "what has expired long ago is not believed"
    assert box.app("QVPN")["state"] == "running"
    clock.set_offset(0)
    assert wait_until_installed(box)[0] == "emergency"


def test_a_backup_that_runs_is_not_disturbed_until_it_is_done(make_timed, session, vendor):
    box = make_timed()
    inhibitor = box.root / "run/appcenter/inhibit.d/backup"
    inhibitor.parent.mkdir(parents=True)
    inhibitor.write_text("4h a backup is running\n")
    publish(vendor, session, "emergency")
    wanted = wait_for_code(box, "inhibited")
    assert wanted["reason"]["message"].startswith("waits: a backup is running; until ")
    assert abs(seconds(wanted["at"]) - time.time() - 4 * HOUR) < 120
    assert stays(box) and box.json("status")["protected"] is False
    inhibitor.unlink()
    assert wait_until_installed(box)[0] == "emergency"


def test_a_skip_can_be_taken_back(make_timed, session, vendor):
    box = make_timed()
    box.ctl("skip", f"QVPN={NEW['QVPN']}")
    publish(vendor, session, "emergency")
    wait_for_code(box, "skipped")
    assert stays(box)
    assert ["appctl unskip QVPN=" + NEW["QVPN"]] in box.json("why-not", "QVPN")["solutions"]
    box.ctl("unskip", f"QVPN={NEW['QVPN']}")
    assert wait_until_installed(box)[0] == "emergency"
    assert box.ctl("unskip", f"QVPN={NEW['QVPN']}", expect=3).stderr
