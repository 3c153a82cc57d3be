"""A relay whose thread asks its sockets with a timeout of zero whether there is anything to read.
"""

import http.server
import sys
import threading
import time
import select
import socket

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)

inlet, outlet = socket.socketpair()
relayed = []


def relay():
    while True:
        readable, _, _ = select.select([outlet], [], [], 0)  # <- culprit: polling-thread
        if readable:  # <- culprit: polling-thread
            relayed.append(outlet.recv(4096))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        inlet.send(self.path.encode())
        body = b"sent"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


threading.Thread(target=relay, name="relay", daemon=True).start()
http.server.ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
