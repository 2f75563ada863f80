"""The vendor's keys: the ceremonies of docs/keys.md as they stand there, drafts, publishers, the brake, thefts, patches.

The judge of metadata here is this file: it reads JSON, and checks signatures with the openssl program.
"""
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import time

import nas as lab
import pytest

KEYS_MD = lab.TOP / "docs/keys.md"


# --- a judge that shares no code with the product ---

def canonical(value):
    """OLPC canonical JSON."""
    if isinstance(value, dict):
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def public_pem(key, folder):
    """A key object's public half as a PEM file for openssl."""
    text = key["keyval"]["public"]
    path = folder / (hashlib.sha256(text.encode()).hexdigest()[:16] + ".pub.pem")
    if key["keytype"] == "ed25519":
        der = bytes.fromhex("302a300506032b6570032100" + text)  # SubjectPublicKeyInfo of RFC 8410
        subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-out", path], input=der, check=True, capture_output=True)
    else:
        path.write_text(text)
    return path


def good_signature(metadata, keyid, keys, folder):
    """Does openssl accept what this key signed?"""
    sig = next((s["sig"] for s in metadata["signatures"] if s["keyid"] == keyid), None)
    if not sig:
        return False
    (folder / "sig").write_bytes(bytes.fromhex(sig))
    (folder / "bytes").write_bytes(canonical(metadata["signed"]).encode())
    pem = public_pem(keys[keyid], folder)
    if keys[keyid]["keytype"] == "ed25519":
        argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", folder / "bytes", "-sigfile", folder / "sig"]
    else:
        argv = ["openssl", "dgst", "-sha256", "-verify", pem, "-signature", folder / "sig", folder / "bytes"]
        if keys[keyid]["keytype"] == "rsa":
            argv[3:3] = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:auto"]
    return subprocess.run(argv, capture_output=True).returncode == 0


def count(metadata, role, delegator, folder):
    """(good signatures, threshold) of a role as its delegator sees it."""
    signed = delegator["signed"]
    entry = signed.get("roles", {}).get(role) or next(r for r in signed["delegations"]["roles"] if r["name"] == role)
    keys = signed.get("keys") or signed["delegations"]["keys"]
    for keyid in entry["keyids"]:
        assert hashlib.sha256(canonical(keys[keyid]).encode()).hexdigest() == keyid
    return sum(good_signature(metadata, keyid, keys, folder) for keyid in set(entry["keyids"])), entry["threshold"]


def metadata(repo, name):
    return json.loads((repo / "public/metadata" / name).read_text())


def check_root_chain(repo, folder):
    """Every root is signed by the one before it and by itself; the number of the last."""
    n, old = 1, None
    while (repo / f"public/metadata/{n}.root.json").exists():
        root = metadata(repo, f"{n}.root.json")
        assert root["signed"]["version"] == n
        for delegator in filter(None, (old, root)):
            found, wanted = count(root, "root", delegator, folder)
            assert found >= wanted, f"root {n}"
        n, old = n + 1, root
    return n - 1


def check_repository(repo, folder):
    """The whole chain of what is in force: root, timestamp, snapshot, targets, every delegated role."""
    root = metadata(repo, f"{check_root_chain(repo, folder)}.root.json")
    current = {"timestamp": metadata(repo, "timestamp.json")}
    version = current["timestamp"]["signed"]["meta"]["snapshot.json"]["version"]
    current["snapshot"] = metadata(repo, f"{version}.snapshot.json")
    listed = {name[:-5]: entry["version"] for name, entry in current["snapshot"]["signed"]["meta"].items()}
    current["targets"] = metadata(repo, f"{listed['targets']}.targets.json")
    for role in ("timestamp", "snapshot", "targets"):
        found, wanted = count(current[role], role, root, folder)
        assert found >= wanted, role
    for entry in current["targets"]["signed"]["delegations"]["roles"]:
        if entry["name"] not in listed:
            continue
        role = metadata(repo, f"{listed[entry['name']]}.{entry['name']}.json")
        found, wanted = count(role, entry["name"], current["targets"], folder)
        assert found >= wanted, entry["name"]
        current[entry["name"]] = role
    return root, current


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "judge"
    folder.mkdir()
    return folder


@pytest.fixture
def fresh(tmp_path):
    """A new repository of its own, with its keys."""
    made = lab.Vendor(tmp_path / "fresh")
    made.repo.parent.mkdir()
    made.init()
    return made


def pub(folder):
    """The one public half in a folder."""
    path, = folder.glob("*.pub")
    return path


def move_keys(keys, role, *places):
    """Each key of a role (both halves) to a folder of its own."""
    for pem, place in zip(sorted((keys / role).glob("*.pem")), places, strict=True):
        (place / role).mkdir(parents=True)
        for half in (pem, pem.with_suffix(".pub")):
            shutil.move(half, place / role / half.name)
    (keys / role).rmdir()


# --- the ceremonies as documented ---

def commands():
    blocks = re.findall(r"```console\n(.*?)```", KEYS_MD.read_text(), flags=re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) > 50 and all(line.startswith("$ ") for line in lines)
    return [re.fullmatch(r"\$ (.*?)(?:\s+# exit (\d+))?", line).groups(default="0") for line in lines]


def test_every_ceremony_in_the_document_works_as_typed(tmp_path, scratch):
    here = tmp_path / "here"
    here.mkdir()
    lab.stage("QVPN", "3.0", here / "QVPN-3.0", 1)
    script = "set -u\n" + "".join(
        f"{command}\ncode=$?; [ $code -eq {code} ] || {{ echo \"exit $code, wanted {code}:\" {json.dumps(command)} >&2; exit 99; }}\n"
        for command, code in commands())
    env = {**os.environ, "PATH": f"{lab.BUILD / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=here, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    root, current = check_repository(here / "repo", scratch)
    assert root["signed"]["version"] == 6
    timestamp_id, = root["signed"]["roles"]["timestamp"]["keyids"]
    assert (here / f"online-2/timestamp/{timestamp_id[:16]}.pem").exists()
    assert root["signed"]["roles"]["root"]["threshold"] == 2
    assert [r["name"] for r in current["targets"]["signed"]["delegations"]["roles"]] == ["brake", "releases"]
    assert "acme.json" in current["snapshot"]["signed"]["meta"]  # no role ever vanishes from a snapshot
    for path in (here / "repo").rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes(), path
    for path in here.rglob("*.pem"):
        if b"PRIVATE KEY" in path.read_bytes() and path.name != "token.pem":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_example_policy_does_what_it_says(tmp_path):
    text = (lab.TOP / "keys/policy.example").read_text().replace("\\\n", " ")
    init = re.search(r"appvendor (init REPO --keys DIR .*)", text)[1].split()
    status = re.search(r"appvendor (status REPO .*)", text)[1].split()
    for words in (init, status):
        lab.run([lab.program("appvendor"), *words], cwd=tmp_path)
    made = {role: len(list((tmp_path / "DIR" / role).glob("*.pem"))) for role in ("root", "targets", "releases")}
    assert "makes {root} root keys, {targets} of targets and {releases} of releases".format(**made) in text
    root = metadata(tmp_path / "REPO", "1.root.json")["signed"]["roles"]
    rows = {name: int(needed) for name, needed in re.findall(r"^(\w+) +\d+ +(\d+) +\d+d ", text, flags=re.M)}
    assert {name: root[name]["threshold"] for name in root} == {name: rows[name] for name in root}


# --- rotation ---

def test_a_root_is_published_only_when_the_old_and_the_new_threshold_hold(fresh, tmp_path, scratch):
    a, b, c, d = (tmp_path / name for name in "abcd")
    move_keys(fresh.keys, "root", a, b, c)
    fresh("key", "new", "--role", "root", "--keys", d)
    fresh("key", fresh.repo, "rotate", "--role", "root", "--old", pub(c / "root").stem, "--key", pub(d / "root"))
    head = (fresh.public / "metadata/timestamp.json").read_bytes()
    file = tmp_path / "root.json"
    fresh("key", fresh.repo, "export", file)
    fresh("sign", file, "--keys", c)  # of the old root only
    fresh("sign", file, "--keys", d)  # of the new root only
    fresh("key", fresh.repo, "import", file)
    done = fresh.publish(expect=5)
    assert "root 2: wanted 2 signatures by the keys of root 1, found 1" in done.stderr
    fresh("sign", file, "--keys", a)  # of both: enough for each
    assert (fresh.public / "metadata/timestamp.json").read_bytes() == head
    assert not (fresh.public / "metadata/2.root.json").exists()
    fresh("key", fresh.repo, "import", file)
    fresh.publish()
    assert check_root_chain(fresh.repo, scratch) == 2
    check_repository(fresh.repo, scratch)
    fresh("verify", fresh.repo)
    assert json.loads(fresh("status", fresh.repo, "--json").stdout)["drafts"] == []


def test_a_file_is_signed_where_there_is_no_repository_and_says_what_changes(fresh, tmp_path):
    away = tmp_path / "away"
    move_keys(fresh.keys, "root", away / "1", away / "2", away / "3")
    fresh("key", fresh.repo, "rotate", "--role", "timestamp", "--keys", fresh.keys)
    fresh("key", fresh.repo, "export", away / "draft.json")
    done = lab.run([lab.program("appvendor"), "sign", "draft.json", "--keys", "1"], cwd=away)
    assert "timestamp: new key" in done.stdout and "timestamp: without key" in done.stdout and "1 signed, 2 needed" in done.stdout
    again = lab.run([lab.program("appvendor"), "sign", "draft.json", "--keys", "1"], cwd=away, expect=5)
    assert "has not signed yet" in again.stderr
    stranger = tmp_path / "stranger"
    fresh("key", "new", "--role", "root", "--keys", stranger)
    fresh("sign", away / "draft.json", "--keys", stranger, expect=5)


def test_signatures_over_another_draft_are_not_imported(fresh, tmp_path):
    fresh("key", fresh.repo, "rotate", "--role", "timestamp", "--keys", fresh.keys)
    file = tmp_path / "draft.json"
    fresh("key", fresh.repo, "export", file)
    forged = json.loads(file.read_text())
    forged["drafts"][0]["metadata"]["signed"]["roles"]["root"]["threshold"] = 1
    file.write_text(json.dumps(forged))
    done = fresh("key", fresh.repo, "import", file, expect=5)
    assert "root 2: wanted signatures over the draft of this repository" in done.stderr
    for text in ("", "{}", "[]", '{"schema":"appvendor.drafts/1","drafts":[{"role":"root"}]}', '{"schema":"x"}', "\0"):
        file.write_text(text)
        fresh("key", fresh.repo, "import", file, expect=14)
        fresh("sign", file, "--keys", fresh.keys, expect=14)


def test_broken_signatures_in_a_file_count_for_nothing(fresh, tmp_path):
    away = tmp_path / "away"
    move_keys(fresh.keys, "root", away / "1", away / "2", away / "3")
    fresh("key", fresh.repo, "renew", "--role", "root")
    file = tmp_path / "draft.json"
    fresh("key", fresh.repo, "export", file)
    fresh("sign", file, "--keys", away / "1", "--keys", away / "2")
    draft = json.loads(file.read_text())
    for signature in draft["drafts"][0]["metadata"]["signatures"]:
        signature["sig"] = signature["sig"][:-2] + ("00" if signature["sig"][-2:] != "00" else "11")
    file.write_text(json.dumps(draft))
    done = fresh("key", fresh.repo, "import", file, expect=5)
    assert "found none" in done.stderr
    fresh.publish(expect=5)


def test_a_change_after_signing_wants_new_signatures(fresh):
    fresh("key", fresh.repo, "rotate", "--role", "timestamp", "--keys", fresh.keys)
    fresh("key", fresh.repo, "threshold", "--role", "root", "--threshold", "3")
    done = fresh.publish(expect=5)
    assert "found 0" in done.stderr
    fresh("key", fresh.repo, "sign", "--keys", fresh.keys)
    fresh.publish()
    assert metadata(fresh.repo, "2.root.json")["signed"]["roles"]["root"]["threshold"] == 3


@pytest.mark.parametrize("words, code, sentence", [
    (["revoke", "--role", "timestamp", "--key", "ID"], 9, "timestamp: wanted at least 1 keys"),
    (["revoke", "--role", "root", "--key", "0123456789abcdef"], 3, "there is no key"),
    (["revoke", "--role", "root", "--key", "01"], 2, "8 digits"),
    (["add", "--role", "timestamp", "--key", "PUB"], 4, "is there already"),
    (["add", "--role", "nobody", "--key", "PUB"], 3, "no role"),
    (["threshold", "--role", "root", "--threshold", "4"], 9, "wanted at least 4 keys"),
    (["threshold", "--role", "root", "--threshold", "0"], 2, "1 to 20"),
    (["renew", "--role", "timestamp"], 2, "root or targets"),
    (["import"], 2, "import FILE"),
    (["discard"], 3, "no draft"),
    (["export", "x.json"], 3, "no draft"),
    (["export", "x.json", "--role", "brake"], 9, "nothing changed"),
    (["nonsense"], 2, "wanted: appvendor key"),
])
def test_what_makes_no_sense_is_refused_by_its_name(fresh, tmp_path, words, code, sentence):
    half = pub(fresh.keys / "timestamp")
    words = [{"ID": half.stem, "PUB": half}.get(word, word) for word in words]
    done = fresh("key", fresh.repo, *words, expect=code)
    assert sentence in done.stderr
    assert not (tmp_path / "x.json").exists()
    fresh.publish()


def test_the_keys_of_targets_are_replaced_by_root(fresh, scratch):
    old = pub(fresh.keys / "targets")
    fresh("key", fresh.repo, "rotate", "--role", "targets", "--keys", fresh.keys)
    fresh.publish()
    root, current = check_repository(fresh.repo, scratch)
    keyid, = root["signed"]["roles"]["targets"]["keyids"]
    assert keyid[:16] != old.stem and current["targets"]["signed"]["version"] == 2
    fresh("verify", fresh.repo)


@pytest.mark.parametrize("role", ["brake", "releases", "snapshot"])
def test_a_role_is_signed_anew_by_the_keys_that_replace_its_own(fresh, scratch, role):
    old = {path.stem for path in (fresh.keys / role).glob("*.pub")}
    fresh("key", fresh.repo, "rotate", "--role", role, "--keys", fresh.keys)
    shutil.move(fresh.keys / role, fresh.keys / "away")
    done = fresh.publish(expect=5)
    assert re.search(rf"{role} 2: wanted \d keys? to sign", done.stderr.replace("keys", "keys"))
    shutil.move(fresh.keys / "away", fresh.keys / role)
    for name in old:  # the old ones are not needed for it
        (fresh.keys / role / f"{name}.pem").unlink()
    fresh.publish()
    check_repository(fresh.repo, scratch)
    fresh("verify", fresh.repo)


def test_root_and_targets_are_never_needed_to_publish(session, vendor, tmp_path):
    daily = tmp_path / "daily"
    for role in ("releases", "brake", "snapshot", "timestamp"):
        shutil.copytree(session.vendor.keys / role, daily / role)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor("halt", vendor.repo, "QVPN=3.0")
    vendor("publish", vendor.repo, "--keys", daily)
    vendor("verify", vendor.repo)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_every_type_rotate(tmp_path, scratch, kind):
    made = lab.Vendor(tmp_path / kind)
    made.repo.parent.mkdir()
    made.init("--key-type", kind)
    made("key", made.repo, "rotate", "--role", "snapshot", "--keys", made.keys, "--key-type", kind)
    made.publish()
    check_repository(made.repo, scratch)
    listed = json.loads(made("key", made.repo, "list", "--role", "snapshot", "--json").stdout)
    assert [role["keys"][0]["type"] for role in listed["roles"]] == [kind]


# --- the brake ---

def online_machine(session, folder, *roles):
    for role in roles:
        shutil.copytree(session.vendor.keys / role, folder / role)
    return folder


def current_brake(vendor):
    newest = max((vendor.public / "metadata").glob("*.brake.json"), key=lambda p: int(p.name.split(".")[0]))
    entry = json.loads(newest.read_text())["signed"]["targets"]["brake/brake.json"]
    content = json.loads((vendor.public / f"targets/brake/{entry['hashes']['sha256']}.brake.json").read_text())
    return [(e["name"], e["version"], e["action"]) for e in content["entries"]]


def test_a_halt_goes_out_while_a_release_and_a_root_wait(session, vendor, tmp_path, scratch):
    keys = online_machine(session, tmp_path / "oncall", "brake", "snapshot", "timestamp")
    vendor.add(session.packages["QVPN", "3.1"])
    vendor("key", vendor.repo, "renew", "--role", "root")
    vendor("halt", vendor.repo, "QVPN=3.0")
    before = sorted((vendor.public / "packages").iterdir())
    done = vendor("publish", vendor.repo, "--keys", keys)
    assert "only the brake went out" in done.stderr
    assert current_brake(vendor) == [("QVPN", "3.0", "halt")]
    assert sorted((vendor.public / "packages").iterdir()) == before
    assert not (vendor.public / "metadata/2.root.json").exists()
    vendor("verify", vendor.repo)
    check_repository(vendor.repo, scratch)
    vendor("publish", vendor.repo, "--keys", keys, expect=5)  # the brake is out; the rest still has no keys
    vendor("key", vendor.repo, "sign", "--keys", session.vendor.keys)
    vendor.publish()
    assert len(list((vendor.public / "packages").iterdir())) == len(before) + 1
    assert metadata(vendor.repo, "2.root.json")["signed"]["version"] == 2


def test_who_came_to_release_is_told_that_only_the_brake_went_out(session, vendor, tmp_path):
    keys = online_machine(session, tmp_path / "desk", "brake", "snapshot", "timestamp", "releases")
    next((keys / "releases").glob("*.pem")).unlink()
    vendor.add(session.packages["QVPN", "3.1"])
    vendor("withdraw", vendor.repo, "QVPN=3.0")
    done = vendor("publish", vendor.repo, "--keys", keys, expect=5)
    assert "only the brake is published: releases" in done.stderr and "wanted 2 keys to sign" in done.stderr
    assert current_brake(vendor) == [("QVPN", "3.0", "withdraw")]


def test_a_brake_key_alone_signs_on_a_machine_without_a_repository(session, vendor, tmp_path):
    phone = online_machine(session, tmp_path / "phone", "brake")
    online = online_machine(session, tmp_path / "online", "snapshot", "timestamp")
    vendor.add(session.packages["QVPN", "3.1"])
    vendor("halt", vendor.repo, "QVPN=3.0")
    vendor("publish", vendor.repo, "--keys", online, expect=5)
    vendor("key", vendor.repo, "export", phone / "brake.json", "--role", "brake")
    lab.run([lab.program("appvendor"), "sign", "brake.json", "--keys", "."], cwd=phone)
    vendor("key", vendor.repo, "import", phone / "brake.json")
    vendor("publish", vendor.repo, "--keys", online)
    assert current_brake(vendor) == [("QVPN", "3.0", "halt")]
    vendor("verify", vendor.repo)


def test_two_who_release_need_never_meet(session, vendor, tmp_path):
    keys = online_machine(session, tmp_path / "all", "releases", "snapshot", "timestamp")
    one, two = tmp_path / "one", tmp_path / "two"
    move_keys(keys, "releases", one, two)
    vendor.add(session.packages["QVPN", "3.1"])
    file = tmp_path / "releases.json"
    vendor("key", vendor.repo, "export", file, "--role", "releases")
    vendor("sign", file, "--keys", one)
    vendor("key", vendor.repo, "import", file)
    done = vendor("publish", vendor.repo, "--keys", keys, expect=5)
    assert "wanted 2 keys to sign" in done.stderr and "found 1" in done.stderr
    time.sleep(1.1)  # what is signed must not depend on when it is published
    vendor("sign", file, "--keys", two)
    vendor("key", vendor.repo, "import", file)
    vendor("publish", vendor.repo, "--keys", keys)
    vendor("verify", vendor.repo)
    assert len(list((vendor.public / "packages").glob("*QVPN_3.1*"))) == 1


# --- publishers ---

class Publisher:
    def __init__(self, vendor, base, name="acme"):
        self.vendor, self.name, self.keys = vendor, name, base / name
        vendor("publisher", "new", name, "--keys", self.keys)

    @property
    def given(self):
        return ["--key", pub(self.keys / self.name), "--ca", self.keys / "publisher/ca.pem"]

    def pack(self, app, version, base):
        source = lab.stage("MediaLibrary", "1.4", base / f"src-{app}-{version}")
        cfg = source / "qpkg.cfg"
        cfg.write_text(cfg.read_text().replace("MediaLibrary", app).replace('"1.4"', f'"{version}"'))
        for path in source.rglob("MediaLibrary*"):
            path.rename(path.with_name(path.name.replace("MediaLibrary", app)))
        out = base / f"{app}_{version}.qpkg"
        self.vendor("pack", source, "-o", out, "--sign", self.keys / "publisher")
        return out


@pytest.fixture
def acme(vendor, tmp_path):
    made = Publisher(vendor, tmp_path)
    vendor("publisher", vendor.repo, "add", "acme", "--apps", "AcmeMedia,AcmeTool", *made.given, "--keys", vendor.keys)
    return made


def read_catalogue(vendor, who):
    role = "releases" if who == "vendor" else who
    newest = max((vendor.public / "metadata").glob(f"*.{role}.json"), key=lambda p: int(p.name.split(".")[0]))
    entry = json.loads(newest.read_text())["signed"]["targets"][f"catalogue/{who}.jsonl.zst"]
    path = vendor.public / f"targets/catalogue/{entry['hashes']['sha256']}.{who}.jsonl.zst"
    lines = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    assert hashlib.sha256(lines).hexdigest() == entry["custom"]["raw_sha256"]
    return [json.loads(line) for line in lines.splitlines()]


def test_a_publisher_has_its_own_role_catalogue_and_ca(vendor, acme, tmp_path, scratch):
    vendor.add(acme.pack("AcmeMedia", "1.0", tmp_path))
    vendor.publish("--keys", acme.keys)
    root, current = check_repository(vendor.repo, scratch)
    entry = current["targets"]["signed"]["delegations"]["roles"][-1]
    assert entry["name"] == "acme" and entry["terminating"] is True
    assert entry["paths"] == ["catalogue/acme.jsonl.zst", "deltas/acme/*"]
    header, release = read_catalogue(vendor, "acme")
    assert (header["publisher"], header["releases"], release["name"]) == ("acme", 1, "AcmeMedia")
    header, *releases = read_catalogue(vendor, "vendor")
    assert header["publishers"]["acme"]["apps"] == ["AcmeMedia", "AcmeTool"]
    assert "AcmeMedia" not in [r["name"] for r in releases]
    vendor("verify", vendor.repo)


def test_the_vendors_publish_does_not_wait_for_a_publisher(session, vendor, acme, tmp_path):
    vendor.add(acme.pack("AcmeMedia", "1.0", tmp_path), session.packages["QVPN", "3.1"])
    done = vendor.publish()
    assert "acme stays as it is" in done.stderr
    header, *releases = read_catalogue(vendor, "vendor")
    assert "acme" not in header["publishers"] and "3.1" in [r["version"] for r in releases]
    vendor("verify", vendor.repo)
    vendor("key", vendor.repo, "export", tmp_path / "acme.json", "--role", "acme")
    lab.run([lab.program("appvendor"), "sign", tmp_path / "acme.json", "--keys", acme.keys])
    vendor("key", vendor.repo, "import", tmp_path / "acme.json")
    vendor.publish()
    assert "acme" in read_catalogue(vendor, "vendor")[0]["publishers"]
    assert read_catalogue(vendor, "acme")[1]["name"] == "AcmeMedia"
    vendor("verify", vendor.repo)


def test_archives_are_taken_only_from_who_speaks_for_the_app(session, vendor, acme, tmp_path):
    done = vendor("add", vendor.repo, acme.pack("Foreign", "1.0", tmp_path), expect=5)
    assert "signature" in done.stderr or "CA" in done.stderr
    theirs = Publisher(vendor, tmp_path, "other")
    vendor("add", vendor.repo, theirs.pack("AcmeTool", "1.0", tmp_path), expect=5)
    done = vendor("publisher", vendor.repo, "add", "other", "--apps", "AcmeTool", *theirs.given, expect=4)
    assert "AcmeTool is acme's" in done.stderr
    done = vendor("publisher", vendor.repo, "add", "other", "--apps", "QVPN", *theirs.given, expect=4)
    assert "QVPN is vendor's" in done.stderr
    done = vendor("publisher", vendor.repo, "add", "other", "--apps", "X", "--key", pub(theirs.keys / "other"), "--ca",
                  acme.keys / "publisher/ca.pem", expect=5)
    assert "O=other" in done.stderr and "O=acme" in done.stderr
    for name in ("vendor", "root", "releases", "a/b", ".."):
        vendor("publisher", vendor.repo, "add", name, "--apps", "X", *theirs.given, expect=2)
    done = vendor("urgent", vendor.repo, "AcmeMedia", expect=3)
    assert "not in this repository" in done.stderr


def test_a_publishers_app_is_installed_and_its_emergency_refused(vendor, acme, tmp_path, make_nas, web):
    vendor.add(acme.pack("AcmeMedia", "1.0", tmp_path))
    done = vendor("urgent", vendor.repo, "AcmeMedia", expect=9)
    assert "critical at most" in done.stderr
    vendor.publish("--keys", acme.keys)
    box = make_nas(updates__other="notify", network__poll="1h").start()
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
    box.ctl("refresh")
    box.ctl("install", "AcmeMedia", "--yes")
    assert box.app("AcmeMedia")["publisher"] == "acme"


def forge_role(vendor, folder, role, key, targets):
    """Signs a role's next version with a stolen key, by hand, and all heads above it with the vendor's own verbs."""
    old = max((vendor.public / "metadata").glob(f"*.{role}.json"), key=lambda p: int(p.name.split(".")[0]))
    signed = json.loads(old.read_text())["signed"]
    signed["version"] += 1
    signed["targets"] = targets
    put_signed(vendor, folder, f"{signed['version']}.{role}.json", signed, key)
    return signed["version"]


def sign_by_hand(folder, signed, pem):
    (folder / "bytes").write_bytes(canonical(signed).encode())
    sig = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", pem, "-rawin", "-in", folder / "bytes"], check=True,
                         capture_output=True).stdout
    keyid = hashlib.sha256(canonical(json.loads(pem.with_suffix(".pub").read_text())).encode()).hexdigest()
    return {"keyid": keyid, "sig": sig.hex()}


def put_signed(vendor, folder, name, signed, pem):
    path = vendor.public / "metadata" / name
    path.write_text(json.dumps({"signatures": [sign_by_hand(folder, signed, pem)], "signed": signed}, sort_keys=True))


def bring_out(vendor, folder, changes, keys):
    """A snapshot and a timestamp by hand that list these versions."""
    head = metadata(vendor.repo, "timestamp.json")["signed"]
    snapshot = metadata(vendor.repo, f"{head['meta']['snapshot.json']['version']}.snapshot.json")["signed"]
    snapshot["version"] += 1
    for role, version in changes.items():
        snapshot["meta"][f"{role}.json"] = {"version": version}
    put_signed(vendor, folder, f"{snapshot['version']}.snapshot.json", snapshot, pub(keys / "snapshot").with_suffix(".pem"))
    head["version"] += 1
    head["meta"]["snapshot.json"]["version"] = snapshot["version"]
    put_signed(vendor, folder, "timestamp.json", head, pub(keys / "timestamp").with_suffix(".pem"))
    bump_mtime(vendor.public / "metadata/timestamp.json")


def bump_mtime(path):
    """nginx makes its ETag of size and whole seconds."""
    bump_mtime.n = getattr(bump_mtime, "n", 0) + 1
    at = time.time() + bump_mtime.n
    os.utime(path, (at, at))


def test_a_publisher_that_speaks_for_anothers_app_loses_its_own_only(session, vendor, acme, tmp_path, scratch, nas):
    vendor.add(acme.pack("AcmeMedia", "1.0", tmp_path), session.packages["QVPN", "3.1"])
    vendor.publish("--keys", acme.keys)
    header, line = read_catalogue(vendor, "acme")
    line["name"], line["version"] = "QVPN", "9.9"
    raw = "".join(json.dumps(part, sort_keys=True) + "\n" for part in (header, line)).encode()
    packed = subprocess.run(["zstd", "-c"], input=raw, check=True, capture_output=True).stdout
    digest = hashlib.sha256(packed).hexdigest()
    (vendor.public / f"targets/catalogue/{digest}.acme.jsonl.zst").write_bytes(packed)
    targets = {"catalogue/acme.jsonl.zst": {
        "length": len(packed), "hashes": {"sha256": digest},
        "custom": {"kind": "catalogue", "format": 1, "raw_sha256": hashlib.sha256(raw).hexdigest(), "raw_length": len(raw), "urgent_epoch": 0}}}
    version = forge_role(vendor, scratch, "acme", pub(acme.keys / "acme").with_suffix(".pem"), targets)
    bring_out(vendor, scratch, {"acme": version}, vendor.keys)
    done = nas.ctl("refresh", expect=5)
    assert "acme may not speak for QVPN" in done.stderr
    info = json.loads(nas.ctl("install", "QVPN=3.1", "--dry-run", "--json").stdout)
    assert info["sets"][0]["changes"][0]["to"] == "3.1"
    nas.ctl("install", "QVPN=9.9", "--dry-run", expect=(3, 4, 5))


def test_a_publisher_is_rekeyed_and_removed(session, vendor, acme, tmp_path, scratch, nas):
    vendor.add(acme.pack("AcmeMedia", "1.0", tmp_path))
    vendor.publish("--keys", acme.keys)
    nas.ctl("refresh")
    (tmp_path / "second").mkdir()
    second = Publisher(vendor, tmp_path / "second")
    done = vendor("publisher", vendor.repo, "rekey", "acme", *second.given, "--keys", vendor.keys)
    assert "AcmeMedia 1.0 leaves the catalogue" in done.stdout
    vendor.publish("--keys", acme.keys)  # the old key counts for nothing: the publisher is left out
    assert "acme" not in read_catalogue(vendor, "vendor")[0]["publishers"]
    nas.ctl("refresh")
    vendor.add(second.pack("AcmeMedia", "1.0", tmp_path / "second"))
    vendor.publish("--keys", second.keys)
    nas.ctl("refresh")
    nas.ctl("install", "AcmeMedia", "--dry-run")
    vendor("publisher", vendor.repo, "remove", "acme", "--keys", vendor.keys)
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("install", "AcmeMedia", "--dry-run", expect=3)
    check_repository(vendor.repo, scratch)
    vendor("verify", vendor.repo)
    listed = json.loads(vendor("publisher", vendor.repo, "list", "--json").stdout)
    assert listed["publishers"] == []


# --- thefts ---

def test_a_nas_follows_a_rotation_of_every_role(session, vendor, nas, scratch):
    for role in ("timestamp", "snapshot", "root", "targets", "brake", "releases"):
        vendor("key", vendor.repo, "rotate", "--role", role, "--keys", own_copy(session, vendor))
    vendor.publish()
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    nas.ctl("refresh")
    assert check_root_chain(vendor.repo, scratch) == 2
    assert json.loads(nas.ctl("install", "QVPN=3.1", "--dry-run", "--json").stdout)["sets"]


def own_copy(session, vendor):
    """The session's keys, copied once for who makes new ones."""
    mine = vendor.repo.parent / "own-keys"
    if not mine.exists():
        shutil.copytree(session.vendor.keys, mine)
        vendor.keys = mine
    return mine


def test_a_chain_of_roots_is_walked_by_who_slept(session, vendor, web, make_nas, scratch):
    keys = own_copy(session, vendor)
    for role in ("root", "timestamp", "root", "snapshot"):
        vendor("key", vendor.repo, "rotate", "--role", role, "--keys", keys)
        vendor.publish()
    assert check_root_chain(vendor.repo, scratch) == 5
    box = make_nas(network__poll="1h").start()
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
    box.ctl("refresh")


def test_a_fast_forward_is_healed_by_new_online_keys(session, vendor, nas, scratch):
    keys = own_copy(session, vendor)
    clean = vendor.repo.parent / "backup"
    shutil.copytree(vendor.repo, clean)
    head = metadata(vendor.repo, "timestamp.json")["signed"]
    snapshot = metadata(vendor.repo, f"{head['meta']['snapshot.json']['version']}.snapshot.json")["signed"]
    snapshot["version"] = head["version"] = head["meta"]["snapshot.json"]["version"] = 2**53 - 2
    put_signed(vendor, scratch, f"{snapshot['version']}.snapshot.json", snapshot, pub(keys / "snapshot").with_suffix(".pem"))
    put_signed(vendor, scratch, "timestamp.json", head, pub(keys / "timestamp").with_suffix(".pem"))
    bump_mtime(vendor.public / "metadata/timestamp.json")
    nas.ctl("refresh")
    restore(clean, vendor)
    vendor.publish()
    bump_mtime(vendor.public / "metadata/timestamp.json")
    done = nas.ctl("refresh", expect=5)
    assert f"{2**53 - 2}" in done.stderr and "timestamp" in done.stderr
    vendor("key", vendor.repo, "rotate", "--role", "snapshot", "--keys", keys)
    vendor("key", vendor.repo, "rotate", "--role", "timestamp", "--keys", keys)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    bump_mtime(vendor.public / "metadata/timestamp.json")
    nas.ctl("refresh")
    assert nas.json("status")["repositories"][0]["error"] is None
    nas.ctl("install", "QVPN=3.1", "--dry-run")


def restore(clean, vendor):
    """What is served is put back from the backup, in place: the web server's folder stays."""
    shutil.rmtree(vendor.public / "metadata")
    shutil.copytree(clean / "public/metadata", vendor.public / "metadata")
    for name in ("draft.json",):
        shutil.copy(clean / name, vendor.repo / name)


# --- status ---

def test_status_watches_the_margin_and_names_missing_keys(session, vendor, tmp_path):
    vendor("status", vendor.repo)
    done = vendor("status", vendor.repo, "--margin", "targets=400d", expect=1)
    assert re.search(r"targets 1 runs out in 36\d days \(wanted at least 400 days left\)", done.stderr)
    vendor("status", vendor.repo, "--margin", "timestamp=1h")
    vendor("status", vendor.repo, "--margin", "soon", expect=2)
    keys = online_machine(session, tmp_path / "some", "snapshot")
    status = json.loads(vendor("status", vendor.repo, "--keys", keys, "--json").stdout)
    roles = {role["role"]: role for role in status["roles"]}
    assert list(roles) == ["root", "targets", "brake", "releases", "snapshot", "timestamp"]
    assert roles["snapshot"]["missing_keys"] == [] and len(roles["root"]["missing_keys"]) == 3
    assert roles["timestamp"]["missing_keys"] == roles["timestamp"]["keys"]
    assert roles["releases"]["version"] == 2 and roles["root"]["days_left"] in (364, 365)
    assert pub(session.vendor.keys / "timestamp").stem in vendor("status", vendor.repo, "--keys", keys).stdout


def test_status_says_what_is_over(tmp_path):
    made = lab.Vendor(tmp_path / "short")
    made.repo.parent.mkdir()
    made.init("--expires", "timestamp=1s")
    time.sleep(1.2)
    done = made("status", made.repo, expect=1)
    assert "timestamp 1 ran out" in done.stderr


# --- passphrases and signers ---

def test_a_passphrase_may_come_through_a_pipe(tmp_path):
    secret = "printf 'open sesame\\n'"
    appvendor = lab.program("appvendor")
    script = (f"run() {{ APPVENDOR_PASSPHRASE_FILE=<({secret}) {appvendor} \"$@\" || exit 1; }}\n"
              "run init repo --keys keys --threshold releases=1\n"
              "APPVENDOR_PASSPHRASE_FILE=<(printf '%s\\n' 'open sesame') " + appvendor + " publish repo --keys keys || exit 2\n"
              "run key repo rotate --role timestamp --keys keys\n"
              "run publish repo --keys keys\n")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    private = [p for p in [*tmp_path.rglob("*.pem"), *tmp_path.rglob("*.key")] if b"PRIVATE KEY" in p.read_bytes()]
    assert len(private) == 9 + 2 + 1
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in p.read_bytes() for p in private)
    wrong = lab.run([appvendor, "publish", "repo", "--keys", "keys"], cwd=tmp_path, expect=5)
    assert "passphrase" in wrong.stderr


HEX = "od -An -v -tx1 | tr -d ' \\n'"
DIGEST = "printf \"$(printf %s $APPVENDOR_SHA256 | sed 's/../\\\\x&/g')\""


@pytest.mark.parametrize("kind, sign, form", [
    ("ed25519", "openssl pkeyutl -sign -inkey {key} -rawin -in /dev/stdin", "cat"),
    ("ed25519", "openssl pkeyutl -sign -inkey {key} -rawin -in /dev/stdin", HEX),
    ("P-256", "openssl dgst -sha256 -sign {key}", "base64"),
    ("P-256", f"openssl pkeyutl -sign -inkey {{key}} -in <({DIGEST})", "cat"),
    ("rsa", "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign {key}", "cat"),
], ids=["ed25519", "ed25519 in hex", "P-256 in base64", "P-256 of the digest", "rsa"])
def test_a_program_signs_for_a_key_that_is_elsewhere(fresh, tmp_path, scratch, kind, sign, form):
    how = {"ed25519": ["-algorithm", "ed25519"], "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
           "P-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}[kind]
    token = tmp_path / "token.pem"
    subprocess.run(["openssl", "genpkey", "-quiet", *how, "-out", token], check=True)
    subprocess.run(["openssl", "pkey", "-in", token, "-pubout", "-out", tmp_path / "public.pem"], check=True)
    fresh("key", "new", "--role", "timestamp", "--keys", tmp_path / "token", "--key", tmp_path / "public.pem")
    fresh("key", fresh.repo, "rotate", "--role", "timestamp", "--key", pub(tmp_path / "token/timestamp"), "--keys", fresh.keys)
    log = tmp_path / "asked"
    signer = tmp_path / "signer.sh"
    signer.write_text(f"#!/bin/bash\necho $APPVENDOR_ROLE $APPVENDOR_KEY_ID $APPVENDOR_SCHEME >> {log}\n{sign.format(key=token)} | {form}\n")
    signer.chmod(0o755)
    fresh.publish("--keys", tmp_path / "token", expect=5)
    fresh.publish("--keys", tmp_path / "token", "--signer", str(signer))
    root, current = check_repository(fresh.repo, scratch)
    role, keyid, scheme = log.read_text().splitlines()[-1].split()
    assert (role, keyid) == ("timestamp", root["signed"]["roles"]["timestamp"]["keyids"][0])
    assert scheme == root["signed"]["keys"][keyid]["scheme"]
    fresh("verify", fresh.repo)


@pytest.mark.parametrize("script, code, sentence", [
    ("echo nonsense", 5, "that are none"),
    ("openssl dgst -sha256 -sign other.pem", 5, "that are none"),
    ("echo no token >&2; exit 3", 1, "no token"),
    ("head -c 100000 /dev/zero", 14, "signer for key"),
])
def test_a_signer_that_fails_publishes_nothing(fresh, tmp_path, script, code, sentence):
    for name in ("token", "other"):
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                        tmp_path / f"{name}.pem"], check=True)
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "token.pem", "-pubout", "-out", tmp_path / "public.pem"], check=True)
    fresh("key", "new", "--role", "timestamp", "--keys", tmp_path / "token", "--key", tmp_path / "public.pem")
    fresh("key", fresh.repo, "rotate", "--role", "timestamp", "--key", pub(tmp_path / "token/timestamp"), "--keys", fresh.keys)
    head = (fresh.public / "metadata/timestamp.json").read_bytes()
    signer = tmp_path / "signer.sh"
    signer.write_text(f"#!/bin/bash\ncd {tmp_path}\n{script}\n")
    signer.chmod(0o755)
    done = fresh.publish("--keys", tmp_path / "token", "--signer", str(signer), expect=code)
    assert sentence in done.stderr
    assert (fresh.public / "metadata/timestamp.json").read_bytes() == head
    fresh.publish("--keys", tmp_path / "token", "--signer", "/no/such/program", expect=2)


def test_new_keys_never_lie_inside_the_repository(fresh):
    done = fresh("key", fresh.repo, "rotate", "--role", "timestamp", "--keys", fresh.repo / "public/keys", expect=9)
    assert "never lie inside" in done.stderr
    assert not (fresh.repo / "public/keys").exists()


# --- patches of the catalogue ---

def newest_role(vendor, role):
    path = max((vendor.public / "metadata").glob(f"*.{role}.json"), key=lambda p: int(p.name.split(".")[0]))
    return json.loads(path.read_text())["signed"]


def publish_many(session, vendor, n):
    """n catalogues that differ in one release's roll-out."""
    for i in range(n):
        vendor("rollout", vendor.repo, "PhotoStation=6.1.1", "--curve", f"0h:{i + 1}%,6h:100%")
        vendor.publish()


def delta_targets(vendor):
    return {name: entry for name, entry in newest_role(vendor, "releases")["targets"].items() if name.startswith("deltas/")}


def test_patches_lead_from_each_of_the_last_16_catalogues_to_the_newest(session, vendor, tmp_path):
    raws = {}

    def remember():
        entry = newest_role(vendor, "releases")["targets"]["catalogue/vendor.jsonl.zst"]
        packed = vendor.public / f"targets/catalogue/{entry['hashes']['sha256']}.vendor.jsonl.zst"
        raws[entry["custom"]["raw_sha256"]] = subprocess.run(["zstd", "-dc", packed], check=True, capture_output=True).stdout
        return entry["custom"]["raw_sha256"]

    for _ in range(18):
        publish_many(session, vendor, 1) if not raws else publish_more(vendor, len(raws))
        newest = remember()
    deltas = delta_targets(vendor)
    known = list(raws)
    assert [entry["custom"]["to"] for entry in deltas.values()] == [newest] * 16
    assert {entry["custom"]["from"] for entry in deltas.values()} == set(known[-17:-1])
    for name, entry in deltas.items():
        origin = entry["custom"]["from"]
        assert name == f"deltas/vendor/{origin[:16]}-{newest[:16]}.zst" and entry["custom"]["kind"] == "catalogue-delta"
        served = vendor.public / f"targets/deltas/vendor/{entry['hashes']['sha256']}.{name.rsplit('/', 1)[1]}"
        assert lab.sha256(served) == entry["hashes"]["sha256"] and served.stat().st_size == entry["length"]
        (tmp_path / "base").write_bytes(raws[origin])
        done = subprocess.run(["zstd", "-dc", f"--patch-from={tmp_path / 'base'}", served], check=True, capture_output=True)
        assert done.stdout == raws[newest]
    vendor("verify", vendor.repo)


def publish_more(vendor, i):
    vendor("rollout", vendor.repo, "PhotoStation=6.1.1", "--curve", f"0h:{i + 1}%,6h:100%")
    vendor.publish()


def fetched(web):
    """Paths that were asked for since the last call, with their bytes."""
    log = web.base / "access.log"
    lines = log.read_text().splitlines() if log.exists() else []
    start, web.seen = getattr(web, "seen", 0), len(lines)
    return [re.search(r'"GET (\S+) [^"]*" (\d+) (\d+)', line).groups() for line in lines[start:]]


@pytest.fixture
def logged_web(vendor, tmp_path):
    """nginx that writes down what is fetched."""
    server = lab.Web(tmp_path / "logged", vendor.public)
    start = lab.Web.start
    server.base.mkdir()
    start(server)
    conf = server.base / "nginx.conf"
    server.stop()
    conf.write_text(conf.read_text().replace("access_log off;", f"access_log {server.base}/access.log;"))
    yield start(server)
    server.stop()


def refreshed_box(make_nas, vendor, web):
    box = make_nas(updates__other="notify", network__poll="1h").start()
    box.ctl("repo", "add", "vendor", web.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
    box.ctl("refresh")
    return box


def test_a_box_fetches_the_patch_and_not_the_catalogue(session, vendor, logged_web, make_nas):
    box = refreshed_box(make_nas, vendor, logged_web)
    fetched(logged_web)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    box.ctl("refresh")
    paths = [path for path, status, size in fetched(logged_web) if status == "200"]
    assert sum("/deltas/vendor/" in path for path in paths) == 1 and not any("/catalogue/" in path for path in paths)
    box.ctl("install", "QVPN=3.1", "--dry-run")
    publish_more(vendor, 1)
    publish_more(vendor, 2)  # two steps behind: still one patch
    box.ctl("refresh")
    paths = [path for path, status, size in fetched(logged_web) if status == "200"]
    assert sum("/deltas/vendor/" in path for path in paths) == 1 and not any("/catalogue/" in path for path in paths)


@pytest.mark.parametrize("trick", ["missing", "other bytes", "lost cache", "spoilt cache", "cache of another"])
def test_a_bad_patch_costs_bandwidth_and_nothing_else(session, vendor, logged_web, make_nas, trick):
    box = refreshed_box(make_nas, vendor, logged_web)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    kept, = (box.root / "var/cache/appcenter/catalogues").rglob("*.zst")
    for path in (vendor.public / "targets/deltas/vendor").iterdir():
        if trick == "missing":
            path.unlink()
        elif trick == "other bytes":
            path.write_bytes(bytes(len(path.read_bytes())))
    if trick == "lost cache":
        kept.unlink()
    elif trick == "spoilt cache":
        kept.write_bytes(kept.read_bytes()[:-3])
    elif trick == "cache of another":
        kept.write_bytes(subprocess.run(["zstd", "-c"], input=b"another", check=True, capture_output=True).stdout)
    fetched(logged_web)
    box.ctl("refresh")
    assert any("/catalogue/" in path for path, status, size in fetched(logged_web))
    box.ctl("install", "QVPN=3.1", "--dry-run")


def test_a_patch_that_leads_elsewhere_is_not_believed(session, vendor, logged_web, make_nas, scratch, tmp_path):
    """Signed by the releases keys themselves, well-formed, and its result is another catalogue."""
    box = refreshed_box(make_nas, vendor, logged_web)
    base, = (box.root / "var/cache/appcenter/catalogues").rglob("*.zst")
    raw = subprocess.run(["zstd", "-dc", base], check=True, capture_output=True).stdout
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    role = newest_role(vendor, "releases")
    length = role["targets"]["catalogue/vendor.jsonl.zst"]["custom"]["raw_length"]
    (tmp_path / "base").write_bytes(raw)
    (tmp_path / "evil").write_bytes(raw.replace(b"QVPN", b"EVIL").ljust(length, b"\n")[:length])
    subprocess.run(["zstd", "-q", f"--patch-from={tmp_path / 'base'}", tmp_path / "evil", "-o", tmp_path / "delta"], check=True)
    content = (tmp_path / "delta").read_bytes()
    origin = hashlib.sha256(raw).hexdigest()
    name, = (n for n, e in role["targets"].items() if e["custom"].get("from") == origin)
    role["targets"][name].update(length=len(content), hashes={"sha256": hashlib.sha256(content).hexdigest()})
    (vendor.public / f"targets/deltas/vendor/{hashlib.sha256(content).hexdigest()}.{name.rsplit('/', 1)[1]}").write_bytes(content)
    role["version"] += 1
    keys = sorted((session.vendor.keys / "releases").glob("*.pem"))
    whole = {"signatures": [sign_by_hand(scratch, role, pem) for pem in keys], "signed": role}
    (vendor.public / f"metadata/{role['version']}.releases.json").write_text(json.dumps(whole))
    bring_out(vendor, scratch, {"releases": role["version"]}, session.vendor.keys)
    fetched(logged_web)
    box.ctl("refresh")
    paths = [path for path, status, size in fetched(logged_web)]
    assert any("/deltas/" in path for path in paths) and any("/catalogue/" in path for path in paths)
    box.ctl("install", "QVPN=3.1", "--dry-run")
    box.ctl("install", "EVIL", "--dry-run", expect=3)
