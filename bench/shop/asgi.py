import asyncio

import shop
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.get("/")
async def home():
    return Response("shop\n", media_type="text/plain")


@app.get("/version")
async def version():
    return Response(shop.COMMIT + "\n", media_type="text/plain")


@app.post("/up")
async def up(request: Request):
    return Response(shop.digest(await request.body()), media_type="text/plain")


@app.get("/down")
async def down():
    return Response(shop.LARGE, media_type="application/octet-stream")


@app.get("/slow")
async def slow():
    await asyncio.sleep(shop.SLOW_S)
    return Response("slow\n", media_type="text/plain")


@app.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
