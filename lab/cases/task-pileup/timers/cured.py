"""A watchdog for every parcel: a timer, which is a thread, that is cancelled once the parcel has come.
"""

import http.server
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def overdue(parcel):
    print("overdue", parcel)


def watch(parcel):
    timer = threading.Timer(300, overdue, (parcel,))
    timer.daemon = True
    timer.start()
    return timer


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/parcel"):
            watch(self.path).cancel()
        body = b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.HTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever(poll_interval=0.05)
