"""The sweep: every byte of every file that a repository signs is changed, one at a time, and each change is refused.

The box here has no apps and no daemon: `appcenter-job` is run from outside, once for each changed byte. Whether a change
leaves the metadata as good as it was (the case of a hex digit in a signature) is judged by the forger, by the
specification. `make test` takes a sample; APPCENTER_TORTURE=1 takes every byte, APPCENTER_SEED=N repeats a run.
"""
import json
import os
import random
import shutil
import sqlite3
import subprocess
from pathlib import Path

import forge
import nas as lab
import pytest
from mirror import Mirror

PUBLISHER = "acme"
SEED = int(os.environ.get("APPCENTER_SEED") or random.SystemRandom().randrange(1 << 32))
IS_WHOLE = os.environ.get("APPCENTER_TORTURE") == "1"
SAMPLE = 10
ROLES = ["root", "timestamp", "snapshot", "targets", "releases", "brake", PUBLISHER]
TARGETS = ["catalogue/vendor.jsonl.zst", f"catalogue/{PUBLISHER}.jsonl.zst", forge.BRAKE]
UNTRUSTED, NETWORK = 5, 8


class Box:
    """A box that trusts the first root of one repository."""

    def __init__(self, root, url, first_root):
        self.root, self.env = Path(root), lab.script_environment()
        self.state = self.root / "var/lib/appcenter"
        folder = self.root / "etc/appcenter/repos.d"
        folder.mkdir(parents=True)
        (folder.parent / "appcenter.conf").write_text(lab.config())
        (folder / "vendor.root.json").write_bytes(first_root)
        (folder / "vendor.conf").write_text(
            f"[repository]\nurl = {url}\nroot = /etc/appcenter/repos.d/vendor.root.json\n")
        (self.root / lab.VOLUME).mkdir(parents=True)

    def refresh(self):
        """(exit code, sentence) of one refresh."""
        done = subprocess.run([lab.program("appcenter-job"), "--root", str(self.root)], env=self.env, text=True,
                              input='{"action":"refresh"}', capture_output=True, timeout=60)
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["event"] == "result" and result["exit"] == done.returncode, done.stdout + done.stderr
        return done.returncode, result["message"]

    def kept(self):
        """({role: bytes}, brake, fingerprint of the catalogues) that this box trusts."""
        db = sqlite3.connect(f"file:{self.state}/state.db?mode=ro", uri=True)
        try:
            roles = dict(db.execute("SELECT role, bytes FROM tuf_role"))
            return roles, db.execute("SELECT brake_json, catalogue_sha256 FROM repository").fetchone()
        finally:
            db.close()

    def save(self, place):
        shutil.copytree(self.root / "var", place)

    def restore(self, place):
        shutil.rmtree(self.root / "var")
        shutil.copytree(place, self.root / "var")


class Bench:
    """A box that trusts one image, and a newer one in which every file has changed."""

    def __init__(self, session, mirror, base):
        self.mirror, self.repo = mirror, forge.Repository(session.vendor.public, session.vendor.keys)
        self.repo.add_publisher(PUBLISHER, ["AcmeMedia"])
        self.box = Box(base / "nas", mirror.url, self.repo.roots[1])
        self.old = self.repo.image()
        mirror.files = self.old.files
        assert self.box.refresh() == (0, "")
        self.repo.rotate_root()
        self.repo.brake["serial"] += 1
        self.repo.publishers[PUBLISHER]["releases"] = [{**self.repo.releases[0], "name": "AcmeMedia"}]
        self.new = self.repo.image()
        self.saved = base / "saved"
        self.box.save(self.saved)

    def serve(self, path, body):
        self.mirror.files = {**self.new.files, path: body}


@pytest.fixture(scope="module")
def mirror():
    server = Mirror(lab.free_port())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bench(session, mirror, tmp_path_factory):
    made = Bench(session, mirror, tmp_path_factory.mktemp("sweep"))
    yield made
    made.box.restore(made.saved)
    mirror.files = made.new.files
    assert made.box.refresh() == (0, ""), "the honest image is good in itself"
    assert made.box.kept()[0] == {role: made.new[role] for role in ROLES}


def changes(body, *where):
    """(position, mask) of what is to be changed: the first byte into a "<" in any case."""
    dice = random.Random(f"{SEED} {where}")
    positions = range(len(body)) if IS_WHOLE else sorted(dice.sample(range(1, len(body)), SAMPLE))
    return [(0, body[0] ^ ord("<")), *((at, dice.randrange(1, 256)) for at in positions)]


def changed(body, at, mask):
    return body[:at] + bytes([body[at] ^ mask]) + body[at + 1:]


def wanted_exit(body):
    """A body that begins like a web page is a captive portal's; any other complete one is an attack."""
    return NETWORK if body.lstrip(b" \t\r\n\f").startswith(b"<") else UNTRUSTED


def is_as_good(bench, role, body):
    """Signatures' hex digits may be upper-case: then nothing is wrong with what was changed."""
    publics = {key.id: key.public for key in bench.repo.keys_of(role)}
    return forge.means_the_same(body, bench.new[role], publics, bench.repo.threshold_of(role))


@pytest.mark.parametrize("role", ROLES)
def test_no_changed_byte_of_a_role_is_trusted(bench, role):
    print(f"seed {SEED}")
    honest, before = bench.new[role], bench.old[role]
    bench.box.restore(bench.saved)
    for at, mask in changes(honest, role):
        body, what = changed(honest, at, mask), f"{role}: byte {at} xor {mask:#x} (seed {SEED})"
        bench.serve(bench.new.roles[role], body)
        code, sentence = bench.box.refresh()
        if code == 0:
            assert is_as_good(bench, role, body), f"{what}: it was trusted"
            bench.box.restore(bench.saved)
            continue
        assert code == wanted_exit(body), f"{what}: {sentence}"
        assert role in sentence or PUBLISHER in sentence, f"{what}: {sentence}"
        assert bench.box.kept()[0][role] == before, f"{what}: it was kept"


def raw_sha256(bench, path):
    """By which an imported catalogue is known."""
    role = PUBLISHER if PUBLISHER in path else "releases"
    return bench.new.signed(role)["targets"][path]["custom"]["raw_sha256"]


@pytest.mark.parametrize("path", TARGETS)
def test_no_changed_byte_of_a_target_is_trusted(bench, path):
    print(f"seed {SEED}")
    honest = bench.new.files[bench.new.targets[path]]
    bench.box.restore(bench.saved)
    before = bench.box.kept()[1]
    for at, mask in changes(honest, path):
        body, what = changed(honest, at, mask), f"{path}: byte {at} xor {mask:#x} (seed {SEED})"
        bench.serve(bench.new.targets[path], body)
        code, sentence = bench.box.refresh()
        assert code == wanted_exit(body), f"{what}: {sentence}"
        if code == UNTRUSTED:
            assert forge.sha256(body) in sentence and forge.sha256(honest) in sentence, f"{what}: {sentence}"
        brake, catalogues = bench.box.kept()[1]
        assert path != forge.BRAKE or brake == before[0], f"{what}: the brake was kept"
        assert path == forge.BRAKE or raw_sha256(bench, path) not in catalogues, f"{what}: the catalogue was kept"
