"""A Hugging Face Hub on the loopback: what huggingface_hub asks of it to load and to publish.

Small files are git blobs; `*.safetensors` go through git-lfs, with its redirect to another host on
download and its batch request on upload, as on the Hub. Repositories live in memory.
`HubServer.log` holds each request.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

TOKEN = "hf_loopback"  # the one that may read and write everything
STRANGER = "hf_stranger"  # valid, of someone who may read what is public and write nothing


@dataclass
class Repo:
    """Commits as path -> bytes, by their hash; `refs` names some."""

    private: bool = False
    gated: bool = False
    sdk: str | None = None
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        sha = hashlib.sha1(f"{ref} {len(self.commits)} {sorted(files)}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs[ref] = sha
        return sha

    def head(self) -> dict[str, bytes]:
        return self.commits[self.refs["main"]]


class HubServer(ThreadingHTTPServer):
    """Use as a context manager; `url` is what HF_ENDPOINT would be.

    `status` not None makes every answer that status; `portal` answers everything with a page, as
    the login page of a hotel's network does; `cut` breaks each file off in the middle.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.log: list[str] = []
        self.status: int | None = None
        self.portal = self.cut = False
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.storage = (
            f"http://localhost:{self.server_port}"  # git-lfs's: another host, as on the Hub
        )
        self.connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
            self.server_close()
            for connection in list(self.connections):  # those that clients keep open
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def add(
        self, name: str, files: dict[str, bytes], *, kind: str = "models", **options: Any
    ) -> str:
        """Make a repository that holds the files; returns its commit."""
        repo = self.repos.setdefault((kind, name), Repo(**options))
        return repo.commit(files)


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error."""

    def do_GET(self) -> None:
        self._route("GET")

    def do_HEAD(self) -> None:
        self._route("HEAD")

    def do_POST(self) -> None:
        self._route("POST")

    def do_PUT(self) -> None:
        self._route("PUT")

    def _route(self, method: str) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        self.server.log.append(f"{method} {path}")
        parts = [unquote(p) for p in path.strip("/").split("/")]
        if self.server.portal:
            return self._send(
                200, b"<html>Please log in to the network</html>", {"Content-Type": "text/html"}
            )
        if self.server.status is not None:
            return self._fail(self.server.status, "", "out of order")
        if method in ("POST", "PUT"):
            return self._write(parts)
        if parts[0] == "lfs":
            return self._content(self.server.lfs[parts[1]], {"ETag": f'"{parts[1]}"'})
        if parts[0] == "api":
            return self._api(parts[1], "/".join(parts[2:4]), parts[4:])
        kind = "spaces" if parts[0] == "spaces" else "models"
        parts = parts[1:] if kind == "spaces" else parts
        return self._resolve(kind, "/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    # Reading

    def _api(self, kind: str, name: str, rest: list[str]) -> None:
        repo = self._readable(kind, name)
        if repo is None:
            return None
        revision = rest[1] if len(rest) > 1 else "main"
        sha = repo.refs.get(revision, revision)
        if sha not in repo.commits:
            return self._fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = repo.commits[sha]
        if rest[:1] == ["tree"]:
            return self._json(
                [self._entry(path, content) for path, content in sorted(files.items())]
            )
        return self._json(
            {
                "_id": "1",
                "id": name,
                "sha": sha,
                "private": repo.private,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": path} for path in sorted(files)],
            }
        )

    def _entry(self, path: str, content: bytes) -> dict[str, Any]:
        entry = {"type": "file", "path": path, "size": len(content), "oid": _blob(content)}
        if _is_lfs(path):
            oid = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
        return entry

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        repo = self._readable(kind, name)
        if repo is None:
            return None
        if repo.gated and self._token() != TOKEN:
            return self._fail(
                403 if self._token() else 401, "GatedRepo", f"Access to model {name} is restricted"
            )
        sha = repo.refs.get(revision, revision)
        if path not in repo.commits[sha]:
            return self._fail(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": sha})
        content = repo.commits[sha][path]
        if not _is_lfs(path):
            return self._content(content, {"X-Repo-Commit": sha, "ETag": f'"{_blob(content)}"'})
        oid = hashlib.sha256(content).hexdigest()
        self.server.lfs[oid] = content
        return self._send(
            302,
            b"",
            {
                "X-Repo-Commit": sha,
                "X-Linked-ETag": f'"{oid}"',
                "Location": f"{self.server.storage}/lfs/{oid}",
                "X-Linked-Size": str(len(content)),
            },
        )

    def _readable(self, kind: str, name: str) -> Repo | None:
        """The repository, or None after an answer like the Hub's, which tells a stranger little."""
        repo, token = self.server.repos.get((kind, name)), self._token()
        if token not in (None, TOKEN, STRANGER):
            self._fail(401, "", "Invalid credentials in Authorization header")
        elif repo is None or (repo.private and token != TOKEN):
            self._fail(
                *(
                    (404, "RepoNotFound", "Repository not found")
                    if token
                    else (401, "", "Invalid username or password.")
                )
            )
        else:
            return repo
        return None

    # Writing

    def _write(self, parts: list[str]) -> None:
        if parts[0] == "lfs":
            self.server.lfs[parts[1]] = self.body
            return self._send(200, b"")
        if parts == ["api", "validate-yaml"]:
            return self._validate(json.loads(self.body)["content"])
        if self._token() != TOKEN:
            return self._fail(
                403 if self._token() == STRANGER else 401, "", "You may not write here"
            )
        if parts == ["api", "repos", "create"]:
            return self._create(json.loads(self.body))
        if parts[-2:] == ["objects", "batch"]:
            objects = [
                {
                    "oid": o["oid"],
                    "size": o["size"],
                    "actions": {"upload": {"href": f"{self.server.storage}/lfs/{o['oid']}"}},
                }
                for o in json.loads(self.body)["objects"]
            ]
            return self._json({"transfer": "basic", "objects": objects})
        repo = self.server.repos[parts[1], f"{parts[2]}/{parts[3]}"]
        if parts[4] == "preupload":
            files = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if _is_lfs(f["path"]) else "regular",
                    "shouldIgnore": False,
                }
                for f in json.loads(self.body)["files"]
            ]
            return self._json({"files": files})
        return self._commit(repo, parts)

    def _validate(self, card: str) -> None:
        errors = [] if card.startswith("---\n") else [{"message": "metadata is required"}]
        self._json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def _create(self, given: dict[str, Any]) -> None:
        kind, name = f"{given.get('type', 'model')}s", f"{given['organization']}/{given['name']}"
        known = (kind, name) in self.server.repos
        if not known:
            private = bool(given.get("private") or given.get("visibility") == "private")
            self.server.add(
                name,
                {".gitattributes": b"*.safetensors filter=lfs\n"},
                kind=kind,
                private=private,
                sdk=given.get("sdk"),
            )
        prefix = "spaces/" if kind == "spaces" else ""
        self._json(
            {"url": f"{self.server.url}/{prefix}{name}", "name": name}, 409 if known else 200
        )

    def _commit(self, repo: Repo, parts: list[str]) -> None:
        files = dict(repo.head())
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.lfs[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        sha = repo.commit(files)
        self._json(
            {"commitUrl": f"{self.server.url}/{parts[2]}/{parts[3]}/commit/{sha}", "commitOid": sha}
        )

    # Answers

    def _token(self) -> str | None:
        given = self.headers.get("Authorization")
        return given.removeprefix("Bearer ") if given else None

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _fail(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        named = {"X-Error-Code": code} if code else {}
        body = json.dumps({"error": message}).encode()
        self._send(status, body, {"X-Error-Message": message, **named, **(headers or {})})

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        self._send(200, content, headers, broken=self.server.cut and self.command == "GET")

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        broken: bool = False,
    ) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if broken else body)
        self.close_connection = self.close_connection or broken


def _is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", ".bin"))


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
