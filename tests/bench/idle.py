#!/usr/bin/env python3
"""What App Center costs while nothing happens: 200 apps installed, 20 of them with a newer version, 10,000 in the catalogue.

    status-cpu            `appctl status`, and what the daemon does for it                    (limit 30 ms)
    list-cpu              `appctl list`, likewise
    refresh-idle-cpu      a timer's refresh that finds nothing new, the whole job from exec to exit (limit 20 ms)
    refresh-idle-bytes    bodies that it fetches                                               (limit 1.2 kB)
    daemon-rss            resident memory of the daemon, after it has shown all of that         (limit 9 MB)
    daemon-private        what of it is its own: private dirty pages                           (limit 2 MB)
"""
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]
import nas as lab  # noqa: E402
import solve  # noqa: E402
from metadata import LoggedWeb  # noqa: E402
from solve import debian  # noqa: E402

ROUNDS = 20
LIMITS = {"status-cpu": 30, "refresh-idle-cpu": 20, "refresh-idle-bytes": 1200, "daemon-rss": 9, "daemon-private": 2}


def figure(name, value, unit):
    limit = LIMITS.get(name)
    print(f"bench: {name} {value:.4g} {unit}" + (f" ratio {value / limit:.2f} of limit-{limit}" if limit else ""), flush=True)
    return limit is None or value <= limit


def cpu_ms(pid):
    """What all threads of a process have run so far."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e6


def memory_mb(pid):
    found = dict(re.findall(r"^(\w+): +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    return int(found["Rss"]) / 1024, int(found["Private_Dirty"]) / 1024


def shown(box, verb):
    """CPU of a client and of the daemon, a call."""
    argv = [lab.program("appctl"), "--root", box.root, verb]
    before = cpu_ms(box.daemon.pid)
    client = solve.measured(argv, env=box.env, rounds=ROUNDS)[0]
    return client + (cpu_ms(box.daemon.pid) - before) / ROUNDS


def prepare(base):
    index = debian.Index(10000, debian.invented_index(10000))
    names = index.installable_set(200)
    older = index.outdated(names, 20)
    words = debian.Words(index, older)
    vendor = solve.Shop(base / "vendor").open()
    vendor.fill(index, words)
    web = LoggedWeb(base / "web", vendor.public).start()
    box = solve.Box(base / "nas").open(vendor, web.url)
    box.configure(lab.config(updates__other="notify", updates__security="notify", network__poll="6h"))
    box.job("refresh", rounds=1, force=True)
    box.installed(index, words, names, older)
    return web, box


def measure(web, box):
    web.bytes_since()
    refresh = box.job("refresh", by_clock=True)
    n_bytes = sum(size for _, size in web.bytes_since()) / solve.ROUNDS
    box.start()
    box.ctl("refresh")
    ok = figure("status-cpu", shown(box, "status"), "ms")
    figure("list-cpu", shown(box, "list"), "ms")
    ok = figure("refresh-idle-cpu", refresh[0], "ms") and ok
    ok = figure("refresh-idle-bytes", n_bytes, "B") and ok
    time.sleep(5)
    resident, private = memory_mb(box.daemon.pid)
    ok = figure("daemon-rss", resident, "MB") and ok
    return figure("daemon-private", private, "MB") and ok


def main():
    with tempfile.TemporaryDirectory(prefix="appcenter-bench-") as folder:
        web, box = prepare(Path(folder))
        try:
            ok = measure(web, box)
        finally:
            box.stop()
            web.stop()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
