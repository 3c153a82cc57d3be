"""The same service; the sender sleeps in the queue until there is mail.
"""

import http.server
import sys
import threading
import time
import queue

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)

mail = queue.Queue()
sent = []


def send():
    while True:
        sent.append(mail.get())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        mail.put(self.path)
        body = b"queued"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


threading.Thread(target=send, name="sender", daemon=True).start()
http.server.ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
