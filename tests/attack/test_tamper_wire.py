"""Tampering with what surrounds the metadata: tags, absence, and what a box meets that knows nothing yet."""
import time

import forge
import nas as lab
import pytest
from lonely import Box
from mirror import Mirror

TAG = '"of-the-honest-one"'


@pytest.fixture
def mirror():
    server = Mirror(lab.free_port())
    yield server
    server.stop()


@pytest.fixture
def repo(session):
    return forge.Repository(session.vendor.public, session.vendor.keys)


@pytest.fixture
def box(repo, mirror, tmp_path):
    return Box(tmp_path / "nas", mirror.url, repo.roots[1])


def take(box, mirror, image):
    mirror.files = image.files
    assert box.refresh() == (0, "")


def damage(body):
    return body[:-10] + bytes([body[-10] ^ 1]) + body[-9:]


def test_the_etag_of_a_refused_timestamp_is_not_kept(box, mirror, repo):
    """Else the liar who borrowed the honest file's ETag would keep it from being fetched ever after."""
    take(box, mirror, repo.image())
    honest = repo.image()
    evil = honest.copy()
    evil["timestamp"] = damage(evil["timestamp"])
    mirror.etag, mirror.files = TAG, evil.files
    assert box.refresh()[0] == 5
    take(box, mirror, honest)
    assert box.kept()[0]["timestamp"] == honest["timestamp"]


def test_not_modified_is_asked_for_and_believed_while_the_timestamp_is_good(box, mirror, repo):
    mirror.etag = TAG
    take(box, mirror, repo.image())
    mirror.answers.clear()
    take(box, mirror, repo.image())
    assert mirror.answers["metadata/timestamp.json"] == 304


def test_not_modified_is_not_believed_of_an_expired_timestamp(box, mirror, repo):
    """Who gave an honest timestamp a tag of his own could freeze the box with it even after its end."""
    repo.timestamp_life = 4
    mirror.etag = TAG
    image = repo.image()
    take(box, mirror, image)
    time.sleep(max(0, forge.instant(image.signed("timestamp")["expires"]) + 0.5 - time.time()))
    code, sentence = box.refresh()
    assert code == 5 and "expired at" in sentence
    repo.timestamp_life = forge.DAY
    take(box, mirror, repo.image())


def test_a_new_box_is_not_shown_a_snapshot_without_the_brake(box, mirror, repo):
    """The attacker has the keys of snapshot and timestamp, and would like the halts not to be seen."""
    evil = repo.image()
    evil.resign("snapshot", repo.keys["snapshot"], lambda signed: signed["meta"].pop("brake.json"))
    mirror.files = evil.files
    code, sentence = box.refresh()
    version = evil.signed("snapshot")["version"]
    assert (code, f"snapshot {version} does not list brake" in sentence) == (5, True), sentence


def test_a_new_box_believes_only_the_root_that_its_admin_gave(session, mirror, repo, tmp_path):
    other = lab.Vendor(tmp_path)
    other.init()
    stranger = forge.Repository(other.public, other.keys)
    mirror.files = repo.image().files
    code, sentence = Box(tmp_path / "nas", mirror.url, stranger.roots[1]).refresh()
    assert (code, "signed by 0 of 1 needed keys" in sentence) == (5, True), sentence
