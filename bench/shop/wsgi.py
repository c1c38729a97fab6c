import time

import shop
from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/")
def home():
    return Response("shop\n", mimetype="text/plain")


@app.get("/version")
def version():
    return Response(shop.COMMIT + "\n", mimetype="text/plain")


@app.post("/up")
def up():
    return Response(shop.digest(request.get_data()), mimetype="text/plain")


@app.get("/down")
def down():
    return Response(shop.LARGE, mimetype="application/octet-stream")


@app.get("/slow")
def slow():
    time.sleep(shop.SLOW_S)
    return Response("slow\n", mimetype="text/plain")
