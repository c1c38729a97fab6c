"""An app server on a unix socket: ``python toy_server.py SOCKET HOW``; started by the tests.

HOW is what it does: ``good``, ``slow`` (answers 0.8 s later), ``busy`` (accepts after 0.8 s),
``500``, ``400``, ``cut`` (promises more than it sends), ``mute`` (accepts, never answers),
``open`` (a socket that everybody may use), ``exit`` (an exception at once), ``flaky`` (bad first).
"""

import os
import signal
import socket
import sys
import threading
import time

path, how = sys.argv[1:]
served = []


def answer(connection):
    served.append(connection)
    request = connection.recv(65536).decode()
    if how == "mute":
        time.sleep(60)
    if how == "slow" and "/slow" in request:
        time.sleep(0.8)
    status = {"500": "500 Internal Server Error", "400": "400 Bad Request"}.get(how, "200 OK")
    if how == "flaky" and len(served) in (1, 3, 4):
        status = "503 Service Unavailable"
    if "Host: shop.example" not in request:
        status = "421 Misdirected Request"
    promised = 100 if how == "cut" else 5
    head = f"HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + b"hello")
    connection.close()


if how == "exit":
    raise ImportError("no module named shop")
print("started", flush=True)
listener = socket.socket(socket.AF_UNIX)
if os.path.exists(path):
    os.unlink(path)
os.umask(0o117 if how != "open" else 0o111)
listener.bind(path)
listener.listen(16)
# As gunicorn and uWSGI do at a stop signal: what is being served is dropped with the process.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if how == "busy":
    time.sleep(0.8)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=answer, args=(connection,), daemon=True).start()
