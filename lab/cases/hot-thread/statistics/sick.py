"""A service that keeps statistics of its words: a thread counts them anew without pause. Honest work, and a core by right.
"""

import http.server
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)

TEXT = "the loop waits for no one, and who waits for the loop spins " * 2000
found = {}


def count():
    while True:
        seen = {}
        for word in TEXT.split():
            seen[word] = seen.get(word, 0) + len(word)  # <- culprit: hot-thread
        found.update(seen)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(found.get('loop', 0)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


threading.Thread(target=count, name="statistics", daemon=True).start()
http.server.ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
