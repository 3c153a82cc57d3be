"""A shop behind a server that forks its workers, each of which has many threads; every order asks the bank.
"""

import sys
import urllib.request

import gunicorn.app.base

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def ask_bank():
    url = "http://{}:{}/3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def shop(environ, start_response):
    body = ask_bank() if environ["PATH_INFO"] == "/order" else b"pong"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Server(gunicorn.app.base.BaseApplication):
    def load_config(self):
        self.cfg.set("bind", "{}:{}".format(labkit.HOST, OPTIONS.port))
        self.cfg.set("workers", 3)
        self.cfg.set("threads", 16)
        self.cfg.set("post_fork", lambda arbiter, worker: labkit.end_after(OPTIONS.seconds))

    def load(self):
        return shop


Server().run()
