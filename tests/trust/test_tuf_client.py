"""The TUF client from outside, over HTTP, against repositories that nothing of ours has made.

The classes of the public suite that matter most, and above all what it leaves out: bins, other name schemes, hostile
JSON, endless data, damage and links in the cache, a client that dies at any moment.
"""
import hashlib
import json
import os
import signal
import subprocess

import pytest
import sweep
import tuf_by_hand as tuf


@pytest.fixture(scope="session")
def ring(tmp_path_factory):
    return tuf.Ring(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def repository(ring):
    return tuf.Repository(ring)


@pytest.fixture
def server(repository):
    server = tuf.Server(repository)
    yield server
    server.stop()


@pytest.fixture
def client(tmp_path, server):
    return tuf.Client(tmp_path / "client", server)


def publish_all(repository, *roles):
    repository.publish(*roles)
    repository.bump("targets", "snapshot", "timestamp")


# ---- the refresh ----

def test_a_fresh_client_asks_for_four_files_and_then_for_two(repository, server, client):
    assert client.refresh() == 0
    assert server.take_asked() == "2.root.json timestamp.json 1.snapshot.json 1.targets.json"
    assert client.versions() == [1, 1, 1, 1]
    for role in tuf.TOP_ROLES:
        assert (client.metadata / f"{role}.json").read_bytes() == repository.files[repository.file_name(role)]
    assert client.refresh() == 0
    assert server.take_asked() == "2.root.json timestamp.json"


def test_names_without_consistent_snapshots_carry_no_version_and_no_hash(repository, server, client):
    repository.root["consistent_snapshot"] = False
    repository.add_target("targets", "a b/x", b"content")
    repository.bump("root", "targets", "snapshot", "timestamp")
    assert client.download("a b/x") == 0
    assert server.take_asked() == "2.root.json 3.root.json timestamp.json snapshot.json targets.json targets/a%20b/x"
    assert client.downloaded() == {"a b/x": b"content"}


@pytest.mark.parametrize("kind", [kind for kind in tuf.KINDS if kind != "rsa-1024"])
def test_a_key_of_each_kind_counts_and_its_bad_signature_does_not(repository, ring, client, kind):
    repository.rotate("timestamp", ring.key(9, kind))
    repository.bump("root", "timestamp")
    assert client.refresh() == 0
    repository.parts["timestamp"]["version"] += 1
    forged = repository.signed("timestamp")
    forged["signatures"][0]["sig"] = ring.key(9, kind).sign(b"something else")
    repository.serve("timestamp", forged)
    assert client.refresh() == 1
    assert "timestamp 3 is signed by 0 of 1 needed keys" in client.said
    assert client.versions() == [2, 2, 1, 1]


def test_a_weak_key_never_counts(repository, ring, client):
    repository.rotate("timestamp", ring.key(9, "rsa-1024"))
    repository.bump("root", "timestamp")
    assert client.refresh() == 1
    assert "timestamp 2 is signed by 0 of 1 needed keys" in client.said


def test_a_key_counts_once_under_two_ids(repository, ring, client):
    key = repository.signers["timestamp"][0]
    twin = dict(key.object, **{"x-note": "twin"})
    twin_id = hashlib.sha256(tuf.canonical(twin)).hexdigest()
    repository.root["keys"][twin_id] = twin
    repository.root["roles"]["timestamp"] = {"keyids": [key.id, twin_id], "threshold": 2}
    repository.bump("root", "timestamp")
    signed = repository.signed("timestamp")
    signed["signatures"].append({"keyid": twin_id, "sig": signed["signatures"][0]["sig"]})
    repository.serve("timestamp", signed)
    assert client.refresh() == 1
    assert "timestamp 2 is signed by 1 of 2 needed keys" in client.said


def test_a_chain_of_roots_is_followed_and_a_break_in_it_is_not(repository, ring, client):
    for number in range(20, 24):
        old = repository.rotate("root", ring.key(number))
        repository.signers["root"] += old
        repository.bump("root")
        repository.signers["root"] = [ring.key(number)]
    assert client.refresh() == 0
    assert client.versions()[0] == 5
    repository.rotate("root", ring.key(30))
    repository.bump("root")
    for _ in range(2):
        assert client.refresh() == 1
        assert "root 6 is signed by 0 of 1 needed keys of root 5" in client.said
        assert client.versions()[0] == 5


def test_nothing_goes_back_and_the_box_recovers_when_keys_are_changed(repository, ring, client):
    repository.parts["snapshot"]["version"] = 100
    repository.publish("snapshot")
    repository.bump("timestamp")
    assert client.refresh() == 0
    repository.parts["snapshot"]["version"] = 3
    repository.publish("snapshot")
    repository.bump("timestamp")
    assert client.refresh() == 1
    assert "timestamp 3 announces snapshot 3, the trusted timestamp 2 announced 100" in client.said
    assert client.versions() == [1, 2, 100, 1]
    repository.rotate("snapshot", ring.key(8))
    repository.publish("snapshot")
    repository.bump("timestamp", "root")
    assert client.refresh() == 0
    assert client.versions() == [2, 4, 3, 1]


@pytest.mark.parametrize("role, kept", [("root", [2, 1, 1, 1]), ("timestamp", [2, 1, 1, 1]), ("snapshot", [2, 2, 1, 1]),
                                        ("targets", [2, 2, 2, 1])])
def test_what_has_expired_is_refused_and_the_next_run_works(repository, client, role, kept):
    assert client.refresh() == 0
    repository.parts[role]["expires"] = tuf.EXPIRED
    repository.bump("root", "targets", "snapshot", "timestamp")
    assert client.refresh() == 1
    assert f"{role} 2 expired at {tuf.EXPIRED}" in client.said
    assert client.versions() == kept
    repository.parts[role]["expires"] = tuf.FRESH
    repository.bump("root", "targets", "snapshot", "timestamp")
    assert client.refresh() == 0


# ---- hostile bytes ----

def signed_text(repository, role, change):
    """Metadata whose text was changed after it was signed: what a lax reader would take for the same."""
    return change(json.dumps(repository.signed(role))).encode()


@pytest.mark.parametrize("change", [
    lambda text: text.replace('"version": 2', '"version": 1, "version": 2'),
    lambda text: text.replace('"version": 2', '"version": 2.0'),
    lambda text: text.replace('"version": 2', '"version": 2e0'),
    lambda text: text.replace('"signed": {', '"signed": {"version": 1}, "signed": {'),
    lambda text: text + "{}",
    lambda text: "\ufeff" + text,
    lambda text: text.replace('"signed"', '"x": ' + "[" * 3000 + "]" * 3000 + ', "signed"'),
    lambda text: text.replace('"signed"', '"x": "\\u0000", "signed"'),
    lambda text: text.replace('"signed"', '"x": "\\ud800", "signed"'),
    lambda text: text.replace('"signed"', '"x": 9223372036854775808, "signed"'),
    lambda text: text.replace('"signed"', '"x": NaN, "signed"'),
    lambda text: text[:-1],
    lambda text: "",
], ids=["a member twice", "a fraction", "an exponent", "signed twice", "more behind", "a mark before", "depth", "a zero",
        "half a pair", "a huge number", "no number", "cut short", "nothing"])
def test_bytes_that_two_readers_could_read_differently_are_refused(repository, client, change):
    assert client.refresh() == 0
    repository.parts["timestamp"]["version"] = 2
    repository.serve("timestamp", signed_text(repository, "timestamp", change))
    assert client.refresh() == 1
    assert "timestamp: " in client.said
    assert client.versions() == [1, 1, 1, 1]


def test_a_wrong_shape_is_refused_and_never_a_crash(repository, client):
    for member in ("keys", "roles", "version", "expires", "_type", "spec_version"):
        for value in (None, [], {}, "", 7, True, [None], {"root": None}):
            if (member, value) in (("version", 7), ("keys", {})):
                continue  # that is a right shape
            part = repository.root | {"version": 2} | {member: value}
            repository.files["2.root.json"] = json.dumps(repository.signed("root", part)).encode()
            assert client.refresh() == 1, (member, value)
            assert f"root: signed.{member}" in client.said, (member, value)
            assert client.versions()[0] == 1


def test_endless_data_is_cut_off(server, client):
    sent = []

    def endless(request):
        request.send_response(200)
        request.end_headers()
        try:
            while len(sent) < 4096:
                request.wfile.write(b" " * 65536)
                sent.append(1)
        except OSError:
            pass

    server.odd["metadata/timestamp.json"] = endless
    assert client.refresh() == 1
    assert "timestamp.json" in client.said and "16384 bytes allowed" in client.said
    assert len(sent) < 512, "it read on for 32 MiB"


def test_a_redirect_is_followed_and_a_circle_is_not(repository, server, client):
    def to(place):
        def answer(request):
            request.send_response(302)
            request.send_header("Location", place)
            request.send_header("Content-Length", "0")
            request.end_headers()
        return answer

    server.odd["metadata/timestamp.json"] = to("/metadata/elsewhere.json")
    repository.files["elsewhere.json"] = repository.files["timestamp.json"]
    assert client.refresh() == 0
    server.odd["metadata/timestamp.json"] = to("/metadata/timestamp.json")
    assert client.refresh() == 1


# ---- the cache ----

def test_damage_in_the_cache_is_as_if_nothing_were_there(repository, server, client):
    for role in tuf.TOP_ROLES[1:]:
        for damage in (b"", b"\0\1\2", b"{}", b'{"signatures":[],"signed":{}}'):
            (client.metadata / f"{role}.json").write_bytes(damage)
            assert client.refresh() == 0, client.said
            assert client.versions() == [1, 1, 1, 1]


def test_links_in_the_cache_lead_nowhere(repository, client, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for role in tuf.TOP_ROLES[1:]:
        (client.metadata / f"{role}.json").symlink_to(precious)
    repository.add_target("targets", "x", b"content")
    repository.bump("targets", "snapshot", "timestamp")
    (client.targets / "x").symlink_to(precious)
    assert client.download("x") == 0
    assert precious.read_text() == "precious"
    assert client.downloaded() == {"x": b"content"}
    assert not (client.metadata / "timestamp.json").is_symlink()


def test_a_client_that_dies_at_any_request_comes_through_the_next_time(repository, ring, server, client, tmp_path):
    assert client.refresh() == 0
    repository.rotate("timestamp", ring.key(8))
    repository.rotate("snapshot", ring.key(9))
    repository.delegate("targets", "acme", 10, paths=["acme/*"])
    repository.add_target("acme", "acme/x", b"content")
    repository.publish("acme")
    repository.bump("root", "targets", "snapshot", "timestamp")
    wanted = ["2.root.json", "3.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "1.acme.json"]
    for number, name in enumerate(wanted):
        again = tuf.Client(tmp_path / f"again{number}", server)
        for file in client.metadata.iterdir():
            (again.metadata / file.name).write_bytes(file.read_bytes())
        died = []
        process = subprocess.Popen(again.command("--target-name", "acme/x", "--target-dir", again.targets,
                                                 "--target-base-url", f"{server.url}/targets", "download"))
        server.odd[f"metadata/{name}"] = lambda request: died.append(os.kill(process.pid, signal.SIGKILL))
        assert process.wait(60) == -signal.SIGKILL, name
        server.odd.clear()
        assert again.download("acme/x") == 0, again.said
        assert again.versions() == [2, 2, 2, 2]
        assert again.downloaded() == {"acme/x": b"content"}


# ---- targets ----

@pytest.mark.parametrize("algorithms", [("sha256",), ("sha512",), ("sha256", "sha512"), ("md5", "sha256")])
def test_any_known_hash_will_do_and_each_must_fit(repository, server, client, algorithms):
    repository.add_target("targets", "dir/x", b"content", algorithms)
    repository.bump("targets", "snapshot", "timestamp")
    assert client.download("dir/x") == 0
    server.take_asked()
    assert client.download("dir/x") == 0
    assert "targets/" not in server.take_asked()
    (client.targets / "dir%2Fx").write_bytes(b"damaged")
    for path in repository.targets:
        repository.targets[path] = b"c0ntent"
    assert client.download("dir/x") == 1
    assert "announced by targets 2, found" in client.said
    assert client.downloaded() == {"dir/x": b"damaged"}


def test_a_target_of_an_unknown_hash_alone_is_refused(repository, client):
    repository.add_target("targets", "x", b"content", ("md5",))
    repository.bump("targets", "snapshot", "timestamp")
    assert client.download("x") == 1
    assert client.downloaded() == {}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ".", "..", "a//x"])
def test_a_target_cannot_leave_its_folder(repository, server, client, name):
    repository.parts["targets"]["targets"][name] = {"length": 7, "hashes": {"sha256": hashlib.sha256(b"content").hexdigest()}}
    repository.bump("targets", "snapshot", "timestamp")
    assert client.download(name) == 1
    assert "targets/" not in server.take_asked()
    assert client.downloaded() == {}


@pytest.mark.parametrize("name", ["?", "#", "/abs", "../up", "a b%", "é", "..", "."])
def test_a_role_of_any_name_has_a_file_of_its_own(repository, server, client, name):
    before = sorted(client.metadata.parent.rglob("*"))
    repository.delegate("targets", name, 8, paths=["x"])
    repository.add_target(name, "x", b"content")
    publish_all(repository, name)
    assert client.download("x") == 0, client.said
    assert repository.file_name(name) in server.take_asked().split()
    new = [path for path in client.metadata.parent.rglob("*") if path not in before]
    assert all(path.parent in (client.metadata, client.targets) for path in new)
    assert len(list(client.metadata.iterdir())) == 5
    server.take_asked()
    assert client.download("x") == 0
    assert server.take_asked() == "2.root.json timestamp.json"


def bin_of(path, bits):
    return int.from_bytes(hashlib.sha256(path.encode()).digest(), "big") >> (256 - bits)


@pytest.mark.parametrize("bits", [1, 3, 4, 8, 11])
def test_bins_are_found_in_both_ways_of_writing_them(repository, ring, client, bits):
    dice = sweep.chance(f"bins {bits}")
    paths = [f"files/{dice.getrandbits(64):x}.tgz" for _ in range(12)]
    digits = (bits + 3) // 4
    key = repository.delegate("targets", "bin", 8, bit_length=bits)
    for path in paths:
        role = f"bin-{bin_of(path, bits):0{digits}x}"
        repository.add_role(role, key)
        repository.add_target(role, path, path.encode())
    roles = [role for role in repository.parts if role.startswith("bin-")]
    publish_all(repository, *roles)
    assert client.download(*paths) == 0, client.said
    assert client.downloaded() == {path: path.encode() for path in paths}

    delegations = repository.parts["targets"]["delegations"]
    del delegations["succinct_roles"]
    for role in roles:
        # all prefixes of digits that begin with these bits, as a repository of whole digits would list them
        number, shift = int(role[4:], 16), digits * 4 - bits
        prefixes = [f"{number << shift | low:0{digits}x}" for low in range(1 << shift)]
        delegations.setdefault("roles", []).append({"name": role, "terminating": True, "keyids": [key.id], "threshold": 1,
                                                    "path_hash_prefixes": prefixes})
    repository.bump("targets", "snapshot", "timestamp")
    for path in paths:
        (client.targets / path.replace("/", "%2F")).unlink()
    assert client.download(*paths) == 0, client.said
    assert client.downloaded() == {path: path.encode() for path in paths}


def test_a_cached_role_is_verified_for_the_delegator_at_hand(repository, server, client):
    for name, number in (("A", 8), ("B", 9)):
        repository.delegate("targets", name, number, paths=[f"{name}/*"])
    repository.delegate("A", "shared", 10, paths=["A/*"])
    repository.delegate("B", "shared", 11, paths=["B/*"])
    repository.signers["shared"].pop()
    for name in "AB":
        repository.add_target("shared", f"{name}/x", b"content")
    publish_all(repository, "A", "B", "shared")
    assert client.download("A/x", "B/x") == 1
    assert "shared 1 is signed by 0 of 1 needed keys of B" in client.said
    assert client.downloaded() == {"A/x": b"content"}


def test_a_terminating_delegation_and_the_order_decide_who_is_believed(repository, server, client):
    repository.delegate("targets", "first", 8, paths=["a/*"], terminating=True)
    repository.delegate("targets", "second", 9, paths=["*/*"])
    repository.add_target("second", "a/x", b"not theirs to state")
    repository.add_target("first", "a/y", b"first")
    repository.add_target("second", "a/y", b"second")
    repository.add_target("second", "b/x", b"second")
    publish_all(repository, "first", "second")
    assert client.download("a/x") == 1
    assert client.download("a/y", "b/x") == 0
    assert client.downloaded() == {"a/y": b"first", "b/x": b"second"}


def test_one_mirror_s_missing_role_leaves_what_was_verified(repository, server, client):
    repository.delegate("targets", "acme", 8, paths=["acme/*"])
    repository.add_target("acme", "acme/x", b"content")
    publish_all(repository, "acme")
    missing = repository.files.pop("1.acme.json")
    assert client.download("acme/x") == 1
    assert client.versions() == [1, 2, 2, 2]
    repository.files["1.acme.json"] = missing
    assert client.download("acme/x") == 0
