"""Orders get their numbers one after the other; the numbers' lock is taken by hand, and given back before an order is filed.
"""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Numbers:
    def __init__(self):
        self.lock = threading.Lock()
        self.last = 0

    def next(self):
        self.lock.acquire()
        try:
            self.last += 1
            number = self.last
        finally:
            self.lock.release()
        file_order()
        return b"%d" % number


def file_order():
    time.sleep(0.25)


numbers = Numbers()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = numbers.next() if self.path == "/order" else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
