"""A gallery that writes down each picture in one catalogue; the picture is made smaller while the lock of the catalogue's file is held.
"""

import os
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler

import filelock

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit


def add_picture(path):
    with filelock.FileLock(CATALOGUE + ".lock"):
        make_smaller(path)
        with open(CATALOGUE, "a") as lines:
            lines.write(path + "\n")
    return b"added"


def make_smaller(_path):
    time.sleep(0.25)  # <- culprit: lock-contention


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = add_picture(self.path) if self.path.startswith("/picture") else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


OPTIONS = labkit.begin(__file__)
CATALOGUE = os.path.join(labkit.own_folder(OPTIONS), "catalogue")
Server((labkit.HOST, OPTIONS.port), Handler).serve_forever(poll_interval=0.05)
