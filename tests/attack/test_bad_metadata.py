"""Catalogues and metadata that are signed by the right keys and still wrong: types, sizes, depths, bytes.

The forger holds all keys, so nothing but the reader's own care is between these words and the NAS. Each is refused with a
sentence that names file, line and member; what was known before stays, the daemon lives and reads the next good one.
"""
import copy
import json

import forge
import nas as lab
import pytest
from stock import OLD
from sweep import Sweep

SANITIZED = b"__asan_init" in lab.Path(lab.program("appcenterd")).read_bytes()
HUGE = 10**400
NUMBERS_WRONG = ("5", -1, True, [5], {"a": 1}, 2**63, 2**64, HUGE)
TEXTS_WRONG = (5, True, [], {}, "nul\0inside", "x" * 5000)
LISTS_WRONG = ("x", 5, {}, [5], [None], [["x"]], ["x\0"])
OBJECTS_WRONG = ("x", 5, True, ["x"])
TIMES_WRONG = (5, "", "tomorrow", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00+01:00", None, [])
DIGESTS_WRONG = (5, "", "xyz", "A" * 64, "0" * 63, "0" * 65, None, " " + "0" * 63)
RELEASE = {
    "name": (*TEXTS_WRONG, None, "", "../x", "a b", "x" * 41, "-x"), "version": (*TEXTS_WRONG, None, "", "1 2", "a/b"),
    "arch": (*TEXTS_WRONG, None, "", "a/b"), "size": (*NUMBERS_WRONG, None), "sha256": DIGESTS_WRONG,
    "path": (*TEXTS_WRONG, None, "", "../x", "packages/../x", "/etc/passwd", "packages/x\n"), "data_sha256": DIGESTS_WRONG[:-2],
    "installed_size": NUMBERS_WRONG, "files": NUMBERS_WRONG, "requires": LISTS_WRONG, "conflicts": LISTS_WRONG,
    "provides": LISTS_WRONG, "obsoletes": LISTS_WRONG, "os_min": (5, True, [], {}, "a b"), "os_max": (5, True, [], {}, "a b"),
    "summary": (*OBJECTS_WRONG, {"en": 5}, {"en": ["x"]}), "published": TIMES_WRONG,
    "urgency": (*OBJECTS_WRONG, {"class": "huge"}, {"class": 5}),
    "rollout": (*OBJECTS_WRONG, {"id": 5}, {"id": "r", "start": "2026-01-01T00:00:00Z", "curve": "x"},
                {"id": "r", "start": "2026-01-01T00:00:00Z", "curve": [[0, 10001]]},
                {"id": "r", "start": "2026-01-01T00:00:00Z", "curve": [[5, 100], [0, 200]]},
                {"id": "r", "start": "2026-01-01T00:00:00Z", "curve": [[-1, 100]]}),
    "changes": (*OBJECTS_WRONG, {"en": 5}),
}
HEADER = {
    "format": (0, 2, "1", None, HUGE), "publisher": ("acme", 5, None, "", "x y"), "serial": (*NUMBERS_WRONG, None),
    "releases": (*NUMBERS_WRONG, None, 0, 4, 6), "published": TIMES_WRONG,
    "publishers": (*OBJECTS_WRONG, {"a b": {}}, {"acme": 5}, {"acme": {"apps": "x"}}, {"acme": {"apps": ["../x"]}},
                   {"acme": {"apps": ["A"], "ca_sha256": "x"}}),
}


def nested(depth, inner="1"):
    return b'{"x":' * depth + inner.encode() + b"}" * depth


def wrong_lines(lines):
    """{what: a whole catalogue that has it}, out of good lines."""
    first, second, *rest = lines
    last = rest[-1] if rest else second
    deep = b'{"deep":' + b"[" * 5000 + b"]" * 5000 + b"," + second[1:]
    long = second[:-1] + b',"more":"' + b"x" * (65537 - len(second) - 10) + b'"}'
    tables = {
        "no line at all": [], "only empty lines": [b"", b"", b""], "no header": lines[1:], "an array": [first, b"[]", *rest],
        "a number": [first, b"5", *rest], "a half line": [first, second[:len(second) // 2], *rest],
        "two on a line": [first, second + second, *rest], "an empty line": [first, b"", second, *rest],
        "something behind": [first, second + b" x", *rest], "nul bytes": [first, b"\0" * 100, *rest],
        "a nul behind": [first, second + b"\0", *rest], "latin-1": [first, second[:-1] + b',"x":"\xe9"}', *rest],
        "a byte order mark": [b"\xef\xbb\xbf" + first, second, *rest], "deep": [first, deep, *rest],
        "deep objects": [first, nested(40000), *rest], "64 KiB and one": [first, long, *rest],
        "the same twice": [first, second, second, *rest], "out of order": [first, last, second],
        "a member twice": [first, second[:-1] + b',"size":1}', *rest], "two headers": [first, first, second, *rest],
        "a lone surrogate": [first, second[:-1] + b',"x":"\\ud800"}', *rest], "nan": [first, second[:-1] + b',"x":NaN}', *rest],
        "infinity": [first, second[:-1] + b',"x":1e999}', *rest],
    }
    made = {what: b"".join(line + b"\n" for line in table) for what, table in tables.items()}
    made["no end of line"] = b"\n".join(lines)
    made["carriage returns"] = b"".join(line + b"\r\r\n" for line in lines) + b"\r"
    made["one endless line"] = first + b"\n" + b"x" * (8 << 20)
    return made


class Forged(forge.Repository):
    """A repository whose catalogue, or the packing of it, can be anything."""
    raw = None

    def catalogue(self, header, releases):
        if callable(self.raw):
            return self.raw(super().catalogue(header, releases))
        return super().catalogue(header, releases)


class Place:
    """The forger's files in a folder, and a NAS that reads them there."""

    def __init__(self, session, box, folder):
        self.box, self.folder = box, folder
        self.repository = Forged(session.vendor.public, session.vendor.keys)
        self.put(self.repository.image())
        box.ctl("repo", "add", "vendor", f"file://{folder}/", "--root-key", folder / "metadata/1.root.json", "--yes")
        box.ctl("refresh")

    def put(self, image):
        for name, body in image.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

    def refused(self, image, codes, known=5):
        """The sentence with which it is refused; what was known stays."""
        self.put(image)
        done = self.box.ctl("refresh", expect=None, timeout=60)
        assert done.returncode in codes, f"exit {done.returncode}, wanted {codes}: {done.stdout}{done.stderr}"
        assert len(done.stderr) < 1000 and "\0" not in done.stderr, done.stderr
        assert len(self.box.json("search", "a")["apps"]) == known, "what was known is not there any more"
        return done.stderr


@pytest.fixture(scope="module")
def place(session, tmp_path_factory):
    base = tmp_path_factory.mktemp("forged")
    box = lab.Nas(base / "nas")
    box.configure(lab.config(network__poll="1h", updates__other="notify"))
    box.start()
    yield Place(session, box, base / "repo")
    box.stop()


@pytest.fixture(autouse=True)
def goes_on(place):
    """The same daemon all through, no bigger, and the next good repository is read."""
    before = resident(place.box)
    yield
    place.repository.raw = None
    place.put(place.repository.image())
    place.box.ctl("refresh")
    assert place.box.json("status")["repositories"][0]["error"] is None
    assert SANITIZED or resident(place.box) < before + 4096, "the daemon grew"


def resident(box):
    """KiB of anonymous memory."""
    status = (lab.Path(f"/proc/{box.daemon.pid}/status")).read_text()
    return int(status.split("RssAnon:")[1].split()[0])


def members(table):
    return [(member, i) for member, values in table.items() for i in range(len(values))]


def test_every_member_of_a_release_of_a_wrong_type(place):
    sweep = Sweep("input", "releases", members(RELEASE), sample=12)
    for member, i in sweep:
        with sweep.at((member, RELEASE[member][i])):
            release = copy.deepcopy(place.repository.releases[2])
            release[member] = RELEASE[member][i]
            place.repository.raw = lambda raw, line=release: replace_line(raw, 3, line)
            said = place.refused(place.repository.image(), (14,))
            assert "catalogue line 4" in said, said
            assert member in said or "json: " in said, said
    sweep.end()


def test_every_member_of_the_header_of_a_wrong_type(place):
    sweep = Sweep("input", "headers", members(HEADER), sample=8)
    for member, i in sweep:
        with sweep.at((member, HEADER[member][i])):
            header = {**place.repository.header, "releases": 5, "published": "2026-01-01T00:00:00Z", member: HEADER[member][i]}
            place.repository.raw = lambda raw, line=header: replace_line(raw, 0, line)
            said = place.refused(place.repository.image(), (5, 14))
            assert "catalogue" in said and ("line 1" in said or member in ("releases", "publisher")), said
    sweep.end()


def replace_line(raw, number, value):
    lines = raw.splitlines()
    lines[number] = json.dumps(value, ensure_ascii=False, allow_nan=True).encode()
    return b"".join(line + b"\n" for line in lines)


def test_lines_that_are_none(place):
    names = list(wrong_lines([b"{}", b"{}", b"{}"]))
    sweep = Sweep("input", "lines", names, sample=8)
    for name in sweep:
        with sweep.at(name):
            place.repository.raw = lambda raw, what=name: wrong_lines(raw.splitlines())[what]
            said = place.refused(place.repository.image(), (14,))
            assert "catalogue" in said, said
    sweep.end()


PACKINGS = {
    "not packed": lambda packed, raw: raw,
    "half of it": lambda packed, raw: packed[:len(packed) // 2],
    "one byte less": lambda packed, raw: packed[:-1],
    "something behind": lambda packed, raw: packed + b"x",
    "twice": lambda packed, raw: packed + packed,
    "nothing": lambda packed, raw: b"",
    "another one": lambda packed, raw: forge.squeeze(raw + b"\n"),
    "a bomb": lambda packed, raw: forge.squeeze(bytes(300 << 20)),
    "a bomb behind": lambda packed, raw: packed + forge.squeeze(bytes(300 << 20)),
}


@pytest.mark.parametrize("name", PACKINGS)
def test_packings_that_are_none(place, name, monkeypatch):
    """The target's digest is right, and so is the signature; what it unpacks to is not what was signed."""
    put = place.repository.put_target

    def put_wrong(image, path, data, custom):
        if path.endswith("vendor.jsonl.zst"):
            data = PACKINGS[name](data, forge.unsqueeze(data))
        return put(image, path, data, custom)

    monkeypatch.setattr(place.repository, "put_target", put_wrong)
    image = place.repository.image()
    monkeypatch.undo()
    said = place.refused(image, (5, 14))
    assert "catalogue" in said, said


CUSTOM = {"kind": (5, None, [], "x\0"), "format": (2, "1", None, HUGE), "raw_sha256": DIGESTS_WRONG,
          "raw_length": (*NUMBERS_WRONG, None, 2**62)}


def test_what_is_signed_about_a_catalogue_of_a_wrong_type(place, monkeypatch):
    put = place.repository.put_target
    sweep = Sweep("input", "targets", members(CUSTOM), sample=6)
    for member, i in sweep:
        def put_wrong(image, path, data, custom, wrong=(member, CUSTOM[member][i])):
            return put(image, path, data, {**custom, wrong[0]: wrong[1]} if path.endswith("jsonl.zst") else custom)

        with sweep.at((member, CUSTOM[member][i])), monkeypatch.context() as patch:
            patch.setattr(place.repository, "put_target", put_wrong)
            image = place.repository.image()
            said = place.refused(image, (5, 14))
            assert member in said or "catalogue" in said, said
    sweep.end()


ROLES = ("timestamp", "snapshot", "targets", "releases", "brake")
SIGNED = {
    "_type": ("x", 5, None, [], "root"), "spec_version": (5, None, "", "2.0.0", "x", [], "1.0.31\0"),
    "version": ("1", 0, -1, None, True, [], 2**63, HUGE), "expires": TIMES_WRONG,
}
OF_ROLE = {
    "timestamp": {"meta": ("x", [], None, {}, {"snapshot.json": 5}, {"snapshot.json": {"version": "1"}},
                           {"snapshot.json": {"version": 2**63}}, {"snapshot.json": {"version": 1, "length": -1}},
                           {"snapshot.json": {"version": 1, "hashes": []}})},
    "snapshot": {"meta": ("x", [], None, {}, {"targets.json": 5}, {"../x.json": {"version": 1}},
                          {"targets.json": {"version": HUGE}})},
    "targets": {"targets": ("x", [], None, {"x": 5}), "delegations": ("x", [], {"keys": 5}, {"roles": 5, "keys": {}},
                                                                      {"keys": {}, "roles": [5]})},
    "releases": {"targets": ("x", [], None, {"catalogue/vendor.jsonl.zst": 5}, {"catalogue/vendor.jsonl.zst": {"length": "5"}},
                             {"../x": {"length": 1, "hashes": {"sha256": "0" * 64}}},
                             {"catalogue/vendor.jsonl.zst": {"length": 5, "hashes": {"sha256": 5}}},
                             {"catalogue/vendor.jsonl.zst": {"length": HUGE, "hashes": {"sha256": "0" * 64}}})},
    "brake": {"targets": ("x", [], None, {"brake/brake.json": 5}, {"brake/brake.json": {"length": -5, "hashes": {}}})},
}


def test_every_member_of_metadata_of_a_wrong_type(place):
    points = [(role, *point) for role in ROLES for point in members({**SIGNED, **OF_ROLE[role]})]
    sweep = Sweep("input", "metadata", points, sample=16)
    for role, member, i in sweep:
        value = {**SIGNED, **OF_ROLE[role]}[member][i]
        with sweep.at((role, member, value)):
            image = place.repository.image()
            image.resign(role, place.repository.keys_of(role), lambda signed, v=value, m=member: signed.update({m: v}))
            said = place.refused(image, (5, 14))
            assert role in said or "catalogue/vendor" in said, said
    sweep.end()


BODIES = {
    "nothing but braces": b"{}", "an array": b"[]", "a number": b"5", "null": b"null", "nul bytes": bytes(2000),
    "deep": b"[" * 4000 + b"]" * 4000, "deep objects": nested(500), "half": None, "latin-1": b'{"signed":"\xe9"}' + b" " * 2000,
    "a member twice": b'{"signed":{},"signed":{},"signatures":[]}' + b" " * 2000, "signatures of a wrong type":
    b'{"signed":{"_type":"timestamp"},"signatures":{}}', "many signatures": None, "a huge number": b'{"signed":{"version":1e999}}',
}


@pytest.mark.parametrize("name", BODIES)
def test_metadata_that_is_none(place, name):
    """Whole bodies; a role in the middle of the chain, and the first one. Short ones may be told as trouble of the net."""
    for role in ("timestamp", "targets"):
        image = place.repository.image()
        if name == "half":
            image[role] = image[role][:len(image[role]) // 2]
        elif name == "many signatures":
            signature = {"keyid": "0" * 64, "sig": "00" * 64}
            image[role] = forge.compact({"signed": image.signed(role), "signatures": [signature] * 2000})
        else:
            image[role] = BODIES[name]
        assert role in place.refused(image, (5, 8, 14))


def test_apps_are_as_many_as_were_published(place):
    assert len(place.box.json("search", "a")["apps"]) == len(OLD)
