"""Downloads on a real machine, from a server of its own."""

import contextlib
import hashlib
import http.server
import os
import threading

from toque_node.resources.download import Download

NOT = {
    "absent": "File(path, absent=True) removes one",
    "unmanaged": "owner, group and mode are always managed",
    "sensitive": "a download is public: its digest is in the plan",
    "absent_tool": "downloads are made by the runtime itself",
}
DATA = bytes(range(256)) * 4096
SHA = hashlib.sha256(DATA).hexdigest()


@contextlib.contextmanager
def _server(data=DATA):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/program"
    finally:
        server.shutdown()
        server.server_close()


def present(node):
    path = node.tree + "/program"
    with _server() as url:
        node.makes(Download(path, url, SHA, owner="daemon", mode=0o750))
    assert node.out("sha256sum", path).split()[0] == SHA
    assert node.out("stat", "-c", "%U %a", path) == "daemon 750"
    node.makes(Download(path, "http://127.0.0.1:1/", SHA))  # owner and mode, without the web


def other_bytes(node):
    path = node.tree + "/program"
    node.put(path, b"old")
    with _server(b"evil") as url:
        node.refuses(Download(path, url, SHA), "digest-differs")
        node.refuses(Download(path, url, SHA, most_bytes=3), "download-too-large")
    node.refuses(Download(path, "http://127.0.0.1:1/", SHA), "download-failed")
    assert node.read(path) == b"old"
    assert os.listdir(node.tree) == ["program"]


def full_disk(node):
    disk = node.tree + "/disk"
    os.mkdir(disk)
    node.run("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk)
    try:
        node.put(disk + "/program", b"old")
        with _server() as url:
            node.refuses(Download(disk + "/program", url, SHA), "disk-full")
        assert node.read(disk + "/program") == b"old"
        assert os.listdir(disk) == ["program"]
    finally:
        node.run("umount", disk)
