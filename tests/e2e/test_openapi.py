"""GET /v1/openapi.json: what it says of every route is what docs/api.md says and what the daemon does."""
import http.client
import json
import re
import socket

import nas as lab


class Socket(http.client.HTTPConnection):
    def __init__(self, box):
        super().__init__("localhost", timeout=20)
        self.box = box

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        with lab.contextlib.chdir(self.box.root / "run/appcenter"):  # a name of any depth
            self.sock.connect("appcenterd.sock")


def ask(box, method, path, body=None):
    """(status, content type, body)."""
    connection = Socket(box)
    connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), text


def documented():
    """{(method, path): (level, query)} of the route table in docs/api.md."""
    rows = re.findall(r"^\| `([A-Z]+) (/[^`?]*)(?:\?([^`]*))?` \| ([a-z]+) \|", (lab.TOP / "docs/api.md").read_text(), re.M)
    return {(method, path): (level, query) for method, path, query, level in rows}


def test_the_document_is_the_route_table(nas):
    status, kind, text = ask(nas, "GET", "/v1/openapi.json")
    assert status == 200 and kind.startswith("application/json")
    document = json.loads(text)
    assert document["openapi"] == "3.1.0" and document["info"]["title"] and document["info"]["version"] and document["servers"][0]["url"]
    problem = document["components"]["responses"]["problem"]
    assert problem["description"] and "application/problem+json" in problem["content"]
    routes, ids = documented(), []
    assert len(routes) > 30
    assert {(method.upper(), path) for path, methods in document["paths"].items() for method in methods} == set(routes)
    for (method, path), (level, query) in routes.items():
        operation = document["paths"][path][method.lower()]
        ids.append(operation["operationId"])
        assert operation["summary"] and operation["x-appcenter-level"] == level
        where = {p["name"]: p["in"] for p in operation["parameters"]}
        assert [name for name, place in where.items() if place == "path"] == re.findall(r"\{(\w+)\}", path)
        assert not query or where[query.split("=")[0]] == "query"
        assert all(p["required"] is (p["in"] == "path") and p["schema"]["type"] == "string" for p in operation["parameters"])
        good, = [code for code in operation["responses"] if code != "default"]
        assert re.fullmatch("20[0-4]", good) and operation["responses"][good]["description"]
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/problem"}
        assert ("requestBody" in operation) == (method in ("POST", "PUT"))
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z0-9_]+", one) for one in ids)


def announced(document, method, path):
    """The status of a good answer and what its content is."""
    responses = document["paths"][path][method.lower()]["responses"]
    code, = [code for code in responses if code != "default"]
    return int(code), responses[code].get("content", {})


def test_what_it_announces_is_what_is_answered(nas):
    nas.ctl("install", "QVPN=3.0", "--yes")
    document = json.loads(ask(nas, "GET", "/v1/openapi.json")[2])
    values = {"{name}": "QVPN", "{id}": "1"}
    asked = 0
    for path in document["paths"]:
        if "get" not in document["paths"][path] or path == "/v1/events":
            continue
        real = re.sub(r"\{\w+\}", lambda m: values[m[0]], path) + ("?q=QVPN" if path == "/v1/search" else "")
        if path == "/v1/apps/{name}/why":
            continue  # nothing waits for it
        status, content = announced(document, "GET", path)
        got, kind, text = ask(nas, "GET", real)
        (announced_kind, schema), = content.items()
        assert got == status and kind.split(";")[0] == announced_kind, path
        if "properties" in schema["schema"]:
            assert json.loads(text)["schema"] == schema["schema"]["properties"]["schema"]["const"], path
        asked += 1
    assert asked > 15
    for method, path, real, body in (("PUT", "/v1/holds", "/v1/holds", {"app": "QVPN", "until": None, "note": None, "except_emergency": False}),
                                     ("DELETE", "/v1/holds", "/v1/holds?app=QVPN", None),
                                     ("PUT", "/v1/skips", "/v1/skips", {"app": "QVPN", "version": "3.1"}),
                                     ("DELETE", "/v1/skips", "/v1/skips?app=QVPN&version=3.1", None),
                                     ("PUT", "/v1/config", "/v1/config", {"name": "updates.other", "value": "notify"}),
                                     ("POST", "/v1/verify", "/v1/verify", {"apps": []}), ("POST", "/v1/refresh", "/v1/refresh", {}),
                                     ("POST", "/v1/plan", "/v1/plan", {"action": "upgrade", "apps": [], "options": {}})):
        status, content = announced(document, method, path)
        got, _, text = ask(nas, method, real, body)
        assert got == status, (method, real, got, text)
        assert bool(content) == bool(text.strip()), (method, real, text)
    got, kind, text = ask(nas, "GET", "/v1/jobs/0")
    assert got == 404 and kind.startswith("application/problem+json")
    assert set(document["components"]["responses"]["problem"]["content"]["application/problem+json"]["schema"]["required"]) <= set(json.loads(text))
