"""A mail service whose sender asks its queue for mail without ever waiting for any.
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
        try:
            sent.append(mail.get_nowait())  # <- culprit: polling-thread
        except queue.Empty:  # <- culprit: polling-thread
            continue  # <- culprit: polling-thread


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
