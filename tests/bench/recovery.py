#!/usr/bin/env python3
"""How long a NAS of 50 installed apps takes to recover from a crash.

    recovery-50           from the start of the recover job to its end: an upgrade of all 50 was killed when all of them were
                          switched, on the disk below the temporary folder, without what scripts take      (limit 2 s)
    recovery-50-idle      the same where nothing was in hand
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nas as lab  # noqa: E402
from downtime import Box, make_box  # noqa: E402

LIMIT_S = 2.0
APPS = [f"App{i:02d}" for i in range(50)]
ROUNDS = 3


def pack(vendor, base, name, version):
    """One of a chain, so that all 50 are one fate group; what it runs ends at once."""
    source = base / "src" / f"{name}-{version}"
    (source / "shared").mkdir(parents=True)
    index = APPS.index(name)
    need = f'QPKG_REQUIRE="{APPS[index - 1]} = {version}"\n' if index else ""
    (source / "qpkg.cfg").write_text(f'QPKG_NAME="{name}"\nQPKG_VER="{version}"\nQPKG_AUTHOR="bench"\n{need}')
    (source / "package_routines").write_text("")
    for i in range(20):
        (source / "shared" / f"file{i}").write_bytes(os.urandom(2048))
    return vendor.pack(source, base / f"{name}_{version}.qpkg")


def publish(base):
    vendor = lab.Vendor(base)
    vendor.init()
    vendor.add(*(pack(vendor, base, name, version) for version in ("1", "2") for name in APPS))
    vendor.publish()
    return vendor


def crash(box):
    """Kills an upgrade of all when the last of them begins its health check."""
    body = json.dumps({"job": 0, "action": "upgrade", "request": {"apps": [{"name": name, "version": "2"} for name in APPS]}})
    job = subprocess.Popen([lab.program("appcenter-job"), "--root", str(box.root)], env=box.env, text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    job.stdin.write(body)
    job.stdin.close()
    for line in job.stdout:
        event = json.loads(line)
        if (event.get("step"), event.get("when")) == ("HEALTH", "begin"):
            job.send_signal(signal.SIGKILL)
            break
        if event["event"] == "result":
            raise lab.Failed(f"the upgrade was over too early: {event}")
    job.stdout.close()
    job.wait()


def recover(box):
    begin = time.monotonic()
    box.job("recover")
    return time.monotonic() - begin


def figure(name, seconds, limit):
    print(f"bench: {name} {seconds:.3g} s" + (f" ratio {seconds / limit:.2f} of limit-{limit:g}" if limit else ""), flush=True)
    return not limit or seconds <= limit


def measure(box):
    crash(box)
    seconds = recover(box)
    versions = {version for (version,) in box.sql("SELECT version FROM app")}
    if versions != {"1"} or box.sql("SELECT 1 FROM txn WHERE result IS NULL"):
        raise lab.Failed(f"not recovered: {versions}")
    return seconds


def main():
    with tempfile.TemporaryDirectory() as folder:
        vendor = publish(Path(folder))
        box = make_box(Path(folder), vendor)
        box.job("install", apps=[{"name": name, "version": "1"} for name in APPS])
        # the quickest of some rounds: other loads on the machine are not what is asked for
        crashed = min(measure(box) for _ in range(ROUNDS))
        idle = min(recover(box) for _ in range(ROUNDS))
    good = figure("recovery-50", crashed, LIMIT_S)
    return 0 if figure("recovery-50-idle", idle, LIMIT_S) and good else 1


if __name__ == "__main__":
    sys.exit(main())
