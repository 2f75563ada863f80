"""Packages in QDK's layout live a whole life here: hooks, config files, service script, registration, removal.

The archives are made by tests/corpus/qdk.py, which shares nothing with the product. Their scripts do what packages of the
ecosystem do: they ask /sbin/getcfg for their folder and whether they may start, and write where QTS lets them.
"""
import hashlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import nas as lab
import pytest
from stock import add_repository

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "corpus"))
import qdk  # noqa: E402

pytestmark = pytest.mark.private_root  # these packages name /etc/config and /sbin by their full paths

SERVICE = """#!/bin/sh
CONF=/etc/config/qpkg.conf
QPKG_NAME=@NAME@
QPKG_ROOT=`/sbin/getcfg $QPKG_NAME Install_Path -f $CONF`
WEB=`/sbin/getcfg SHARE_DEF defWeb -d Qweb -f /etc/config/def_share.info`
case "$1" in
start)
    if [ "$(/sbin/getcfg $QPKG_NAME Enable -u -d FALSE -f $CONF)" != "TRUE" ]; then
        echo "$QPKG_NAME is disabled."
        exit 1
    fi
    echo "$QPKG_ROOT $WEB @VERSION@" > $QPKG_ROOT/started
    sleep 100000 > /dev/null 2>&1 &
    echo $! > /var/run/$QPKG_NAME.pid
    ;;
stop) kill $(cat /var/run/$QPKG_NAME.pid) 2>/dev/null ;;
restart) $0 stop; $0 start ;;
remove) echo "remove" >> /share/goodbye ;;
*) exit 1 ;;
esac
exit 0
"""
HOOKS = ("pkg_init", "pkg_check_requirement", "pkg_pre_install", "pkg_install", "pkg_post_install")
REMOVALS = ("PKG_PRE_REMOVE", "PKG_MAIN_REMOVE", "PKG_POST_REMOVE")


def package(name="Notes", version="1.0", configs=None, files=(), hooks="", keys=None, **changes):
    """An app with a service script; configs: path -> content, absolute ones outside of its folder."""
    script = SERVICE.replace("@NAME@", name).replace("@VERSION@", version).encode()
    entries = [qdk.folder("./"), qdk.Entry(f"./{name}.sh", script, mode=0o644), qdk.Entry("./version", version.encode()),
               *files]
    members, sums, outside = [], "", []
    for path, content in (configs or {}).items():
        entry = qdk.Entry("./" + path.lstrip("/"), content.encode())
        (outside if path.startswith("/") else entries).append(entry)
        sums += f"{path} = {hashlib.md5(content.encode()).hexdigest()}\n"
    if configs:
        members.append(qdk.Entry("./md5sum", sums.encode()))
    if outside:
        members.append(qdk.Entry("./conf.tar.gz", qdk.gzip_bytes(qdk.tar(outside))))
    all_keys = {"QPKG_SERVICE_PROGRAM": f"{name}.sh", "QPKG_SERVICE_PIDFILE": f"/var/run/{name}.pid",
                "QPKG_RC_NUM": "150", "QPKG_TIMEOUT": "20,20", **(keys or {})}
    if configs:
        all_keys["QPKG_CONFIG"] = list(configs)
    return qdk.Package(name=name, version=version, files=entries, members=members, keys=all_keys,
                       routines=hooks.encode(), **changes)


@pytest.fixture
def box(make_nas):
    nas = make_nas(safety__health_settle="0s", updates__other="notify")
    return nas.start()


@pytest.fixture
def install(box, tmp_path):
    """Installs a package's file, vouched for by its digest."""
    def run(built, *args, expect=0):
        file = tmp_path / f"{built.name}_{built.version}.qpkg"
        file.write_bytes(built.build())
        return box.ctl("install", file, "--trust-sha256", lab.sha256(file), "--yes", *args, expect=expect)
    return run


def view(nas, app):
    """The app's section of the registration file."""
    text = (nas.root / "etc/config/qpkg.conf").read_text()
    sections = dict(part.split("]\n", 1) for part in ("\n" + text).split("\n[")[1:])
    return dict(line.split(" = ", 1) for line in sections[app].splitlines() if " = " in line) if app in sections else None


def links(nas):
    return {f"{folder}/{path.name}": str(path.readlink()) for folder in ("init.d", "rcS.d", "rcK.d")
            for path in (nas.root / "etc" / folder).iterdir() if path.is_symlink()}


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(Path(folder).rglob("*"))}


def world(nas, app):
    """All that an install may touch, but what the app itself writes when it starts."""
    files = {k: v for k, v in tree(nas.app_dir(app)).items() if k != "started"} if nas.app_dir(app).exists() else None
    config = {k: v for k, v in tree(nas.root / "etc/config").items() if k != "qpkg.conf"}
    return files, config, view(nas, app), links(nas), nas.sql("SELECT path, sha256 FROM app_file ORDER BY path")


def command_lines(nas):
    """Of all processes of the app Notes."""
    return [Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0") for pid in nas.app_pids("Notes")]


def leftovers(nas):
    return [p.name for p in (nas.root / lab.VOLUME / ".qpkg/.appcenter/stage").iterdir()]


# ---- a life ----


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "7zip"])
@pytest.mark.parametrize("arch", ["all", "x86_64"])
def test_a_package_lives_its_whole_life(box, install, compression, arch):
    if arch != "all" and subprocess.run(["uname", "-m"], capture_output=True, text=True).stdout.strip() != arch:
        pytest.skip(f"this machine is no {arch}")
    one = package(version="1.0", configs={"notes.conf": "one\n"}, compression=compression, arch=arch)
    two = package(version="1.1", configs={"notes.conf": "two\n"}, compression=compression, arch=arch)
    install(one)
    app, folder = box.app("Notes"), box.app_dir("Notes")
    assert (app["version"], app["state"], app["arch"]) == ("1.0", "running", arch)
    assert (folder / "started").read_text() == "/share/CACHEDEV1_DATA/.qpkg/Notes Qweb 1.0\n"
    (folder / "diary").write_text("mine")
    install(two)
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.1", "running")
    assert [(folder / n).read_text() for n in ("notes.conf", "diary", "version")] == ["two\n", "mine", "1.1"]
    box.ctl("rollback", "Notes", "--yes")
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.0", "running")
    assert [(folder / n).read_text() for n in ("notes.conf", "diary", "version")] == ["one\n", "mine", "1.0"]
    box.ctl("remove", "Notes", "--yes")
    assert box.app("Notes") is None and box.app_pids("Notes") == [] and not folder.exists()
    assert view(box, "Notes") is None and links(box) == {} and leftovers(box) == []


def records_of(area):
    """(type, payload) of each record of a QDK area, which ends with it."""
    assert area[:3] == b"QDK" and area[-1] == qdk.END
    found, rest = [], area[3:-1]
    while rest:
        size = int.from_bytes(rest[1:5], "big")
        found.append((rest[0], rest[5:5 + size]))
        rest = rest[5 + size:]
    return found


def test_a_package_that_its_builder_signed_comes_from_a_repository(box, vendor, web, tmp_path):
    """QDK's own signature, under a CA that nobody knows here, stays in the file; ours beside it is what counts."""
    _, leaf, key = qdk.throwaway_ca(tmp_path)
    plain = package(version="2.0", compression="xz")
    theirs = qdk.cms_record(plain.content(), leaf, key)
    signed = plain.with_(area_bytes=qdk.area(theirs))
    file = tmp_path / "Notes_2.0.qpkg"
    file.write_bytes(signed.build())
    assert "strong" in box.ctl("install", file, "--yes", expect=5).stderr
    for _ in range(2):  # once more takes the place of the first, not of the builder's
        vendor("sign", file, "--sign", vendor.keys / "publisher")
        made = file.read_bytes()
        assert made.startswith(plain.content() + b"QDK"), "nothing of the content has changed"
        records = records_of(made[len(plain.content()):-qdk.TAIL_BYTES])
        assert records[1:] == [theirs] and records[0][0] == qdk.STRONG
        assert made[-qdk.TAIL_BYTES:] == qdk.tail("Notes", "2.0", len(made)), "the tail fits the new size"
    said = json.loads(vendor("inspect", file, "--json").stdout)
    assert sorted(s["type"] for s in said["signatures"]) == ["cms-legacy", "strong"]
    vendor.add(file)
    vendor.publish()
    add_repository(box, vendor, web)
    box.ctl("install", "Notes", "--yes")
    assert (box.app("Notes")["version"], box.app("Notes")["publisher"]) == ("2.0", "vendor")


# ---- hooks ----


def recording(version, fails=None):
    """Hooks that write down their order and what they see; one of them may fail."""
    text = "STEP=none\n"
    for hook in HOOKS:
        end = f'err_log "no {hook} today"' if hook == fails else "[ -f /nowhere ] && exit 9"
        text += f"""{hook}() {{
    enabled=$($CMD_GETCFG $QPKG_NAME Version -d none -f $SYS_QPKG_CONFIG_FILE)
    echo "{version} {hook} after $STEP: $enabled, $(cat /etc/config/notes.ini 2>/dev/null || echo none)" >> /share/order
    STEP={hook}
    {end}
}}
"""
    for removal in REMOVALS:
        text += f"""{removal}="{{
    [ -d $SYS_QPKG_DIR ] && there=there || there=away
    echo \\"{version} {removal}: \\$there\\" >> /share/order
    \\$CMD_RM -rf /nowhere
}}"
"""
    return text


def test_hooks_run_in_the_order_of_qts(box, install):
    order = box.root / "share/order"
    install(package(version="1.0", configs={"/etc/config/notes.ini": "one"}, hooks=recording("1.0")))
    assert order.read_text().splitlines() == [
        "1.0 pkg_init after none: none, none",
        "1.0 pkg_check_requirement after pkg_init: none, none",
        "1.0 pkg_pre_install after pkg_check_requirement: none, none",
        "1.0 pkg_install after pkg_pre_install: none, one",
        "1.0 pkg_post_install after pkg_install: 1.0, one",
    ]
    order.unlink()
    install(package(version="1.1", configs={"/etc/config/notes.ini": "two"}, hooks=recording("1.1")))
    assert order.read_text().splitlines()[2:] == [
        "1.1 pkg_pre_install after pkg_check_requirement: 1.0, one",
        "1.1 pkg_install after pkg_pre_install: 1.0, two",
        "1.1 pkg_post_install after pkg_install: 1.1, two",
    ]
    order.unlink()
    box.ctl("rollback", "Notes", "--yes")
    assert not order.exists(), "a version that comes back was set up before"
    box.ctl("remove", "Notes", "--yes")
    assert order.read_text().splitlines() == [
        "1.0 PKG_PRE_REMOVE: there", "1.0 PKG_MAIN_REMOVE: away", "1.0 PKG_POST_REMOVE: away"]


HELPERS = """
pkg_init() {
    [ "$(pwd)" = "$SYS_EXTRACT_DIR" ] || err_log "not in $SYS_EXTRACT_DIR"
    [[ -f qpkg.cfg && -f ./package_routines && $QPKG_WEBUI == /notes ]] || err_log "no bash, or nothing there"
    [ -z "$1" ] && [ "$(dirname "$0")" = . ] || err_log "called as $0 $1"
}
pkg_install() {
    extract_data more.tar.gz $SYS_QPKG_DIR/more
    $CMD_CHMOD 700 "$SYS_QPKG_DIR/more" && $CMD_MKDIR -p $SYS_PUBLIC_PATH/Notes
}
pkg_post_install() {
    here=$(/sbin/getcfg Notes Install_Path -f /etc/config/qpkg.conf)
    /sbin/setcfg Notes Opt_Xml 0 -f /etc/config/qpkg.conf
    log "installed in $here"
    $CMD_LOG_TOOL -t0 -uSystem -p127.0.0.1 -mlocalhost -a "to the log"
    /etc/init.d/Notes.sh stop
    set_progress_end
}
"""


def test_hooks_find_what_they_know_from_qts(box, install):
    more = qdk.gzip_bytes(qdk.tar([qdk.folder("./"), qdk.Entry("./inner", b"inner")]))
    (box.root / lab.VOLUME / "Public").mkdir()
    install(package(hooks=HELPERS, keys={"QPKG_WEBUI": "/notes"}, files=[qdk.folder("./more/")],
                    extra=qdk.tar([qdk.Entry("./more.tar.gz", more)])))
    assert (box.app_dir("Notes") / "more/inner").read_bytes() == b"inner"
    assert (box.root / lab.VOLUME / "Public/Notes").is_dir()
    section = view(box, "Notes")
    assert (section["Opt_Xml"], section["WebUI"], section["Enable"]) == ("0", "/notes", "TRUE")
    job = max(id for (id,) in box.sql("SELECT id FROM job"))
    said = box.log()
    assert "pkg_post_install: installed in /share/CACHEDEV1_DATA/.qpkg/Notes" in said and "to the log" in said, job
    box.ctl("stop", "Notes")
    assert view(box, "Notes")["Opt_Xml"] == "0"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_failing_hook_brings_everything_back(box, install, hook):
    install(package(version="1.0", configs={"notes.conf": "one", "/etc/config/notes.ini": "one", "/etc/config/old": "o"}))
    (box.app_dir("Notes") / "diary").write_text("mine")
    (box.app_dir("Notes") / "notes.conf").write_text("edited")
    before = world(box, "Notes")
    done = install(package(version="1.1", configs={"notes.conf": "two", "/etc/config/notes.ini": "two",
                                                   "/etc/config/new": "n"}, hooks=recording("1.1", fails=hook)), expect=1)
    assert f"{hook}: " in done.stderr and f"no {hook} today" in done.stderr
    assert world(box, "Notes") == before and leftovers(box) == []
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.0", "running")
    assert box.json("history")["transactions"][0]["result"] == "rolled_back"


def test_a_first_install_that_fails_leaves_nothing(box, install):
    install(package(configs={"/etc/config/notes.ini": "one"}, hooks=recording("1.0", fails="pkg_post_install")), expect=1)
    assert box.app("Notes") is None and world(box, "Notes") == (None, {}, None, {}, []) and leftovers(box) == []


def test_a_hook_that_hangs_is_no_end_of_the_world(box, install):
    """Cancelled by the admin: it and what it started are ended, and all is as before."""
    install(package(version="1.0"))
    before = world(box, "Notes")
    hang = "pkg_install() { sleep 3000 & echo waiting > /share/waiting; wait; }\n"
    file = box.root.parent / "hang.qpkg"
    file.write_bytes(package(version="1.1", hooks=hang).build())
    job = box.json("install", file, "--trust-sha256", lab.sha256(file), "--yes", "--no-wait")["job"]
    lab.wait_for("the hook", (box.root / "share/waiting").exists, 60)
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(box.root / "run/appcenter/appcenterd.sock"))
        door.sendall(f"DELETE /v1/jobs/{job} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = door.makefile("rb").readline()
    assert answer.split()[1] in (b"200", b"202", b"204"), answer
    lab.wait_for("the way back", lambda: box.sql("SELECT result FROM txn ORDER BY id DESC LIMIT 1") == [("cancelled",)], 60)
    assert world(box, "Notes") == before
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.0", "running")


def test_a_hook_has_ten_times_what_its_service_has(box, install):
    """And no more: it and what it started are ended, the sentence says so, and all is as before."""
    install(package(version="1.0"))
    before = world(box, "Notes")
    hang = "pkg_install() { sleep 4000 & echo $! > /share/waiting; sleep 4000; }\n"
    began = time.monotonic()
    done = install(package(version="1.1", hooks=hang, keys={"QPKG_TIMEOUT": "1,1"}), expect=1)
    assert "pkg_install: " in done.stderr and "did not end within 10 s" in done.stderr
    assert 10 <= time.monotonic() - began < 100
    assert world(box, "Notes") == before and leftovers(box) == []
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.0", "running")
    assert (box.root / "share/waiting").exists() and not any("4000" in words for words in command_lines(box))


def test_what_a_hook_deletes_of_the_new_version_is_there_all_the_same(box, install):
    """On QTS pkg_pre_install runs before the files come, and many a hook clears the place for them there."""
    clear = "pkg_pre_install() { $CMD_RM -rf $SYS_QPKG_DIR/lib $SYS_QPKG_DIR/Notes.sh; echo x > $SYS_QPKG_DIR/version; }\n"
    lib = [qdk.folder("./lib/"), qdk.Entry("./lib/a", b"a"), qdk.symlink("./lib/b", "a")]
    install(package(version="1.0", files=lib))
    (box.app_dir("Notes") / "lib/mine").write_text("m")
    install(package(version="1.1", files=lib, hooks=clear))
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.1", "running")
    folder = box.app_dir("Notes")
    assert (folder / "lib/a").read_bytes() == b"a" and str((folder / "lib/b").readlink()) == "a"
    assert (folder / "version").read_text() == "1.1" and not (folder / "lib/mine").exists(), "that was the hook's will"


# ---- config files ----

INI = "/etc/config/notes.ini"
CASES = {  # shipped first, the user's, shipped then: what lies there after it, and what lies beside as .new
    "untouched": ("a", None, "b", "b", None),
    "edited and shipped again": ("a", "mine", "a", "mine", None),
    "edited, and the vendor too": ("a", "mine", "b", "mine", "b"),
    "edited to what is shipped now": ("a", "b", "b", "b", None),
    "shipped no longer": ("a", None, None, None, None),
    "edited and shipped no longer": ("a", "mine", None, "mine", None),
    "shipped for the first time": (None, None, "b", "b", None),
    "the user's before it was shipped": (None, "mine", "b", "mine", "b"),
    "deleted by the user": ("a", "", "b", "b", None),
}


@pytest.mark.parametrize("place", [INI, "etc/notes.ini"])
@pytest.mark.parametrize("case", CASES)
def test_config_files_follow_the_three_way_rule_and_come_back(box, install, case, place):
    first, mine, then, after, beside = CASES[case]
    file = box.root / INI[1:] if place == INI else box.app_dir("Notes") / place
    install(package(version="1.0", configs={place: first} if first else {}))
    if mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text(mine)
        file.chmod(0o600)
    elif mine == "":
        file.unlink()
    before = (file.read_text(), file.stat().st_mode) if file.exists() else None
    done = install(package(version="1.1", configs={place: then} if then else {}))
    new = file.with_name(file.name + ".new")
    assert (file.read_text() if file.exists() else None) == after, done.stdout
    assert (new.read_text() if new.exists() else None) == beside
    assert ("yours is kept" in done.stdout + done.stderr) == (beside is not None)
    if after and after == mine != then:
        assert file.stat().st_mode & 0o777 == 0o600
    box.ctl("rollback", "Notes", "--yes")
    back = (file.read_text(), file.stat().st_mode) if file.exists() else None
    if case == "deleted by the user" and place == INI:
        assert back[0] == "a", "nobody has touched what 1.1 brought, so 1.0 brings its own"
    elif case == "edited to what is shipped now":
        assert back[0] in ("a", "b"), "nobody can tell whose it is"
    else:
        assert back == before
    assert not new.exists()


@pytest.mark.parametrize("hook", ["pkg_pre_install", "pkg_install", "pkg_post_install"])
def test_a_job_that_dies_while_it_configures_leaves_the_old_config_files(box, install, hook):
    old = {INI: "one", "/etc/config/gone.ini": "one", "/etc/config/edited.ini": "one"}
    install(package(version="1.0", configs=old))
    (box.root / "etc/config/edited.ini").write_text("mine")
    (box.root / INI[1:]).chmod(0o600)
    before = world(box, "Notes")
    new = {INI: "two", "/etc/config/new.ini": "two", "/etc/config/edited.ini": "two"}
    install(package(version="1.1", configs=new, hooks=f"{hook}() {{ kill -9 $PPID; sleep 100; }}\n"), expect=None)
    lab.wait_for("the way back", lambda: box.sql("SELECT result FROM txn ORDER BY id DESC LIMIT 1") == [("rolled_back",)], 60)
    lab.wait_for("the old app", lambda: box.app("Notes")["state"] == "running", 30)
    assert world(box, "Notes") == before and leftovers(box) == []
    assert (box.root / INI[1:]).stat().st_mode & 0o777 == 0o600


def test_a_config_file_that_was_edited_meanwhile_is_the_users(box, install):
    """Between SETUP and the way back the new version runs, and somebody edits the file that it brought."""
    install(package(version="1.0", configs={INI: "one"}))
    edit = "pkg_post_install() { echo mine > /etc/config/notes.ini; err_log later; }\n"
    install(package(version="1.1", configs={INI: "two"}, hooks=edit), expect=1)
    assert box.app("Notes")["version"] == "1.0"
    assert (box.root / INI[1:]).read_text() == "mine\n"


def test_a_link_in_the_place_of_a_config_file_is_the_users(box, install, tmp_path):
    precious = box.root / "etc/config/precious"
    precious.parent.mkdir(parents=True, exist_ok=True)
    precious.write_text("one")
    (box.root / INI[1:]).symlink_to("precious")
    install(package(configs={INI: "two"}))
    assert precious.read_text() == "one" and (box.root / INI[1:]).is_symlink()
    assert (box.root / (INI[1:] + ".new")).read_text() == "two"


def test_config_files_elsewhere_are_on_record(box, install):
    install(package(configs={INI: "one", "notes.conf": "one"}))
    recorded = box.sql("SELECT path, sha256 FROM app_file WHERE is_config ORDER BY path")
    one = hashlib.sha256(b"one").hexdigest()
    assert recorded == [(INI, one), ("notes.conf", one)]
    mine = next(path for path in (box.root / "etc/config").iterdir() if path.name == "notes.ini")
    assert box.ctl("verify", "Notes").stdout.count("/etc/config/") == 0
    mine.write_text("mine")
    assert "config   /etc/config/notes.ini" in box.ctl("verify", "Notes").stdout
    mine.unlink()
    assert "missing  /etc/config/notes.ini" in box.ctl("verify", "Notes", expect=1).stdout


@pytest.mark.parametrize("path", ["/etc/config/qpkg.conf", "/etc/appcenter/appcenter.conf", "/var/lib/appcenter/state.db"])
def test_what_is_ours_is_no_packages_config_file(box, install, path):
    before = (box.root / path[1:]).read_bytes() if (box.root / path[1:]).exists() else None
    done = install(package(configs={path: "x"}), expect=14)
    assert f"QPKG_CONFIG: {path} is no package's to bring" in done.stderr
    assert (before or b"") in ((box.root / path[1:]).read_bytes() if before is not None else b"")
    assert box.app("Notes") is None


def test_a_config_file_that_nobody_named_is_refused(box, install):
    sneaky = qdk.Entry("./conf.tar.gz", qdk.gzip_bytes(qdk.tar([qdk.Entry("./etc/config/crontab", b"* * * * *")])))
    done = install(package(configs={"notes.conf": "x"}).with_(members=[sneaky]), expect=14)
    assert "/etc/config/crontab" in done.stderr
    assert not (box.root / "etc/config/crontab").exists()


def test_a_packed_tree_with_config_files_elsewhere_installs_them_there(box, vendor, tmp_path):
    source = tmp_path / "source"
    for path, content in {"config/notes.conf": "own", "config/etc/config/notes.ini": "one", "shared/more.conf": "more",
                          "shared/notes.conf": "config/ wins over this",
                          "qpkg.cfg": 'QPKG_NAME="Notes"\nQPKG_VER="1.0"\nQPKG_AUTHOR="A Tester"\n'
                                      f'QPKG_CONFIG="notes.conf {INI}"\nQPKG_CONFIG="more.conf"\n'}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(content)
    (source / "config" / INI[1:]).chmod(0o600)
    file = vendor.pack(source, tmp_path / "Notes.qpkg")
    box.ctl("install", file, "--trust-sha256", lab.sha256(file), "--yes")
    assert (box.root / INI[1:]).read_text() == "one" and (box.root / INI[1:]).stat().st_mode & 0o777 == 0o600
    shipped = {k: v for k, v in tree(box.app_dir("Notes")).items() if v is not None and not k.startswith(".")}
    assert shipped == {"notes.conf": b"own", "more.conf": b"more"}, "the one elsewhere is not in the app's folder"
    box.ctl("remove", "Notes", "--yes")
    assert not (box.root / INI[1:]).exists()


# ---- service and registration ----


def test_the_registration_is_what_scripts_expect(box, install):
    install(package(keys={"QPKG_WEB_PORT": "8081", "QTS_MINI_VERSION": "4.1.0"}))
    section = view(box, "Notes")
    assert {k: section[k] for k in ("Name", "Version", "Install_Path", "Shell", "RC_Number", "Enable", "Pid_File",
                                    "Web_Port", "WebUI", "FW_Ver_Min", "Timeout", "Status")} == {
        "Name": "Notes", "Version": "1.0", "Install_Path": "/share/CACHEDEV1_DATA/.qpkg/Notes",
        "Shell": "/share/CACHEDEV1_DATA/.qpkg/Notes/Notes.sh", "RC_Number": "150", "Enable": "TRUE",
        "Pid_File": "/var/run/Notes.pid", "Web_Port": "8081", "WebUI": "/", "FW_Ver_Min": "4.1.0", "Timeout": "20,20",
        "Status": "complete"}
    program = "/share/CACHEDEV1_DATA/.qpkg/Notes/Notes.sh"
    assert links(box) == {"init.d/Notes.sh": program, "rcS.d/QS150Notes": program, "rcK.d/QK850Notes": program}


def test_a_disabled_app_does_not_start_and_its_script_knows(box, install):
    install(package(version="1.0"))
    box.ctl("disable", "Notes")
    assert (view(box, "Notes")["Enable"], box.app("Notes")["state"]) == ("FALSE", "disabled")
    assert [link for link in links(box) if link.startswith("rc")] == []
    install(package(version="1.1"))
    assert (box.app("Notes")["version"], box.app("Notes")["state"]) == ("1.1", "disabled")
    assert "Notes is disabled." in box.ctl("start", "Notes", expect=1).stderr
    box.ctl("enable", "Notes")
    assert (view(box, "Notes")["Enable"], box.app("Notes")["state"]) == ("TRUE", "running")


def test_an_app_starts_behind_what_it_requires(box, install):
    install(package("Base", keys={"QPKG_RC_NUM": "170"}))
    install(package("Above", keys={"QPKG_RC_NUM": "110", "QPKG_REQUIRE": "Base >= 0.5 | Other"}))
    assert (view(box, "Base")["RC_Number"], view(box, "Above")["RC_Number"]) == ("170", "171")
    assert {name for name in links(box) if name.startswith("rcS")} == {"rcS.d/QS170Base", "rcS.d/QS171Above"}


# ---- removal ----


def test_a_removal_leaves_what_is_not_its_own(box, install):
    install(package("Conf", configs={"/etc/config/conf.ini": "one", "/etc/config/edited": "one"},
                    hooks='PKG_MAIN_REMOVE="{\n rm -rf $SYS_QPKG_DIR\n}"\n'))
    install(package("HoConf", keys={"QPKG_RC_NUM": "101"}))
    theirs = {k: v for k, v in links(box).items() if "HoConf" in v}
    (box.app_dir("Conf") / "diary").write_text("mine")
    (box.root / "etc/config/edited").write_text("mine")
    removed = box.json("remove", "Conf", "--yes")
    assert links(box) == theirs and len(theirs) == 3
    assert view(box, "Conf") is None and view(box, "HoConf")["Enable"] == "TRUE"
    assert (box.root / "share/goodbye").read_text() == "remove\n"
    assert not (box.root / "etc/config/conf.ini").exists()
    assert (box.root / "etc/config/edited").read_text() == "mine"
    box.ctl("undo", str(removed["id"]), "--yes")
    assert box.app("Conf")["state"] == "running" and (box.app_dir("Conf") / "diary").read_text() == "mine"
    assert (box.root / "etc/config/conf.ini").read_text() == "one"
    assert not (box.root / "etc/config/edited.new").exists()
    box.ctl("remove", "Conf", "--purge", "--yes")
    assert not (box.root / "etc/config/edited").exists() and links(box) == theirs
    assert leftovers(box) == [] and list((box.root / lab.VOLUME / ".qpkg/.appcenter/kept").iterdir()) == []


def test_a_removal_text_that_fails_keeps_the_app_but_not_from_a_purge(box, install):
    install(package(configs={INI: "one"}, hooks='PKG_POST_REMOVE="echo no goodbye; exit 3"\n'))
    before = world(box, "Notes")
    done = box.ctl("remove", "Notes", "--yes", expect=1)
    assert "PKG_POST_REMOVE" in done.stderr and "no goodbye" in done.stderr
    assert world(box, "Notes") == before and box.app("Notes")["state"] == "running"
    done = box.ctl("remove", "Notes", "--purge", "--yes")
    assert "no goodbye; it goes all the same" in done.stdout + done.stderr
    assert box.app("Notes") is None and world(box, "Notes") == (None, {}, None, {}, [])


# ---- getcfg and setcfg ----


def tool(name, *args, expect=0):
    return lab.run([lab.BUILD / "libexec/tools" / name, *args], expect=expect).stdout


def test_getcfg_and_setcfg_speak_as_those_of_qts(tmp_path):
    conf = tmp_path / "qpkg.conf"
    conf.write_text("[Notes]\nEnable = True\nName=Notes\n")
    conf.chmod(0o640)
    assert tool("getcfg", "Notes", "Enable", "-u", "-d", "FALSE", "-f", conf) == "TRUE\n"
    assert tool("getcfg", "-f", conf, "notes", "NAME") == "Notes\n"
    assert tool("getcfg", "notes", "Name", "-c", "-f", conf, expect=1) == ""
    assert tool("getcfg", "Notes", "None", "-d", "a b", "-f", conf) == "a b\n"
    assert tool("getcfg", "Notes", "None", "-d", "", "-f", conf) == "\n"
    assert tool("getcfg", "Notes", "None", "-f", tmp_path / "none", expect=1) == ""
    assert tool("setcfg", "Notes", "Enable", "FALSE", "-f", conf) == ""
    tool("setcfg", "-f", conf, "New", "Web Port", "80")
    assert conf.read_text() == "[Notes]\nEnable = FALSE\nName=Notes\n[New]\nWeb Port = 80\n"
    assert conf.stat().st_mode & 0o777 == 0o640
    tool("setcfg", "A]\n[B", "x", "1", "-f", conf, expect=2)
    tool("setcfg", "A", "x", "1\n[B]", "-f", conf, expect=2)
    tool("setcfg", "A", "x", expect=2)
    assert "A" not in conf.read_text().replace("FALSE", "")


def test_setcfg_from_many_sides_loses_nothing(tmp_path):
    conf = tmp_path / "qpkg.conf"
    writers = [subprocess.Popen([lab.BUILD / "libexec/tools/setcfg", f"App{i % 4}", f"Key{i}", str(i), "-f", conf])
               for i in range(40)]
    assert [w.wait(60) for w in writers] == [0] * 40
    for i in range(40):
        assert tool("getcfg", f"App{i % 4}", f"Key{i}", "-f", conf) == f"{i}\n"
