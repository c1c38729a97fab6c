"""A visitor's book in one file: what it writes has to outlive a deploy."""

import os
import sqlite3

from flask import Flask

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]


@app.get("/")
def home() -> str:
    with sqlite3.connect("data/visits.db") as book:
        book.execute("create table if not exists visits (at text default current_timestamp)")
        book.execute("insert into visits default values")
        (count,) = book.execute("select count(*) from visits").fetchone()
    return f"flask {count} {len(app.secret_key)}\n"
