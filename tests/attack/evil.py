"""An evil web server, and an evil proxy: HTTP on raw sockets, honest until a path is told to misbehave.

It stands where the vendor's server stands. Nothing of the product is used here, and no HTTP library either, so that it
can lie about every byte: lengths, ranges, encodings, time.
"""
import contextlib
import gzip
import hashlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

PORTAL = b"<!DOCTYPE html>\n<html><head><title>Welcome to Hotel Wi-Fi</title></head><body>Please log in</body></html>\n"
PATIENCE_S = 120  # longer than any client may wait


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = (lines[0].split(" ") + ["", ""])[:3]
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.path = urllib.parse.unquote(urllib.parse.urlsplit(self.target).path)
        self.at = time.monotonic()


class Evil:
    """Serves a folder. misbehave(pattern, trick) from then on, until behave(); requests is what was asked."""

    def __init__(self, folder, port, certificate=None):
        self.folder, self.port = Path(folder), port
        self.requests, self.rules = [], []
        self.tls = certificate and server_side(certificate)
        self.ended = threading.Event()
        self.listener = None

    @property
    def place(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.place}/"

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        self.ended.set()
        self.shut()

    def shut(self):
        """Nobody listens any more; start() opens again."""
        if self.listener:
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None

    def misbehave(self, pattern, trick):
        self.rules.append((re.compile(pattern), trick))

    def behave(self):
        self.rules.clear()

    def asked(self, pattern):
        return [request for request in self.requests if re.search(pattern, request.path)]

    # --- connections ---

    def accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(peer,), daemon=True).start()

    def converse(self, peer):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(peer.close)
            peer.settimeout(PATIENCE_S)
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
                stack.callback(peer.close)
            rest = b""
            while not self.ended.is_set():
                head, rest = read_head(peer, rest)
                if head is None or not self.answer(Answer(self, peer, Request(head))):
                    return

    def answer(self, answer):
        """Truth or a trick; false when the connection is over."""
        self.requests.append(answer.request)
        for pattern, trick in list(self.rules):
            if pattern.search(answer.request.path or answer.request.target):
                return trick(answer)
        return answer.truth()


class Answer:
    """What a trick works with: the request, the honest body, and the wire."""

    def __init__(self, server, peer, request):
        self.server, self.peer, self.request = server, peer, request

    @property
    def body(self):
        path = (self.server.folder / self.request.path.lstrip("/")).resolve()
        if path.is_relative_to(self.server.folder.resolve()) and path.is_file():
            return path.read_bytes()
        return None

    @property
    def etag(self):
        return '"' + hashlib.sha256(self.body).hexdigest()[:20] + '"'

    def send(self, data):
        self.peer.sendall(data)

    def head(self, status, *lines):
        self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1"))

    def say(self, status, body=b"", *lines):
        self.head(status, f"Content-Length: {len(body)}", *lines)
        self.send(body)
        return True

    def truth(self):
        body, headers = self.body, self.request.headers
        if body is None:
            return self.say("404 Not Found", b"<html>no such file</html>", "Content-Type: text/html")
        etag = f"ETag: {self.etag}"
        if headers.get("if-none-match") == self.etag:
            self.head("304 Not Modified", etag)
            return True
        first = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        if first and headers.get("if-range", self.etag) == self.etag:
            return self.say_part(int(first[1]), etag)
        return self.say("200 OK", body, etag, "Content-Type: application/octet-stream")

    def say_part(self, first, *lines, body=None, claim=None):
        body = self.body if body is None else body
        if first >= len(body):
            return self.say("416 Range Not Satisfiable", b"", f"Content-Range: bytes */{len(body)}")
        claim = claim or f"bytes {first}-{len(body) - 1}/{len(body)}"
        return self.say("206 Partial Content", body[first:], f"Content-Range: {claim}", *lines)

    def hold(self):
        """Says nothing more, until the client has gone away."""
        with contextlib.suppress(OSError):
            while not self.server.ended.is_set() and self.peer.recv(4096):
                pass
        return False

    def flood(self, piece):
        with contextlib.suppress(OSError):
            while not self.server.ended.is_set():
                self.send(piece)
        return False

    def drip(self, data):
        """One byte a second."""
        with contextlib.suppress(OSError):
            for byte in data:
                self.send(bytes([byte]))
                if self.server.ended.wait(1):
                    break
        return False


def read_head(peer, rest):
    while b"\r\n\r\n" not in rest:
        data = peer.recv(65536)
        if not data or len(rest) > 1 << 20:
            return None, b""
        rest += data
    head, _, rest = rest.partition(b"\r\n\r\n")
    return head, rest


# --- tricks: each is given an Answer and says whether the connection goes on ---

def status(line, *lines, body=b"no"):
    return lambda answer: answer.say(line, body, *lines)


def redirect(to, code="302 Found"):
    """to: a URL, or a function of the answer that makes one."""
    def trick(answer):
        return answer.say(code, b"", "Location: " + (to(answer) if callable(to) else to))
    return trick


def loop(answer):
    return answer.say("302 Found", b"", f"Location: {answer.request.path}")


def ever_further(answer):
    """Redirects that never lead to the same place twice."""
    turn = len(answer.server.requests)
    return answer.say("307 Temporary Redirect", b"", f"Location: {answer.request.path}?turn={turn}")


def portal(answer):
    return answer.say("200 OK", PORTAL, "Content-Type: text/html; charset=utf-8")


def portal_in_disguise(answer):
    return answer.say("200 OK", b"\xef\xbb\xbf\r\n" + PORTAL, "Content-Type: application/octet-stream")


def hang_up(answer):
    return False


def reset(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body)}")
    answer.send(answer.body[:len(answer.body) // 2])
    time.sleep(0.1)
    answer.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def stall_before(answer):
    return answer.hold()


def stall_in_head(answer):
    answer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    return answer.hold()


def stall_in_body(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body)}")
    answer.send(answer.body[:len(answer.body) // 2])
    return answer.hold()


def drip_body(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body)}")
    return answer.drip(answer.body)


def drip_head(answer):
    return answer.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Patience: yes\r\n" * 100)


def early_end(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body)}", f"ETag: {answer.etag}")
    answer.send(answer.body[:len(answer.body) // 2])
    return False


def early_end_in_chunks(answer):
    half = answer.body[:len(answer.body) // 2]
    answer.head("200 OK", "Transfer-Encoding: chunked")
    answer.send(b"%x\r\n%s\r\n" % (len(half), half))
    return False


def endless(answer):
    answer.head("200 OK")
    return answer.flood(b"{" + b" " * 65535)


def endless_in_chunks(answer):
    answer.head("200 OK", "Transfer-Encoding: chunked")
    return answer.flood(b"10000\r\n" + b" " * 65536 + b"\r\n")


def endless_head(answer):
    answer.send(b"HTTP/1.1 200 OK\r\n")
    return answer.flood((b"X-More: " + b"y" * 1000 + b"\r\n") * 60)


def endless_preamble(answer):
    return answer.flood(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 500)


def length_too_long(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body) + 100}")
    answer.send(answer.body)
    return False


def length_absurd(answer):
    answer.head("200 OK", f"Content-Length: {10 ** 15}")
    answer.send(answer.body)
    return False


def length_nonsense(answer):
    answer.head("200 OK", "Content-Length: many")
    answer.send(answer.body)
    return False


def lengths_that_differ(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body)}", f"Content-Length: {len(answer.body) - 1}")
    answer.send(answer.body)
    return False


def length_too_short(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body) // 2}")
    answer.send(answer.body)
    return False


def bad_chunks(answer):
    answer.head("200 OK", "Transfer-Encoding: chunked")
    answer.send(b"fffffffffffffffff\r\n" + answer.body)
    return False


def bomb(header):
    """256 MiB of blanks as 260 kB."""
    def trick(answer):
        squeezed = gzip_of_blanks()
        answer.head("200 OK", f"{header}: gzip", *([] if header[0] == "T" else [f"Content-Length: {len(squeezed)}"]))
        answer.send(squeezed)
        return False
    return trick


_squeezed = []


def gzip_of_blanks():
    if not _squeezed:
        _squeezed.append(gzip.compress(b" " * (1 << 28), 1))
    return _squeezed[0]


def other_bytes(answer):
    """The same name and length, other content; ranges of it without a question."""
    content = bytes(byte ^ 1 for byte in answer.body)
    first = answer.request.headers.get("range")
    return answer.say_part(int(first.split("=")[1].rstrip("-")), body=content) if first else answer.say("200 OK", content)


def unasked_part(answer):
    return answer.say_part(1)


def not_http(answer):
    answer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    return False


def retry_after(line, seconds):
    return status(line, f"Retry-After: {seconds}")


# --- TLS ---

def self_signed(folder):
    """A certificate that nobody vouches for, with its key, in one file."""
    path = Path(folder) / "self-signed.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", str(path), "-out", str(path) + ".crt", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(str(path) + ".crt").read_bytes())
    return path


def server_side(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


# --- how much memory they took ---

class Memory:
    """The largest resident size that any process below one pid has had: the kernel's own high-water mark, read often."""

    def __init__(self, pid):
        self.pid, self.peaks = pid, {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def watch(self):
        while not self.ended.wait(0.02):
            self.look(self.pid)

    def look(self, pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{pid}/status").read_text()
            name = re.search(r"^Name:\s*(\S+)", text)[1]
            peak = int(re.search(r"^VmHWM:\s*(\d+)", text, re.M)[1]) << 10 if "VmHWM" in text else 0
            self.peaks[name] = max(self.peaks.get(name, 0), peak)
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                self.look(int(child))
