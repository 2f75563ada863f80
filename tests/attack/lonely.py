"""A box without apps and without a daemon, whose refresh is run directly: for what has to be asked very often."""
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import nas as lab


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
