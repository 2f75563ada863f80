"""Archives as TUF targets in hashed bins: for clients that know TUF and nothing of our catalogue."""
import hashlib
import json
import shutil

import nas as lab
import pytest
from test_reference_client import ask_reference, needs_reference

APPS = (("QVPN", "3.0"), ("QVPN", "3.1"), ("MediaLibrary", "2.0"))
N_BITS = 4


@pytest.fixture
def binned(tmp_path):
    """A vendor's repository with 16 bins and three releases, published."""
    vendor = lab.Vendor(tmp_path / "binned")
    vendor.repo.parent.mkdir()
    vendor.init("--bins", str(1 << N_BITS), "--key-type", "ecdsa")
    vendor.add(*(pack(vendor, tmp_path, *app) for app in APPS))
    vendor.publish()
    return vendor


def pack(vendor, folder, name, version):
    source = lab.stage(name, version, folder / f"src-{name}-{version}", None if name == "MediaLibrary" else lab.free_port())
    return vendor.pack(source, folder / f"{name}_{version}.qpkg")


def served_archives(vendor):
    """{target path: the file below packages/} of what is served."""
    return {f"packages/{path.name.partition('.')[2]}": path for path in (vendor.public / "packages").iterdir()}


def bin_of(path):
    """TAP 15: the first bits of the path's SHA-256."""
    return f"archives-{int(hashlib.sha256(path.encode()).hexdigest(), 16) >> (256 - N_BITS):x}"


def signed(vendor, role):
    path = max((vendor.public / "metadata").glob(f"*.{role}.json"), key=lambda p: int(p.name.split(".")[0]))
    return json.loads(path.read_text())["signed"]


def bin_versions(vendor):
    meta = signed(vendor, "snapshot")["meta"]
    return {name: entry["version"] for name, entry in meta.items() if name.startswith("archives-")}


def test_every_archive_is_in_the_bin_of_its_name(binned):
    archives = served_archives(binned)
    assert len(archives) == len(APPS) and len(bin_versions(binned)) == 1 << N_BITS
    delegations = signed(binned, "releases")["delegations"]
    assert delegations["succinct_roles"]["bit_length"] == N_BITS and "roles" not in delegations
    assert "packages/*" in signed(binned, "targets")["delegations"]["roles"][1]["paths"]
    listed = {}
    for i in range(1 << N_BITS):
        listed.update({path: (f"archives-{i:x}", entry) for path, entry in signed(binned, f"archives-{i:x}")["targets"].items()})
    assert set(listed) == set(archives)
    for path, (role, entry) in listed.items():
        assert role == bin_of(path)
        assert (entry["hashes"]["sha256"], entry["length"]) == (lab.sha256(archives[path]), archives[path].stat().st_size)
    assert "good: 3 releases" in binned("verify", binned.repo).stdout


def test_a_new_release_signs_its_own_bin_anew_and_no_other(binned, tmp_path):
    before = bin_versions(binned)
    archive = pack(binned, tmp_path, "MediaLibrary", "1.4")
    binned.add(archive)
    binned.publish()
    path, = (path for path in served_archives(binned) if "_1.4_" in path)
    changed = {name for name, version in bin_versions(binned).items() if version != before[name]}
    assert changed == {bin_of(path) + ".json"}


@needs_reference
def test_the_reference_client_finds_every_archive_in_the_bins(binned, tmp_path):
    archives = served_archives(binned)
    web = lab.Web(tmp_path / "web", binned.public).start()
    try:
        found = ask_reference(binned, web, tmp_path, *archives, "packages/QVPN_9.9_x86_64.qpkg", base="")
    finally:
        web.stop()
    assert found.pop("packages/QVPN_9.9_x86_64.qpkg") is None
    assert {path: lab.sha256(file) for path, file in found.items()} == {
        path: lab.sha256(file) for path, file in archives.items()}


def test_a_nas_does_not_mind_the_bins(binned, tmp_path, make_nas):
    web = lab.Web(tmp_path / "web", binned.public).start()
    try:
        box = make_nas(network__poll="1h", updates__other="notify").start()
        box.ctl("repo", "add", "vendor", web.url, "--root-key", binned.public / "metadata/1.root.json", "--yes")
        box.ctl("refresh")
        box.ctl("install", "QVPN=3.0", "--yes")
        assert box.app("QVPN")["version"] == "3.0"
    finally:
        web.stop()


def test_verify_names_the_bin_that_says_something_else(binned):
    path, archive = next(iter(served_archives(binned).items()))
    served = max((binned.public / "metadata").glob(f"*.{bin_of(path)}.json"), key=lambda p: int(p.name.split(".")[0]))
    served.write_text(served.read_text().replace(lab.sha256(archive), "0" * 64))
    done = binned("verify", binned.repo, expect=5)
    assert bin_of(path) in done.stderr


def test_bins_follow_the_keys_of_releases(binned, tmp_path):
    before = bin_versions(binned)
    old = set(signed(binned, "releases")["delegations"]["succinct_roles"]["keyids"])
    binned("key", binned.repo, "rotate", "--role", "releases", "--keys", binned.keys)
    binned.publish()
    new = set(signed(binned, "releases")["delegations"]["succinct_roles"]["keyids"])
    assert not old & new
    assert all(version == before[name] + 1 for name, version in bin_versions(binned).items())
    assert "good: 3 releases" in binned("verify", binned.repo).stdout


def test_a_halt_without_the_releases_keys_leaves_the_bins(binned, tmp_path):
    before = bin_versions(binned)
    brake = tmp_path / "brake-keys"
    for role in ("brake", "snapshot", "timestamp"):
        shutil.copytree(binned.keys / role, brake / role)
    binned("halt", binned.repo, "QVPN=3.1", "--reason", "test")
    done = binned("publish", binned.repo, "--keys", brake)
    assert "bins of archives stay as they are" in done.stderr
    assert bin_versions(binned) == before
    binned("verify", binned.repo)


def test_status_watches_the_oldest_bin(binned):
    roles = {role["role"]: role for role in json.loads(binned("status", binned.repo, "--json").stdout)["roles"]}
    name, = (name for name in roles if name.startswith("archives-"))
    assert roles[name]["threshold"] == 1 and roles[name]["days_left"] >= 89
    done = binned("status", binned.repo, "--margin", f"{name}=91d", expect=1)
    assert name in done.stderr


@pytest.mark.parametrize("count", ["0", "1", "3", "512", "many"])
def test_a_number_of_bins_that_makes_no_sense_is_refused(tmp_path, count):
    vendor = lab.Vendor(tmp_path / "v")
    vendor.repo.parent.mkdir()
    done = lab.run([lab.program("appvendor"), "init", vendor.repo, "--keys", vendor.keys, "--bins", count], expect=2)
    assert "power of two from 2 to 256" in done.stderr and not vendor.keys.exists()


def test_no_publisher_is_called_like_a_bin(binned, tmp_path):
    done = binned("publisher", "new", "archives-1", "--keys", tmp_path / "keys", expect=2)
    assert "archives-1" in done.stderr
