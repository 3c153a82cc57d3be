"""The same service; the words are counted once, since they never change.
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
    seen = {}
    for word in TEXT.split():
        seen[word] = seen.get(word, 0) + len(word)
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
