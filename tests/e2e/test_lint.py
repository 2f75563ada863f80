"""appvendor lint: what is wrong with a package is said before a box says it; nothing of the package is run."""
import json
import shutil

import nas as lab
import pytest


@pytest.fixture
def tree(tmp_path):
    return lab.stage("QVPN", "3.1", tmp_path / "src")


def lint(what, *words, expect=0):
    done = lab.run([lab.program("appvendor"), "lint", what, "--json", *words], expect=expect)
    told = json.loads(done.stdout)
    assert told["schema"] == "appvendor.lint/1"
    assert told["errors"] == sum(one["level"] == "error" for one in told["findings"])
    assert told["warnings"] == sum(one["level"] == "warning" for one in told["findings"])
    assert (told["errors"] > 0) == (expect == 14)
    assert all(one["message"] and one["help"] for one in told["findings"])
    return told["findings"]


def config(tree, **keys):
    """Sets keys of qpkg.cfg; None takes one out."""
    path = tree / "qpkg.cfg"
    lines = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in keys]
    path.write_text("\n".join(lines + [f'{key}="{value}"' for key, value in keys.items() if value is not None]) + "\n")


def test_a_sound_tree_and_a_sound_package_are_sound(session, tree):
    assert lint(tree) == []
    for package in session.packages.values():
        assert [one for one in lint(package) if one["level"] == "error"] == []


ERRORS = {
    "firmware": ("firmware", "no firmware is at least", lambda t: config(t, QTS_MINI_VERSION="5.1", QTS_MAX_VERSION="5.0")),
    "optware": ("requires", "Optware", lambda t: config(t, QPKG_REQUIRE="OPT/openssl")),
    "itself": ("requires", "requires itself", lambda t: config(t, QPKG_REQUIRE="QVPN >= 1")),
    "no service": ("service", "no file of the package", lambda t: config(t, QPKG_SERVICE_PROGRAM="none.sh")),
    "a service that is text": ("service", "neither a script nor a program", lambda t: service(t, "start it\n")),
    "a service with a slip": ("script", "QVPN.sh: ", lambda t: service(t, "#!/bin/sh\nif true; then\n")),
    "carriage returns": ("script", "carriage returns", lambda t: service(t, "#!/bin/sh\r\necho\r\n")),
    "a hook with a slip": ("script", "package_routines: ", lambda t: (t / "package_routines").write_text("pkg_install() {\n")),
    "a port that is not told": ("archive", "needs QPKG_SERVICE_PORT", lambda t: config(t, APPCENTER_HEALTH="http:/x", QPKG_SERVICE_PORT=None)),
    "a probe that is not there": ("health", "none.sh is no file", lambda t: config(t, APPCENTER_HEALTH="exec:none.sh")),
    "a config that is not there": ("archive", "QPKG_CONFIG: etc/none.conf", lambda t: config(t, QPKG_CONFIG="etc/none.conf")),
    "an absolute config that is not there": ("archive", "config/etc/config/x", lambda t: config(t, QPKG_CONFIG="/etc/config/x")),
    "a name that is none": ("archive", "QPKG_NAME", lambda t: config(t, QPKG_NAME="../x")),
    "a requirement that is none": ("archive", "QPKG_REQUIRE", lambda t: config(t, QPKG_REQUIRE="A => 1")),
}


def service(tree, text):
    for path in tree.rglob("QVPN.sh"):
        path.write_bytes(text.encode())


@pytest.mark.parametrize("what", ERRORS)
def test_an_error_is_named_with_what_to_do(tree, what):
    check, words, change = ERRORS[what]
    change(tree)
    found = [one for one in lint(tree, expect=14) if one["level"] == "error"]
    assert [one["check"] for one in found] == [check] and words in found[0]["message"], found


WARNINGS = {
    "a key that nobody knows": ("key", "QPKG_SERVIS_PORT", lambda t: config(t, QPKG_SERVIS_PORT="1")),
    "an extra file": ("extra", "no extra archive", lambda t: config(t, QDK_EXTRA_FILE="extra.txt")),
    "a long name": ("name", "QTS cuts names", lambda t: config(t, QPKG_NAME="A" * 30)),
    "a long version": ("version", "QTS cuts versions", lambda t: config(t, QPKG_VER="3.1.20261123.1")),
    "a conflict with itself": ("conflicts", "conflicts with itself", lambda t: config(t, QPKG_CONFLICT="QVPN < 3")),
    "no probe": ("health", "an app that hangs", lambda t: config(t, APPCENTER_HEALTH=None)),
    "nothing to look at": ("health", "nothing tells", lambda t: config(t, APPCENTER_HEALTH=None, QPKG_SERVICE_PORT=None,
                                                                        QPKG_SERVICE_PIDFILE=None)),
    "no service": ("service", "nothing is started", lambda t: config(t, APPCENTER_HEALTH=None, QPKG_SERVICE_PROGRAM=None)),
    "no summary": ("summary", "not told", lambda t: config(t, QPKG_SUMMARY=None)),
}


@pytest.mark.parametrize("what", WARNINGS)
def test_a_warning_is_no_error(tree, what):
    check, words, change = WARNINGS[what]
    change(tree)
    found = lint(tree)
    assert [one["check"] for one in found] == [check] and words in found[0]["message"], found


def test_an_unsigned_file_and_a_broken_one(tree, tmp_path):
    file = tmp_path / "x.qpkg"
    lab.run([lab.program("appvendor"), "pack", tree, "-o", file])
    found, = lint(file)
    assert (found["level"], found["check"]) == ("warning", "signature")
    file.write_bytes(file.read_bytes()[:-1])
    found, = lint(file, expect=14)
    assert found["check"] == "archive"


def test_nothing_of_the_package_runs(tree, tmp_path):
    mark = tmp_path / "ran"
    (tree / "package_routines").write_text(f"touch {mark}\npkg_install() {{ :; }}\n$(touch {mark})\n")
    service(tree, f"#!/bin/sh\ntouch {mark}\n")
    lint(tree)
    assert not mark.exists()


# --- the way from what is published ---

def test_the_way_from_what_is_published(session, vendor, tree):
    assert lint(tree, "--repo", vendor.repo) == []  # 3.0 is there
    config(tree, QPKG_VER="3.0")
    found, = lint(tree, "--repo", vendor.repo, expect=14)
    assert found["check"] == "upgrade" and "other content" in found["message"]
    config(tree, QPKG_VER="2.9")
    found, = lint(tree, "--repo", vendor.repo)
    assert "older than 3.0" in found["message"]
    config(tree, QPKG_VER="3.1", QPKG_REQUIRE="Nobody >= 1")
    found, = lint(tree, "--repo", vendor.repo, expect=14)
    assert found["check"] == "requires" and "Nobody >= 1" in found["message"]
    config(tree, QPKG_REQUIRE="Nobody | MediaLibrary >= 1.4")
    assert lint(tree, "--repo", vendor.repo) == []
    config(tree, QPKG_CONFIG=None, QTS_MINI_VERSION="9.0", QPKG_CONFLICT="QVPN < 3.1")
    found = {one["message"] for one in lint(tree, "--repo", vendor.repo, expect=14)}
    for words in ("firmware older than 9.0", "was a config file in 3.0", "no box can be upgraded from 3.0"):
        assert any(words in message for message in found), found


def test_people_read_it_too(tree):
    config(tree, QPKG_REQUIRE="QVPN")
    done = lab.run([lab.program("appvendor"), "lint", tree], expect=14)
    assert done.stdout == "error: requires: QVPN: it requires itself\n    take it out\n1 errors, 0 warnings\n"
    assert "1 errors in" in done.stderr


# --- the architecture, where the header does not tell it ---

def test_an_architecture_that_the_header_does_not_tell_comes_from_the_name_or_is_told(tree, tmp_path):
    file = tmp_path / "plain.qpkg"
    lab.run([lab.program("appvendor"), "pack", tree, "-o", file, "--arch", "x86_64"])
    strange = file.read_bytes().replace(b'"x86_64"', b'"mips64"')
    assert strange != file.read_bytes()
    for name, words, arch in (("plain.qpkg", ["--arch", "arm_64"], "arm_64"), ("A_3.1_arm_64.qpkg", [], "arm_64"),
                              ("A_3.1_arm_64.qpkg", ["--arch", "x86"], "x86")):
        (tmp_path / name).write_bytes(strange)
        done = lab.run([lab.program("appvendor"), "inspect", tmp_path / name, "--json", *words])
        assert json.loads(done.stdout)["arch"] == arch
    done = lab.run([lab.program("appvendor"), "inspect", tmp_path / "plain.qpkg"], expect=14)
    assert "tell its architecture" in done.stderr
    done = lab.run([lab.program("appvendor"), "inspect", tmp_path / "plain.qpkg", "--arch", "mips"], expect=2)
    assert "no QDK architecture" in done.stderr
    lab.run([lab.program("appvendor"), "pack", tree, "-o", file, "--arch", "x86_64"])
    shutil.copy(file, tmp_path / "B_3.1_arm_64.qpkg")
    done = lab.run([lab.program("appvendor"), "inspect", tmp_path / "B_3.1_arm_64.qpkg", "--json"])
    assert json.loads(done.stdout)["arch"] == "x86_64"  # the header's word counts
    done = lab.run([lab.program("appvendor"), "inspect", file, "--arch", "arm_64"], expect=2)
    assert "the archive is for x86_64" in done.stderr


def test_a_box_is_told_the_architecture_of_a_file(tree, tmp_path, make_nas):
    box = make_nas().start()
    lab.run([lab.program("appvendor"), "pack", tree, "-o", tmp_path / "plain.qpkg", "--arch", "x86_64"])
    file = tmp_path / "odd.qpkg"
    file.write_bytes((tmp_path / "plain.qpkg").read_bytes().replace(b'"x86_64"', b'"mips64"'))
    vouched = ("--trust-sha256", lab.sha256(file), "--yes")
    assert "tell its architecture" in box.ctl("install", file, *vouched, expect=14).stderr
    assert "no QDK architecture" in box.ctl("install", file, "--arch", "mips", *vouched, expect=2).stderr
    box.ctl("install", file, "--arch", "arm_64", *vouched, expect=4)
    box.ctl("install", file, "--arch", "x86_64", *vouched)
    assert box.app("QVPN")["arch"] == "x86_64"
