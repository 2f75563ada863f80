"""Fixtures: one key ceremony and one set of archives a session; a repository, a web server and a NAS a test."""
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import gate  # noqa: E402
import nas as lab  # noqa: E402
import sweep  # noqa: E402

OLD = {"MediaLibrary": "1.4", "PhotoStation": "6.1.1", "QVPN": "3.0", "HybridBackup": "1.0", "BrokenStart": "1.0"}
NEW = {"MediaLibrary": "2.0", "PhotoStation": "6.1.2", "QVPN": "3.1", "HybridBackup": "1.1", "BrokenStart": "1.1"}


class Session:
    """Keys, a repository with the old versions published, and all archives."""

    def __init__(self, base):
        self.base = base
        self.ports = {name: lab.free_port() for name in OLD if name != "MediaLibrary"}
        self.vendor = lab.Vendor(base / "vendor")
        (base / "vendor").mkdir()
        self.vendor.init()
        self.packages = {}
        for versions in (OLD, NEW):
            for name, version in versions.items():
                self.packages[name, version] = self.pack(name, version)
        self.vendor.add(*(self.packages[item] for item in OLD.items()))
        self.vendor.publish()

    def pack(self, name, version, change=None, out=None):
        """A sample app's archive; change(folder) may edit its source tree first."""
        out = out or f"{name}_{version}.qpkg"
        source = lab.stage(name, version, self.base / "src" / out, self.ports.get(name))
        if change:
            change(source)
        return self.vendor.pack(source, self.base / out)


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("session"))


@pytest.fixture
def vendor(session, tmp_path):
    """A copy of the session's repository, with the same keys."""
    mine = lab.Vendor(tmp_path / "vendor")
    shutil.copytree(session.vendor.repo, mine.repo)
    mine.keys = session.vendor.keys
    return mine


@pytest.fixture
def web(vendor, tmp_path):
    server = lab.Web(tmp_path / "web", vendor.public).start()
    yield server
    server.stop()


@pytest.fixture
def make_nas(tmp_path):
    """Makes NAS boxes; all of them and their apps are ended after the test."""
    made = []

    def make(name="nas", **settings):
        box = lab.Nas(tmp_path / name)
        box.configure(lab.config(**settings))
        made.append(box)
        return box

    yield make
    for box in made:
        box.stop()
        box.kill_apps()


@pytest.fixture
def nas(make_nas, vendor, web):
    """A running NAS with the repository added and read. Nothing installs by itself but emergencies: other = notify."""
    box = make_nas(updates__other="notify", network__poll="1h")
    box.start()
    add_repository(box, vendor, web)
    return box


def add_repository(box, vendor, web):
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata" / "1.root.json", "--yes")
    box.ctl("refresh")


@pytest.fixture(scope="session")
def stock(tmp_path_factory, session):
    """Prepared NAS folders to attack: bare, old, new."""
    import box  # it needs this file's names
    made = box.Stock(tmp_path_factory.mktemp("stock"), session)
    yield made
    made.close()


@pytest.fixture(scope="session", autouse=True)
def _hook():
    yield
    gate.Gate.forget_hook()


@pytest.fixture
def photo_url(session):
    return f"http://127.0.0.1:{session.ports['PhotoStation']}/"


def pytest_collection_modifyitems(items):
    """Names what cannot run here, with its reason."""
    if lab.private_roots_permitted():
        return
    for item in items:
        if "private_root" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="this system does not permit mount namespaces"))


def pytest_configure(config):
    config.addinivalue_line("markers", "private_root: needs mount namespaces")
    os.umask(0o022)


def pytest_terminal_summary(terminalreporter):
    whole = ", all points" if sweep.TORTURE else ""
    terminalreporter.write_line(f"seed {sweep.SEED}{whole}: APPCENTER_SEED={sweep.SEED} repeats the samples")
