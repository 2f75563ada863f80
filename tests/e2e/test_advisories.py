"""Advisories from the vendor's desk to the box: OSV records in, published, seen, audited, exported as CSAF."""
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nas as lab
import pytest
from stock import NEW, OLD, add_repository

# After the real one: every OS line has a fix of its own.
LINES = {"5.0": "6.1.2", "4.5": "6.0.22"}


def entry(app, fixed, line=None, **specific):
    one = {"package": {"ecosystem": "QTS", "name": app},
           "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}] + ([{"fixed": fixed}] if fixed else [])}]}
    if line:
        specific["os_line"] = line
    if specific:
        one["ecosystem_specific"] = specific
    return one


def osv(record_id, *affected, cls="emergency", **members):
    return {"schema_version": "1.6.0", "id": record_id, "summary": "photos of others can be read",
            "database_specific": {"class": cls}, "affected": list(affected), **members}


def write(tmp_path, record):
    path = tmp_path / f"{record['id']}.json"
    path.write_text(json.dumps(record))
    return path


def add_advisory(vendor, tmp_path, record, expect=0):
    return vendor("advisory", vendor.repo, "add", write(tmp_path, record), expect=expect)


def signed(path):
    return json.loads(path.read_text())["signed"]


def releases_role(vendor):
    return signed(max((vendor.public / "metadata").glob("*.releases.json"), key=lambda p: int(p.name.split(".")[0])))


def photo_record(**members):
    return osv("QSA-22-24", entry("PhotoStation", "6.1.2"), aliases=["CVE-2022-27593"], published="2022-09-03T00:00:00Z", **members)


# --- the vendor's desk ---

def test_the_published_file_of_advisories_is_what_formats_say(vendor, tmp_path):
    add_advisory(vendor, tmp_path, photo_record(details="kept as it is"))
    vendor.publish()
    vendor("verify", vendor.repo)
    target = releases_role(vendor)["targets"]["advisories/vendor.jsonl.zst"]
    served = vendor.public / "targets/advisories" / f"{target['hashes']['sha256']}.vendor.jsonl.zst"
    raw = subprocess.run(["zstd", "-dc", str(served)], capture_output=True, check=True).stdout
    assert hashlib.sha256(served.read_bytes()).hexdigest() == target["hashes"]["sha256"]
    assert target["custom"] == {"kind": "advisories", "format": 1, "raw_sha256": hashlib.sha256(raw).hexdigest(), "raw_length": len(raw)}
    header, record = [json.loads(line) for line in raw.splitlines()]
    assert (header["format"], header["publisher"], header["advisories"]) == (1, "vendor", 1)
    assert record["id"] == "QSA-22-24" and record["details"] == "kept as it is" and record["modified"].endswith("Z")
    # nothing new to say: the next publish signs the heads only
    before = {p.name for p in (vendor.public / "metadata").iterdir()}
    vendor.publish()
    assert {p.name for p in (vendor.public / "metadata").iterdir()} == before


def test_an_advisory_alone_and_then_a_catalogue_alone_go_out(session, vendor, tmp_path):
    """Both live in one role; deltas remember catalogues only."""
    add_advisory(vendor, tmp_path, photo_record())
    vendor.publish()
    first = releases_role(vendor)["targets"]
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    vendor.publish()
    second = releases_role(vendor)["targets"]
    assert second["advisories/vendor.jsonl.zst"] == first["advisories/vendor.jsonl.zst"]
    assert second["catalogue/vendor.jsonl.zst"] != first["catalogue/vendor.jsonl.zst"]
    bases = json.loads((vendor.repo / "draft.json").read_text())["catalogues"]["vendor"]["bases"]
    assert bases and all("catalogue/" in json.dumps(base) for base in bases)
    vendor("verify", vendor.repo)


def test_verify_sees_a_changed_byte_of_the_advisories(vendor, tmp_path):
    add_advisory(vendor, tmp_path, photo_record())
    vendor.publish()
    served, = (vendor.public / "targets/advisories").iterdir()
    content = bytearray(served.read_bytes())
    content[len(content) // 2] ^= 1
    served.write_bytes(content)
    assert "advisories" in vendor("verify", vendor.repo, expect=5).stderr


@pytest.mark.parametrize("change, told", [
    ({"id": ""}, "id: wanted up to 64 letters"),
    ({"id": "../x"}, "id: wanted up to 64 letters"),
    ({"affected": []}, "affected: wanted at least one app"),
    ({"affected": [{"package": {"name": "a b"}}]}, "affected[0].package.name"),
    ({"affected": [entry("PhotoStation", "x y")]}, "events[1].fixed"),
    ({"affected": [entry("PhotoStation", None, archive_sha256=["12"])]}, "archive_sha256: wanted lower-case sha256"),
    ({"database_specific": {"class": "urgent"}}, "wanted feature, normal, important, critical or emergency"),
    ({"published": "yesterday"}, "published"),
    ({"details": "x" * 70000}, "wanted at most 65536 bytes"),
], ids=["no-id", "path-id", "no-app", "no-name", "no-version", "no-digest", "no-class", "no-time", "too-long"])
def test_a_record_that_boxes_would_refuse_is_not_taken(vendor, tmp_path, change, told):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**photo_record(), **change}))
    before = (vendor.repo / "draft.json").read_bytes()
    done = vendor("advisory", vendor.repo, "add", path, expect=14)
    assert told in done.stderr and "line 2" not in done.stderr
    assert (vendor.repo / "draft.json").read_bytes() == before


def test_list_show_and_withdraw(vendor, tmp_path):
    assert "no advisories" in vendor("advisory", vendor.repo, "list").stdout
    add_advisory(vendor, tmp_path, photo_record())
    assert re.search(r"QSA-22-24 +emergency +photos of others", vendor("advisory", vendor.repo, "list").stdout)
    shown = vendor("advisory", vendor.repo, "show", "CVE-2022-27593").stdout
    assert "PhotoStation, every OS line: before 6.1.2; no fixed release here" in shown
    vendor("advisory", vendor.repo, "withdraw", "QSA-22-24")
    record, = json.loads(vendor("advisory", vendor.repo, "list", "--json").stdout)["advisories"]
    assert record["withdrawn"] == record["modified"]
    assert "is withdrawn since" in vendor("advisory", vendor.repo, "withdraw", "QSA-22-24", expect=9).stderr
    vendor("advisory", vendor.repo, "show", "QSA-0", expect=3)
    vendor("advisory", vendor.repo, "delete", "QSA-22-24", expect=2)


def older_line(session):
    """PhotoStation 6.0.22, made for boxes up to OS 4.5."""
    def change(folder):
        cfg = folder / "qpkg.cfg"
        text = re.sub(r'(?m)^QTS_MINI_VERSION=.*$', 'QTS_MINI_VERSION="4.3"', cfg.read_text())
        cfg.write_text(text + 'QTS_MAX_VERSION="4.5"\n')
    return packed(session, "PhotoStation", "6.1.2", "6.0.22", change)


def packed(session, name, version, as_version, change=None):
    """A sample app under another version number; made once a session."""
    def rename(folder):
        cfg = folder / "qpkg.cfg"
        cfg.write_text(re.sub(r'(?m)^QPKG_VER=.*$', f'QPKG_VER="{as_version}"', cfg.read_text()))
        if change:
            change(folder)
    if (name, as_version) not in session.packages:
        session.packages[name, as_version] = session.pack(name, version, rename, f"{name}_{as_version}.qpkg")
    return session.packages[name, as_version]


def test_urgent_is_refused_while_an_os_line_has_no_fix(session, vendor, tmp_path):
    """Two OS lines, two fixes: the mark waits for both, says which one is missing and how to go on, and goes through then."""
    add_advisory(vendor, tmp_path, osv("QSA-22-24", *(entry("PhotoStation", fixed, line) for line, fixed in LINES.items())))
    vendor.add(session.packages["PhotoStation", "6.1.2"], session.packages["MediaLibrary", "2.0"])
    before = (vendor.repo / "draft.json").read_bytes()
    mark = ("urgent", vendor.repo, "PhotoStation=6.1.2", "--advisory", "QSA-22-24", "--install-within", "6h")
    done = vendor(*mark, expect=9)
    assert "no fixed release of PhotoStation for OS line 4.5 (wanted 6.0.22)" in done.stderr and "5.0" not in done.stderr
    assert "appvendor add REPO FILE" in done.stderr
    assert (vendor.repo / "draft.json").read_bytes() == before
    vendor.add(older_line(session))
    vendor("withdraw", vendor.repo, "PhotoStation=6.0.22")
    assert "OS line 4.5" in vendor(*mark, expect=9).stderr, "a withdrawn fix is none"
    vendor("resume", vendor.repo, "PhotoStation=6.0.22")
    assert "itself affected" in vendor("urgent", vendor.repo, "PhotoStation=6.1.1", "--advisory", "QSA-22-24", expect=9).stderr
    vendor(*mark)
    vendor("urgent", vendor.repo, "PhotoStation=6.0.22", "--advisory", "QSA-22-24")
    told = vendor("publish", vendor.repo, "--dry-run").stdout
    for words in ("PhotoStation 6.1.2 x86_64", "class emergency", "QSA-22-24, OS line 5.0: fixed by 6.1.2", "within 6h of the mark: deadline 2",
                  "QSA-22-24, OS line 4.5: fixed by 6.0.22", "for boxes with OS 4.3 or newer up to 4.5", ": 1.00 % of the boxes", "advisories: 1"):
        assert words in told, words
    vendor.publish()
    assert "would publish: 0 releases" in vendor("publish", vendor.repo, "--dry-run").stdout


def test_urgent_is_refused_while_an_architecture_has_no_fix(session, vendor, tmp_path):
    source = lab.stage("MediaLibrary", "1.4", tmp_path / "src")
    cfg = source / "qpkg.cfg"
    add_advisory(vendor, tmp_path, osv("QSA-30-4", entry("MediaLibrary", "2.0")))
    for version in ("1.4", "2.0"):
        cfg.write_text(re.sub(r"(?m)^QPKG_VER=.*$", f'QPKG_VER="{version}"', cfg.read_text()))
        vendor("pack", source, "-o", tmp_path / f"arm_{version}.qpkg", "--arch", "arm_64", "--sign", vendor.keys / "publisher")
    vendor.add(tmp_path / "arm_1.4.qpkg", session.packages["MediaLibrary", "2.0"])
    mark = ("urgent", vendor.repo, "MediaLibrary=2.0", "--advisory", "QSA-30-4")
    assert "for every OS line on arm_64 (wanted 2.0)" in vendor(*mark, expect=9).stderr
    vendor.add(tmp_path / "arm_2.0.qpkg")
    vendor(*mark)


def test_an_advisory_without_a_fix_cannot_be_marked_and_one_without_a_record_is_said(session, vendor, tmp_path):
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    done = vendor("urgent", vendor.repo, "QVPN=3.1", "--advisory", "QSA-30-1")
    assert "QSA-30-1 has no record here" in done.stderr
    add_advisory(vendor, tmp_path, osv("QSA-30-1", entry("QVPN", None), aliases=["CVE-2030-10001"]))
    assert "every OS line (the advisory names no fix)" in vendor("urgent", vendor.repo, "QVPN=3.1", "--advisory", "CVE-2030-10001", expect=9).stderr
    vendor("advisory", vendor.repo, "withdraw", "QSA-30-1")
    assert "is withdrawn" in vendor("urgent", vendor.repo, "QVPN=3.1", "--advisory", "QSA-30-1", expect=9).stderr


def test_the_os_line_may_stand_in_the_ecosystem(session, vendor, tmp_path):
    one = entry("QVPN", "3.1")
    one["package"]["ecosystem"] = "QTS:4.5"
    add_advisory(vendor, tmp_path, osv("QSA-30-2", one))
    assert "QVPN, OS line 4.5: before 3.1" in vendor("advisory", vendor.repo, "show", "QSA-30-2").stdout


def test_status_tells_marks_curves_brakes_and_advisories(session, vendor, tmp_path):
    add_advisory(vendor, tmp_path, photo_record())
    vendor.add(session.packages["PhotoStation", "6.1.2"], session.packages["MediaLibrary", "2.0"], session.packages["QVPN", "3.1"])
    vendor("urgent", vendor.repo, "PhotoStation=6.1.2", "--advisory", "QSA-22-24", "--class", "critical")
    vendor("rollout", vendor.repo, "QVPN=3.1", "--curve", "0h:5%,6h:20%,24h:100%")
    waiting = vendor("status", vendor.repo).stdout
    assert re.search(r"QVPN 3.1 x86_64 .*waits for publish", waiting) and "changes wait for publish" in waiting
    vendor.publish()
    vendor("halt", vendor.repo, "QVPN=3.1", "--reason", "crashes")
    vendor("withdraw", vendor.repo, "MediaLibrary=2.0", "--go-back-to", "1.4")
    told = vendor("status", vendor.repo).stdout
    assert re.search(r"PhotoStation 6.1.2 x86_64  class critical  deadline 2\S+Z  offered to 1.00 % of the boxes, from 2\S+Z to 20.00 %", told)
    assert "offered to 5.00 % of the boxes" in told and "brake: halt QVPN 3.1: nobody takes it any more; crashes" in told
    assert "brake: withdraw MediaLibrary 2.0: nobody takes it any more, who has it goes back to 1.4" in told
    assert "advisories: 1\n  QSA-22-24" in told
    as_json = json.loads(vendor("status", vendor.repo, "--json").stdout)
    marks = {mark["name"]: mark for mark in as_json["marks"]}
    assert marks["QVPN"]["permyriad"] == 500 and marks["QVPN"]["next_permyriad"] == 2000 and marks["QVPN"]["deadline"] is None
    assert marks["PhotoStation"]["class"] == "critical" and marks["PhotoStation"]["deadline"] > marks["PhotoStation"]["urgent_at"]
    assert [(e["action"], e["name"], e["go_back_to"]) for e in as_json["brake"]] == [("halt", "QVPN", None), ("withdraw", "MediaLibrary", "1.4")]
    assert [a["id"] for a in as_json["advisories"]] == ["QSA-22-24"]


def test_a_withdrawal_needs_no_releases_keys_and_resume_takes_it_back(session, vendor, tmp_path):
    online = tmp_path / "online"
    for role in ("snapshot", "timestamp", "brake"):
        shutil.copytree(session.vendor.keys / role, online / role)
    vendor.add(session.packages["QVPN", NEW["QVPN"]])
    vendor.publish()
    brake = lambda: json.loads(max((vendor.public / "targets/brake").iterdir(), key=lambda p: json.loads(p.read_text())["serial"]).read_text())
    for words, entries in ((("withdraw", "QVPN=3.1", "--go-back-to", "3.0"), [("withdraw", "3.0")]), (("halt", "QVPN=3.1"), [("halt", None)]),
                           (("resume", "QVPN=3.1"), [])):
        vendor(words[0], vendor.repo, *words[1:])
        vendor("publish", vendor.repo, "--keys", online)
        vendor("verify", vendor.repo)
        assert [(e["action"], e["go_back_to"]) for e in brake()["entries"]] == entries
    vendor("withdraw", vendor.repo, "QVPN=3.1", "--go-back-to", "2.9", expect=3)


# --- CSAF ---

def products_of(branches):
    for one in branches:
        assert one["category"] in ("vendor", "product_name", "product_version", "product_version_range", "specification") and one["name"]
        assert ("product" in one) != ("branches" in one)
        yield from ([one["product"]] if "product" in one else products_of(one["branches"]))


def check_csaf(doc):
    """The members that CSAF 2.0 and its profile 4 (security advisory) require, and its mandatory tests on ids and versions."""
    when = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    document = doc["document"]
    assert document["category"] == "csaf_security_advisory" and document["csaf_version"] == "2.0" and document["title"]
    assert document["publisher"]["category"] == "vendor" and document["publisher"]["name"]
    assert re.match(r"^[a-z][a-z0-9+.-]*:", document["publisher"]["namespace"])
    tracking = document["tracking"]
    assert tracking["status"] == "final" and re.match(r"^\S(.*\S)?$", tracking["id"])
    history = tracking["revision_history"]
    assert [item["number"] for item in history] == [str(i + 1) for i in range(len(history))] and history[-1]["number"] == tracking["version"]
    assert all(when.match(item["date"]) and item["summary"] for item in history)
    assert when.match(tracking["initial_release_date"]) and tracking["current_release_date"] == history[-1]["date"]
    tree = doc["product_tree"]
    products = list(products_of(tree["branches"]))
    for relation in tree.get("relationships", []):
        known = {p["product_id"] for p in products}
        assert relation["category"] == "installed_on"
        assert {relation["product_reference"], relation["relates_to_product_reference"]} <= known
    products += [relation["full_product_name"] for relation in tree.get("relationships", [])]
    ids = [p["product_id"] for p in products]
    assert len(ids) == len(set(ids)) and all(p["name"] for p in products)
    for vulnerability in doc["vulnerabilities"]:
        assert re.match(r"^CVE-\d{4}-\d{4,}$", vulnerability.get("cve", "CVE-2000-0001"))
        assert all(item["system_name"] and item["text"] for item in vulnerability["ids"])
        assert vulnerability["notes"] and all(note["text"] and note["category"] in ("summary", "description") for note in vulnerability["notes"])
        status = vulnerability["product_status"]
        affected, fixed = set(status["known_affected"]), set(status.get("fixed", []))
        assert affected and affected | fixed <= set(ids) and not affected & fixed
        remedied = set()
        for remedy in vulnerability["remediations"]:
            assert remedy["category"] in ("vendor_fix", "none_available") and remedy["details"]
            remedied |= set(remedy["product_ids"])
        assert remedied == affected, "each affected product says what to do about it"
    return doc


def test_an_advisory_is_exported_as_csaf(vendor, tmp_path):
    digest = "ab" * 32
    add_advisory(vendor, tmp_path, osv("QSA-22-24", *(entry("PhotoStation", fixed, line) for line, fixed in LINES.items()), entry("QVPN", None, archive_sha256=[digest]),
                                       aliases=["CVE-2022-27593", "CVE-2022-27594", "deadbolt"], published="2022-09-03T00:00:00Z",
                                       modified="2022-09-03T00:00:00Z", details="A long story."))
    doc = check_csaf(json.loads(vendor("advisory", vendor.repo, "export", "--csaf", "--publisher", "Ours", "--namespace", "https://example.com").stdout))
    assert doc["document"]["publisher"] == {"category": "vendor", "name": "Ours", "namespace": "https://example.com"}
    vulnerability, = doc["vulnerabilities"]
    assert vulnerability["cve"] == "CVE-2022-27593"
    assert {item["text"] for item in vulnerability["ids"]} == {"QSA-22-24", "CVE-2022-27594", "deadbolt"}
    assert "PhotoStation:<6.1.2@os:5.0" in vulnerability["product_status"]["known_affected"]
    assert vulnerability["product_status"]["fixed"] == ["PhotoStation:6.1.2@os:5.0", "PhotoStation:6.0.22@os:4.5"]
    assert f"QVPN:sha256:{digest}" in vulnerability["product_status"]["known_affected"]
    # several go to a folder, each under the name that CSAF wants
    add_advisory(vendor, tmp_path, photo_record(id="QSA_26.1"))
    vendor("advisory", vendor.repo, "withdraw", "QSA_26.1")
    vendor("advisory", vendor.repo, "export", "--csaf", expect=2)
    vendor("advisory", vendor.repo, "export", expect=2)
    vendor("advisory", vendor.repo, "export", "QSA-22-24", "--csaf", "--namespace", "no uri", expect=2)
    (tmp_path / "csaf").mkdir()
    vendor("advisory", vendor.repo, "export", "--csaf", "-o", tmp_path / "csaf")
    assert {p.name for p in (tmp_path / "csaf").iterdir()} == {"qsa-22-24.json", "qsa_26_1.json"}
    history = check_csaf(json.loads((tmp_path / "csaf/qsa_26_1.json").read_text()))["document"]["tracking"]["revision_history"]
    assert [item["summary"] for item in history] == ["Published.", "Withdrawn."]


VALIDATOR = os.environ.get("APPCENTER_CSAF_VALIDATOR", "")
VALIDATE = """
import { readFileSync } from 'fs'
import validate from '@secvisogram/csaf-validator-lib/validate.js'
import * as mandatory from '@secvisogram/csaf-validator-lib/mandatoryTests.js'
import * as schema from '@secvisogram/csaf-validator-lib/schemaTests.js'
const tests = [...Object.values(schema).filter(t => t.name.startsWith('csaf_2_0')), ...Object.values(mandatory)]
const result = await validate(tests, JSON.parse(readFileSync(process.env.DOCUMENT)))
console.log(JSON.stringify(result.tests.filter(t => !t.isValid)), tests.length)
"""


@pytest.mark.skipif(not shutil.which("node") or not Path(VALIDATOR, "node_modules/@secvisogram").is_dir(),
                    reason="the CSAF validator of the BSI is not here (APPCENTER_CSAF_VALIDATOR: where npm installed it; node)")
def test_the_official_schema_and_mandatory_tests_accept_what_is_exported(vendor, tmp_path):
    """CSAF 2.0's own schema is not ours to ship; where its validator is installed, it judges every kind of record."""
    digest, malicious = "ab" * 32, entry("QVPN", None, archive_sha256=["cd" * 32])
    del malicious["ranges"]
    add_advisory(vendor, tmp_path, osv("QSA-22-24", *(entry("PhotoStation", fixed, line) for line, fixed in LINES.items()),
                                       entry("QVPN", None, archive_sha256=[digest]), aliases=["CVE-2022-27593", "deadbolt"]))
    add_advisory(vendor, tmp_path, osv("MAL-26-1", malicious))
    add_advisory(vendor, tmp_path, photo_record(id="QSA_26.1"))
    vendor("advisory", vendor.repo, "withdraw", "QSA_26.1")
    (tmp_path / "csaf").mkdir()
    vendor("advisory", vendor.repo, "export", "--csaf", "-o", tmp_path / "csaf")
    documents = sorted((tmp_path / "csaf").iterdir())
    assert len(documents) == 3
    for document in documents:
        said = lab.run(["node", "--input-type=module", "-e", VALIDATE], env={**os.environ, "DOCUMENT": str(document)}, cwd=VALIDATOR)
        failed, n_tests = said.stdout.rsplit(" ", 1)
        assert failed == "[]" and int(n_tests) > 30, f"{document.name}: {said.stdout}"


# --- the box ---

def add_os_line(vendor, session, tmp_path, record):
    vendor.add(session.packages["PhotoStation", "6.1.2"], session.packages["MediaLibrary", "2.0"])
    add_advisory(vendor, tmp_path, record)
    vendor.publish()


def test_an_advisory_without_a_mark_makes_the_fix_an_emergency(nas, session, vendor, tmp_path, photo_url):
    """Nobody ran `urgent`: the record alone makes the fix install itself, and audit tell before and after."""
    nas.ctl("install", "PhotoStation=6.1.1", "--yes")
    nas.ctl("config", "set", "updates.emergency", "notify")
    assert nas.json("audit")["findings"] == []
    add_os_line(vendor, session, tmp_path, photo_record())
    nas.ctl("refresh")
    finding, = nas.json("audit", expect=103)["findings"]
    assert {k: finding[k] for k in ("app", "version", "advisory", "fixed_version", "status")} == {
        "app": "PhotoStation", "version": "6.1.1", "advisory": "QSA-22-24", "fixed_version": "6.1.2", "status": "fix-available"}
    status = nas.json("status")
    assert status["protected"] is False and ["QSA-22-24"] in [e["advisories"] for e in status["emergencies"] if e["app"] == "PhotoStation"]
    candidate = nas.app("PhotoStation")["candidate"]
    assert (candidate["version"], candidate["class"], candidate["verdict"], candidate["advisories"]) == ("6.1.2", "emergency", "ask", ["QSA-22-24"])
    assert candidate["deadline"] is not None
    nas.ctl("check", expect=103)
    listed, = nas.json("advisory", "list")["advisories"]
    assert listed["affects_installed"] == ["PhotoStation"] and listed["class"] == "emergency" and listed["aliases"] == ["CVE-2022-27593"]
    assert "QSA-22-24" in nas.ctl("advisory", "show", "CVE-2022-27593").stdout
    nas.ctl("advisory", "show", "CVE-0000-0000", expect=3)
    nas.ctl("config", "set", "updates.emergency", "install")
    lab.wait_for("6.1.2", lambda: nas.app("PhotoStation")["version"] == "6.1.2", 60, every=0.5)
    assert nas.json("history")["transactions"][0]["trigger"] == "emergency"
    assert nas.json("audit")["findings"] == [] and nas.json("status")["protected"] is True


def test_a_fix_that_nobody_offers_yet_is_not_called_available(nas, session, vendor, tmp_path):
    nas.ctl("install", "PhotoStation=6.1.1", "--yes")
    nas.ctl("config", "set", "updates.emergency", "notify")
    add_advisory(vendor, tmp_path, photo_record())
    vendor.publish()
    nas.ctl("refresh")
    finding, = nas.json("audit", expect=103)["findings"]
    assert (finding["status"], finding["fixed_version"]) == ("fix-not-offered", "6.1.2")
    vendor.add(session.packages["PhotoStation", "6.1.2"], session.packages["MediaLibrary", "2.0"])
    vendor.publish()
    nas.ctl("refresh")
    finding, = nas.json("audit", expect=103)["findings"]
    assert finding["status"] == "fix-available"


def test_an_open_hole_without_a_fix_is_no_protection_until_the_advisory_is_withdrawn(nas, vendor, tmp_path):
    nas.ctl("install", "QVPN=3.0", "--yes")
    add_advisory(vendor, tmp_path, osv("QSA-30-1", entry("QVPN", None)))
    vendor.publish()
    nas.ctl("refresh")
    finding, = nas.json("audit", expect=103)["findings"]
    assert (finding["status"], finding["fixed_version"]) == ("no-fix", None)
    assert nas.json("status")["protected"] is False
    assert "protected: NO" in nas.ctl("status").stdout
    vendor("advisory", vendor.repo, "withdraw", "QSA-30-1")
    vendor.publish()
    nas.ctl("refresh")
    assert nas.json("audit")["findings"] == [] and nas.json("status")["protected"] is True


def test_an_archive_that_an_advisory_names_is_malicious(nas, session, vendor, tmp_path):
    """Whatever its version, and only that archive."""
    nas.ctl("install", "QVPN=3.0", "HybridBackup=1.0", "--yes")
    digest = lab.sha256(session.packages["QVPN", "3.0"])
    one = entry("QVPN", None, archive_sha256=[digest])
    two = entry("HybridBackup", None, archive_sha256=["ab" * 32])
    del one["ranges"], two["ranges"]
    add_advisory(vendor, tmp_path, osv("MAL-26-1", one, two))
    vendor.publish()
    nas.ctl("refresh")
    finding, = nas.json("audit", expect=103)["findings"]
    assert (finding["app"], finding["status"], finding["fixed_version"]) == ("QVPN", "malicious", None)
    assert "malicious" in nas.ctl("audit", expect=103).stdout
    assert nas.json("status")["protected"] is False
    # nobody gets it again: not from the catalogue, and not as a file, whoever vouches for it
    nas.ctl("remove", "QVPN", "--yes")
    assert "MAL-26-1 calls the archive of QVPN 3.0 malicious" in nas.ctl("install", "QVPN=3.0", "--yes", expect=9).stderr
    done = nas.ctl("install", session.packages["QVPN", "3.0"], "--trust-sha256", digest, "--yes", expect=5)
    assert "MAL-26-1 of vendor calls this archive malicious" in done.stderr
    assert nas.app("QVPN") is None and nas.json("audit")["findings"] == []


@pytest.mark.parametrize("os_version, fixed", [("5.0.3", "3.1"), ("4.5", "3.0.1")])
def test_each_os_line_is_offered_its_own_fix(make_nas, session, vendor, web, tmp_path, os_version, fixed):
    """An advisory for two lines; the fix of the newer line does not run on the older one, the older fix is none on the newer."""
    def bounds(lowest, highest=""):
        def change(folder):
            cfg = folder / "qpkg.cfg"
            cfg.write_text(re.sub(r"(?m)^QTS_M\w+_VERSION=.*\n", "", cfg.read_text()) + f'QTS_MINI_VERSION="{lowest}"\nQTS_MAX_VERSION="{highest}"\n')
        return change
    nas = make_nas(host__os_version=os_version, updates__emergency="notify", updates__other="notify")
    nas.start()
    add_repository(nas, vendor, web)
    vendor.add(packed(session, "QVPN", "3.0", "2.9", bounds("4.3")))
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("install", "QVPN=2.9", "--yes")
    vendor.add(packed(session, "QVPN", "3.0", "3.0.1", bounds("4.3", "4.5")), session.packages["QVPN", "3.1"])
    add_advisory(vendor, tmp_path, osv("QSA-22-24", entry("QVPN", "3.1", "5.0"), entry("QVPN", "3.0.1", "4.5")))
    vendor.publish()
    nas.ctl("refresh")
    candidate = nas.app("QVPN")["candidate"]
    assert (candidate["version"], candidate["class"]) == (fixed, "emergency")
    assert nas.json("audit", expect=103)["findings"][0]["fixed_version"] == fixed


@pytest.mark.parametrize("cls, code", [(None, 101), ("critical", 101), ("normal", 100)])
def test_audit_exits_as_grave_as_what_it_finds(nas, session, vendor, tmp_path, cls, code):
    nas.ctl("install", "QVPN=3.0", "--yes")
    record = osv("QSA-30-3", entry("QVPN", "3.1"), cls=cls)
    if cls is None:
        del record["database_specific"]
    add_advisory(vendor, tmp_path, record)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("audit", expect=code)
    nas.ctl("check", expect=code)
    assert nas.json("status")["protected"] is True


def test_a_withdrawn_version_is_offered_its_predecessor_or_its_successor(make_nas, session, vendor, web):
    """The predecessor where that is all there is; the fix that came after it where there is one."""
    nas = make_nas(updates__withdrawn="notify", updates__security="notify", updates__other="notify")
    nas.start()
    add_repository(nas, vendor, web)
    vendor.add(session.packages["QVPN", "3.1"])
    vendor.publish()
    nas.ctl("refresh")
    nas.ctl("install", "QVPN=3.1", "--yes")
    vendor("withdraw", vendor.repo, "QVPN=3.1", "--go-back-to", "3.0", "--reason", "eats tunnels")
    vendor.publish()
    nas.ctl("refresh")
    candidate = nas.app("QVPN")["candidate"]
    assert (candidate["version"], candidate["verdict"], candidate["reason"]["code"]) == ("3.0", "ask", "withdrawn-ask")
    vendor.add(packed(session, "QVPN", "3.1", "3.2"))
    vendor("urgent", vendor.repo, "QVPN=3.2", "--class", "important", "--curve", "0m:100%")
    vendor.publish()
    nas.ctl("refresh")
    candidate = nas.app("QVPN")["candidate"]
    assert (candidate["version"], candidate["class"], candidate["verdict"]) == ("3.2", "important", "ask")
    vendor("resume", vendor.repo, "QVPN=3.1")
    vendor("halt", vendor.repo, "QVPN=3.2")
    vendor.publish()
    nas.ctl("refresh")
    assert nas.app("QVPN")["candidate"]["reason"]["code"] == "halted"
