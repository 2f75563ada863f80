"""The sweep: every byte of every file that a repository signs is changed, one at a time, and each change is refused.

The box here has no apps and no daemon: `appcenter-job` is run from outside, for each changed byte. Whether a change
leaves the metadata as good as it was (the case of a hex digit in a signature) is judged by the forger, by the
specification. `make test` takes a sample, `make torture` every byte (tests/sweep.py).
"""
import forge
import nas as lab
import pytest
import sweep
from lonely import Box
from mirror import Mirror

PUBLISHER = "acme"
SAMPLE = 8
ROLES = ["root", "timestamp", "snapshot", "targets", "releases", "brake", PUBLISHER]
TARGETS = ["catalogue/vendor.jsonl.zst", f"catalogue/{PUBLISHER}.jsonl.zst", forge.BRAKE]
UNTRUSTED, NETWORK = 5, 8


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

    def refresh(self, path, body):
        """(exit code, sentence) of a refresh that is served body at that path, and the honest files else."""
        self.mirror.files = {**self.new.files, path: body}
        return self.box.refresh()


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


def changes(name, body):
    """(position, mask) for each byte."""
    dice = sweep.chance(f"tampering {name}")
    return sweep.Sweep("tampering", name, [(at, dice.randrange(1, 256)) for at in range(len(body))], SAMPLE)


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
    honest, before = bench.new[role], bench.old[role]
    bench.box.restore(bench.saved)
    points = changes(role, honest)
    for point in points:
        with points.at(point):
            body = changed(honest, *point)
            code, sentence = bench.refresh(bench.new.roles[role], body)
            if code == 0:
                bench.box.restore(bench.saved)
                assert is_as_good(bench, role, body), "it was trusted"
                continue
            assert code == wanted_exit(body), sentence
            assert role in sentence, sentence
            assert bench.box.kept()[0][role] == before, "it was kept"
    points.end()


def raw_sha256(bench, path):
    """By which an imported catalogue is known."""
    role = PUBLISHER if PUBLISHER in path else "releases"
    return bench.new.signed(role)["targets"][path]["custom"]["raw_sha256"]


@pytest.mark.parametrize("path", TARGETS)
def test_no_changed_byte_of_a_target_is_trusted(bench, path):
    honest = bench.new.files[bench.new.targets[path]]
    bench.box.restore(bench.saved)
    before = bench.box.kept()[1]
    points = changes(path, honest)
    for point in points:
        with points.at(point):
            body = changed(honest, *point)
            code, sentence = bench.refresh(bench.new.targets[path], body)
            assert code == wanted_exit(body), sentence
            assert code == NETWORK or forge.sha256(body) in sentence and forge.sha256(honest) in sentence, sentence
            brake, catalogues = bench.box.kept()[1]
            assert path != forge.BRAKE or brake == before[0], "the brake was kept"
            assert path == forge.BRAKE or raw_sha256(bench, path) not in catalogues, "the catalogue was kept"
    points.end()


@pytest.mark.parametrize("name", [*ROLES, *TARGETS])
def test_what_begins_like_a_web_page_is_network_trouble(bench, name):
    path = bench.new.roles.get(name) or bench.new.targets[name]
    bench.box.restore(bench.saved)
    code, sentence = bench.refresh(path, b"<" + bench.new.files[path][1:])
    assert code == NETWORK and "web page" in sentence and path.rsplit("/", 1)[1] in sentence, sentence
