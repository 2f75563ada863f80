"""The judge: is this NAS whole, and in which world? It shares no code with the product and looks from outside.

It reads the packed source trees, the app folders, the registration view, the start links, the database, the process
table and what `appctl` says, and compares them with each other. A world is {app: version}; the NAS must be in exactly
one of the worlds it is given, with all of the user's files. Every fault is a sentence; all of them are told at once.
"""
import configparser
import contextlib
import hashlib
import os
import shutil
import sqlite3
import stat
import tempfile
from pathlib import Path

import nas as lab

ICONS = {"": ".qpkg_icon.gif", "_80": ".qpkg_icon_80.gif", "_gray": ".qpkg_icon_gray.gif"}
RUNTIME = ("logs", "run", "album", "jobs")  # what the sample apps make by themselves, besides what a test puts there
INTERPRETERS = ("sh", "dash", "bash", "busybox", "sleep")


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Package:
    """What a source tree puts into the app's folder, by QDK's rules: shared, the architecture on top, icons, config."""

    def __init__(self, source):
        self.source, self.files, self.folders = Path(source), {}, set()
        values = dict(line.split("=", 1) for line in (self.source / "qpkg.cfg").read_text().splitlines()
                      if "=" in line and not line.startswith("#"))
        values = {key: value.strip('"') for key, value in values.items()}
        self.name, self.version = values["QPKG_NAME"], values["QPKG_VER"]
        self.rc_num, self.program = int(values["QPKG_RC_NUM"]), values["QPKG_SERVICE_PROGRAM"]
        self.config = values.get("QPKG_CONFIG", "").split()
        for layer in ("shared", os.uname().machine, "config"):
            self._take(self.source / layer)
        for suffix, name in ICONS.items():
            icon = self.source / "icons" / f"{self.name}{suffix}.gif"
            if icon.exists():
                self.files[name] = ("f", digest(icon), False)

    def _take(self, layer):
        for path in sorted(layer.rglob("*")) if layer.is_dir() else []:
            name = str(path.relative_to(layer))
            if path.is_symlink():
                self.files[name] = ("l", os.readlink(path), False)
            elif path.is_dir():
                self.folders.add(name)
            else:
                self.files[name] = ("f", digest(path), bool(path.stat().st_mode & stat.S_IXUSR))


class Judge:
    """One NAS, the worlds it may be in, and what is the user's: {(app, path): digests that it may have}."""

    def __init__(self, nas, packages, worlds, photo_url=None):
        self.nas, self.worlds, self.photo_url = nas, worlds, photo_url
        self.packages = {(p.name, p.version): p for p in packages}
        self.user, self.converted = {}, {}
        self.faults = []

    def owns(self, app, path, *contents):
        """The user has this file in that app's folder, with one of these contents."""
        self.user[app, path] = {hashlib.sha256(content).hexdigest() for content in contents}

    def owns_converted(self, app, path, by_version):
        """The same of a file that a version converts when it comes: {version: content}."""
        self.user[app, path] = {hashlib.sha256(content).hexdigest() for content in by_version.values()}
        self.converted[app, path] = {version: {hashlib.sha256(content).hexdigest()} for version, content in by_version.items()}

    # --- waiting until there is something to judge ---

    def settle(self, seconds=90):
        """Until the daemon has nothing in hand: no child, no waiting job, no open transaction. Three looks in a row."""
        quiet = 0

        def is_quiet():
            nonlocal quiet
            quiet = quiet + 1 if not self._busy() else 0
            return quiet >= 3

        try:
            lab.wait_for("quiet", is_quiet, seconds, every=0.05)
        except AssertionError:
            raise AssertionError(f"the daemon does not come to rest within {seconds} s: {self._busy()}\n"
                                 + self.nas.log()[-3000:]) from None

    def _busy(self):
        if children := self.children():
            return f"it has the children {children}"
        jobs = self.nas.sql("SELECT id, action, state FROM job WHERE state IN ('queued', 'running')")
        if jobs:
            return f"jobs wait: {jobs}"
        unfinished = self.nas.sql("SELECT id FROM txn WHERE result IS NULL")
        return f"transactions without a result: {unfinished}" if unfinished else None

    # --- the verdict ---

    def verdict(self):
        """Name of the world; AssertionError with every fault found."""
        return self._judge(is_up=True)

    def verdict_at_rest(self):
        """The same of a box whose daemon and apps do not run: what the disks hold."""
        return self._judge(is_up=False)

    def verdict_before_recovery(self, was_killed=True):
        """What holds at every moment, also in the middle of a change: nobody waits for recovery to read a file. A job that
        ends by itself may have gone back without a journal, on a full disk."""
        self.faults = []
        self._readable_registration()
        if was_killed:
            self._staged_before_the_switch()
        if self.faults:
            raise AssertionError("not whole before recovery:\n  " + "\n  ".join(self.faults))

    def _judge(self, is_up):
        self.faults = []
        installed = dict(self.nas.sql("SELECT name, version FROM app"))
        name = next((name for name, world in self.worlds.items() if world == installed), None)
        if name is None:
            self.fault(f"the database says {installed}, which is none of {self.worlds}")
        else:
            for app, version in installed.items():
                self._tree(app, version)
                if is_up:
                    self._running(app, version)
            self._strays(installed)
            self._user_files(installed)
            self._registration(installed)
            self._links(installed)
        self._kept()
        self._snapshots()
        self._journal()
        self._leftovers(installed)
        if is_up:
            self._spoken(installed)
            self._log()
        self._beside_strangers()
        if self.faults:
            raise AssertionError(f"not whole (world: {name}):\n  " + "\n  ".join(self.faults))
        return name

    def fault(self, sentence):
        self.faults.append(sentence)

    # --- folders ---

    def _is_users(self, app, path):
        parts = Path(path).parts
        return (app, path) in self.user or parts[0] in RUNTIME or any(
            (a == app and (p.startswith(path.replace(".newer", "") + "/") or path in (p + ".local", p + ".new")
                           or path.replace(".newer", "") == p)) for a, p in self.user)

    def _tree(self, app, version):
        """Exactly that version's files, and beside them only what is the user's."""
        package, folder = self.packages[app, version], self.nas.app_dir(app)
        if not folder.is_dir():
            self.fault(f"{app} {version} is recorded, its folder is not there")
            return
        for name, (kind, content, is_executable) in package.files.items():
            self._file(app, folder / name, name, kind, content, is_executable)
        for path in folder.rglob("*"):
            name = str(path.relative_to(folder))
            if name not in package.files and name not in package.folders and not self._is_users(app, name):
                self.fault(f"{app} {version}: {name} is neither the package's nor the user's")
        recorded = {p for (p,) in self.nas.sql("SELECT path FROM app_file WHERE app = ? AND type <> 'd'", app)}
        if recorded != set(package.files):
            self.fault(f"{app} {version}: recorded and packed files differ by {sorted(recorded ^ set(package.files))}")

    def _file(self, app, path, name, kind, content, is_executable):
        wanted = self.user.get((app, name), {content}) if name in self.packages_config(app) else {content}
        if kind == "l":
            if not path.is_symlink() or os.readlink(path) != content:
                self.fault(f"{app}: {name} is not a link to {content}")
        elif path.is_symlink() or not path.is_file():
            self.fault(f"{app}: {name} is missing")
        elif digest(path) not in wanted:
            self.fault(f"{app}: {name} is not what was packed, or not the user's edit of it")
        elif is_executable and not os.access(path, os.X_OK):
            self.fault(f"{app}: {name} lost its executable bit")

    def packages_config(self, app):
        return {name for (owner, _), package in self.packages.items() if owner == app for name in package.config}

    def _user_files(self, installed):
        """Each at its place; beside it when the package ships that path, too; in a kept tree when the app is gone."""
        kept = self.nas.root / lab.VOLUME / ".qpkg/.appcenter/kept"
        for (app, name), wanted in self.user.items():
            wanted = self.converted.get((app, name), {}).get(installed.get(app), wanted)
            if app in installed:
                places = [self.nas.app_dir(app) / name]
                if name in self.packages[app, installed[app]].files:
                    places.append(self.nas.app_dir(app) / (name + ".local"))
            else:
                places = [tree / (name + beside) for tree in kept.glob(f"*-{app}") for beside in ("", ".local")]
            if not any(place.is_file() and digest(place) in wanted for place in places):
                self.fault(f"the user's {name} of {app} is lost or changed; looked at {[str(p) for p in places]}")

    def _kept(self):
        """Every kept row has its tree and every tree its row; a tree without a row must hold something of the user's."""
        folder = self.nas.root / lab.VOLUME / ".qpkg/.appcenter/kept"
        trees = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
        rows = {tree for (tree,) in self.nas.sql("SELECT tree FROM kept")}
        for tree in rows - trees:
            self.fault(f"kept tree {tree} is recorded, it is not there")
        for tree in trees - rows:
            if not any(p.is_file() for p in (folder / tree).rglob("*")):
                self.fault(f"kept tree {tree} is not recorded and holds no file")
            elif not tree.startswith("orphan-"):
                self.fault(f"kept tree {tree} is not recorded")

    def _snapshots(self):
        """Every snapshot has its row and every row its snapshot; none is half."""
        folder = self.nas.root / lab.VOLUME / ".qpkg/.appcenter/snapshots"
        trees = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
        rows = {tree for (tree,) in self.nas.sql("SELECT tree FROM snapshot")}
        if trees != rows:
            self.fault(f"snapshots: {sorted(trees - rows)} are not recorded, {sorted(rows - trees)} are not there")

    def _strays(self, installed):
        """No folder of an app that is not installed."""
        for path in (self.nas.root / lab.VOLUME / ".qpkg").iterdir():
            if path.name not in installed and path.name != ".appcenter":
                self.fault(f"{path.name} is not installed, its folder is there")

    # --- what scripts of the system see ---

    def _registration(self, installed):
        view = configparser.RawConfigParser()
        view.optionxform = str
        text = self.nas.root / "etc/config/qpkg.conf"
        view.read_string(text.read_text() if text.exists() else "")
        if set(view.sections()) != set(installed):
            self.fault(f"qpkg.conf has {sorted(view.sections())}, installed are {sorted(installed)}")
        for app in set(view.sections()) & set(installed):
            row = view[app]
            wanted = {"Name": app, "Version": installed[app], "Status": "complete", "Enable": "TRUE",
                      "Install_Path": f"/{lab.VOLUME}/.qpkg/{app}"}
            for key, value in wanted.items():
                if row.get(key) != value:
                    self.fault(f"qpkg.conf: {key} of {app} is {row.get(key)}, wanted {value}")

    def _readable_registration(self):
        """The view is one of the worlds', whole: scripts read it whenever they like."""
        view = configparser.RawConfigParser()
        view.optionxform = str
        text = self.nas.root / "etc/config/qpkg.conf"
        view.read_string(text.read_text() if text.exists() else "")
        found = {app: view[app].get("Version") if view[app].get("Status") == "complete" else None for app in view.sections()}
        if found not in self.worlds.values():
            self.fault(f"qpkg.conf says {found}, which is none of {self.worlds}")

    def _staged_before_the_switch(self):
        """Once the journal says that the first app stops, every new tree is on the disk: staged, or live already."""
        with self._copy_of_the_state() as state:
            rows = state.execute("SELECT txn_id, app, step, state FROM journal JOIN txn ON txn.id = txn_id WHERE result IS NULL")
            steps = {(txn, app, step): row for txn, app, step, row in rows}
            changes = state.execute("SELECT txn_id, app, to_version FROM change WHERE to_version IS NOT NULL").fetchall()
        switching = {txn for txn, _, step in steps if step == "STOP"}
        for txn, app, version in changes:
            if txn not in switching or steps.get((txn, app, "UNPACK")) != "done":
                continue
            package, lacking = self.packages[app, version], []
            for folder in (self.nas.app_dir(".appcenter") / f"stage/{txn}-{app}", self.nas.app_dir(app)):
                lacking.append([name for name, (kind, content, _) in package.files.items() if name not in package.config
                                and not (os.path.islink(folder / name) if kind == "l" else
                                         (folder / name).is_file() and digest(folder / name) == content)])
            if all(lacking):
                self.fault(f"transaction {txn} switches {app}, {min(lacking, key=len)} of {version} never came to the disk")

    @contextlib.contextmanager
    def _copy_of_the_state(self):
        """A look into a database that nobody has recovered must not be what recovers it."""
        with tempfile.TemporaryDirectory() as folder:
            for file in (self.nas.root / "var/lib/appcenter").glob("state.db*"):
                shutil.copy(file, folder)
            with contextlib.closing(sqlite3.connect(Path(folder) / "state.db")) as state:
                yield state

    def _links(self, installed):
        wanted = set()
        for app, version in installed.items():
            package = self.packages[app, version]
            target = f"/{lab.VOLUME}/.qpkg/{app}/{package.program}"
            wanted |= {(f"rcS.d/QS{package.rc_num}{app}", target), (f"rcK.d/QK{1000 - package.rc_num}{app}", target)}
        found = set()
        for folder in ("rcS.d", "rcK.d"):
            for link in (self.nas.root / "etc" / folder).glob("Q*"):
                found.add((f"{folder}/{link.name}", os.readlink(link)))
        if found != wanted:
            self.fault(f"start links: {sorted(found - wanted)} too many, {sorted(wanted - found)} missing")

    # --- processes ---

    def _running(self, app, version):
        """Its daemon runs out of its live folder and answers with its version."""
        if app == "MediaLibrary":  # no daemon: its program is asked
            program = self.nas.app_dir(app) / "bin/mediainfo"
            done = lab.run([program, "--version"], expect=None) if program.exists() else None
            if done and version not in done.stdout:
                self.fault(f"mediainfo says {done.stdout.strip()!r}, wanted {version}")
            return
        pids = self.nas.app_pids(app)
        live = {(p.stat().st_dev, p.stat().st_ino) for p in (self.nas.app_dir(app) / "bin").glob("*")}
        if not pids:
            self.fault(f"{app} {version} does not run")
        for pid in pids:
            with contextlib.suppress(OSError):
                program = os.stat(f"/proc/{pid}/exe")
                if (program.st_dev, program.st_ino) not in live:
                    self.fault(f"{app} {version}: process {pid} runs another program: {self._program(pid)}")
        if app == "PhotoStation" and self.photo_url:
            status, body = lab.http_get(self.photo_url + "health", 10)
            if status != 200 or version.encode() not in body:
                self.fault(f"{app} answers {status} {body!r}, wanted 200 and {version}")

    @staticmethod
    def _program(pid):
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{pid}/exe")
        return None

    def _leftovers(self, installed):
        stage = self.nas.root / lab.VOLUME / ".qpkg/.appcenter/stage"
        left = sorted(p.name for p in stage.iterdir()) if stage.is_dir() else []
        if left:
            self.fault(f"left in staging: {left}")
        for part in (self.nas.root / "var/cache/appcenter").rglob("*.part"):
            self.fault(f"half a download is left: {part.name}")
        for pid in self.nas.app_pids():
            program = Path(self._program(pid) or "").name
            if program in INTERPRETERS:
                self.fault(f"a script still runs: process {pid}, {self.command(pid)}")
        for app in ("PhotoStation", "QVPN", "HybridBackup", "BrokenStart"):
            if app not in installed and self.nas.app_pids(app):
                self.fault(f"{app} is not installed, processes of it run: {self.nas.app_pids(app)}")
        if jobs := [pid for pid in self.jobs() if pid not in self.children()]:
            self.fault(f"a job without a daemon still runs: {[self.command(pid) for pid in jobs]}")

    def jobs(self):
        """Every job process of this NAS, whoever started it."""
        found = []
        for proc in Path("/proc").iterdir():
            words = self.command(proc.name) if proc.name.isdigit() else []
            if words and Path(words[0]).name == "appcenter-job" and str(self.nas.root) in words:
                found.append(int(proc.name))
        return found

    @staticmethod
    def command(pid):
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        return []

    def children(self):
        """What the daemon has at work."""
        if not self.nas.daemon:
            return []
        pid = self.nas.daemon.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    # --- what is recorded and what is said ---

    def _journal(self):
        for txn, app, step, state in self.nas.sql(
                "SELECT txn_id, app, step, state FROM journal WHERE state NOT IN ('done', 'undone')"):
            self.fault(f"transaction {txn}: {step} of {app} stands as {state}")
        for (txn,) in self.nas.sql("SELECT id FROM txn WHERE result IS NULL"):
            self.fault(f"transaction {txn} has no result")
        for txn, result, committed in self.nas.sql("SELECT id, result, is_committed FROM txn"):
            if (result == "done") != bool(committed):
                self.fault(f"transaction {txn} ended {result}, committed: {committed}")
        if self.nas.sql("PRAGMA integrity_check") != [("ok",)]:
            self.fault("the database is not sound")
        for job, state in self.nas.sql("SELECT id, state FROM job WHERE state IN ('queued', 'running')"):
            self.fault(f"job {job} is {state}, nobody works on it")

    def _spoken(self, installed):
        """`appctl` answers, and says the same as the database."""
        status = self.nas.json("status")
        if status["installed"] != len(installed):
            self.fault(f"status counts {status['installed']} apps, installed are {len(installed)}")
        for app in self.nas.json("list")["apps"]:
            if app["state"] != "running":
                self.fault(f"{app['name']} is shown as {app['state']}: {app.get('failure')}")
            if installed.get(app["name"]) != app["version"]:
                self.fault(f"{app['name']} is shown as {app['version']}")
        rows = dict(self.nas.sql("SELECT id, result FROM txn"))
        for txn in self.nas.json("history")["transactions"]:
            if txn["result"] != rows[txn["id"]]:
                self.fault(f"history shows transaction {txn['id']} as {txn['result']}, it is {rows[txn['id']]}")
            if (txn["result"] != "done") != bool(txn["error"] and txn["error"]["message"]):
                self.fault(f"history: transaction {txn['id']} ended {txn['result']} with the error {txn['error']}")

    def _beside_strangers(self):
        """PhotoStation writes down beside which library it started: never beside one it was not released with."""
        for log in (self.nas.root / lab.VOLUME / ".qpkg").rglob("PhotoStation/logs/starts.log"):
            for line in log.read_text().splitlines():
                if ("6.1.2" in line) and "MediaLibrary 2.0" not in line:
                    self.fault(f"ran beside a stranger: {line}")

    def _log(self):
        """No complaint of a sanitizer or of GLib, of the daemon or of a job."""
        for line in self.nas.log().splitlines():
            if any(word in line for word in ("Sanitizer", "runtime error:", "-CRITICAL **", "-WARNING **")):
                self.fault(f"the log complains: {line}")


def newest(nas):
    """The newest transaction as `appctl history` tells it."""
    return nas.json("history")["transactions"][0]


def wait_until_dead(pid, seconds=30):
    """Until that process is gone or a zombie."""
    def is_dead():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    lab.wait_for(f"the end of process {pid}", is_dead, seconds, every=0.02)
