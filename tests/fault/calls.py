"""Points at which one job is struck: who calls, which system call, the how-manieth; and what becomes of it.

The job is run as the daemon runs it (a request on stdin), without the daemon, so that thousands of points take minutes.
What follows is what a box does that starts again: `appcenterd --once`, then the judge.
"""
import errno
import json
import mmap
import os
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import judge as judges
import nas as lab

HERE = Path(__file__).resolve().parent
NAMES = re.findall(r"X\((\w+)\)", (HERE / "calls.c").read_text().partition("#define CALLS(X)")[2].partition("enum")[0])
ROLES = ("job", "child")
KILL, FAIL, SHORT = 1, 2, 3
READS = ("open",)  # nothing is changed by them: no point of a kill
PAGE = (len(ROLES) * len(NAMES) + 7) * 8 + len(NAMES) * 16


@dataclass(frozen=True)
class Strike:
    """What happens, and where."""
    role: str
    call: str
    number: int
    action: int = KILL
    error: str = ""
    for_ever: bool = False

    def __str__(self):
        what = {KILL: "SIGKILL", FAIL: self.error, SHORT: "half of it"}[self.action]
        return f"{what} at {self.role}'s {self.call} {self.number}{' and all later' if self.for_ever else ''}"


def build(folder):
    out = Path(folder) / "calls.so"
    lab.run([*os.environ.get("CC", "gcc").split(), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror",
             "-fno-builtin", "-fPIC", "-shared", "-o", out, HERE / "calls.c", "-ldl"])
    return out


class Page:
    """The shim's counters, and its orders."""

    def __init__(self, path):
        path.write_bytes(bytes(PAGE))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), PAGE)

    def arm(self, strike):
        number = getattr(errno, strike.error) if strike.error else 0
        struct.pack_into("7Q", self.map, len(ROLES) * len(NAMES) * 8, strike.action, ROLES.index(strike.role),
                         NAMES.index(strike.call), strike.number, strike.for_ever, number, 0)

    def disarm(self):
        struct.pack_into("Q", self.map, len(ROLES) * len(NAMES) * 8, 0)

    @property
    def hits(self):
        return struct.unpack_from("Q", self.map, len(ROLES) * len(NAMES) * 8 + 48)[0]

    def counts(self):
        """{(role, call): how many} of the newest job."""
        found = struct.unpack_from(f"{len(ROLES) * len(NAMES)}Q", self.map)
        return {(role, call): found[i * len(NAMES) + j] for i, role in enumerate(ROLES) for j, call in enumerate(NAMES)}


class Patient:
    """A NAS out of the stock whose jobs can be struck; a context."""

    def __init__(self, stock, shim, template, worlds, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        lab.run(["cp", "-a", f"{template}/.", self.folder / "nas"])
        self.nas = lab.Nas(self.folder / "nas")
        self.page = Page(self.folder / "calls")
        self.nas.env.update(LD_PRELOAD=str(shim), TEST_CALLS=str(self.folder / "calls"))
        self.judge = judges.Judge(self.nas, stock.packages, worlds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.nas.kill_apps()
        shutil.rmtree(self.folder)

    def job(self, action, request, seconds=60):
        """Exit code of one job (negative: the signal that ended it), and its last line."""
        done = subprocess.run([lab.program("appcenter-job"), "--root", str(self.nas.root)], env=self.nas.env,
                              input=json.dumps({"job": 1, "action": action, "request": request}), text=True,
                              capture_output=True, timeout=seconds)
        lines = done.stdout.splitlines()
        return done.returncode, lines[-1] if lines else done.stderr[-300:]

    def recover(self):
        """What a box does that starts again."""
        done = lab.run([lab.program("appcenterd"), "--root", self.nas.root, "--once"], env=self.nas.env, expect=None,
                       timeout=60)
        assert done.returncode == 0, f"recovery ended with {done.returncode}: {done.stdout}{done.stderr}"

    def world(self):
        for pid in self.judge.jobs():
            raise AssertionError(f"a job still runs: {self.judge.command(pid)}")
        return self.judge.verdict_at_rest()
