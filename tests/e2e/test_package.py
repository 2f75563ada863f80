"""What `make install` and `make deb` give: files in their places, a unit and an init script that work, a package that comes and
goes cleanly."""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import time

import nas as lab
import pytest
import sweep

VERSION = re.search(r'APPCENTER_VERSION "(.*)"', (lab.TOP / "appcenter/base/base.h").read_text())[1]


def need(*tools):
    missing = [tool for tool in tools if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")


def make_install(where, prefix="/usr"):
    need("make")
    subprocess.run(["make", "-s", f"B={lab.BUILD}", f"DESTDIR={where}", f"PREFIX={prefix}", "install"], cwd=lab.TOP, check=True,
                   capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The Debian package, and what is in it."""
    need("dpkg-deb", "dpkg-shlibdeps", "strip")
    base = tmp_path_factory.mktemp("package")
    make_install(base / "deb")
    subprocess.run(["sh", "appcenter/dist/deb.sh", base, VERSION], cwd=lab.TOP, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    file, = base.glob("appcenter_*.deb")
    subprocess.run(["dpkg-deb", "-R", file, base / "tree"], check=True)
    return file, base / "tree"


def test_make_install_puts_everything_below_its_prefix(tmp_path):
    make_install(tmp_path, "/opt/ac")
    top = tmp_path / "opt/ac"
    assert [p.name for p in tmp_path.iterdir()] == ["opt"]
    for path in ("sbin/appcenterd", "bin/appctl", "bin/appvendor", "libexec/appcenter/appcenter-job", "libexec/appcenter/tools/setcfg",
                 "share/appcenter/appcenterd.init"):
        assert os.access(top / path, os.X_OK), path
    for path in ("lib/systemd/system/appcenterd.service", "share/appcenter/appcenterd.init"):
        text = (top / path).read_text()
        assert "/opt/ac/sbin/appcenterd" in text and "@" not in text.replace("$@", "")
    assert "g appcenter" in (top / "lib/sysusers.d/appcenter.conf").read_text()
    assert "/run/appcenter/inhibit.d" in (top / "lib/tmpfiles.d/appcenter.conf").read_text()


def test_the_package_holds_what_it_should(package):
    file, tree = package
    control = (tree / "DEBIAN/control").read_text()
    assert f"Version: {VERSION}\n" in control
    depends = re.search(r"^Depends: (.*)$", control, re.M)[1]
    for library in ("libc6", "libcurl4", "libarchive13", "libssl3", "libsqlite3-0", "libsolv1", "libmicrohttpd12", "bash", "passwd"):
        assert re.search(rf"\b{library}\b", depends), library
    listed = subprocess.run(["dpkg-deb", "-c", file], check=True, capture_output=True, text=True).stdout
    assert all(" root/root " in line for line in listed.splitlines())
    assert not re.search(r"^.......-?w|^........w", listed.replace("lrwxrwxrwx", ""), re.M), "nothing is writable for everybody"
    for path in ("usr/lib/systemd/system/appcenterd.service", "etc/init.d/appcenterd", "usr/lib/tmpfiles.d/appcenter.conf",
                 "usr/lib/sysusers.d/appcenter.conf", "usr/share/man/man8/appcenterd.8.gz", "usr/share/bash-completion/completions/appctl"):
        assert (tree / path).exists(), path
    sums = dict(reversed(line.split(None, 1)) for line in (tree / "DEBIAN/md5sums").read_text().splitlines())
    assert "usr/sbin/appcenterd" in sums and len(sums) > 12
    for path, digest in sums.items():
        assert hashlib.md5((tree / path).read_bytes()).hexdigest() == digest, path
    assert (tree / "DEBIAN/conffiles").read_text() == "/etc/init.d/appcenterd\n"
    for script in ("postinst", "prerm", "postrm"):
        assert subprocess.run(["sh", "-n", tree / "DEBIAN" / script]).returncode == 0
        assert os.access(tree / "DEBIAN" / script, os.X_OK)


def test_the_unit_is_one_that_systemd_understands(package, tmp_path):
    need("systemd-analyze")
    text = (package[1] / "usr/lib/systemd/system/appcenterd.service").read_text()
    for line in ("Type=notify", "WatchdogSec=120s", "KillMode=process", "ExecStart=/usr/sbin/appcenterd"):
        assert f"\n{line}\n" in text
    unit = tmp_path / "appcenterd.service"
    unit.write_text(text.replace("/usr/sbin/appcenterd", str(package[1] / "usr/sbin/appcenterd")).replace("Documentation=", "X-Documentation="))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert [line for line in done.stderr.splitlines() if "appcenterd" in line] == []


def test_the_init_script_starts_and_ends_the_installed_daemon(package, tmp_path):
    """The package's own programs, from where it puts them, on a private NAS."""
    tree = package[1]
    box = lab.Nas(tmp_path / "nas")
    box.configure(lab.config())
    defaults = tmp_path / "defaults"
    defaults.write_text(f"DAEMON={tree}/usr/sbin/appcenterd\nOPTIONS='--root {box.root}'\nPIDFILE={tmp_path}/run/pid\nLOGFILE={tmp_path}/log/log\n")
    script = ["sh", tree / "etc/init.d/appcenterd"]
    env = {**box.env, "APPCENTERD_DEFAULTS": str(defaults)}
    call = lambda verb, expect=0: lab.run([*script, verb], expect=expect, env=env)
    ctl = lambda: lab.run([tree / "usr/bin/appctl", "--root", box.root, "status", "--json"], expect=None, env=box.env).returncode == 0
    call("status", 3)
    call("stop")
    try:
        assert "started" in call("start").stdout
        lab.wait_for("the daemon", ctl, 30)
        pid = (tmp_path / "run/pid").read_text()
        assert "runs already" in call("start").stdout and (tmp_path / "run/pid").read_text() == pid
        call("status")
        call("reload")
        lab.wait_for("the reload", lambda: "read again" in (tmp_path / "log/log").read_text(), 10)
        call("restart")
        assert (tmp_path / "run/pid").read_text() != pid
        lab.wait_for("the daemon", ctl, 30)
    finally:
        call("stop")
    call("status", 3)
    assert not ctl()
    call("fly", 2)
    (tmp_path / "run/pid").write_text(str(os.getpid()))
    call("status", 3)


def test_the_daemon_tells_its_supervisor(make_nas, tmp_path):
    """sd_notify's protocol: ready when the door is open, signs of life, stopping."""
    nas = make_nas()
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind("\0appcenter-test-%d" % os.getpid())
        ears.settimeout(0.2)
        nas.env.update(NOTIFY_SOCKET="@appcenter-test-%d" % os.getpid(), WATCHDOG_USEC="1000000")

        def listen(until, seconds=20):
            end = time.monotonic() + seconds
            while until not in heard:
                assert time.monotonic() < end, (until, heard)
                try:
                    heard.append(ears.recv(4096).decode())
                except TimeoutError:
                    pass

        nas.start()
        listen("READY=1")
        listen("WATCHDOG=1")
        nas.daemon.terminate()
        listen("STOPPING=1")
        nas.stop()
    assert heard[0] == "READY=1"
    # a pid that is not the daemon's: the watchdog is somebody else's
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind("\0appcenter-test-%d" % os.getpid())
        ears.settimeout(2)
        nas.env["WATCHDOG_PID"] = "1"
        nas.start()
        assert ears.recv(4096) == b"READY=1"
        with pytest.raises(TimeoutError):
            ears.recv(4096)


@pytest.mark.skipif(not sweep.TORTURE, reason="makes a Debian system of its own: APPCENTER_TORTURE=1")
def test_the_package_comes_and_goes_in_a_chroot(package, tmp_path):
    """debootstrap, the host's own package sources, install, start with no options, remove, purge: nothing of it is left."""
    need("debootstrap", "unshare", "chroot")
    if os.geteuid() != 0:
        pytest.skip("needs root")
    root = tmp_path / "debian"
    made = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=900)
    if made.returncode != 0:
        pytest.skip("debootstrap found no mirror: " + made.stdout[-200:])
    for name in ("apt", "hosts", "resolv.conf"):
        shutil.rmtree(root / "etc" / name, ignore_errors=True)
        (shutil.copytree if name == "apt" else shutil.copy)(f"/etc/{name}", root / "etc" / name)
    shutil.copy(package[0], root / "root/appcenter.deb")
    (root / "root/check.sh").write_text("""set -eux
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get -q update
apt-get -q -y --no-install-recommends install /root/appcenter.deb
getent group appcenter
test -L /etc/systemd/system/multi-user.target.wants/appcenterd.service
/etc/init.d/appcenterd start
appctl status
appctl list
/etc/init.d/appcenterd restart
appctl status
dpkg -r appcenter
test ! -e /run/appcenterd.pid
test -e /var/lib/appcenter/state.db
dpkg -P appcenter
! getent group appcenter
for path in /var/lib/appcenter /var/cache/appcenter /etc/appcenter /run/appcenter /var/log/appcenterd.log /etc/init.d/appcenterd; do
    test ! -e $path
done
test -z "$(find /etc /usr /var/lib /run -xdev -name '*appcenter*')"
""")
    inside = f"mount -t proc proc {root}/proc; mount --bind /dev {root}/dev; mount -t tmpfs run {root}/run; exec chroot {root} sh /root/check.sh"
    done = subprocess.run(["unshare", "-m", "--pid", "--fork", "--kill-child", "sh", "-c", inside], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
