"""Tampering: whatever is changed, replayed, swapped or forged on the way, nothing of it is trusted and nothing stops.

One box with two running apps stands through all of it. Each attack is made from an honest image that the box has not
seen yet; after the refusal that very image is served, and the box must take it. The judge looks at exit codes, at the
trust store on disk, at process ids and at the trees of the apps.
"""
import copy
import hashlib
import re
import shutil
import time

import forge
import nas as lab
import pytest
from stock import NEW, OLD
from mirror import Mirror

APPS = ("QVPN", "HybridBackup")
PUBLISHER = "acme"
SAID = ("header", "releases", "brake", "delegations", "archives", "bind", "timestamp_life")


def tree_hash(top):
    """One hash over names, modes, links and contents of a tree; logs grow and are left out."""
    total = hashlib.sha256()
    for path in sorted(top.rglob("*")):
        inside = path.relative_to(top)
        if inside.parts[0] != "logs":
            content = str(path.readlink()) if path.is_symlink() else lab.sha256(path) if path.is_file() else ""
            total.update(f"{inside} {path.lstat().st_mode} {content}\n".encode())
    return total.hexdigest()


def flip(body, at, mask=1):
    changed = bytearray(body)
    changed[at] ^= mask
    return bytes(changed)


def flip_expiry(body):
    """One bit of a digit of the year: still well-formed, no longer signed."""
    return flip(body, body.index(b'"expires":"') + len('"expires":"') + 3)


class World:
    """The box, what it is served, and the vendor in our hands."""

    def __init__(self, base, vendor, mirror):
        self.nas, self.mirror = lab.Nas(base / "nas"), mirror
        self.repo = forge.Repository(vendor.public, vendor.keys)
        self.repo.add_publisher(PUBLISHER, ["AcmeMedia"])
        self.first_root = vendor.public / "metadata/1.root.json"
        self.honest = None

    def start(self):
        self.nas.configure(lab.config(updates__other="notify", network__poll="1h"))
        self.nas.start()
        self.nas.ctl("repo", "add", "vendor", self.mirror.url, "--root-key", self.first_root, "--yes")
        self.publish()
        self.nas.ctl("refresh")
        self.nas.ctl("install", *(f"{app}={OLD[app]}" for app in APPS), "--yes")
        return self

    def prepare(self):
        """The next honest image, which nobody was served yet."""
        self.honest = self.repo.image()
        return self.honest

    def publish(self):
        self.serve(self.prepare())

    def serve(self, image):
        self.mirror.files = image.files

    def trusted(self):
        """{role: bytes} as they stand in the trust store."""
        return dict(self.nas.sql("SELECT role, bytes FROM tuf_role WHERE repository = 'vendor'"))

    def sight(self):
        """What an owner cares about: what runs, what is on disk, what is offered."""
        apps = {a["name"]: a for a in self.nas.json("list")["apps"]}
        offered = {app: apps[app]["candidate"] and apps[app]["candidate"]["version"] for app in APPS}
        seen = {app: (apps[app]["version"], apps[app]["state"], offered[app], tree_hash(self.nas.app_dir(app)))
                for app in APPS}
        return {**seen, "pids": sorted(self.nas.app_pids())}

    def refresh_must_fail(self, *words, code="untrusted"):
        done = self.nas.ctl("refresh", expect=5)
        for word in words:
            assert word in done.stderr, f"wanted {word!r} in: {done.stderr}"
        error = self.nas.json("status")["repositories"][0]["error"]
        assert error["code"] == code and all(word in error["message"] for word in words)

    def honest_refresh_must_work(self):
        self.serve(self.honest)
        self.nas.ctl("refresh")
        assert self.nas.json("status")["repositories"][0]["error"] is None
        trusted = self.trusted()
        assert {role: trusted[role] for role in self.honest.roles} == {r: self.honest[r] for r in self.honest.roles}

    def must_refuse(self, evil, refused, *words):
        """Serves the evil image: `refused` (a role, or a target's path) is not taken, and all else is as it was."""
        before, sight = self.trusted(), self.sight()
        self.serve(evil)
        self.refresh_must_fail(*words)
        after = self.trusted()
        assert after.get(refused) == before.get(refused), f"{refused}: something that was refused was kept"
        for role, body in after.items():
            assert body in (before.get(role), self.honest.files.get(self.honest.roles[role])), f"{role}: what is this?"
        assert self.sight() == sight
        self.honest_refresh_must_work()

    def must_refuse_upgrade(self, app, *words):
        """What is served now is well signed, but the archive is not what it should be."""
        self.nas.ctl("refresh")
        sight = self.sight()
        version = sight[app][2]
        done = self.nas.ctl("upgrade", app, "--yes", expect=5)
        for word in (app, *words):
            assert word in done.stderr, f"wanted {word!r} in: {done.stderr}"
        newest = self.nas.json("history")["transactions"][0]
        assert (newest["result"], newest["error"]["code"]) == ("failed", "untrusted")
        assert self.sight() == sight and version, "the old app runs on, and the release is still offered"
        assert list((self.nas.root / lab.VOLUME / ".qpkg/.appcenter/stage").iterdir()) == []
        assert list((self.nas.root / "var/cache/appcenter/packages").iterdir()) == [], "no refused archive is kept"


@pytest.fixture(scope="module")
def mirror():
    server = Mirror(lab.free_port())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def vendor_of_all(session, tmp_path_factory):
    """The session's repository with the new versions of our two apps beside the old ones."""
    mine = lab.Vendor(tmp_path_factory.mktemp("tamper-vendor"))
    shutil.copytree(session.vendor.repo, mine.repo)
    mine.keys = session.vendor.keys
    mine.add(*(session.packages[app, NEW[app]] for app in APPS))
    mine.publish()
    return mine


@pytest.fixture(scope="module")
def box(vendor_of_all, mirror, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("tamper"), vendor_of_all, mirror)
    try:
        yield world.start()
    finally:
        world.nas.stop()
        world.nas.kill_apps()


@pytest.fixture
def world(box):
    """The box with a vendor who, after each test, says again what he said before it; the versions go on."""
    said = {name: copy.deepcopy(getattr(box.repo, name)) for name in SAID}
    yield box
    is_changed = any(getattr(box.repo, name) != value for name, value in said.items())
    for name, value in said.items():
        setattr(box.repo, name, value)
    if is_changed:
        box.publish()
        box.nas.ctl("refresh")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Another vendor's repository, in itself all right, with versions far ahead of ours."""
    other = lab.Vendor(tmp_path_factory.mktemp("stranger"))
    other.init()
    repo = forge.Repository(other.public, other.keys)
    repo.add_publisher(PUBLISHER, [])
    repo.versions = {role: version + 100000 for role, version in repo.versions.items()}
    return repo


def needed(world, role):
    return f"signed by 0 of {world.repo.threshold_of(role)} needed keys"


# --- one byte ---

ROLES = ["root", "timestamp", "snapshot", "targets", "releases", "brake", PUBLISHER]


@pytest.mark.parametrize("role", ROLES)
def test_one_byte_changed_in_a_role_is_refused(world, role):
    if role == "root":
        world.repo.rotate_root()
    evil = world.prepare().copy()
    evil[role] = flip_expiry(evil[role])
    version = world.honest.signed(role)["version"]
    world.must_refuse(evil, role, f"{role} {version} is {needed(world, role)}")


@pytest.mark.parametrize("role", ["snapshot", "targets", "releases"])
def test_one_byte_changed_in_a_role_with_an_announced_hash_names_both_hashes(world, role):
    world.repo.bind = True
    evil = world.prepare().copy()
    evil[role] = flip_expiry(evil[role])
    world.must_refuse(evil, role, forge.sha256(world.honest[role]), forge.sha256(evil[role]))


@pytest.mark.parametrize("path", ["catalogue/vendor.jsonl.zst", f"catalogue/{PUBLISHER}.jsonl.zst", forge.BRAKE])
def test_one_byte_changed_in_a_target_is_refused(world, path):
    if path == forge.BRAKE:
        world.repo.brake["serial"] += 1
    evil = world.prepare().copy()
    name = evil.targets[path]
    evil.files[name] = flip(evil.files[name], len(evil.files[name]) // 2)
    words = path, forge.sha256(world.honest.files[name]), forge.sha256(evil.files[name])
    world.serve(evil)
    world.refresh_must_fail(*words)
    world.must_refuse(evil, path, *words)  # nor does it become good by being seen twice


def test_one_byte_changed_in_the_archive_is_refused(world):
    evil = world.prepare().copy()
    path = world.repo.release("QVPN", NEW["QVPN"])["path"]
    good = evil.files[path]
    evil.files[path] = flip(good, len(good) // 2)
    world.serve(evil)
    world.must_refuse_upgrade("QVPN", forge.sha256(good), forge.sha256(evil.files[path]))


# --- replays ---

def two_images(world):
    """An older image and the one that the box trusts now."""
    older = world.prepare()
    world.publish()
    world.nas.ctl("refresh")
    return older, world.honest


def test_an_older_timestamp_is_refused(world):
    older, newer = two_images(world)
    evil = newer.copy()
    evil["timestamp"] = older["timestamp"]
    was, now = (image.signed("timestamp")["version"] for image in (older, newer))
    world.must_refuse(evil, "timestamp", f"timestamp: wanted version {now} or later, found {was}")


@pytest.mark.parametrize("role", ["snapshot", "targets", "releases", "brake", PUBLISHER])
def test_older_metadata_under_the_new_name_is_refused(world, role):
    older = two_images(world)[1]
    evil = world.prepare().copy()
    evil[role] = older[role]
    was, now = (image.signed(role)["version"] for image in (older, world.honest))
    world.must_refuse(evil, role, f"{role}: version {now} announced by ", f"found {was}")


def test_a_timestamp_that_announces_an_older_snapshot_is_refused(world):
    """The attacker has the timestamp's key."""
    older, newer = two_images(world)
    was, now = (image.signed("snapshot")["version"] for image in (older, newer))

    def announce_older(signed):
        signed["version"] += 1
        signed["meta"]["snapshot.json"]["version"] = was

    evil = newer.copy()
    evil.files.update(older.files)
    evil["timestamp"] = newer["timestamp"]
    evil.resign("timestamp", world.repo.keys["timestamp"], announce_older)
    world.must_refuse(evil, "timestamp", f"announces snapshot {was}", f"announced {now}")


@pytest.mark.parametrize("role", ["targets", "releases", "brake", PUBLISHER])
def test_a_snapshot_that_lists_an_older_role_is_refused(world, role):
    """The attacker has the keys of snapshot and timestamp."""
    older, newer = two_images(world)
    was, now = (image.signed(role)["version"] for image in (older, newer))
    evil = world.prepare().copy()
    evil.resign("snapshot", world.repo.keys["snapshot"],
                lambda signed: signed["meta"].update({f"{role}.json": {"version": was}}))
    world.must_refuse(evil, "snapshot", f"lists {role}.json with version {was}", f"with {now}")


def test_a_snapshot_that_no_longer_lists_the_brake_is_refused(world):
    evil = world.prepare().copy()
    evil.resign("snapshot", world.repo.keys["snapshot"], lambda signed: signed["meta"].pop("brake.json"))
    world.must_refuse(evil, "snapshot", "no longer lists brake")


def test_a_frozen_server_raises_an_alarm_after_twice_the_life_of_its_timestamp(world):
    world.repo.timestamp_life = life = 6
    world.publish()
    world.nas.ctl("refresh")
    signed = world.honest.signed("timestamp")
    signed_at = forge.instant(signed["signed_at"])
    sight = world.sight()
    time.sleep(max(0, signed_at + life + 0.5 - time.time()))
    world.refresh_must_fail(f"timestamp {signed['version']} expired at {signed['expires']}", "it is ", code="expired")
    early = world.nas.json("status")["repositories"][0]
    if time.time() < signed_at + 2 * life:
        assert not early["stale"], "a single missed timestamp is no alarm yet"
    time.sleep(max(0, signed_at + 2 * life + 1.5 - time.time()))
    status = world.nas.json("status")
    assert status["repositories"][0]["stale"] is True
    assert re.search(r"ALARM: .*vendor.*freezing", world.nas.ctl("status").stdout)
    assert world.sight() == sight, "what is installed runs on"
    world.repo.timestamp_life = forge.DAY
    world.prepare()
    world.honest_refresh_must_work()
    assert world.nas.json("status")["repositories"][0]["stale"] is False


# --- another repository ---

def test_another_repository_in_place_of_ours_is_refused(world, stranger):
    evil = stranger.image()
    evil.files = {path: body for path, body in evil.files.items() if not path.endswith(".root.json")}
    evil.files.update({path: body for path, body in world.prepare().files.items() if path.endswith(".root.json")})
    version = evil.signed("timestamp")["version"]
    world.must_refuse(evil, "timestamp", f"timestamp {version} is {needed(world, 'timestamp')}")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_from_another_repository_is_refused(world, stranger, role):
    if role == "root":
        world.repo.rotate_root()
    evil = world.prepare().copy()
    theirs, version = stranger.image().signed(role), evil.signed(role)["version"]
    evil[role] = forge.sign({**theirs, "version": version}, stranger.keys_of(role))
    world.must_refuse(evil, role, f"{role} {version} is {needed(world, role)}")


def test_one_role_in_place_of_another_is_refused(world):
    evil = world.prepare().copy()
    evil["targets"] = forge.sign({**evil.signed("snapshot"), "version": evil.signed("targets")["version"]},
                                 world.repo.keys["targets"])
    world.must_refuse(evil, "targets", "_type", '"targets"', "snapshot")


# --- archives, records and publishers ---

@pytest.mark.parametrize("other", [("HybridBackup", "1.1"), ("QVPN", "3.0")])
def test_an_archive_swapped_for_another_validly_signed_one_is_refused(world, other):
    evil = world.prepare().copy()
    record = world.repo.release("QVPN", NEW["QVPN"])
    swapped = evil.files[world.repo.release(*other)["path"]]
    evil.files[record["path"]] = swapped
    world.serve(evil)
    world.must_refuse_upgrade("QVPN", str(record["size"]), str(len(swapped)))


def test_an_archive_of_the_same_length_swapped_is_refused_by_its_hash(world):
    record = world.repo.release("QVPN", NEW["QVPN"])
    evil = world.prepare().copy()
    good = evil.files[record["path"]]
    evil.files[record["path"]] = swapped = bytes(len(good))
    world.serve(evil)
    world.must_refuse_upgrade("QVPN", forge.sha256(good), forge.sha256(swapped))


def test_a_record_whose_name_is_not_that_of_the_archive_is_refused(world):
    record, other = world.repo.release("QVPN", NEW["QVPN"]), world.repo.release("HybridBackup", NEW["HybridBackup"])
    world.repo.announce(record, world.repo.archives[other["path"]])
    world.publish()
    world.must_refuse_upgrade("QVPN", "QVPN 3.1", "HybridBackup 1.1")


def test_a_record_whose_version_is_not_that_of_the_archive_is_refused(world):
    record = world.repo.release("QVPN", NEW["QVPN"])
    archive = world.repo.archives[record["path"]]
    record["version"] = "3.2"
    world.repo.announce(record, archive)
    world.publish()
    world.must_refuse_upgrade("QVPN", "QVPN 3.2", "QVPN 3.1")


def test_a_signature_by_the_right_ca_for_the_wrong_publisher_is_refused(world):
    record = world.repo.release("QVPN", NEW["QVPN"])
    archive = world.repo.archives[record["path"]]
    world.repo.announce(record, forge.sign_archive(archive, world.repo.authority, "Mallory"))
    world.publish()
    world.must_refuse_upgrade("QVPN", '"vendor"', '"Mallory"')


def test_a_signature_by_another_ca_for_the_right_publisher_is_refused(world):
    record = world.repo.release("QVPN", NEW["QVPN"])
    archive = world.repo.archives[record["path"]]
    world.repo.announce(record, forge.sign_archive(archive, forge.Authority("vendor"), "vendor"))
    world.publish()
    world.must_refuse_upgrade("QVPN", "sign")


def test_an_archive_that_was_changed_after_its_publisher_signed_it_is_refused(world):
    """The attacker has all keys of the repository, but not the publisher's."""
    record = world.repo.release("QVPN", NEW["QVPN"])
    archive = world.repo.archives[record["path"]]
    world.repo.announce(record, flip(archive, forge.area_of(archive)[0] - 20))
    world.publish()
    world.must_refuse_upgrade("QVPN", "sign")


def test_a_publisher_who_speaks_for_the_app_of_another_is_refused(world):
    theirs = {**world.repo.release("QVPN", NEW["QVPN"]), "version": "9.9"}
    world.repo.publishers[PUBLISHER]["releases"] = [theirs]
    evil = world.prepare()
    world.repo.publishers[PUBLISHER]["releases"] = []
    world.prepare()
    world.serve(evil)
    sight = world.sight()
    world.refresh_must_fail(PUBLISHER, "may not speak for QVPN")
    assert world.sight() == sight and sight["QVPN"][2] == NEW["QVPN"]
    world.honest_refresh_must_work()


# --- the brake ---

def entry(**members):
    """An entry of a brake."""
    return {"name": "QVPN", "version": "9.9", "arch": None, "reason": "better", "at": forge.moment(time.time()),
            **members}


@pytest.mark.parametrize("members", [
    {"action": "halt", "path": "packages/evil.qpkg", "sha256": "0" * 64, "size": 1},
    {"action": "install"},
    {"action": "offer", "go_back_to": "9.9"},
], ids=["a-halt-with-an-archive", "install", "offer"])
def test_a_brake_entry_that_offers_something_is_refused(world, members):
    honest = world.repo.brake
    world.repo.brake = {**honest, "serial": honest["serial"] + 1, "entries": [entry(**members)]}
    refuse_brake(world, honest, "brake", "entries[0]")


def test_a_brake_that_lists_releases_is_refused(world):
    honest = world.repo.brake
    world.repo.brake = {**honest, "serial": honest["serial"] + 1, "releases": [entry()]}
    refuse_brake(world, honest, "brake", "releases")


def refuse_brake(world, honest, *words):
    """The brake's own key signed it, so the role is trusted; its content is not."""
    evil = world.prepare()
    world.repo.brake = honest
    before, sight = brake_kept(world), world.sight()
    world.prepare()
    world.serve(evil)
    world.refresh_must_fail(*words)
    assert brake_kept(world) == before and world.sight() == sight
    world.honest_refresh_must_work()


def brake_kept(world):
    return world.nas.sql("SELECT brake_json FROM repository WHERE name = 'vendor'")


def test_a_brake_role_that_vouches_for_a_catalogue_is_refused(world):
    evil = world.prepare().copy()
    better = {**world.repo.release("QVPN", NEW["QVPN"]), "version": "9.9"}
    listed = world.repo.put_catalogue(evil, "vendor", world.repo.header, [*world.repo.releases, better])
    evil.resign("brake", world.repo.keys["brake"], lambda signed: signed["targets"].update(listed))
    sight = world.sight()
    world.serve(evil)
    world.refresh_must_fail("brake", "catalogue/vendor.jsonl.zst")
    assert world.sight() == sight
    world.prepare()
    world.honest_refresh_must_work()


def test_a_brake_of_another_kind_is_refused(world):
    evil = world.prepare().copy()
    evil.resign("brake", world.repo.keys["brake"],
                lambda signed: signed["targets"][forge.BRAKE]["custom"].update(kind="catalogue"))
    sight = world.sight()
    world.serve(evil)
    world.refresh_must_fail("brake", "kind", "wanted brake", "catalogue")
    assert world.sight() == sight
    world.prepare()
    world.honest_refresh_must_work()


def test_a_brake_whose_content_is_a_catalogue_is_refused(world):
    evil = world.prepare().copy()
    lines = world.repo.catalogue(world.repo.header, world.repo.releases)
    target = world.repo.put_target(evil, forge.BRAKE, lines, {"kind": "brake", "format": 1})
    evil.resign("brake", world.repo.keys["brake"], lambda signed: signed["targets"].update({forge.BRAKE: target}))
    before, sight = brake_kept(world), world.sight()
    world.serve(evil)
    world.refresh_must_fail("brake")
    assert brake_kept(world) == before and world.sight() == sight
    world.prepare()
    world.honest_refresh_must_work()


def test_going_back_is_never_going_forward(world):
    """Withdrawn with a newer version to "go back" to: it would be an update that nobody here agreed to."""
    world.repo.brake["serial"] += 1
    world.repo.brake["entries"] = [entry(version=OLD["QVPN"], action="withdraw", go_back_to=NEW["QVPN"])]
    world.publish()
    world.nas.ctl("refresh")
    candidate = world.nas.app("QVPN")["candidate"]
    assert candidate["verdict"] in ("ask", "refuse"), candidate


def test_after_all_of_it_the_honest_upgrade_works(world):
    world.publish()
    world.nas.ctl("refresh")
    world.nas.ctl("upgrade", "QVPN", "--yes")
    assert world.nas.app("QVPN")["version"] == NEW["QVPN"]
