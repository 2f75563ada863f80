"""A vendor, a web server and a private NAS, driven from outside by the built programs.

Used by the demo and by the end-to-end tests. Nothing of the product is linked or imported here: programs are run,
files are read with the standard library, the database is looked at with sqlite3.
"""
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("APPCENTER_BUILD", TOP / "build")).resolve()
VOLUME = "share/CACHEDEV1_DATA"


def program(name):
    """Path of a built program."""
    return str(BUILD / ("libexec" if name == "appcenter-job" else "bin") / name)


def free_port():
    """A free loopback port below the range that the kernel gives to clients: it stays free until its server starts."""
    for port in random.sample(range(12000, 32000), 200):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port between 12000 and 32000")


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def wait_for(what, test, seconds, every=0.1):
    """Asks until test() is true; its value. AssertionError names what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds} s")


def private_roots_permitted():
    """May scripts get a root of their own here (mount namespaces, with a user namespace when not root)?"""
    flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    return subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0


def script_environment():
    """Environment for the NAS programs: sample apps keep to their folder, so a plain container may run them unconfined."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("APPCENTER_")}
    env["LC_ALL"] = "C.UTF-8"
    env.pop("http_proxy", None)
    if not private_roots_permitted():
        env["APPCENTER_UNCONFINED_SCRIPTS"] = "1"
    return env


class Failed(Exception):
    """A program ended with another exit code than was expected."""


def run(argv, expect=0, env=None, timeout=120, show=None, cwd=None):
    """Runs a program to its end; its CompletedProcess. expect: one exit code, several, or None for any."""
    if show:
        show(argv)
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, env=env, timeout=timeout, cwd=cwd,
                          stdin=subprocess.DEVNULL)
    allowed = expect if isinstance(expect, (tuple, list, set)) else (expect,)
    if expect is not None and done.returncode not in allowed:
        raise Failed(f"{' '.join(map(str, argv))}: exit {done.returncode}, wanted {expect}\n{done.stdout}{done.stderr}")
    return done


class Vendor:
    """A repository and its keys."""

    def __init__(self, base, show=None):
        self.repo = Path(base) / "repo"
        self.keys = Path(base) / "keys"
        self.show = show

    def __call__(self, *args, expect=0):
        return run([program("appvendor"), *args], expect=expect, show=self.show)

    @property
    def public(self):
        return self.repo / "public"

    def init(self, *args):
        return self("init", self.repo, "--keys", self.keys, *args)

    def pack(self, source, out):
        self("pack", source, "-o", out, "--sign", self.keys / "publisher")
        return Path(out)

    def add(self, *files):
        return self("add", self.repo, *files)

    def publish(self, *args, expect=0):
        return self("publish", self.repo, "--keys", self.keys, *args, expect=expect)


def stage(name, version, dest, port=None, show=None):
    """A sample app's QDK source tree, compiled, on the port given."""
    argv = [TOP / "pkgs" / "stage", name, version, dest]
    if port:
        argv += ["--port", port]
    run(argv, show=show)
    return Path(dest)


class Web:
    """nginx over a folder, on a loopback port, in a folder of its own."""

    def __init__(self, base, folder, port=None):
        self.base, self.folder, self.port = Path(base), Path(folder), port or free_port()
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def start(self):
        self.base.mkdir(parents=True, exist_ok=True)
        user = "user root;" if os.geteuid() == 0 else ""
        temp = "".join(f"{kind}_temp_path {self.base}/{kind};\n"
                       for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = self.base / "nginx.conf"
        conf.write_text(f"""{user} daemon off; master_process off; worker_processes 1;
            pid {self.base}/nginx.pid; error_log {self.base}/error.log;
            events {{ worker_connections 128; }}
            http {{ access_log {self.base}/access.log; {temp} etag on; sendfile on;
              types {{ application/json json; application/octet-stream qpkg zst; }}
              server {{ listen 127.0.0.1:{self.port}; root {self.folder}; }} }}\n""")
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        self.process = subprocess.Popen([nginx, "-e", str(self.base / "error.log"), "-c", str(conf), "-p", str(self.base)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("nginx", lambda: self.process.poll() is not None or port_answers(self.port), 10)
        if self.process.poll() is not None:
            raise Failed("nginx did not start: " + (self.base / "error.log").read_text())
        return self

    def stop(self):
        end(self.process)
        self.process = None


def port_answers(port):
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def end(process, seconds=20):
    """TERM, then KILL, of a process of ours."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Nas:
    """A private NAS below one directory: its configuration, its daemon, its admin."""

    def __init__(self, root, show=None):
        self.root = Path(root)
        self.show = show
        self.env = script_environment()
        self.daemon = None
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / VOLUME).mkdir(parents=True, exist_ok=True)

    def configure(self, text):
        conf = self.root / "etc/appcenter/appcenter.conf"
        conf.parent.mkdir(parents=True, exist_ok=True)
        conf.write_text(text)

    def start(self, seconds=60):
        log = open(self.root.parent / (self.root.name + ".log"), "ab")
        self.daemon = subprocess.Popen([program("appcenterd"), "--root", str(self.root), "--foreground"],
                                       env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        wait_for("the daemon's socket", self.answers, seconds)
        return self

    def answers(self):
        if self.daemon.poll() is not None:
            raise Failed(f"appcenterd ended with {self.daemon.returncode}:\n{self.log()[-4000:]}")
        return run([program("appctl"), "--root", self.root, "status", "--json"], expect=None, env=self.env).returncode == 0

    def log(self):
        return (self.root.parent / (self.root.name + ".log")).read_text(errors="replace")

    def stop(self):
        end(self.daemon)
        self.daemon = None

    def kill_apps(self):
        """Ends the apps of this NAS (they outlive the daemon by design), found by their marker in /proc."""
        for _ in range(50):
            pids = self.app_pids()
            if not pids:
                return self.drop_groups()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        raise AssertionError(f"apps that do not die: {self.app_pids()}")

    def drop_groups(self):
        """Control groups of apps that were ended from outside."""
        st = os.stat(self.root)
        own = next((line[3:] for line in Path("/proc/self/cgroup").read_text().split("\n") if line.startswith("0::")), "/")
        for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            folder = Path(f"{mount}{own}/appcenter-{st.st_dev:x}-{st.st_ino:x}")
            with contextlib.suppress(OSError):
                for group in [path for path in folder.iterdir() if path.is_dir()] + [folder]:
                    group.rmdir()

    def app_pids(self, app=None):
        st = os.stat(self.root)
        found = []
        for proc in Path("/proc").iterdir():
            if not proc.name.isdigit():
                continue
            try:
                env = (proc / "environ").read_bytes().split(b"\0")
                state = (proc / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            marks = dict(e.split(b"=", 1) for e in env if e.startswith(b"APPCENTER_") and b"=" in e)
            instance = marks.get(b"APPCENTER_INSTANCE", b"").decode()
            if state != "Z" and instance == f"{st.st_dev:x}-{st.st_ino:x}":
                if app is None or marks.get(b"APPCENTER_APP", b"").decode() == app:
                    found.append(int(proc.name))
        return found

    def ctl(self, *args, expect=0, timeout=120):
        return run([program("appctl"), "--root", self.root, *args], expect=expect, env=self.env, timeout=timeout,
                   show=self.show)

    def json(self, *args, expect=0, timeout=120):
        return json.loads(self.ctl(*args, "--json", expect=expect, timeout=timeout).stdout)

    def app(self, name):
        return next((a for a in self.json("list")["apps"] if a["name"] == name), None)

    def app_dir(self, name):
        return self.root / VOLUME / ".qpkg" / name

    def sql(self, query, *args):
        db = sqlite3.connect(f"file:{self.root}/var/lib/appcenter/state.db?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()


def http_get(url, timeout=5):
    """(status, body) of a GET."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def http_post(url, body, timeout=5):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def config(**changes):
    """Text of an appcenter.conf for tests: quick health, quick polls, a window far away."""
    values = {
        "updates.emergency": "install", "updates.security": "auto", "updates.other": "auto", "updates.min_age": "0",
        "window.timer": far_window(), "window.timezone": "UTC", "network.poll": "1s", "network.stall": "5s",
        "safety.health_settle": "1s", "safety.health_timeout": "15s", "safety.reserve": "1M", "host.os_version": "5.1.0",
    }
    values.update({key.replace("__", "."): value for key, value in changes.items()})
    text, section = "", None
    for key in sorted(values):
        part, name = key.split(".", 1)
        if part != section:
            text, section = text + f"[{part}]\n", part
        text += f"{name} = {values[key]}\n"
    return text


def far_window():
    """A daily one-hour window that opens six hours from now (UTC)."""
    start = time.gmtime(time.time() + 6 * 3600)
    return f"{start.tm_hour:02d}:{start.tm_min:02d}-{(start.tm_hour + 1) % 24:02d}:{start.tm_min:02d}"
