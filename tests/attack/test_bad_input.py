"""Bad words to us: every setting wrong in every way, files that are no configuration, commands that make no sense.

Each is refused with a sentence that names where, what was wanted and what was found; nothing is changed by it, and the
daemon lives.
"""
import os
import random
import signal

import nas as lab
import pytest
from sweep import TORTURE, chance

BIG = str(10**30)
DURATIONS = ["", "x", "-1h", "1 h", "1h30", "1y", "0x10s", "1.5h", BIG + "s", "9223372036854775807d", "1h\tx"]
SIZES = ["", "x", "-1", "1 M", "1Q", "1.5M", "0x10", BIG, "9223372036854775807T"]
CHOICES = ["", "x", "YES", "auto,", "1", "no no", "'yes'", "install\u200b"]
WRONG = {
    "updates.emergency": [*CHOICES, "auto", "off", "Install"],
    "updates.security": [*CHOICES, "install", "yes"],
    "updates.other": [*CHOICES, "install", "yes"],
    "updates.deadline_emergency": [*DURATIONS, "367d", "Never"],
    "updates.deadline_critical": [*DURATIONS, "367d", "never never"],
    "updates.deadline_important": [*DURATIONS, "367d"],
    "updates.allow_downgrade": [*CHOICES, "true", "on", "0"],
    "updates.withdrawn": [*CHOICES, "yes"],
    "updates.min_age": [*DURATIONS, "367d", "never"],
    "window.timer": ["x", "25:00-26:00", "02:00", "02:00-", "2-5", "02:60-03:00", "mon-,02:00-05:00",
                     "someday,02:00-05:00", "02:00-02:00x", ";" * 2000],
    "window.timezone": ["Nowhere/City", "UTC+25", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\tx", "x" * 2000],
    "window.blackout": ["x", "2026-13-01", "2026-02-30..2026-03-01", "2026-12-20..", "2027-01-04..2026-12-20",
                        "20-12-2026..21-12-2026"],
    "network.poll": [*DURATIONS, "0s", "25h"],
    "network.proxy": ["proxy:3128", "ftp://proxy", "http://", "http://a b", 'http://a"b', "javascript://x"],
    "network.metered": [*CHOICES, "true"],
    "network.rate_limit": [*SIZES, "2T"],
    "network.stall": [*DURATIONS, "0s", "2h"],
    "network.allow_http": [*CHOICES, "true"],
    "safety.keep_previous": ["", "x", "-1", "10", "1.0", "0x1", BIG, "1 1"],
    "safety.snapshot": [*CHOICES, "on"],
    "safety.keep_snapshots": [*DURATIONS, "367d"],
    "safety.keep_removed": [*DURATIONS, "367d"],
    "safety.health_timeout": [*DURATIONS, "0s", "2h"],
    "safety.health_settle": [*DURATIONS, "2h"],
    "safety.job_timeout": [*DURATIONS, "0s", "8d"],
    "safety.data_copy_max": [*SIZES, "2T"],
    "safety.reserve": [*SIZES, "2T"],
    "safety.local_max_size": [*SIZES, "2T", "0"],
    "safety.local_max_files": ["", "x", "-1", "0", "1000001", "1.0", "0x1", BIG, "1 1"],
    "safety.local_max_ratio": ["", "x", "-1", "0", "100001", "1.0", "0x1", BIG, "1 1"],
    "notify.on": ["x", "failure;stale", "failure,,stale", "Failure", "failure stale"],
    "notify.mail": ["x", "a b@c", "-oProxy@x", "a@b|c", "<a@b>", "a@b;c"],
    "notify.command": ["notify", "./notify", "~/notify", "/" + "x" * 2000],
    "safety.snapshot_command": ["snapshot", "./snapshot", "~/snapshot", "/" + "x" * 2000],
    "metrics.textfile": ["metrics", "/a/../b", "/a//b", "/a/./b"],
    "host.volume": ["", "share", "/share/..", "/share//x", "/./share"],
    "host.os_version": ["x y", "../5", "5.1;id", "v" * 200],
    "host.arch": ["all", "x86/64", "x 86", "-x", "a" * 200],
    "host.cohort": ["a b", "x" * 65, "../x", "a;b", "\u00fc"],
}


@pytest.fixture
def folder(tmp_path):
    """A root with nothing but a place for the configuration."""
    (tmp_path / "etc/appcenter/appcenter.conf.d").mkdir(parents=True)
    (tmp_path / "etc/appcenter/repos.d").mkdir()
    return tmp_path


def check(folder, expect=14):
    return lab.run([lab.program("appcenterd"), "--root", folder, "--check-config"], expect=expect, timeout=20)


def write(folder, content, name="appcenter.conf"):
    path = folder / "etc/appcenter" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_every_wrong_value_is_refused_with_file_line_and_what_is_allowed(folder, nas):
    settings = {f"{one['section']}.{one['key']}": one for one in nas.json("config", "show")["settings"]}
    assert set(settings) == set(WRONG), "a setting without wrong values, or the other way round"
    accepted = []
    for name, values in WRONG.items():
        section, key = name.split(".")
        for value in values if TORTURE else chance(name).sample(values, 3):
            write(folder, f"# a comment\n[{section}]\n\n{key} = {value}\n")
            done = check(folder, expect=None)
            if done.returncode != 14:
                accepted.append(f"{name} = {value!r}: exit {done.returncode}")
                continue
            assert f"appcenter.conf:4: {name}: " in done.stderr, f"{value!r}: {done.stderr}"
            assert "wanted" in done.stderr and len(done.stderr) < 500, f"{value!r}: {done.stderr}"
            assert not any(ord(c) < 32 for c in done.stderr.rstrip("\n")), f"{value!r}: {done.stderr!r}"
    assert not accepted, "\n".join(accepted)


@pytest.mark.parametrize("text, sentence", (
    ("[updates]\nsecurity\n", "appcenter.conf:2: "),
    ("[updates]\n= auto\n", "appcenter.conf:2: "),
    ("[updates\nsecurity = auto\n", "appcenter.conf:1: "),
    ("security = auto\n", "appcenter.conf:1: "),
    ("[updates]\nsecurity = auto\0\n", "appcenter.conf: wanted utf-8 text"),
    (b"[updates]\nsecurity = \xff\xfe\n", "appcenter.conf: wanted utf-8 text"),
    pytest.param(b"\x7fELF" + bytes(range(256)) * 100, "appcenter.conf: wanted utf-8 text", id="a program"),
    pytest.param(random.Random(7).randbytes(60000), "appcenter.conf: wanted utf-8 text", id="random"),
    pytest.param("# " + "x" * 65536 + "\n", "appcenter.conf: wanted at most 65536 bytes", id="a line too long"),
    pytest.param("\n" * 65537, "appcenter.conf: wanted at most 65536 bytes", id="too many lines"),
    pytest.param("[updates]\nsecurity = " + "x" * 65000 + "\n", "appcenter.conf:2: updates.security: ", id="a long value"),
))
def test_what_is_no_configuration_is_refused(folder, text, sentence):
    write(folder, text)
    done = check(folder)
    assert sentence in done.stderr and len(done.stderr) < 500, done.stderr
    write(folder, "")
    write(folder, text, "appcenter.conf.d/50-mine.conf")
    done = check(folder)
    assert sentence.replace("appcenter.conf", "appcenter.conf.d/50-mine.conf") in done.stderr, done.stderr


@pytest.mark.parametrize("make", (lambda p: p.mkdir(), os.mkfifo, lambda p: p.symlink_to(p.name)),
                         ids=("folder", "fifo", "loop"))
@pytest.mark.parametrize("name", ("appcenter.conf", "appcenter.conf.d/x.conf", "repos.d/x.conf"))
def test_what_is_no_file_is_refused(folder, make, name):
    make(folder / "etc/appcenter" / name)
    done = check(folder, expect=(1, 3, 14))
    assert name in done.stderr, done.stderr


def test_unknown_keys_and_sections_and_keys_said_twice_only_warn(folder):
    write(folder, "[updates]\nsecurty = off\n[windows]\ntimer = x\n[updates]\nother = off\nother = auto\n")
    done = check(folder, expect=0)
    assert "appcenter.conf:7: updates.other stands in this file twice" in done.stderr, done.stderr
    assert "appcenter.conf:2: unknown key updates.securty" in done.stderr, done.stderr
    assert "appcenter.conf:3: " in done.stderr and "windows" in done.stderr, done.stderr


REPOSITORY = {"url": "https://example.org/", "root": "/etc/appcenter/repos.d/x.root.json", "mirrors": "",
              "enabled": "yes", "priority": "50"}
WRONG_REPOSITORY = {
    "url": ["", "x", "ftp://a/", "file://host/x", "file:x", "//a/", "https://a b/", "javascript:alert(1)", "/etc/passwd"],
    "root": ["", "x", "../x"],
    "mirrors": ["x", "https://a/ ftp://b/", "https://a/,b"],
    "enabled": ["", "1", "true", "YES", "yes no"],
    "priority": ["", "x", "-1", "1001", "1.5", BIG, "0x1"],
}


@pytest.mark.parametrize("key", REPOSITORY)
def test_every_wrong_value_of_a_repository_is_refused(folder, key):
    for value in WRONG_REPOSITORY[key]:
        lines = "".join(f"{k} = {value if k == key else v}\n" for k, v in REPOSITORY.items())
        write(folder, "[repository]\n" + lines, "repos.d/mine.conf")
        done = check(folder)
        line = list(REPOSITORY).index(key) + 2
        assert f"repos.d/mine.conf:{line}: repository.{key}: wanted" in done.stderr, f"{value!r}: {done.stderr}"


@pytest.mark.parametrize("text", ("", "[repository]\n", "x\n", "[repository]\nurl\n", "[repository]\nurl = https://a/\0\n",
                                  b"\xff\xfe\x00", b"\x7fELF" + bytes(300), "[repository]\n#" + "x" * 65537),
                         ids=range(8))
def test_what_is_no_repository_is_refused(folder, text):
    write(folder, text, "repos.d/mine.conf")
    assert "repos.d/mine.conf" in check(folder).stderr


def test_a_bad_file_leaves_the_running_daemon_with_the_last_good_one(make_nas):
    nas = make_nas(updates__security="off")
    nas.start()
    good = (nas.root / "etc/appcenter/appcenter.conf").read_bytes()
    for bad, why in ((b"[updates]\nsecurity = x\n", 'found "x"'), (b"\0" * 100, "wanted utf-8"), (b"#" * 70000, "at most"),
                     (random.Random(3).randbytes(5000), "wanted utf-8"), (b"[updates]\nother = \n", 'found ""')):
        (nas.root / "etc/appcenter/appcenter.conf").write_bytes(bad)
        nas.daemon.send_signal(signal.SIGHUP)

        def is_refused():
            warnings = nas.json("status")["warnings"]
            return any(w.startswith("configuration refused: ") and "appcenter.conf" in w and why in w for w in warnings)

        lab.wait_for("the refusal", is_refused, 20)
        assert nas.json("status")["consent"]["security"] == "off"
    nas.stop()
    nas.start()
    assert nas.json("status")["consent"]["security"] == "off", "a restart does not make it worse"
    (nas.root / "etc/appcenter/appcenter.conf").write_bytes(good)
    nas.daemon.send_signal(signal.SIGHUP)
    lab.wait_for("the good one", lambda: not nas.json("status")["warnings"], 20)


# --- the command line ---

ABSURD = (
    (), ("",), ("frobnicate",), ("--frobnicate",), ("status", "--frobnicate"), ("status", "extra"), ("status", "--json=5"),
    ("install",), ("install", ""), ("install", "=1"), ("install", "-"), ("install", "A="), ("install", "A=1 2"),
    ("install", "A=;id"), ("install", "x" * 41), ("install", "A\nB"), ("install", "$(id)"),
    ("install", "A=" + "1" * 200), ("install", "..=1"), ("install", "A", "B.qpkg"), ("install", "x.qpkg", "--trust-sha256", "abc"),
    ("install", "x.qpkg", "--trust-sha256"), ("remove",), ("remove", "\u00fc"), ("rollback",), ("rollback", "A", "B"),
    ("undo",), ("undo", "x"), ("undo", "0"), ("undo", "-1"), ("undo", BIG), ("undo", "1.5"), ("undo", "1", "2"),
    ("hold", "A", "--for", "x"), ("hold", "A", "--for", "-1h"), ("hold", "A", "--until", "tomorrow"),
    ("hold", "A", "--until", "2026-13-40"), ("hold", "A", "--for", "1h", "--until", "2030-01-01"), ("skip",), ("skip", "A"),
    ("skip", "A="), ("history", "show"), ("history", "show", "x"), ("watch", "x"), ("watch", "-5"), ("upgrade", "--wait=x"),
    ("upgrade", "--wait=-1s"), ("upgrade", "--yes=maybe"), ("repo",), ("repo", "add"), ("repo", "add", "x"),
    ("repo", "add", "x", "https://a/"), ("config", "frob"), ("start",), ("start", "A", "B"), ("refresh", "--dry-run"),
    ("completion",), ("completion", "fish"), ("search",), ("info",), ("status", "--socket"),
)


def test_absurd_arguments_are_wrong_use(nas):
    wrong = []
    for words in ABSURD:
        done = nas.ctl(*words, expect=None, timeout=30)
        if done.returncode != 2 or not done.stderr.startswith("appctl: ") or len(done.stderr) > 600:
            wrong.append(f"{words}: exit {done.returncode}: {(done.stdout + done.stderr)[:300]!r}")
    assert not wrong, "\n".join(wrong)
    assert nas.json("history")["transactions"] == []


@pytest.mark.parametrize("program", ("appcenterd", "appcenter-job", "appvendor"))
def test_absurd_arguments_of_the_other_programs(tmp_path, program):
    for words in (("--frobnicate",), ("--root",), ("extra", "words"), ("--root", tmp_path, "extra")):
        done = lab.run([lab.program(program), *words], expect=2, timeout=20)
        assert done.stderr.startswith(program + ": "), done.stderr


GARBAGE = {
    "empty": b"", "one byte": b"\0", "text": b"hello\n", "zeros": bytes(100000), "random": random.Random(5).randbytes(300000),
    "elf": b"\x7fELF" + bytes(5000), "a shell script": b"#!/bin/sh\ntouch /tmp/x\nexit 0\n",
    "only a tail": b"QDK" + bytes(300) + b"QNAPQPKG",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_archive(nas, tmp_path, name):
    file = tmp_path / "x.qpkg"
    file.write_bytes(GARBAGE[name])
    for more in ((), ("--trust-sha256", lab.sha256(file))):
        done = nas.ctl("install", file, "--yes", *more, expect=14)
        assert done.stderr.startswith("appctl: ") and "\0" not in done.stderr, done.stderr
    assert lab.run([lab.program("appvendor"), "inspect", file], expect=14).stderr
    assert nas.json("list")["apps"] == []
    assert not list((nas.root / "var/lib/appcenter/incoming").iterdir()), "the file is not kept"


def test_a_file_that_is_none_is_not_found(nas, tmp_path):
    assert "absent.qpkg" in nas.ctl("install", tmp_path / "absent.qpkg", "--yes", expect=3).stderr
    assert nas.ctl("install", tmp_path, "--yes", expect=(2, 3, 14)).stderr


def test_a_downgrade_without_a_question_needs_yes(nas, session, vendor):
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("install", "QVPN=3.1")
    done = nas.ctl("install", "QVPN=3.0", expect=2)
    assert "3.1" in done.stderr and "--yes" in done.stderr, done.stderr
    assert nas.app("QVPN")["version"] == "3.1"
    nas.ctl("install", "QVPN=3.0", "--yes")
    assert nas.app("QVPN")["version"] == "3.0"
