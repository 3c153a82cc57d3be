"""Invoices get their numbers one after the other, whichever of four processes writes them; the lock of the journal's file is held for the number alone.
"""

import contextlib
import fcntl
import os
import socketserver
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit


@contextlib.contextmanager
def journal():
    with open(JOURNAL, "a+") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        yield lines


def number():
    with journal() as lines:
        lines.seek(0)
        mine = len(lines.readlines())
        lines.write("%d\n" % mine)
    file_invoice(mine)
    return b"%d" % mine


def file_invoice(_number):
    time.sleep(0.2)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = number() if self.path == "/invoice" else b"pong"
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
JOURNAL = os.path.join(tempfile.mkdtemp(), "journal")
server = Server((labkit.HOST, OPTIONS.port), Handler)
for _ in range(3):
    if os.fork() == 0:
        labkit.end_after(OPTIONS.seconds)
        break
server.serve_forever(poll_interval=0.05)
