"""A web server for the attacks on trust: it serves the files of one image, quickly, with the ETag that it is told."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Mirror:
    """files: {path: bytes}, replaced at any time; answers: {path: last status}; etag: of everything, or None."""

    def __init__(self, port):
        self.files, self.answers, self.etag = {}, {}, None
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = unquote(self.path).lstrip("/")
                body = mirror.files.get(path)
                is_known = mirror.etag and self.headers.get("If-None-Match") == mirror.etag
                self.answer(path, 404 if body is None else 304 if is_known else 200, body or b"")

            def answer(self, path, status, body):
                mirror.answers[path] = status
                body = b"" if status == 304 else body
                self.send_response(status)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(body)))
                if mirror.etag and status != 404:
                    self.send_header("ETag", mirror.etag)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                """Keeps quiet: pytest shows what matters."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
