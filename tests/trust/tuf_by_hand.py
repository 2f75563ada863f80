"""A TUF repository made by hand, a web server that keeps count, and the client under test.

Shares no code with the product: canonical JSON is written here from its description, keys and signatures are made by the
openssl program, files are served by Python's own server.
"""
import copy
import hashlib
import http.server
import json
import subprocess
import threading
import urllib.parse
from pathlib import Path

import nas as lab

FRESH, EXPIRED = "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
TOP_ROLES = ("root", "timestamp", "snapshot", "targets")
KINDS = {  # keytype, scheme, how openssl makes the key, how it signs
    "ed25519": ("ed25519", "ed25519", ["-algorithm", "ed25519"], None),
    "ecdsa": ("ecdsa", "ecdsa-sha2-nistp256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], []),
    "ecdsa-alias": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256",
                    ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], []),
    "rsa-pss": ("rsa", "rsassa-pss-sha256", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]),
    "rsa-pkcs1v15": ("rsa", "rsa-pkcs1v15-sha256", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], []),
    "rsa-1024": ("rsa", "rsassa-pss-sha256", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
                 ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]),
}


def canonical(value):
    """OLPC canonical JSON: sorted members, no blanks, integers only, quote and backslash escaped and nothing else."""
    if isinstance(value, dict):
        return b"{" + b",".join(canonical(k) + b":" + canonical(value[k]) for k in sorted(value)) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return json.dumps(value).encode()


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


class Key:
    def __init__(self, file, kind="ed25519"):
        keytype, scheme, how, self.sigopt = KINDS[kind]
        self.file = file
        openssl("genpkey", *how, "-out", file)
        if kind == "ed25519":
            public = openssl("pkey", "-in", file, "-pubout", "-outform", "DER")[-32:].hex()
        else:
            public = openssl("pkey", "-in", file, "-pubout").decode()
        self.object = {"keytype": keytype, "scheme": scheme, "keyval": {"public": public}, "x-note": "line\nfeed \\ \""}
        self.id = hashlib.sha256(canonical(self.object)).hexdigest()

    def sign(self, data):
        if self.sigopt is not None:
            return openssl("dgst", "-sha256", "-sign", self.file, *self.sigopt, data=data).hex()
        message = self.file.with_suffix(".message")
        message.write_bytes(data)
        return openssl("pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", message).hex()


class Ring:
    """Keys of the session, made when they are first asked for."""

    def __init__(self, folder):
        self.folder, self.keys = folder, {}

    def key(self, number, kind="ed25519"):
        if (number, kind) not in self.keys:
            self.keys[number, kind] = Key(self.folder / f"{kind}-{number}.pem", kind)
        return self.keys[number, kind]


class Repository:
    """The parts that will be signed, the keys that will sign them, and the files that are served."""

    def __init__(self, ring):
        self.ring, self.files, self.targets = ring, {}, {}
        self.parts = {role: self.part(role) for role in TOP_ROLES}
        self.signers = {role: [] for role in TOP_ROLES}
        self.root = self.parts["root"]
        self.root.update(consistent_snapshot=True, keys={}, roles={})
        for number, role in enumerate(TOP_ROLES):
            self.root["roles"][role] = {"keyids": [], "threshold": 1}
            self.add_key(role, ring.key(number))
        self.parts["timestamp"]["meta"], self.parts["snapshot"]["meta"] = {}, {}
        self.publish("root", "targets", "snapshot", "timestamp")

    @staticmethod
    def part(role):
        part = {"_type": role if role in TOP_ROLES else "targets", "spec_version": "1.0.31", "version": 1, "expires": FRESH}
        return part if role in TOP_ROLES[:3] else part | {"targets": {}}

    def add_key(self, role, key):
        self.root["keys"][key.id] = key.object
        self.root["roles"][role]["keyids"].append(key.id)
        self.signers[role].append(key)

    def rotate(self, role, key):
        self.root["roles"][role]["keyids"].clear()
        old, self.signers[role] = self.signers[role], []
        self.add_key(role, key)
        return old

    def delegate(self, delegator, role, number, **members):
        """A role with a key of its own; `succinct` makes it the bins of that prefix."""
        key = self.ring.key(number)
        delegations = self.parts[delegator].setdefault("delegations", {"keys": {}})
        delegations["keys"][key.id] = key.object
        entry = {"keyids": [key.id], "threshold": 1} | members
        if "bit_length" in members:
            delegations["succinct_roles"] = entry | {"name_prefix": role}
        else:
            delegations.setdefault("roles", []).append({"name": role, "terminating": False} | entry)
            self.add_role(role, key)
        return key

    def add_role(self, role, key):
        self.parts.setdefault(role, self.part(role))
        signers = self.signers.setdefault(role, [])
        if key not in signers:
            signers.append(key)

    def add_target(self, role, path, content, algorithms=("sha256",), **members):
        hashes = {name: hashlib.new(name, content).hexdigest() for name in algorithms}
        self.parts[role]["targets"][path] = {"length": len(content), "hashes": hashes} | members
        folder, _, name = path.rpartition("/")
        for prefix in hashes.values() if self.root["consistent_snapshot"] else [None]:
            self.targets["/".join(filter(None, [folder, f"{prefix}.{name}" if prefix else name]))] = content

    def file_name(self, role):
        quoted = urllib.parse.quote(role, safe="")
        versioned = role == "root" or (role != "timestamp" and self.root["consistent_snapshot"])
        return f"{self.parts[role]['version']}.{quoted}.json" if versioned else f"{quoted}.json"

    def signed(self, role, part=None):
        part = part or self.parts[role]
        data = canonical(part)
        return {"signatures": [{"keyid": key.id, "sig": key.sign(data)} for key in self.signers[role]], "signed": part}

    def serve(self, role, data):
        self.files[self.file_name(role)] = data if isinstance(data, bytes) else json.dumps(data).encode()

    def publish(self, *roles):
        """Signs these as they are, and writes down what announces them."""
        for role in roles:
            self.serve(role, copy.deepcopy(self.signed(role)))
            if role not in ("root", "timestamp"):
                announcer = "timestamp" if role == "snapshot" else "snapshot"
                self.parts[announcer]["meta"][f"{role}.json"] = {"version": self.parts[role]["version"]}

    def bump(self, *roles):
        for role in roles:
            self.parts[role]["version"] += 1
        self.publish(*roles)


class Server:
    """Serves a repository and notes what was asked for; `odd` maps a path to what is done instead."""

    def __init__(self, repository):
        self.repository, self.asked, self.odd = repository, [], {}
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", lab.free_port()), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request):
        path = request.path.lstrip("/")
        self.asked.append(path)
        if path in self.odd:
            self.odd[path](request)
            return
        folder, _, name = path.partition("/")
        files = self.repository.files if folder == "metadata" else self.repository.targets
        body = files.get(name if folder == "metadata" else urllib.parse.unquote(name))
        request.send_response(200 if body is not None else 404)
        request.send_header("Content-Length", str(len(body or b"")))
        request.end_headers()
        request.wfile.write(body or b"")

    def take_asked(self):
        asked, self.asked = self.asked, []
        return " ".join(path.removeprefix("metadata/") for path in asked)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Client:
    """The program under test, with its folders."""

    def __init__(self, folder, server):
        self.server, self.metadata, self.targets = server, folder / "metadata", folder / "targets"
        for path in (folder, self.metadata, self.targets):
            path.mkdir()
        first = folder / "first.json"
        first.write_bytes(server.repository.files["1.root.json"])
        self.said = ""
        assert self.run("init", first) == 0

    def command(self, *words):
        return [str(lab.BUILD / "tests" / "tuf-client"), "--metadata-dir", str(self.metadata),
                "--metadata-url", f"{self.server.url}/metadata/", *map(str, words)]

    def run(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=120)
        self.said = done.stderr
        assert done.returncode in (0, 1), f"{words} ended with {done.returncode}: {done.stderr}"
        assert not any(word in done.stderr for word in ("Sanitizer", "WARNING", "CRITICAL")), done.stderr
        return done.returncode

    def refresh(self):
        return self.run("refresh")

    def download(self, *names):
        return self.run(*(word for name in names for word in ("--target-name", name)), "--target-dir", self.targets,
                        "--target-base-url", f"{self.server.url}/targets", "download")

    def versions(self):
        """Of the four roles, as stored; 0 when there is none."""
        found = []
        for role in TOP_ROLES:
            file = self.metadata / f"{role}.json"
            found.append(json.loads(file.read_bytes())["signed"]["version"] if file.exists() else 0)
        return found

    def downloaded(self):
        return {urllib.parse.unquote(file.name): file.read_bytes() for file in Path(self.targets).iterdir()}
