"""The socket: requests that are cut short, too long, of the wrong method, type or author, or no HTTP at all.

Each is answered with a problem document (RFC 9457) and the right status, or, where nothing can be understood, with an
error of the protocol's own or a closed door. The daemon lives, answers the next one, and grows by nothing.
"""
import http.client
import io
import itertools
import json
import os
import random
import socket
import subprocess
import time

import nas as lab
import pytest
from sweep import SEED

NOBODY = 65534
SANITIZED = b"__asan_init" in lab.Path(lab.program("appcenterd")).read_bytes()
PROBLEM = {"type", "title", "status", "detail", "code", "exit"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")

# Becomes somebody else before it connects: asks what it reads from stdin, or holds connections open until stdin ends.
STRANGER = """
import socket, sys
def door():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("appcenterd.sock")
    return s
if len(sys.argv) > 1:
    held = [door() for _ in range(int(sys.argv[1]))]
    print("held", flush=True)
    sys.stdin.read()
else:
    s = door()
    try:
        s.sendall(sys.stdin.buffer.read())
        while data := s.recv(65536):
            sys.stdout.buffer.write(data)
    except (BrokenPipeError, ConnectionResetError):
        while data := s.recv(65536):
            sys.stdout.buffer.write(data)
"""


class Answer:
    """A raw answer, parsed. status 0: the door was closed without a word."""

    def __init__(self, raw):
        self.raw, self.status, self.type, self.body = raw, 0, "", b""
        if raw:
            response = http.client.HTTPResponse(_Bytes(raw))
            response.begin()
            self.status, self.type = response.status, response.headers.get("Content-Type", "")
            self.body = response.read()

    def problem(self):
        assert self.type == "application/problem+json", self.raw[:500]
        document = json.loads(self.body)
        assert set(document) == PROBLEM and document["status"] == self.status, document
        assert document["title"] and document["detail"] and document["detail"] == document["detail"].strip(), document
        return document


class _Bytes:
    def __init__(self, raw):
        self.raw = raw

    def makefile(self, _mode):
        return io.BytesIO(self.raw)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    nas = lab.Nas(tmp_path_factory.mktemp("door") / "nas")
    nas.configure(lab.config(network__poll="1h"))
    nas.start()
    yield nas
    nas.stop()


@pytest.fixture(autouse=True)
def lives(box):
    """The same process, no bigger, with no more open files, and it answers."""
    assert ask(box, request("GET", "/v1/system")).status == 200
    before = weight(box)
    yield
    assert ask(box, request("GET", "/v1/system")).status == 200
    assert box.daemon.poll() is None
    lab.wait_for("closed connections", lambda: weight(box)[1] <= before[1], 60)
    assert SANITIZED or weight(box)[0] < before[0] + 2048, "the daemon grew"


def weight(box):
    """KiB of its own memory, open files."""
    proc = lab.Path(f"/proc/{box.daemon.pid}")
    return int((proc / "status").read_text().split("RssAnon:")[1].split()[0]), len(list((proc / "fd").iterdir()))


def connect(box):
    """Through the folder: a Unix socket's path has 108 bytes."""
    folder = os.open(box.root / "run/appcenter", os.O_PATH)
    door = socket.socket(socket.AF_UNIX)
    door.settimeout(60)
    door.connect(f"/proc/self/fd/{folder}/appcenterd.sock")
    os.close(folder)
    return door


def ask(box, raw, half_closed=False):
    with connect(box) as door:
        return Answer(converse(door, raw, half_closed))


def say(box, raw, patience=0.3):
    """Says that and goes away; what was answered by then."""
    with connect(box) as door:
        door.settimeout(patience)
        return Answer(converse(door, raw, half_closed=True))


def converse(door, raw, half_closed=False):
    got = b""
    try:
        door.sendall(raw)
        if half_closed:
            door.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has heard enough; what it answered is still to be read
    try:
        while data := door.recv(65536):
            got += data
    except (ConnectionResetError, TimeoutError):
        pass
    return got


def jobs(box):
    return json.loads(ask(box, request("GET", "/v1/jobs")).body)["jobs"]


def request(method, path, body=b"", *headers):
    head = [f"{method} {path} HTTP/1.1", "Host: nas", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


PATHS = ("/v1/system", "/v1/apps", "/v1/apps/X", "/v1/apps/X/why", "/v1/plan", "/v1/jobs", "/v1/jobs/1", "/v1/events",
         "/v1/history", "/v1/config", "/v1/repositories", "/v1/holds", "/v1/advisories", "/v1/audit", "/metrics")


@pytest.mark.parametrize("method", ("PATCH", "TRACE", "OPTIONS", "FROBNICATE", "get", "X" * 200, "CONNECT"))
def test_a_wrong_method_is_405(box, method):
    for path in PATHS:
        answer = ask(box, request(method, path))
        assert answer.status == 405, f"{path}: {answer.raw[:200]}"
        assert answer.problem()["code"] == "invalid"


def test_a_path_that_is_none_is_404(box):
    for path in ("/", "/v1", "/v1/", "/v1/apps/", "/v1/apps//", "/v1/apps/X/", "/v1/apps/X/why/", "/v1/apps/a/b/c", "/v2/system",
                 "//v1/system", "/v1/system/", "/V1/system", "/v1/apps/../system", "/v1/apps/%2e%2e/system", "/v1/jobs/x",
                 "/v1/jobs/-1", "/v1/jobs/0", "/v1/jobs/99999999999999999999", "/v1/history/x", "/v1/system%00", "*", "x",
                 "/v1/apps/" + "x" * 101, "/v1/system;x", "/etc/passwd", "/v1/apps/X%2fwhy"):
        answer = ask(box, request("GET", path))
        assert answer.status == 404, f"{path}: {answer.raw[:200]}"
        assert answer.problem()["code"] in ("invalid", "not-found")


BODIES = (
    b"x", b"{", b"[]", b"5", b"null", b'"action"', b"{}x", b'{"action":"upgrade"', b"\0", b"{}\0", b"\xff\xfe", b'{"a":"\xff"}',
    b'{"action":5}', b'{"action":null}', b'{"action":""}', b'{"action":"auto"}', b'{"action":"frobnicate"}', b'{"action":["upgrade"]}',
    b'{"action":"upgrade","action":"remove"}', b'{"action":"remove"}', b'{"action":"remove","apps":[]}',
    b'{"action":"remove","apps":"X"}', b'{"action":"remove","apps":{"name":"X"}}', b'{"action":"remove","apps":[5]}',
    b'{"action":"remove","apps":[null]}', b'{"action":"remove","apps":[{}]}', b'{"action":"remove","apps":[{"name":5}]}',
    b'{"action":"remove","apps":[{"name":"../x"}]}', b'{"action":"remove","apps":[{"name":"X;id"}]}',
    b'{"action":"remove","apps":[{"name":"X\\u0000"}]}', b'{"action":"remove","apps":[{"name":"' + b"x" * 5000 + b'"}]}',
    b'{"action":"install","apps":[{"name":"X","version":"1 2"}]}', b'{"action":"install","apps":[{"name":"X","version":5}]}',
    b'{"action":"upgrade","options":[]}', b'{"action":"upgrade","options":"x"}', b'{"action":"upgrade","options":{"purge":"yes"}}',
    b'{"action":"upgrade","options":{"dry_run":1}}', b'{"action":"undo"}', b'{"action":"undo","options":{"undo_id":0}}',
    b'{"action":"undo","options":{"undo_id":"1"}}', b'{"action":"undo","options":{"undo_id":1.5}}',
    b'{"action":"undo","options":{"undo_id":99999999999999999999}}', b'{"action":"undo","options":{"undo_id":1e999}}',
    b'{"action":"install","options":{"file":"/etc/passwd"}}', b'{"action":"install","options":{"file":"../x"}}',
    b'{"action":"install","options":{"file":5}}', b'{"action":"install","options":{"trust_sha256":"abc"}}',
    b'{"action":"start"}', b'{"action":"start","apps":[]}', b'{"action":"start","apps":["X","Y"]}', b'{"action":"stop","apps":5}',
    b'{"action":"upgrade","trigger":"emergency-x"}', b'{"action":"upgrade","trigger":5}', b'{"x":' * 5000 + b"1" + b"}" * 5000,
    b"[" * 100000, b'{"action":"remove","apps":[' + b",".join([b'{"name":"X"}'] * 1001) + b"]}",
)


def test_a_body_of_a_wrong_type_is_400(box):
    before = jobs(box)
    for path, body in itertools.product(("/v1/apps", "/v1/plan"), BODIES):
        answer = ask(box, request("POST", path, body, "Content-Type: application/json"))
        assert answer.status == 400, f"{path} {body[:80]}: {answer.raw[:300]}"
        document = answer.problem()
        assert (document["code"], document["exit"]) == ("invalid", 2) and len(document["detail"]) < 400, document
    assert jobs(box) == before, "nothing was queued"


@pytest.mark.parametrize("method, path, bodies", (
    ("PUT", "/v1/holds", (b"[]", b'{"app":5}', b'{"app":"../x"}', b'{"until":"tomorrow"}', b'{"until":5}', b'{"note":[]}',
                          b'{"until":"2001-01-01T00:00:00Z"}', b'{"note":"' + b"x" * 501 + b'"}', b'{"except_emergency":"no"}')),
    ("PUT", "/v1/skips", (b"{}", b"[]", b'{"app":"X"}', b'{"app":5,"version":"1"}', b'{"app":"../x","version":"1"}')),
    ("PUT", "/v1/repositories", (b"{}", b'{"name":"x"}', b'{"name":"../x","url":"https://a/","root":"{}"}',
                                 b'{"name":"x","url":"ftp://a/","root":"{}"}', b'{"name":"x","url":"https://a/","root":"x"}',
                                 b'{"name":"x","url":"https://a/\\n","root":"{}"}', b'{"name":"x","url":5,"root":"{}"}',
                                 b'{"name":"x","url":"https://a/","root":"{}","priority":-1}',
                                 b'{"name":"x","url":"https://a/","root":"{}","mirrors":"x"}')),
))
def test_what_is_put_is_looked_at(box, method, path, bodies):
    for body in bodies:
        answer = ask(box, request(method, path, body))
        assert answer.status == 400, f"{body[:80]}: {answer.raw[:300]}"
        assert answer.problem()["code"] == "invalid"
    assert json.loads(ask(box, request("GET", "/v1/repositories")).body)["repositories"] == []
    assert json.loads(ask(box, request("GET", "/v1/holds")).body)["holds"] == []


def test_a_wrong_query_is_400(box):
    for path in ("/v1/search", "/v1/search?q=", "/v1/search?q=" + "x" * 101, "/v1/search?q=%ff", "/v1/search?q", "/v1/search?Q=x",
                 "/v1/history?limit=0", "/v1/history?limit=-1", "/v1/history?limit=1001", "/v1/history?limit=x",
                 "/v1/history?limit=99999999999999999999", "/v1/events?job=x", "/v1/events?job=0", "/v1/events?job="):
        answer = ask(box, request("GET", path))
        assert answer.status == 400, f"{path}: {answer.raw[:300]}"
        assert answer.problem()["code"] == "invalid"
    assert ask(box, request("DELETE", "/v1/skips?app=X")).problem()["status"] == 400
    for key in ("x" * 201, "\u00e9"):
        answer = ask(box, request("POST", "/v1/refresh", b"{}", f"Idempotency-Key: {key}"))
        assert answer.problem()["status"] == 400


MIB = 1 << 20


def test_a_body_that_is_too_long_is_413(box):
    for path in ("/v1/apps", "/v1/plan", "/v1/refresh"):
        announced = request("POST", path, b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: %d" % (MIB + 1))
        assert ask(box, announced).problem()["status"] == 413
        chunks = b"".join(b"10000\r\n" + b" " * 65536 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
        chunked = f"POST {path} HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks
        assert ask(box, chunked).problem()["status"] == 413
        assert ask(box, request("POST", path, b" " * (MIB + 1))).status == 413


def test_a_request_that_is_cut_short_ends_nothing_but_itself(box):
    before = jobs(box)
    whole = request("POST", "/v1/apps", b'{"action":"upgrade"}')
    for end in range(0, len(whole), 7):
        answer = say(box, whole[:end])
        assert answer.status in (0, 400), answer.raw[:200]
    file = b"POST /v1/files HTTP/1.1\r\nHost: nas\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5000
    assert say(box, file).status in (0, 400)
    incoming = box.root / "var/lib/appcenter/incoming"
    lab.wait_for("half a file to go", lambda: not list(incoming.iterdir()), 60)
    assert jobs(box) == before


NO_HTTP = (
    b"\n", b"\r\n\r\n\r\n", b"\0" * 5000, b"GET\r\n\r\n", b"GET /v1/system\r\n\r\n", b"GET /v1/system HTTP/9.9\r\n\r\n",
    b"GET /v1/system FTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"SSH-2.0-x\r\n",
    b"GET /v1/system HTTP/1.1\r\n\r\n", b"GET /v1/system HTTP/1.1\r\n : x\r\n\r\n", b"GET /v1/system HTTP/1.1\r\nHost\r\n\r\n",
    b"GET /v1/system HTTP/1.1\r\nHost: a\0b\r\n\r\n", b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/system HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100000 + b"\r\n\r\n",
    b"GET /v1/system HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20000 + b"\r\n", b"x" * 300000,
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n{}",
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}",
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n",
    b"POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 200000\r\n\r\n{}",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
)


def test_what_is_no_http_is_told_so_or_shown_the_door(box):
    """A protocol's own error is all that can be said to that; whoever errs in a header that nobody reads is understood."""
    before = jobs(box)
    chance = random.Random(SEED)
    randoms = [chance.randbytes(chance.randrange(1, 3000)) for _ in range(30)]
    for raw in (*NO_HTTP, *randoms):
        answer = say(box, raw)
        is_understood = answer.status == 200 and raw.startswith(b"GET /v1/system HTTP/1.1")
        assert answer.status in (0, 400, 404, 405, 413, 414, 431, 501, 505) or is_understood, f"{raw[:60]}: {answer.raw[:200]}"
        if answer.type == "application/problem+json":
            answer.problem()
    assert jobs(box) == before


def test_a_thousand_bad_ones_leave_nothing_behind(box):
    chance = random.Random(SEED)
    for _ in range(1000):
        body = bytearray(chance.choice(BODIES[:40]))
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        raw = bytearray(request(chance.choice(("POST", "PUT", "GET")), chance.choice(PATHS[:7]), bytes(body)))
        if chance.random() < 0.3:
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        answer = say(box, bytes(raw))
        assert answer.status != 500, f"{bytes(raw)[:300]}: {answer.raw[:300]}"


# --- somebody else ---

def stranger(box, *arguments, **more):
    return subprocess.Popen(["/usr/bin/python3", "-ISBc", STRANGER, *arguments], cwd=box.root / "run/appcenter",
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=NOBODY, group=NOBODY, extra_groups=[], **more)


def ask_as_nobody(box, raw):
    done = stranger(box)
    return Answer(done.communicate(raw, timeout=60)[0])


OPEN_TO_ALL = {("GET", "/v1/system"), ("GET", "/v1/apps")}


@as_root
def test_a_stranger_reads_the_status_and_the_apps_and_does_nothing(box):
    before = jobs(box)
    routes = [line.split("`")[1].split(" ") for line in (lab.TOP / "docs/api.md").read_text().splitlines()
              if line.startswith("| `")]
    assert len(routes) > 20, "docs/api.md lists the routes"
    for method, pattern in routes:
        path = pattern.replace("{name}", "X").replace("{id}", "1")
        path = path.split("?")[0]
        answer = ask_as_nobody(box, request(method, path, b"{}" if method in ("POST", "PUT") else b""))
        if (method, path) in OPEN_TO_ALL:
            assert answer.status == 200, f"{method} {path}: {answer.raw[:300]}"
        else:
            document = answer.problem()
            assert (answer.status, document["code"], document["exit"]) == (403, "denied", 13), f"{method} {path}: {document}"
    for raw in (request("POST", "/v1/apps", b'{"action":"upgrade"}', "X-Uid: 0", "Authorization: Basic cm9vdDo="),
                request("POST", "/v1/files", b"x" * 200000), request("POST", "/v1/apps", b" " * (2 * MIB))):
        assert ask_as_nobody(box, raw).problem()["code"] == "denied"
    assert jobs(box) == before


@as_root
def test_a_stranger_cannot_keep_others_out(box):
    """It opens all the connections that it can and says nothing."""
    greedy = stranger(box, "200")
    try:
        assert greedy.stdout.readline() == b"held\n"
        began = time.monotonic()
        for _ in range(10):
            assert box.json("status")["installed"] == 0
        assert time.monotonic() - began < 10
        told = ask_as_nobody(box, request("GET", "/v1/system"))
        assert told.status == 429 and told.problem()["code"] == "busy"
    finally:
        greedy.communicate()
    lab.wait_for("a place again", lambda: ask_as_nobody(box, request("GET", "/v1/system")).status == 200, 30)


@as_root
def test_appctl_of_a_stranger_says_what_it_may_not(box):
    program = os.open(lab.program("appctl"), os.O_RDONLY)  # a stranger may not get at the folder that it lies in

    def ctl(*words, expect):
        done = subprocess.run([f"/proc/self/fd/{program}", "--socket", "appcenterd.sock", *words], cwd=box.root / "run/appcenter",
                              user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, timeout=60,
                              pass_fds=[program])
        assert done.returncode == expect, f"{words}: exit {done.returncode}: {done.stdout}{done.stderr}"
        return done

    assert ctl("status", "--json", expect=0).stdout
    for words in (("upgrade", "--yes"), ("install", "X", "--yes"), ("remove", "X", "--yes"), ("refresh",), ("hold",), ("history",),
                  ("config", "show"), ("repo", "list"), ("repo", "remove", "x")):
        assert "group appcenter" in (said := ctl(*words, expect=13).stderr) or "for root" in said, said
    os.close(program)

