#!/usr/bin/env python3
"""What asking for news costs a NAS: bytes of bodies from a real web server, with 10,000 releases in the catalogue.

    metadata-no-change           nothing new: the probe for the next root, and timestamp.json       (limit 1.2 kB)
    metadata-one-release         one new release: heads, the role's metadata, the catalogue's patch  (limit 8 kB)
    metadata-whole-catalogue     the same without the patch, as a first contact pays
    metadata-publish             wall time of the vendor's publish of that release, 16 patches made
"""
import hashlib
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nas as lab  # noqa: E402

RELEASES = 10000
LIMITS = {"metadata-no-change": 1200, "metadata-one-release": 8000}
WORDS = "photo video music backup sync mail chat code build proxy cache index store media cloud note wiki task print scan".split()


def figure(name, value, unit):
    limit = LIMITS.get(name)
    print(f"bench: {name} {value} {unit}" + (f" ratio {value / limit:.2f} of limit-{limit}" if limit else ""), flush=True)
    return limit is None or value <= limit


def fill(vendor):
    """10,000 releases in the vendor's draft: its one true release again under other names, as a big store would have."""
    draft = vendor.repo / "draft.json"
    world = json.loads(draft.read_text())
    model, = world["releases"]
    for i in range(RELEASES - 1):
        digest = hashlib.sha256(str(i).encode()).hexdigest()
        one = json.loads(json.dumps(model))
        one["name"] = f"{WORDS[i % 20].title()}{WORDS[i // 20 % 20].title()}{i}"
        one["version"] = f"{i % 7}.{i % 13}.{i % 5}"
        one["size"], one["sha256"], one["data_sha256"] = 100000 + i * 977, digest, hashlib.sha256(digest.encode()).hexdigest()
        one["path"] = f"packages/{digest}.{one['name']}_{one['version']}_{one['arch']}.qpkg"
        one["summary"] = {"en": f"A {WORDS[i % 19]} and {WORDS[i % 17]} app for {WORDS[i % 11]} boxes"}
        (vendor.public / one["path"]).touch()
        world["releases"].append(one)
    draft.write_text(json.dumps(world))


def publish_change(vendor, i):
    """One release is marked; all others stay. Seconds that the vendor waited."""
    vendor("rollout", vendor.repo, "MediaLibrary=1.4", "--curve", f"0h:{i}%,6h:100%")
    start = time.monotonic()
    vendor.publish()
    return time.monotonic() - start


class LoggedWeb(lab.Web):
    """nginx that writes down how many bytes each body had."""

    def start(self):
        super().start()
        conf = self.base / "nginx.conf"
        self.stop()
        conf.write_text(conf.read_text().replace("access_log off;", f"access_log {self.base}/access.log;"))
        self.process = lab.subprocess.Popen(
            [shutil.which("nginx", path=lab.os.environ.get("PATH", "") + ":/usr/sbin:/sbin"), "-e", str(self.base / "error.log"),
             "-c", str(conf), "-p", str(self.base)], stdin=lab.subprocess.DEVNULL, stdout=lab.subprocess.DEVNULL,
            stderr=lab.subprocess.DEVNULL)
        lab.wait_for("nginx", lambda: lab.port_answers(self.port), 20)
        return self

    def bytes_since(self):
        """Bytes of the bodies served since the last call, by path."""
        log = self.base / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        start, self.seen = getattr(self, "seen", 0), len(lines)
        served = [re.search(r'"GET (\S+) [^"]*" \d+ (\d+)', line) for line in lines[start:]]
        return [(match[1], int(match[2])) for match in served if match]


def prepare(base):
    vendor = lab.Vendor(base / "vendor")
    vendor.repo.parent.mkdir()
    vendor.init()
    vendor.add(vendor.pack(lab.stage("MediaLibrary", "1.4", base / "src/a"), base / "a.qpkg"))
    vendor.publish()
    fill(vendor)
    for i in range(17):
        publish_change(vendor, i + 1)
    return vendor


def measure(base, web, box, vendor):
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
    box.ctl("refresh")
    web.bytes_since()
    box.ctl("refresh")
    ok = figure("metadata-no-change", sum(size for _, size in web.bytes_since()), "B")
    vendor.add(vendor.pack(lab.stage("QVPN", "3.0", base / "src/b", 1), base / "b.qpkg"))
    start = time.monotonic()
    vendor.publish()
    seconds = time.monotonic() - start
    box.ctl("refresh")
    served = web.bytes_since()
    for path, size in served:
        print(f"  {size:>7} {re.sub(r'[0-9a-f]{32,}', 'HASH', path)}")
    assert any("/deltas/" in path for path, _ in served) and box.app("QVPN") is None
    box.ctl("install", "QVPN=3.0", "--dry-run")
    ok = figure("metadata-one-release", sum(size for _, size in served), "B") and ok
    catalogue = max((vendor.public / "targets/catalogue").iterdir(), key=lambda p: p.stat().st_mtime).stat().st_size
    figure("metadata-whole-catalogue", sum(size for path, size in served if "/deltas/" not in path) + catalogue, "B")
    figure("metadata-publish", round(seconds, 2), "s")
    return ok


def main():
    with tempfile.TemporaryDirectory(prefix="appcenter-bench-") as folder:
        base = Path(folder)
        vendor = prepare(base)
        web = LoggedWeb(base / "web", vendor.public)
        box = lab.Nas(base / "nas")
        box.configure(lab.config(updates__other="notify", network__poll="1h"))
        try:
            web.start()
            box.start()
            ok = measure(base, web, box, vendor)
        finally:
            box.stop()
            web.stop()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
