"""Labels are printed by one thread, which takes them out of a queue; requests wait until theirs is done.
"""

import queue
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
labels = queue.SimpleQueue()


def print_label():
    time.sleep(0.25)  # <- culprit: pool-exhausted


def printer():
    while True:
        done = labels.get()
        print_label()
        done.set()


def label():
    done = threading.Event()
    labels.put(done)
    done.wait()
    return b"label"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = label() if self.path == "/label" else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=printer, daemon=True).start()
ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
