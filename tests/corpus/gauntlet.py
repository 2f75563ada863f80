"""Runs an archive through the product's doors from outside, and sees what it left behind and what it cost."""
import hashlib
import json
import os
import resource
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import nas as lab
import qdk

ESCAPE = Path("/tmp/appcenter-escape")
LIMIT_BYTES, LIMIT_FILES, LIMIT_RATIO = 64 << 20, 5000, 200
NOT_THE_APPS = ("var/lib/appcenter", "var/cache/appcenter", "var/log", "run")  # the product's own books


@dataclass
class Outcome:
    door: str
    code: int
    sentence: str
    seconds: float
    cpu_s: float
    peak_kib: int


class Costs:
    """The dearest of all runs, to be printed."""

    def __init__(self):
        self.runs, self.seconds, self.cpu_s, self.peak_kib = 0, (0, ""), (0, ""), (0, "")

    def add(self, label, outcome):
        self.runs += 1
        self.seconds = max(self.seconds, (outcome.seconds, label))
        self.cpu_s = max(self.cpu_s, (outcome.cpu_s, label))
        self.peak_kib = max(self.peak_kib, (outcome.peak_kib, label))

    def text(self):
        return (f"{self.runs} runs; most processor time {self.cpu_s[0]:.2f} s ({self.cpu_s[1]}), longest "
                f"{self.seconds[0]:.2f} s ({self.seconds[1]}), most memory {self.peak_kib[0] / 1024:.0f} MiB ({self.peak_kib[1]})")


COSTS = Costs()


def tree_hash(base, without=()):
    """Of every path below base: kind, mode, owner, time, content."""
    total = hashlib.sha256()
    base = Path(base)
    for top, folders, files in os.walk(base):
        relative = Path(top).relative_to(base)
        folders[:] = sorted(f for f in folders if str(relative / f) not in without)
        for name in sorted(folders + files):
            path = Path(top) / name
            st = path.lstat()
            total.update(f"{relative / name} {st.st_mode:o} {st.st_uid}:{st.st_gid} {st.st_nlink}".encode("utf-8", "surrogateescape"))
            if stat.S_ISREG(st.st_mode):
                total.update(f"{st.st_size} {st.st_mtime_ns}".encode())
                total.update(path.read_bytes())
            elif stat.S_ISLNK(st.st_mode):
                total.update(os.fsencode(os.readlink(path)))
    return total.hexdigest()


class Gauntlet:
    """One folder with a precious neighbour, a staging folder and a NAS."""

    def __init__(self, base):
        self.base = Path(base)
        self.yard = self.base / "yard"
        self.stage = self.yard / "stage"
        (self.yard / "outside").mkdir(parents=True)
        (self.yard / "outside/file").write_text("precious")
        self.file = self.base / "package.qpkg"
        self.nas = lab.Nas(self.base / "nas")
        self.nas.configure(lab.config(safety__local_max_size=LIMIT_BYTES, safety__local_max_files=LIMIT_FILES,
                                      safety__local_max_ratio=LIMIT_RATIO, safety__health_settle="0s"))
        for folder in ("etc/config", "tmp"):
            (self.nas.root / folder).mkdir(parents=True, exist_ok=True)
        (self.nas.root / "etc/config/precious.conf").write_text("precious")
        first = self.put(qdk.Package(name="First").build()).install()  # makes the product's own folders
        assert first.code == 0, first

    def put(self, data):
        self.file.write_bytes(data)
        return self

    def _run(self, door, argv, stdin=b"", limit_s=120):
        out, err = open(self.base / "out", "w+b"), open(self.base / "err", "w+b")
        begin = time.monotonic()
        process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=out, stderr=err, env=self.nas.env,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s)))
        process.stdin.write(stdin)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        text, sentence = out.read().decode(errors="replace"), err.read().decode(errors="replace").strip()
        out.close(), err.close()
        outcome = Outcome(door, process.returncode, sentence, time.monotonic() - begin, usage.ru_utime + usage.ru_stime,
                          usage.ru_maxrss)
        return outcome, text

    def _job(self, what):
        return self._run("install", [lab.program("appcenter-job"), "--root", self.nas.root],
                         json.dumps({"job": 1, **what}).encode())

    def inspect(self):
        return self._run("inspect", [lab.program("appvendor"), "inspect", self.file])[0]

    def unpack(self, links=False):
        """Unpacks into the staging folder, made anew; the neighbours are compared before and after."""
        subprocess.run(["rm", "-rf", str(self.stage)], check=True)
        self.stage.mkdir(mode=0o700)
        tool = lab.BUILD / "tests" / "bench-unpack"
        return self._run("unpack", [tool, self.file, self.stage, LIMIT_BYTES, LIMIT_FILES, LIMIT_RATIO, int(links)])[0]

    def install(self, trusted=True):
        """As the daemon's child does it; the admin vouches for the digest, so that only the archive's form decides."""
        target = self.nas.root / "tmp/package.qpkg"
        target.write_bytes(self.file.read_bytes())
        options = {"file": "/tmp/package.qpkg"}
        if trusted:
            options["trust_sha256"] = lab.sha256(target)
        outcome, text = self._job({"action": "install", "request": {"options": options}})
        target.unlink()
        result = json.loads(text.splitlines()[-1]) if text.strip() else {}
        outcome.sentence = result.get("message", outcome.sentence)
        return outcome

    def outside(self):
        """What no archive may change: everything but the staging folder, and the NAS's apps and settings."""
        assert not ESCAPE.exists(), "something was run or written outside"
        return (tree_hash(self.yard, ("stage",)), tree_hash(self.nas.root, NOT_THE_APPS))
