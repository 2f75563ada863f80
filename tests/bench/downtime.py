#!/usr/bin/env python3
"""How long an app is down when it is upgraded, and what of that is ours.

    downtime          from the first byte of STOP to the end of START, of an app of 32 MB
    downtime-script   of that in the app's own script, stop and start
    downtime-copy     of that in SNAP, which copies 8 MB of data
    downtime-ours     the rest, in memory: nothing is copied and nothing flushed                     (limit 100 ms)
    downtime-sync     what the disk below the temporary folder adds to that

Measured on the job's own progress lines, as they come out of its pipe.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nas as lab  # noqa: E402

LIMITS = {"carry-20000": 2.0, "downtime-ours": 100}
ROUNDS = 3
SCRIPT = '#!/bin/sh\ncase "$1" in start|stop) sleep 0.2 ;; esac\n'


def figure(name, value, unit):
    limit = LIMITS.get(name)
    print(f"bench: {name} {value:.3g} {unit}" + (f" ratio {value / limit:.2f} of limit-{limit:g}" if limit else ""), flush=True)
    return limit is None or value <= limit


def pack(vendor, base, version):
    source = base / f"src-{version}"
    (source / "shared" / "web").mkdir(parents=True)
    (source / "qpkg.cfg").write_text(f'QPKG_NAME="Bench"\nQPKG_VER="{version}"\nQPKG_AUTHOR="bench"\n'
                                     'QPKG_SERVICE_PROGRAM="bench.sh"\n')
    (source / "package_routines").write_text("")
    (source / "shared" / "bench.sh").write_text(SCRIPT)
    (source / "shared" / "web" / "page").write_text(version)
    for i in range(64):
        (source / "shared" / f"lib{i}").write_bytes(os.urandom(512 * 1024))
    return vendor.pack(source, base / f"Bench_{version}.qpkg")


class Box(lab.Nas):
    """A NAS without a daemon: its jobs are run here, and their lines timed."""

    def job(self, action, **request):
        body = json.dumps({"job": 0, "action": action, "request": request})
        job = subprocess.Popen([lab.program("appcenter-job"), "--root", str(self.root)], env=self.env, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        job.stdin.write(body)
        job.stdin.close()
        lines = [(time.monotonic(), json.loads(line)) for line in job.stdout]
        if job.wait() != 0:
            raise lab.Failed(f"{action}: {lines[-1]}")
        return {(event["step"], event["when"]): at for at, event in lines if event["event"] == "step"}


def make_box(base, vendor, **settings):
    box = Box(base / "nas")
    box.configure(lab.config(safety__health_settle="0s", safety__reserve="0", **settings))
    folder = box.root / "etc/appcenter/repos.d"
    folder.mkdir(parents=True)
    root = box.root / "etc/appcenter/root.json"
    root.write_bytes((vendor.public / "metadata" / "1.root.json").read_bytes())
    (folder / "vendor.conf").write_text(f"[repository]\nurl = file://{vendor.public}/\nroot = /etc/appcenter/root.json\n")
    box.job("refresh", force=True)
    return box


def spent(steps, name):
    return steps[name, "end"] - steps[name, "begin"]


def upgrade(box):
    steps = box.job("upgrade", apps=[{"name": "Bench", "version": "2"}])
    box.job("rollback", apps=[{"name": "Bench"}], options={"allow_downgrade": True})
    return steps


def downtime(steps):
    """In ms: all of it, the script's part, SNAP's, the rest."""
    whole = steps["START", "end"] - steps["STOP", "begin"]
    script = spent(steps, "STOP") + spent(steps, "START")
    copy = spent(steps, "SNAP")
    return tuple(round(1000 * t, 1) for t in (whole, script, copy, whole - script - copy))


def install(base, vendor):
    box = make_box(base, vendor)
    box.job("install", apps=[{"name": "Bench", "version": "1"}])
    return box


def measure(box):
    """The quickest of some rounds: other loads on the machine are not what is asked for."""
    return min(downtime(upgrade(box)) for _ in range(ROUNDS))


def publish(base):
    vendor = lab.Vendor(base)
    vendor.init()
    vendor.add(pack(vendor, base, "1"), pack(vendor, base, "2"))
    vendor.publish()
    return vendor


def main():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory, tempfile.TemporaryDirectory() as disk:
        vendor = publish(Path(memory))
        _, _, nothing, ours = measure(install(Path(memory) / "ours", vendor))
        box = install(Path(disk), vendor)
        (box.app_dir("Bench") / "film").write_bytes(os.urandom(8 << 20))
        whole, script, copy, on_disk = measure(box)
    good = figure("downtime", whole, "ms") and figure("downtime-script", script, "ms")
    good &= figure("downtime-copy", copy, "ms") and figure("downtime-ours", ours + nothing, "ms")
    return 0 if good and figure("downtime-sync", max(on_disk - ours, 0), "ms") else 1


if __name__ == "__main__":
    sys.exit(main())
