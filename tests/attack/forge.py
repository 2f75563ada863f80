"""A forger of repositories: reads what a vendor published, changes it, signs it anew. Shares no code with the product.

Written from the TUF specification (canonical JSON, section 4) and from the wire formats alone. A Repository is what a
vendor says, as plain Python; image() signs all of it in new versions and gives the files that a server would serve. It
holds the real keys, so a test decides which of them its attacker has.
"""
import copy
import datetime
import hashlib
import json
import subprocess
import time
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CATALOGUE = "catalogue/{}.jsonl.zst"
BRAKE = "brake/brake.json"
DAY = 86400
STRONG_RECORD = 65


def canonical(value):
    """OLPC canonical JSON, as TUF signs it: sorted, no blanks, in strings only the quote and the backslash escaped."""
    if isinstance(value, dict):
        members = (canonical(key) + b":" + canonical(value[key]) for key in sorted(value))
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value).encode()
    raise TypeError(f"canonical json has no {type(value)}")


def compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def moment(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def instant(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()


def squeeze(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def unsqueeze(data):
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, capture_output=True, check=True).stdout


# --- keys and signatures ---

class Key:
    """An ed25519 key of TUF."""

    def __init__(self, private=None):
        self.private = private or ed25519.Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = {"keytype": "ed25519", "keyval": {"public": raw.hex()}, "scheme": "ed25519"}
        self.id = sha256(canonical(self.public))

    @classmethod
    def load(cls, path):
        return cls(serialization.load_pem_private_key(Path(path).read_bytes(), None))


def load_keys(folder):
    """{role: its keys} of a key folder of the vendor tool."""
    return {role.name: [Key.load(pem) for pem in sorted(role.glob("*.pem"))]
            for role in Path(folder).iterdir() if role.name != "publisher"}


def sign(signed, keys):
    signatures = [{"keyid": key.id, "sig": key.private.sign(canonical(signed)).hex()} for key in keys]
    return compact({"signatures": signatures, "signed": signed})


def refuse_twins(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member twice")
    return dict(pairs)


def means_the_same(body, original, publics, threshold):
    """Is body the same metadata still, with enough good signatures of the role's keys (publics)?"""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=refuse_twins)
        part = canonical(document["signed"])
        if part != canonical(json.loads(original)["signed"]):
            return False
        given = {s["keyid"]: signature_of(s["sig"]) for s in document["signatures"]}
        if len(given) != len(document["signatures"]):
            return False
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return sum(is_good(publics[keyid], signature, part) for keyid, signature in given.items()
               if keyid in publics) >= threshold


def signature_of(text):
    """What is no hex is as good as no signature: it does not spoil those of others."""
    if not isinstance(text, str):
        raise TypeError("a signature is a string")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def is_good(public, signature, data):
    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public["keyval"]["public"]))
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


# --- archives ---

class Authority:
    """A publisher's CA: that of a key folder, or one of our own making."""

    def __init__(self, organization=None, folder=None):
        if folder:
            self.cert = x509.load_pem_x509_certificate((Path(folder) / "ca.pem").read_bytes())
            self.key = serialization.load_pem_private_key((Path(folder) / "ca.key").read_bytes(), None)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())
            self.cert = self.certificate(organization, self.key.public_key(), is_ca=True)

    def certificate(self, organization, public_key, is_ca):
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                          x509.NameAttribute(NameOID.COMMON_NAME, "CA" if is_ca else "Signer")])
        now = datetime.datetime.utcnow()
        usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                               "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
        usage["key_cert_sign" if is_ca else "digital_signature"] = True
        builder = x509.CertificateBuilder(name if is_ca else self.cert.subject, name, public_key,
                                          x509.random_serial_number(), now - datetime.timedelta(days=1),
                                          now + datetime.timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(is_ca, 0 if is_ca else None), True)
        builder = builder.add_extension(x509.KeyUsage(**usage), True)
        if not is_ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True)
        return builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self):
        return self.cert.fingerprint(hashes.SHA256()).hex()

    def cms(self, data, organization):
        """A detached CMS signature by a fresh signer of that organization, whom we certify."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = self.certificate(organization, key.public_key(), is_ca=False)
        builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(signer, key, hashes.SHA256())
        options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.NoCapabilities]
        return builder.sign(serialization.Encoding.DER, options)


def area_of(archive):
    """(where the content ends, {record type: payload}) of a QPKG."""
    end = len(archive) - 100
    at = archive.rfind(b"QDK", 0, end)
    while at >= 0:
        records = read_records(archive, at + 3, end)
        if records is not None:
            return at, records
        at = archive.rfind(b"QDK", 0, at + 2)
    raise ValueError("no QDK area")


def read_records(archive, at, end):
    records = {}
    while at + 5 <= end:
        size = int.from_bytes(archive[at + 1:at + 5], "big")
        records[archive[at]] = archive[at + 5:at + 5 + size]
        at += 5 + size
    return records if at + 1 == end and archive[at] == 255 else None


def sign_archive(archive, authority, organization):
    """The archive with a strong signature of ours in place of all that was there."""
    content, tail = archive[:area_of(archive)[0]], archive[-100:]
    der = authority.cms(content + tail[:40] + b" " * 10 + tail[50:], organization)
    area = b"QDK" + bytes([STRONG_RECORD]) + len(der).to_bytes(4, "big") + der + b"\xff"
    size = len(content) + len(area) + len(tail)
    return content + area + tail[:40] + str(size * 3589 + 1000000000)[:10].encode() + tail[50:]


# --- repositories ---

class Image:
    """The files of a repository at one moment. roles: {role: path of its metadata}."""

    def __init__(self):
        self.files, self.roles, self.targets = {}, {}, {}

    def copy(self):
        return copy.deepcopy(self)

    def __getitem__(self, role):
        return self.files[self.roles[role]]

    def __setitem__(self, role, body):
        self.files[self.roles[role]] = body

    def signed(self, role):
        return json.loads(self[role])["signed"]

    def resign(self, role, keys, change):
        """Edits the signed part of one role and signs it with these keys; all other files stay as they are."""
        signed = self.signed(role)
        change(signed)
        self[role] = sign(signed, keys)


class Repository:
    """What a vendor says. Change it, then image(): every role but root in a new version."""

    def __init__(self, public, keys):
        public = Path(public)
        self.keys = load_keys(keys)
        self.authority = Authority(folder=Path(keys) / "publisher")
        roots = {int(p.name.split(".")[0]): p for p in public.glob("metadata/*.root.json")}
        self.roots = {number: path.read_bytes() for number, path in roots.items()}
        snapshot = self.newest(public, "snapshot")["meta"]
        self.versions = {name[:-5]: entry["version"] for name, entry in snapshot.items()}
        self.versions["snapshot"] = self.newest(public, "snapshot")["version"]
        self.versions["timestamp"] = json.loads((public / "metadata/timestamp.json").read_bytes())["signed"]["version"]
        self.delegations = self.newest(public, "targets")["delegations"]
        entries = self.newest(public, "releases")["targets"]
        catalogue = entries[CATALOGUE.format("vendor")]["hashes"]["sha256"]
        lines = unsqueeze((public / f"targets/catalogue/{catalogue}.vendor.jsonl.zst").read_bytes()).splitlines()
        self.header, *self.releases = map(json.loads, lines)
        self.brake = {"format": 1, "serial": 1, "entries": []}
        self.publishers = {}
        self.bind = False
        self.timestamp_life = DAY
        self.archives = {f"packages/{path.name}": path.read_bytes() for path in (public / "packages").glob("*.qpkg")}

    @staticmethod
    def newest(public, role):
        paths = {int(p.name.split(".")[0]): p for p in public.glob(f"metadata/*.{role}.json")}
        return json.loads(paths[max(paths)].read_bytes())["signed"]

    def keys_of(self, role):
        return self.publishers[role]["keys"] if role in self.publishers else self.keys[role]

    def threshold_of(self, role):
        newest = json.loads(self.roots[max(self.roots)])["signed"]["roles"]
        if role in newest:
            return newest[role]["threshold"]
        return next(d["threshold"] for d in self.delegations["roles"] if d["name"] == role)

    def release(self, name, version):
        return next(r for r in self.releases if (r["name"], r["version"]) == (name, version))

    def add_publisher(self, name, apps):
        """A delegated role with a key, a CA and an empty catalogue of its own."""
        key, authority = Key(), Authority(name)
        self.publishers[name] = {"keys": [key], "authority": authority, "releases": []}
        self.header["publishers"][name] = {"apps": apps, "ca_sha256": authority.fingerprint, "ca_pem": authority.pem}
        self.delegations["keys"][key.id] = key.public
        self.delegations["roles"].append({"keyids": [key.id], "name": name, "threshold": 1, "terminating": True,
                                          "paths": [CATALOGUE.format(name), f"deltas/{name}/*"]})
        self.versions[name] = 0

    def announce(self, release, archive):
        """Binds the record to these bytes."""
        release.update(size=len(archive), sha256=sha256(archive),
                       path=f"packages/{sha256(archive)}.{release['name']}_{release['version']}_{release['arch']}.qpkg")
        self.archives[release["path"]] = archive

    def next_root(self, change=lambda signed: None, keys=None):
        """Bytes of root N+1: the same but for its version and what is changed."""
        number = max(self.roots)
        signed = json.loads(self.roots[number])["signed"]
        signed["version"] = number + 1
        change(signed)
        return sign(signed, keys or self.keys["root"])

    def rotate_root(self):
        self.roots[max(self.roots) + 1] = self.next_root()

    def signed(self, role, kind, **members):
        self.versions[role] += 1
        return {"_type": kind, "spec_version": "1.0.31", "version": self.versions[role],
                "expires": moment(time.time() + 30 * DAY), **members}

    def catalogue(self, header, releases):
        header = {**header, "serial": self.versions["snapshot"] + 1000, "releases": len(releases),
                  "published": moment(time.time())}
        return b"".join(compact(line) + b"\n" for line in (header, *releases))

    def put_target(self, image, path, data, custom):
        """The entry of a target whose file is now in the image."""
        folder, name = path.rsplit("/", 1)
        image.targets[path] = f"targets/{folder}/{sha256(data)}.{name}"
        image.files[image.targets[path]] = data
        return {"length": len(data), "hashes": {"sha256": sha256(data)}, "custom": custom}

    def put_catalogue(self, image, publisher, header, releases):
        raw = self.catalogue(header, releases)
        path = CATALOGUE.format(publisher)
        custom = {"kind": "catalogue", "format": 1, "urgent_epoch": 0,
                  "raw_sha256": sha256(raw), "raw_length": len(raw)}
        return {path: self.put_target(image, path, squeeze(raw), custom)}

    def put_role(self, image, role, signed):
        image.roles[role] = f"metadata/{signed['version']}.{role}.json"
        image[role] = sign(signed, self.keys_of(role))

    def meta(self, image, *roles):
        meta = {f"{role}.json": {"version": self.versions[role]} for role in roles}
        for role in roles if self.bind else ():
            meta[f"{role}.json"].update(length=len(image[role]), hashes={"sha256": sha256(image[role])})
        return meta

    def image(self):
        image = Image()
        for number, body in self.roots.items():
            image.files[f"metadata/{number}.root.json"] = body
            image.roles["root"] = f"metadata/{max(self.roots)}.root.json"
        image.files.update(self.archives)
        brake = {BRAKE: self.put_target(image, BRAKE, compact(self.brake), {"kind": "brake", "format": 1})}
        self.put_role(image, "brake", self.signed("brake", "targets", targets=brake))
        listed = self.put_catalogue(image, "vendor", self.header, self.releases)
        self.put_role(image, "releases", self.signed("releases", "targets", targets=listed))
        for name, publisher in self.publishers.items():
            header = {"format": 1, "publisher": name}
            listed = self.put_catalogue(image, name, header, publisher["releases"])
            self.put_role(image, name, self.signed(name, "targets", targets=listed))
        self.put_role(image, "targets", self.signed("targets", "targets", targets={}, delegations=self.delegations))
        roles = ("targets", "brake", "releases", *self.publishers)
        self.put_role(image, "snapshot", self.signed("snapshot", "snapshot", meta=self.meta(image, *roles)))
        self.put_timestamp(image)
        return image

    def put_timestamp(self, image):
        now = int(time.time())
        signed = self.signed("timestamp", "timestamp", meta=self.meta(image, "snapshot"), signed_at=moment(now))
        signed["expires"] = moment(now + self.timestamp_life)
        image.roles["timestamp"] = "metadata/timestamp.json"
        image["timestamp"] = sign(signed, self.keys["timestamp"])
