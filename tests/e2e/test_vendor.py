"""The vendor's tool: keys, archives, publication, verification."""
import hashlib
import io
import json
import re
import stat
import subprocess
import tarfile

import nas as lab
import pytest
from stock import NEW, OLD


def signed(path):
    return json.loads(path.read_text())["signed"]


def newest(vendor, role):
    return max((vendor.public / "metadata").glob(f"*.{role}.json"), key=lambda p: int(p.name.split(".")[0]))


def test_the_ceremony_keeps_private_keys_private(session):
    private = [p for p in session.vendor.keys.rglob("*") if p.suffix in (".pem", ".key") and "publisher" not in p.parts]
    private += [session.vendor.keys / "publisher/ca.key", session.vendor.keys / "publisher/sign.key"]
    assert len(private) == 3 + 1 + 2 + 1 + 1 + 1 + 2
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert b"PRIVATE KEY" in path.read_bytes()
    for path in session.vendor.repo.rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes(), path


def test_root_needs_two_of_three_and_releases_two(session):
    root = signed(session.vendor.public / "metadata/1.root.json")
    assert (len(root["roles"]["root"]["keyids"]), root["roles"]["root"]["threshold"]) == (3, 2)
    assert root["consistent_snapshot"] is True
    delegations = signed(session.vendor.public / "metadata/1.targets.json")["delegations"]["roles"]
    assert [(r["name"], r["threshold"], r["terminating"]) for r in delegations] == [("brake", 1, True), ("releases", 2, True)]


def test_the_catalogue_is_what_formats_say(session, tmp_path):
    releases = signed(newest(session.vendor, "releases"))
    (name, target), = releases["targets"].items()
    assert name == "catalogue/vendor.jsonl.zst"
    served = session.vendor.public / "targets/catalogue" / f"{target['hashes']['sha256']}.vendor.jsonl.zst"
    content = served.read_bytes()
    assert hashlib.sha256(content).hexdigest() == target["hashes"]["sha256"] and len(content) == target["length"]
    raw = subprocess.run(["zstd", "-dc", str(served)], capture_output=True, check=True).stdout
    assert hashlib.sha256(raw).hexdigest() == target["custom"]["raw_sha256"]
    assert len(raw) == target["custom"]["raw_length"] and target["custom"]["kind"] == "catalogue"
    header, *lines = [json.loads(line) for line in raw.splitlines()]
    assert header["format"] == 1 and header["publisher"] == "vendor" and header["releases"] == len(lines) == len(OLD)
    assert [line["name"] for line in lines] == sorted(OLD)
    for line in lines:
        archive = session.vendor.public / line["path"]
        assert archive.stat().st_size == line["size"]
        assert lab.sha256(archive) == line["sha256"]
        assert line["path"] == f"packages/{line['sha256']}.{line['name']}_{line['version']}_{line['arch']}.qpkg"


def test_openssl_agrees_with_the_strong_signature(session, tmp_path):
    """The record is taken out by hand and checked by the openssl program: content, then the tail with its size blanked."""
    data = session.packages["MediaLibrary", "1.4"].read_bytes()
    area = data.rindex(b"QDK\x41")
    length = int.from_bytes(data[area + 4:area + 8], "big")
    assert data[area + 8 + length] == 0xFF and area + 9 + length + 100 == len(data)
    tail = bytearray(data[-100:])
    tail[40:50] = b" " * 10
    (tmp_path / "signature.der").write_bytes(data[area + 8:area + 8 + length])
    (tmp_path / "signed").write_bytes(data[:area] + tail)
    subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", tmp_path / "signature.der", "-binary",
                    "-content", tmp_path / "signed", "-CAfile", session.vendor.keys / "publisher/ca.pem", "-purpose", "any",
                    "-out", "/dev/null"], check=True, capture_output=True)


def test_openssl_agrees_with_the_legacy_signature(session, tmp_path):
    """QDK's record: S/MIME that holds the content's SHA-1, behind the strong one, by another signer."""
    (tmp_path / "legacy").mkdir()
    key, leaf = tmp_path / "legacy/sign.key", tmp_path / "legacy/sign.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", leaf, "-days", "9",
                    "-subj", "/O=Somebody/CN=Signer"], check=True, capture_output=True)
    key.chmod(0o600)
    source = lab.stage("MediaLibrary", "1.4", tmp_path / "src")
    packed = tmp_path / "both.qpkg"
    session.vendor("pack", source, "-o", packed, "--sign", session.vendor.keys / "publisher", "--legacy", tmp_path / "legacy")
    data = packed.read_bytes()
    area = data.rindex(b"QDK\x41")
    strong = int.from_bytes(data[area + 4:area + 8], "big")
    record = area + 8 + strong
    assert data[record] == 254
    length = int.from_bytes(data[record + 1:record + 5], "big")
    text = data[record + 5:record + 5 + length]
    assert data[record + 5 + length] == 0xFF and b"\r" not in text and text.startswith(b"MIME-Version: 1.0\n") and len(text) < 20480
    (tmp_path / "legacy.txt").write_bytes(text)
    done = subprocess.run(["openssl", "cms", "-verify", "-in", tmp_path / "legacy.txt", "-CAfile", leaf], check=True, capture_output=True)
    assert done.stdout == hashlib.sha1(data[:area]).digest()
    told = json.loads(session.vendor("inspect", packed, "--ca", session.vendor.keys / "publisher/ca.pem", "--json").stdout)
    assert [(one["type"], one["valid"]) for one in told["signatures"]] == [("strong", True), ("cms-legacy", False)]
    # the same on what is packed already, in the other order
    again = tmp_path / "again.qpkg"
    session.vendor("pack", source, "-o", again, "--sign", session.vendor.keys / "publisher")
    session.vendor("sign", again, "--legacy", tmp_path / "legacy")
    told = json.loads(session.vendor("inspect", again, "--ca", leaf, "--json").stdout)
    assert [(one["type"], one["valid"]) for one in told["signatures"]] == [("strong", False), ("cms-legacy", True)]


def test_packing_twice_gives_the_same_bytes(session, tmp_path):
    source = lab.stage("MediaLibrary", "1.4", tmp_path / "src")
    for name in ("a.qpkg", "b.qpkg"):
        lab.run([lab.program("appvendor"), "pack", source, "-o", tmp_path / name])
    assert (tmp_path / "a.qpkg").read_bytes() == (tmp_path / "b.qpkg").read_bytes()


def test_config_files_of_a_tree_go_where_qdk_puts_them(tmp_path):
    """Relative ones into the data, absolute ones into conf.tar.gz beside qpkg.cfg, and nothing else of config/."""
    source = lab.stage("QVPN", "3.0", tmp_path / "src", 1)
    for path in ("etc/config/qvpn.conf", "stray"):
        (source / "config" / path).parent.mkdir(parents=True, exist_ok=True)
        (source / "config" / path).write_text(path)
    with (source / "qpkg.cfg").open("a") as cfg:
        cfg.write('QPKG_CONFIG="/etc/config/qvpn.conf"\n')
    lab.run([lab.program("appvendor"), "pack", source, "-o", tmp_path / "x.qpkg", "--compress", "gzip"])
    data = (tmp_path / "x.qpkg").read_bytes()
    start = int(data.partition(b"script_len=")[2].split()[0])
    outer = tarfile.open(fileobj=io.BytesIO(data[start:]))
    control = tarfile.open(fileobj=io.BytesIO(outer.extractfile("control.tar.gz").read()))
    conf = tarfile.open(fileobj=io.BytesIO(control.extractfile("./conf.tar.gz").read()))
    assert {m.name for m in conf if m.isfile()} == {"./etc/config/qvpn.conf"}
    assert conf.extractfile("./etc/config/qvpn.conf").read() == b"etc/config/qvpn.conf"
    payload = tarfile.open(fileobj=io.BytesIO(data[start + int(re.search(rb"script_len \+ (\d+)", data)[1]):]), mode="r:gz")
    names = {m.name for m in payload if m.isfile()}
    assert "./etc/qvpn.conf" in names and not any("stray" in name or "config" in name for name in names)


def test_inspect_tells_what_is_inside(session):
    done = session.vendor("inspect", session.packages["PhotoStation", "6.1.2"], "--json", "--ca",
                          session.vendor.keys / "publisher/ca.pem")
    info = json.loads(done.stdout)
    assert info["schema"] == "appvendor.package/1"
    assert (info["name"], info["version"]) == ("PhotoStation", "6.1.2")
    assert info["requires"] == ["MediaLibrary >= 2.0"]
    assert [s["type"] for s in info["signatures"]] == ["strong"] and info["signatures"][0]["valid"] is True
    assert info["sha256"] == lab.sha256(session.packages["PhotoStation", "6.1.2"])
    assert info["files"] > 3 and info["installed_size"] > 0


def test_publishing_again_changes_only_the_heads(vendor):
    before = {p: p.read_bytes() for p in vendor.public.rglob("*") if p.is_file()}
    vendor.publish()
    after = {p: p.read_bytes() for p in vendor.public.rglob("*") if p.is_file()}
    changed = {p.name for p in after if after[p] != before.get(p)}
    assert changed == {"timestamp.json"}


def test_publishing_a_release_without_the_releases_keys_is_refused(session, vendor, tmp_path):
    online = tmp_path / "online"
    for role in ("snapshot", "timestamp", "brake"):
        lab.shutil.copytree(session.vendor.keys / role, online / role)
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    timestamp = (vendor.public / "metadata/timestamp.json").read_bytes()
    done = vendor("publish", vendor.repo, "--keys", online, expect=5)
    assert "releases" in done.stderr and "wanted 2 keys" in done.stderr
    assert (vendor.public / "metadata/timestamp.json").read_bytes() == timestamp


def test_the_brake_needs_only_brake_and_online_keys(session, vendor, tmp_path):
    online = tmp_path / "online"
    for role in ("snapshot", "timestamp", "brake"):
        lab.shutil.copytree(session.vendor.keys / role, online / role)
    vendor("halt", vendor.repo, "QVPN=3.0")
    vendor("publish", vendor.repo, "--keys", online)
    vendor("verify", vendor.repo)
    brake = signed(newest(vendor, "brake"))["targets"]["brake/brake.json"]
    content = json.loads((vendor.public / f"targets/brake/{brake['hashes']['sha256']}.brake.json").read_text())
    assert [(e["name"], e["version"], e["action"]) for e in content["entries"]] == [("QVPN", "3.0", "halt")]


@pytest.mark.parametrize("which", ["packages/*QVPN*", "targets/catalogue/*", "metadata/*.releases.json",
                                   "metadata/*.snapshot.json", "metadata/timestamp.json"])
def test_verify_sees_one_changed_byte(vendor, which):
    vendor("verify", vendor.repo)
    for path in vendor.public.glob(which):  # old versions, too: which one counts is verify's to know
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    done = vendor("verify", vendor.repo, expect=(5, 14))
    assert done.stderr.startswith("appvendor: verify: ")


def test_an_unsigned_archive_is_not_added(session, vendor, tmp_path):
    source = lab.stage("QVPN", "3.1", tmp_path / "src", 1)
    lab.run([lab.program("appvendor"), "pack", source, "-o", tmp_path / "plain.qpkg"])
    done = vendor("add", vendor.repo, tmp_path / "plain.qpkg", expect=5)
    assert "signature" in done.stderr


def test_the_same_version_never_means_two_archives(session, vendor, tmp_path):
    def other(source):
        (source / "shared" / "other.txt").write_text("other")

    archive = session.pack("QVPN", "3.0", change=other, out="other.qpkg")
    done = vendor("add", vendor.repo, archive, expect=4)
    assert "other content" in done.stderr


def test_keys_never_lie_inside_the_repository(tmp_path):
    done = lab.run([lab.program("appvendor"), "init", tmp_path / "repo", "--keys", tmp_path / "repo/public/keys"], expect=9)
    assert "never" in done.stderr


def test_a_dry_run_of_publish_signs_nothing(session, vendor):
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    vendor("urgent", vendor.repo, "QVPN", "--class", "critical", "--advisory", "QSA-26-01", "--install-within", "3d")
    before = {p: p.read_bytes() for p in vendor.repo.rglob("*") if p.is_file()}
    done = vendor("publish", vendor.repo, "--dry-run")
    assert "QVPN 3.1" in done.stdout and "critical" in done.stdout and "QSA-26-01" in done.stdout
    assert {p: p.read_bytes() for p in vendor.repo.rglob("*") if p.is_file()} == before


def test_a_misspelt_verb_gets_the_nearest(tmp_path):
    done = lab.run([lab.program("appvendor"), "publsh", tmp_path], expect=2)
    assert "publish" in done.stderr
