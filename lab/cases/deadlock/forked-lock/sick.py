"""A service forks a worker while a thread of its own holds a lock; in the worker that lock stays locked for ever.
"""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
statistics = threading.Lock()
seen = {"requests": 0}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with statistics:  # <- culprit: deadlock
            seen["requests"] += 1
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"pong")

    def log_message(self, *_):
        pass


def flush():
    while True:
        with statistics:
            time.sleep(0.4)
        time.sleep(0.1)


server = HTTPServer((labkit.HOST, OPTIONS.port), Handler)
threading.Thread(target=flush, daemon=True).start()
time.sleep(0.1)
if os.fork() == 0:
    labkit.end_after(OPTIONS.seconds)
    server.serve_forever()
os.wait()
