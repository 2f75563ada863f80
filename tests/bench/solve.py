#!/usr/bin/env python3
"""What planning costs with a whole Debian in the catalogue: CPU time and peak memory of the whole job, from exec to exit.

    solve-cold-63000      refresh that fetches, checks and imports the catalogue
    solve-warm-63000      plan of "upgrade all": 500 installed, 50 of them with a newer version       (limit 150 ms)
    solve-install-63000   plan of an installation that brings 300 others
    solve-whynot-63000    the sentence why an app cannot be installed
    solve-start           a job that does nothing: what each of these pays for its start
    solve-warm-1000       plan of "upgrade all" with 1,000 in the catalogue, 100 installed, 10 newer, without the start of
                          the job                                                                    (limit 10 ms)
    solve-job-1000        the same with it
    solve-...-memory      the peak of each                                                             (limit 80 MB)

Beside each plan stand `apt-get -s`, which does the same with its package cache on the same index and the same installed
ones, and libsolv's own testsolv with a .solv file of the same packages, which only solves: nothing is verified, no policy. The index is this machine's own, or an invented one of its shape. The best of five runs each.
"""
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent / "world")]
import debian  # noqa: E402
import nas as lab  # noqa: E402
import testsolv  # noqa: E402

ROUNDS = 5
LIMITS = {"solve-warm-63000": 150, "solve-warm-1000": 10, "solve-warm-63000-memory": 80, "solve-install-63000-memory": 80,
          "solve-whynot-63000-memory": 80}
MEASURED = Path(__file__).resolve().parent / "world" / "measured.py"


def measured(argv, stdin="", env=None, rounds=ROUNDS, expect=0):
    """(least CPU in ms, peak in MB, what it wrote) over some runs of a program."""
    best = None
    for _ in range(rounds):
        end, begin = os.pipe()
        job = subprocess.Popen(["/bin/sh", "-c", f'exec "$0" "$@" 3>&{begin}', sys.executable, "-S", "-E", str(MEASURED),
                                *map(str, argv)], pass_fds=[begin], env=env, text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(begin)
        out, words = job.communicate(stdin)
        with os.fdopen(end) as pipe:
            cost = json.loads(pipe.read())
        if expect is not None and cost["exit"] != expect:
            raise lab.Failed(f"{argv}: exit {cost['exit']}, wanted {expect}\n{out[-2000:]}{words[-2000:]}")
        cost = cost["cpu_ms"], cost["peak_kb"] / 1024, out
        best = cost if best is None or cost[0] < best[0] else best
    return best


def figure(name, cost, peers=None):
    """The lines of one measurement, one for each peer that is there; False when it is beyond a limit."""
    ok = True
    for line, value, unit, i in ((name, cost[0], "ms", 0), (name + "-memory", cost[1], "MB", 1)):
        limit = LIMITS.get(line)
        ratios = [f" ratio {value / other[i]:.2f} of {peer}" for peer, other in (peers or {}).items()]
        for ratio in ratios or [f" ratio {value / limit:.2f} of limit-{limit}" if limit else ""]:
            print(f"bench: {line} {value:.1f} {unit}{ratio}", flush=True)
        ok = ok and (limit is None or value <= limit)
    return ok


# ---- our side

class Shop(lab.Vendor):
    """A vendor whose catalogue holds every package of an index: its one true release under other names."""

    def open(self):
        self.repo.parent.mkdir()
        self.init()
        self.add(self.pack(lab.stage("MediaLibrary", "1.4", self.repo.parent / "src"), self.repo.parent / "a.qpkg"))
        self.publish()
        return self

    def fill(self, index, words):
        draft = self.repo / "draft.json"
        world = json.loads(draft.read_text())
        model, = world["releases"]
        for package in index.packages.values():
            name, version = debian.app_name(package.name), words.version(package.name, package.version)
            digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
            one = dict(model, name=name, version=version, arch="x86_64", sha256=digest, data_sha256=digest,
                       path=f"packages/{digest}.{name}_{version}_x86_64.qpkg", requires=words.requires(package),
                       conflicts=words.conflicts(package), provides=words.provides(package),
                       summary={"en": f"{package.name} of a real index"})
            (self.public / one["path"]).touch()
            world["releases"].append(one)
        draft.write_text(json.dumps(world))
        self.publish()


class Box(lab.Nas):
    """A NAS without a daemon: its jobs are run here."""

    def open(self, vendor, url=None):
        self.configure(lab.config())
        folder = self.root / "etc/appcenter/repos.d"
        folder.mkdir(parents=True)
        (self.root / "etc/appcenter/root.json").write_bytes((vendor.public / "metadata" / "1.root.json").read_bytes())
        (folder / "vendor.conf").write_text(f"[repository]\nurl = {url or f'file://{vendor.public}/'}\nroot = /etc/appcenter/root.json\n")
        return self

    def job(self, verb, rounds=ROUNDS, expect=0, **request):
        body = json.dumps({"job": 0, "action": verb, "request": request})
        cpu, peak, out = measured([lab.program("appcenter-job"), "--root", self.root], body, self.env, rounds, expect)
        return cpu, peak, json.loads(out.splitlines()[-1])

    def installed(self, index, words, names, older):
        """Written where the product keeps them: no archive of theirs exists."""
        db = sqlite3.connect(self.root / "var/lib/appcenter/state.db")
        with db:
            for name in sorted(names):
                package = index.packages[name]
                version = words.version(name, older.get(name, package.version))
                db.execute("INSERT INTO app (name, version, arch, publisher, repository, requires, conflicts, enabled, "
                           "as_dependency, service_port, rc_num, installed_at) "
                           "VALUES (?, ?, 'x86_64', 'vendor', 'vendor', ?, ?, 1, 0, 0, 101, 1700000000)",
                           (debian.app_name(name), version, json.dumps(words.requires(package)),
                            json.dumps(words.conflicts(package))))
        db.close()


# ---- the other side

class Apt:
    """apt-get with a root of its own."""

    def __init__(self, base, index, names, older):
        self.base = Path(base)
        for folder in ("etc/preferences.d", "state/lists/partial", "cache/archives/partial", "repo", "log"):
            (self.base / folder).mkdir(parents=True)
        (self.base / "repo/Packages").write_text("".join(p.stanza() for p in index.packages.values()))
        (self.base / "state/status").write_text("".join(index.packages[name].stanza(older.get(name), True)
                                                        for name in sorted(names)))
        (self.base / "etc/sources.list").write_text(f"deb [trusted=yes] file:{self.base}/repo ./\n")
        (self.base / "apt.conf").write_text(f'''
            Dir::State "{self.base}/state"; Dir::State::status "{self.base}/state/status"; Dir::Cache "{self.base}/cache";
            Dir::Etc "{self.base}/etc"; Dir::Log "{self.base}/log"; Acquire::Languages "none"; APT::Sandbox::User "root";
            APT::Architecture "amd64"; APT::Architectures {{ "amd64"; }}; APT::Install-Recommends "false";
            Dir::Etc::parts "/dev/null"; Dir::Etc::main "/dev/null";\n''')
        self.env = dict(os.environ, APT_CONFIG=str(self.base / "apt.conf"), LC_ALL="C")
        subprocess.run(["apt-get", "update"], env=self.env, check=True, capture_output=True)

    def ask(self, *words, expect=0):
        cost = measured(["apt-get", "-s", *words], env=self.env, rounds=ROUNDS + 1, expect=expect)
        return cost[0], cost[1], sum(line.startswith("Inst ") for line in cost[2].splitlines())


class Peers:
    """Whoever of them is here, asked the same."""

    def __init__(self, base, index, words, names, older):
        def row(package, version=None):
            return (debian.app_name(package.name), words.version(package.name, version or package.version),
                    words.requires(package), words.conflicts(package), words.provides(package))

        self.apt = Apt(base / "apt", index, names, older) if shutil.which("apt-get") else None
        self.libsolv = testsolv.Testsolv(base / "testsolv", [row(package) for package in index.packages.values()],
                                         [row(index.packages[name], older.get(name)) for name in sorted(names)]
                                         ) if shutil.which("testsolv") else None

    def ask(self, apt, libsolv, expect=0):
        """{peer: (CPU, memory, changes)}"""
        answers = {}
        if self.apt:
            answers["apt-get"] = self.apt.ask(*apt, expect=expect)
        if self.libsolv:
            answers["testsolv"] = self.libsolv.ask(measured, libsolv)
        return answers


# ---- the questions

def n_changes(result, peers):
    ours = sum(len(group["changes"]) for group in result["plan"]["sets"])
    return ", ".join([f"{ours} changes", *(f"{peer} {answer[2]}" for peer, answer in peers.items())])


def ask_all(index, base, n_installed, n_older, mark):
    names = index.installable_set(n_installed)
    older = index.outdated(names, n_older)
    words = debian.Words(index, older)
    vendor = Shop(base / "vendor").open()
    vendor.fill(index, words)
    box = Box(base / "nas").open(vendor)
    cold = box.job("refresh", rounds=1, force=True)
    box.installed(index, words, names, older)
    peers = Peers(base, index, words, names, older)
    figure(f"solve-cold-{mark}", cold)
    upgrade = box.job("plan", action="upgrade")
    others = peers.ask(("upgrade", "--with-new-pkgs"), "update all packages")
    print(f"  upgrade of {len(names)} installed: {n_changes(upgrade[2], others)}")
    return upgrade, others, names, box, peers


def ask_small(index, base):
    upgrade, others, _, box, _ = ask_all(index, base, 100, 10, 1000)
    start = box.job("nothing", expect=2)
    figure("solve-start", start)
    figure("solve-job-1000", upgrade, others)
    return figure("solve-warm-1000", (upgrade[0] - start[0], upgrade[1]))


def ask_more(index, names, box, peers):
    wanted, new = index.needs_about(names, 300)
    install = box.job("plan", action="install", apps=[{"name": debian.app_name(wanted)}])
    others = peers.ask(("install", wanted), f"install name {debian.app_name(wanted)}")
    print(f"  {wanted}: {len(new)} by hand, {n_changes(install[2], others)}")
    ok = figure("solve-install-63000", install, others)
    wanted = index.impossible(names)
    whynot = box.job("plan", expect=4, action="install", apps=[{"name": debian.app_name(wanted)}])
    others = peers.ask(("install", wanted), f"install name {debian.app_name(wanted)}", expect=None)
    print(f"  {wanted}: {whynot[2]['message'][:200]}")
    return figure("solve-whynot-63000", whynot, others) and ok


def main():
    with tempfile.TemporaryDirectory(prefix="appcenter-bench-") as folder:
        base = Path(folder)
        (base / "big").mkdir()
        (base / "small").mkdir()
        index = debian.Index(63000)
        print(f"  {'this machine' if index.is_own else 'an invented'} index")
        upgrade, others, names, box, peers = ask_all(index, base / "big", 500, 50, 63000)
        ok = figure("solve-warm-63000", upgrade, others)
        ok = ask_more(index, names, box, peers) and ok
        ok = ask_small(index.part(1000), base / "small") and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
