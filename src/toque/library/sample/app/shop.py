"""One page, said by WSGI and by ASGI; ``/commit`` tells which release answers."""

import os

TYPE = "text/plain; charset=utf-8"


def _text(path):
    return os.environ["TOQUE_COMMIT"] if path == "/commit" else f"hello from {path}"


def wsgi(environ, start_response):
    body = _text(environ["PATH_INFO"]).encode()
    start_response("200 OK", [("Content-Type", TYPE), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    body = _text(scope["path"]).encode()
    headers = [(b"content-type", TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
