"""Each request asks a server over a connection of its own, and keeps it: the server hangs up, and nobody closes."""

import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
asked = []


def ask():
    connection = socket.create_connection((labkit.HOST, OPTIONS.peer_port))  # <- culprit: descriptor-exhaustion
    connection.sendall(b"GET /0 HTTP/1.0\r\n\r\n")
    connection.recv(4096)
    asked.append(connection)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ask()
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_):
        pass


HTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
