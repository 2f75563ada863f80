"""Repositories between us and the reference implementation: python-tuf's client reads what appvendor writes, and our NAS
reads what python-tuf writes (its layout, made here by hand).

python-tuf is not a part of this project: the first tests run where the caller has it, importable by this Python, or by
the one that APPCENTER_TUF_PYTHON names (PYTHONPATH may lead to checkouts), and are skipped by name otherwise.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import nas as lab
import pytest
from test_vendor_keys import bump_mtime, canonical, pub, sign_by_hand

PYTHON = os.environ.get("APPCENTER_TUF_PYTHON", sys.executable)
CLIENT = """
import inspect, json, os, shutil, sys
from tuf.ngclient import Updater
root, metadata_url, targets_url, folder, *names = sys.argv[1:]
extra = {}
if "bootstrap" in inspect.signature(Updater.__init__).parameters:
    extra["bootstrap"] = open(root, "rb").read()
else:
    shutil.copy(root, os.path.join(folder, "root.json"))
updater = Updater(folder, metadata_url, folder + "/targets", targets_url, **extra)
updater.refresh()
found = {}
for name in names:
    info = updater.get_targetinfo(name)
    found[name] = updater.download_target(info) if info else None
print(json.dumps(found))
"""


def has_reference():
    return subprocess.run([PYTHON, "-c", "import tuf.ngclient"], capture_output=True, cwd="/").returncode == 0


needs_reference = pytest.mark.skipif(not has_reference(), reason="python-tuf is not here (APPCENTER_TUF_PYTHON, PYTHONPATH)")


def ask_reference(vendor, web, tmp_path, *names, root=1, base="targets/"):
    folder = tmp_path / f"client-{time.monotonic_ns()}"
    (folder / "targets").mkdir(parents=True)
    done = subprocess.run([PYTHON, "-c", CLIENT, vendor.public / f"metadata/{root}.root.json", web.url + "metadata/", web.url + base,
                           folder, *names], capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture
def rotated(session, vendor, tmp_path):
    """A root chain of five, a publisher, and a catalogue with patches."""
    keys = tmp_path / "own-keys"
    shutil.copytree(session.vendor.keys, keys)
    vendor.keys = keys
    for role in ("root", "timestamp", "targets", "snapshot"):
        vendor("key", vendor.repo, "rotate", "--role", role, "--keys", keys)
        vendor.publish()
    vendor("publisher", "new", "acme", "--keys", tmp_path / "acme")
    vendor("publisher", vendor.repo, "add", "acme", "--apps", "AcmeMedia", "--key", pub(tmp_path / "acme/acme"), "--ca",
           tmp_path / "acme/publisher/ca.pem", "--keys", keys)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish("--keys", tmp_path / "acme")
    assert (vendor.public / "metadata/5.root.json").exists() and not (vendor.public / "metadata/6.root.json").exists()
    return vendor


@needs_reference
def test_the_reference_client_reads_root_chain_delegations_and_patches(rotated, web, tmp_path):
    role = json.loads(max((rotated.public / "metadata").glob("*.releases.json"), key=lambda p: int(p.name.split(".")[0])).read_text())
    names = ["catalogue/vendor.jsonl.zst", "catalogue/acme.jsonl.zst", "brake/brake.json",
             *(name for name in role["signed"]["targets"] if name.startswith("deltas/"))]
    found = ask_reference(rotated, web, tmp_path, *names)
    assert len(names) > 3 and all(found[name] for name in names)
    for name in names[3:]:
        assert lab.sha256(found[name]) == role["signed"]["targets"][name]["hashes"]["sha256"]
    for stranger in ("catalogue/nobody.jsonl.zst", "deltas/acme/none.zst", "brake/other"):
        assert ask_reference(rotated, web, tmp_path, stranger)[stranger] is None


@needs_reference
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_the_reference_client_reads_keys_of_every_type(tmp_path, kind):
    made = lab.Vendor(tmp_path / "made")
    made.repo.parent.mkdir()
    made.init("--key-type", kind)
    server = lab.Web(tmp_path / "web", made.public).start()
    try:
        assert ask_reference(made, server, tmp_path, "brake/brake.json")["brake/brake.json"]
    finally:
        server.stop()


# --- what python-tuf writes ---

class Forger:
    """Writes our repository anew as python-tuf would: indented JSON, lengths and hashes in the heads, hashed bins."""

    def __init__(self, vendor, folder):
        self.vendor, self.folder, self.metadata = vendor, folder, vendor.public / "metadata"
        head = self.read("timestamp.json")
        self.snapshot = self.read(f"{head['meta']['snapshot.json']['version']}.snapshot.json")
        self.head = head

    def read(self, name):
        return json.loads((self.metadata / name).read_text())["signed"]

    def write(self, name, signed, role):
        pems = sorted((self.vendor.keys / role).glob("*.pem"))
        text = json.dumps({"signatures": [sign_by_hand(self.folder, signed, pem) for pem in pems], "signed": signed},
                          indent=1, separators=(",", ": "), sort_keys=True)
        (self.metadata / name).write_text(text)
        return {"version": signed["version"], "length": len(text), "hashes": {
            "sha256": hashlib.sha256(text.encode()).hexdigest(), "sha512": hashlib.sha512(text.encode()).hexdigest()}}

    def again(self, role, change=None):
        """The next version of a role, in the reference's layout."""
        signed = self.read(f"{self.snapshot['meta'][f'{role}.json']['version']}.{role}.json")
        signed["version"] += 1
        if change:
            change(signed)
        self.snapshot["meta"][f"{role}.json"] = self.write(f"{signed['version']}.{role}.json", signed, role)

    def bins(self, n_bits, key):
        """Delegations to hashed bins in front of all others; the bins list nothing that we want."""
        count = 1 << n_bits
        keyid = hashlib.sha256(canonical(json.loads(key.read_text())).encode()).hexdigest()
        roles = []
        for i in range(count):
            name = f"bins-{i:x}"
            prefixes = [f"{j:02x}" for j in range(i * 256 // count, (i + 1) * 256 // count)]
            roles.append({"name": name, "keyids": [keyid], "threshold": 1, "terminating": False, "path_hash_prefixes": prefixes})
            signed = {"_type": "targets", "spec_version": "1.0.31", "version": 1, "expires": "2099-01-01T00:00:00Z", "x-unknown": {"a": [1]},
                      "targets": {f"other/{i}": {"length": 1, "hashes": {"sha256": "00" * 32}}}}
            self.snapshot["meta"][f"{name}.json"] = self.write(f"1.{name}.json", signed, "bins")
        return keyid, roles

    def publish(self):
        self.snapshot["version"] += 1
        self.head["version"] += 1
        self.head["meta"]["snapshot.json"] = self.write(f"{self.snapshot['version']}.snapshot.json", self.snapshot, "snapshot")
        self.write("timestamp.json", self.head, "timestamp")
        bump_mtime(self.metadata / "timestamp.json")


def test_a_nas_reads_what_the_reference_implementation_writes(session, vendor, web, tmp_path, make_nas):
    keys = tmp_path / "own-keys"
    shutil.copytree(session.vendor.keys, keys)
    vendor.keys = keys
    vendor("key", "new", "--role", "bins", "--keys", keys)
    (tmp_path / "judge").mkdir()
    forger = Forger(vendor, tmp_path / "judge")
    bin_key = pub(keys / "bins")
    keyid, bins = forger.bins(4, bin_key)

    def delegate(signed):
        signed["delegations"]["keys"][keyid] = json.loads(bin_key.read_text())
        signed["delegations"]["roles"][:0] = bins

    forger.again("targets", delegate)
    forger.again("releases", lambda signed: signed.update({"x-python-tuf": ["unknown", {"member": 1}]}))
    forger.again("brake")
    forger.publish()
    box = make_nas(network__poll="1h", updates__other="notify").start()
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
    box.ctl("refresh")
    assert box.json("status")["repositories"][0]["error"] is None
    box.ctl("install", "QVPN", "--dry-run")
    if has_reference():
        assert ask_reference(vendor, web, tmp_path, "catalogue/vendor.jsonl.zst")["catalogue/vendor.jsonl.zst"]
    # and a lie in the heads' hashes is seen
    forger.snapshot["meta"]["releases.json"]["hashes"]["sha512"] = "00" * 64
    forger.publish()
    done = box.ctl("refresh", expect=5)
    assert "releases" in done.stderr and "sha512" in done.stderr
