"""Every request asks a server for a rate, and locks the table only to put the rate into it.
"""

import http.client
import sys
import threading

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
table = threading.Lock()
rates = {}


def ask():
    connection = http.client.HTTPConnection(labkit.HOST, OPTIONS.peer_port)
    connection.request("GET", "/0.3")
    text = connection.getresponse().read()
    connection.close()
    return text


def refresh(name):
    found = ask()
    with table:
        rates[name] = found


@app.get("/rate/{name}")
def rate(name: str):
    refresh(name)
    return "refreshed"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
