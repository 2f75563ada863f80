"""What people are told, by syslog, by a command and by mail: each thing once, also over restarts, and nobody can hold it up."""
import json
import os
import socket
import sqlite3
import time

import nas as lab
import pytest
from stock import NEW, add_repository

HOOK = "#!/bin/sh\nexec 9>>{told}.lock\nflock 9\ncat >>{told}\necho >>{told}\n"
SENDMAIL = '#!/bin/sh\n{{ echo "argv: $*"; cat; echo "----"; }} >>{told}\n'


class Ears:
    """The three ends at which a NAS is heard."""

    def __init__(self, box, tmp_path):
        self.box, self.hook, self.mail = box, tmp_path / "hook.jsonl", tmp_path / "mail.txt"
        (box.root / "dev").mkdir()
        folder = os.open(box.root / "dev", os.O_RDONLY)
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(f"/proc/self/fd/{folder}/log")  # a name of any depth
        self.log.setblocking(False)
        os.close(folder)
        self.lines = []
        self.program("usr/local/bin/told", HOOK.format(told=self.hook))
        self.program("usr/sbin/sendmail", SENDMAIL.format(told=self.mail))

    def program(self, path, text):
        file = self.box.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def events(self):
        lines = self.hook.read_text().splitlines() if self.hook.exists() else []
        return [json.loads(line) for line in lines if line]

    def mails(self):
        return self.mail.read_text().split("----\n")[:-1] if self.mail.exists() else []

    def syslog(self):
        while True:
            try:
                self.lines.append(self.log.recv(65536).decode())
            except BlockingIOError:
                return self.lines

    def wait(self, *kinds, seconds=30):
        """Until exactly these were told at every end, in any order."""
        def all_there():
            mails = sorted(mail.split("Subject: ")[1].splitlines()[0].rsplit(": ", 1)[1] for mail in self.mails())
            return sorted(e["event"] for e in self.events()) == mails == sorted(kinds) and len(self.syslog()) == len(kinds)
        try:
            lab.wait_for(f"to hear {kinds}", all_there, seconds)
        except AssertionError:
            raise AssertionError(f"wanted {kinds}, heard {self.events()}, {self.mails()}, {self.syslog()}") from None


@pytest.fixture
def listening(make_nas, vendor, web, tmp_path):
    made = []

    def make(**settings):
        box = make_nas(**{"notify__on": "change,failure,deadline,stale", "notify__command": "/usr/local/bin/told",
                          "notify__mail": "owner@example.com", "updates__security": "notify", "updates__other": "notify",
                          "network__poll": "1h", **settings})
        ears = Ears(box, tmp_path)
        made.append(ears)
        box.start()
        add_repository(box, vendor, web)
        return box, ears

    yield make
    for ears in made:
        ears.log.close()


def test_a_change_and_a_failure_are_told_once_at_every_end(listening, session, vendor):
    nas, ears = listening()
    nas.ctl("install", "QVPN=3.0", "--yes")
    ears.wait("change")
    event, = ears.events()
    assert event["schema"] == "appctl.notice/1" and event["message"] == "done: install QVPN 3.0"
    assert event["transaction"]["result"] == "done" and event["transaction"]["changes"][0]["app"] == "QVPN"
    mail, = ears.mails()
    assert mail.startswith("argv: -i -- owner@example.com\nTo: owner@example.com\nSubject: App Center on ")
    assert "\n\ndone: install QVPN 3.0\n" in mail
    line, = ears.syslog()
    assert line.startswith("<30>") and "appcenterd[" in line and line.endswith("change: done: install QVPN 3.0")
    nas.ctl("install", "BrokenStart=1.0", "--yes")
    vendor.add(session.packages["BrokenStart", NEW["BrokenStart"]])
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("upgrade", "BrokenStart", "--yes", expect=10)
    ears.wait("change", "change", "failure")
    failure = next(e for e in ears.events() if e["event"] == "failure")
    assert failure["message"].startswith("rolled back: upgrade BrokenStart 1.0 -> 1.1: ")
    assert next(line for line in ears.syslog() if "failure" in line).startswith("<27>")
    nas.stop()
    nas.start()
    nas.ctl("hold", "QVPN")
    time.sleep(2)
    ears.wait("change", "change", "failure")
    assert nas.sql("SELECT count(*) FROM notice WHERE is_told = 0") == [(0,)]


@pytest.mark.parametrize("within, told", [("30m", "deadline-1h"), ("20h", "deadline-24h"), ("3d", None)])
def test_a_deadline_that_comes_near_is_told_once(listening, session, vendor, within, told):
    nas, ears = listening(notify__on="deadline")
    nas.ctl("install", "QVPN=3.0", "--yes")
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    vendor("urgent", vendor.repo, "QVPN=3.1", "--class", "critical", "--install-within", within, "--curve", "0m:100%")
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("refresh")
    kinds = [told] if told else []
    ears.wait(*kinds)
    for event in ears.events():
        assert (event["app"], event["version"], event["class"]) == ("QVPN", "3.1", "critical")
        assert event["deadline"] == nas.app("QVPN")["candidate"]["deadline"]
        assert event["message"].startswith("QVPN 3.1 (critical) reaches its deadline in ")
    nas.stop()
    nas.start()
    nas.ctl("hold", "QVPN")
    time.sleep(2)
    ears.wait(*kinds)


def age(nas, seconds):
    """As if the last timestamp, good for a day, had come so long ago."""
    db = sqlite3.connect(nas.root / "var/lib/appcenter/state.db")
    with db:
        now = int(time.time())
        db.execute("UPDATE repository SET signed_at = ?, expires_at = ?", (now - seconds, now - seconds + 86400))
    db.close()


def test_a_repository_without_news_for_twice_its_life_is_an_alarm(listening, web):
    nas, ears = listening()
    web.stop()
    for seconds, kinds in ((2 * 86400 - 600, []), (2 * 86400 + 600, ["stale"])):
        nas.stop()
        age(nas, seconds)
        nas.start()
        time.sleep(2)
        ears.wait(*kinds)
    event, = ears.events()
    assert event["repository"] == "vendor" and "keeping updates from this NAS" in event["message"]
    assert nas.json("status")["repositories"][0]["stale"] is True
    nas.stop()
    nas.start()
    nas.ctl("hold", "--for", "1h")
    time.sleep(2)
    ears.wait("stale")


def test_only_what_is_wanted_is_told_and_nothing_of_it_later(listening):
    nas, ears = listening(notify__on="failure")
    nas.ctl("install", "QVPN=3.0", "--yes")
    nas.ctl("config", "set", "notify.on", "change,failure")
    nas.ctl("remove", "QVPN", "--yes")
    ears.wait("change")
    assert "remove QVPN" in ears.events()[0]["message"]


def test_a_hook_that_hangs_hurts_nothing(listening):
    """The daemon answers, changes apps and ends at once; what the hook did not hear it hears from the next daemon."""
    nas, ears = listening(notify__mail="")
    ears.program("usr/local/bin/told", "#!/bin/sh\nsleep 600\n")
    nas.ctl("install", "QVPN=3.0", "--yes")
    assert nas.json("status")["installed"] == 1
    nas.ctl("install", "HybridBackup=1.0", "--yes")
    start = time.monotonic()
    nas.stop()
    assert time.monotonic() - start < 10
    ears.program("usr/local/bin/told", HOOK.format(told=ears.hook))
    nas.start()
    lab.wait_for("both changes", lambda: len(ears.events()) >= 2, 30)
    assert [e["message"] for e in ears.events()] == ["done: install QVPN 3.0", "done: install HybridBackup 1.0"]


def test_a_hook_that_is_not_there_and_a_box_without_mail_and_syslog_are_said_in_the_log(make_nas, vendor, web):
    nas = make_nas(notify__on="change", notify__command="/nowhere/told", notify__mail="owner@example.com", updates__other="notify")
    nas.start()
    add_repository(nas, vendor, web)
    nas.ctl("install", "QVPN=3.0", "--yes")
    lab.wait_for("the log", lambda: "no sendmail here" in nas.log(), 20)
    assert "cannot start /nowhere/told" in nas.log() and "change: done: install QVPN 3.0" in nas.log()
    assert nas.ctl("status").returncode == 0



def test_once_tells_before_it_ends(listening, session, vendor):
    """A box that only has cron hears of it, too."""
    nas, ears = listening(updates__security="auto", updates__other="auto")
    nas.ctl("install", "QVPN=3.0", "--yes")
    ears.wait("change")
    nas.stop()
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    vendor("urgent", vendor.repo, "QVPN=3.1", "--curve", "0m:100%")
    vendor.publish()
    lab.run([lab.program("appcenterd"), "--root", nas.root, "--once"], env=nas.env)
    ears.wait("change", "change")


def test_the_history_of_an_older_state_is_no_news(listening):
    """A state of the schema before notices: what was done then is told to nobody, what comes is."""
    nas, ears = listening(notify__on="")
    nas.ctl("install", "QVPN=3.0", "--yes")
    nas.stop()
    db = sqlite3.connect(nas.root / "var/lib/appcenter/state.db")
    with db:
        db.execute("DROP TABLE notice")
        db.execute("PRAGMA user_version = 2")
    db.close()
    nas.configure(lab.config(notify__on="change", notify__command="/usr/local/bin/told", notify__mail="owner@example.com",
                             updates__other="notify", network__poll="1h"))
    nas.start()
    nas.ctl("remove", "QVPN", "--yes")
    ears.wait("change")
    assert ears.events()[0]["message"] == "done: remove QVPN 3.0"
