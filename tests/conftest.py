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
from stock import Session, add_repository  # noqa: E402


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
