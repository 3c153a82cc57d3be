"""What the services and the traffic of all cases share. Standard library only, and runs on Python 3.8.

A case has three programs: `sick.py` and `cured.py`, the services, and `traffic.py`, which both start in the same way. The traffic
is a process of its own and no child of the service, so that whoever looks at the service sees nothing but the service.
"""

import argparse
import asyncio
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HOST = "127.0.0.1"
LIFE_S = 60  # whatever happens, a service and its traffic end by themselves after this


def arguments():
    """The options that every service and every traffic program takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=LIFE_S)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--mongo-port", type=int, default=0)
    parser.add_argument("--peer-port", type=int, default=0, help="where /SECONDS is answered after so many seconds")
    parser.add_argument("--idle", action="store_true", help="only what brings the sickness on, no steady traffic")
    parser.add_argument("--gentle", action="store_true", help="for the traffic: a tenth of the load, where a case has two")
    return parser.parse_args()


def begin(service, *for_traffic):
    """Arm the alarm that ends the service, start the traffic that lies beside it, and give back the options."""
    options = arguments()
    end_after(options.seconds)
    program = os.path.join(os.path.dirname(os.path.abspath(service)), "traffic.py")
    start_traffic([program] + sys.argv[1:] + list(for_traffic))
    return options


def end_after(seconds):
    """End this process after so many seconds; to be called again in every forked child, which inherits no alarm."""
    signal.alarm(seconds)


def start_traffic(command, **how):
    """Start the traffic as an orphan: a process in between starts it and ends at once."""
    orphan = "import subprocess, sys; subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)"
    subprocess.run([sys.executable, "-c", orphan, sys.executable] + command, check=True, **how)


def confine(controller, cores=None, mebibytes=None):
    """Put this process into a control group of its own with a limit; needs root. Removed when the process has ended."""
    folder = "/sys/fs/cgroup/{}/spindoctor-lab-{}".format(controller, os.getpid())
    values = {"cpu.cfs_quota_us": cores and int(cores * 100000), "memory.limit_in_bytes": mebibytes and mebibytes << 20}
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):  # version 2
        folder = folder.replace("/{}/".format(controller), "/")
        values = {"cpu.max": cores and "{} 100000".format(int(cores * 100000)), "memory.max": mebibytes and mebibytes << 20}
    os.mkdir(folder)
    for name, value in values.items():
        if value:
            _write(os.path.join(folder, name), value)
    start_traffic(["-c", REMOVE, folder, str(os.getpid())], start_new_session=True)
    _write(os.path.join(folder, "cgroup.procs"), os.getpid())


REMOVE = """
import os, sys, time
while os.path.exists("/proc/" + sys.argv[2]):
    time.sleep(0.2)
for _ in range(50):
    try:
        os.rmdir(sys.argv[1])
    except FileNotFoundError:
        break
    except OSError:
        time.sleep(0.1)
"""


def own_folder(options):
    """A folder for this service and its traffic, the same whoever asks; removed when the service has ended."""
    folder = os.path.join(tempfile.gettempdir(), "spindoctor-lab-{}".format(options.port))
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        start_traffic(["-c", CLEAR, folder, str(os.getpid())], start_new_session=True)
    return folder


CLEAR = """
import os, shutil, sys, time
end_s = time.monotonic() + 600  # by then that number may be another's
while os.path.exists("/proc/" + sys.argv[2]) and time.monotonic() < end_s:
    time.sleep(0.2)
time.sleep(1)  # its forked children and its traffic end in the same second
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def _write(path, value):
    with open(path, "w") as file:
        file.write(str(value))


def ready():
    """Tell the runner that the sickness has begun (in the cured twin: that it would have)."""
    print("READY", flush=True)


def serve(app, options, **more):
    """Run an ASGI application in one process under uvicorn."""
    import uvicorn

    uvicorn.run(app, host=HOST, port=options.port, loop=options.loop, log_level="error", **more)


async def to_thread(function, *values):
    """What asyncio.to_thread does; for Python 3.8, which does not have it."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *values)


def default_pool_size():
    """How many threads the default executor has at most: min(32, cpus + 4)."""
    return min(32, (getattr(os, "process_cpu_count", os.cpu_count)() or 1) + 4)


async def listen(routes, options):
    """A little HTTP server for services that need no framework: `routes` maps a path to a coroutine function.

    One request for each connection; the handler returns the text of the answer.
    """

    async def connected(reader, writer):
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            body = (await routes[path]()).encode()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # hung up
        finally:
            writer.close()

    server = await asyncio.start_server(connected, HOST, options.port)
    await server.serve_forever()


class Client:
    """The other side: requests to the service over the loopback, of every politeness."""

    def __init__(self):
        self.options = arguments()
        self.port = self.options.port
        end_after(self.options.seconds)

    def connect(self, patience_s=20.0):
        """A connection to the service, waiting for it to listen."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return socket.create_connection((HOST, self.port), timeout=self.options.seconds)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def send(self, path):
        """Send a request and do not wait for the answer: the open connection."""
        connection = self.connect()
        connection.sendall("GET {} HTTP/1.1\r\nHost: lab\r\n\r\n".format(path).encode())
        return connection

    def abandon(self, path, after_s=0.0, read=True):
        """Send a request, read the beginning of its answer, if there is to be one, and hang up."""
        connection = self.send(path)
        if read:
            connection.recv(4096)
        time.sleep(after_s)
        connection.close()

    def get(self, path, timeout_s=5.0):
        """One polite request: its status, or None if no answer came in time."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def wait_until_up(self, path):
        """Return once the service answers a request."""
        deadline = time.monotonic() + 20
        while self.get(path) is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def steadily(self, path, per_second, timeout_s=5.0):
        """Request a path at a steady rate until the end, in the background; a slow answer delays the next request."""
        if not self.options.idle:
            self.insist(path, per_second, timeout_s)

    def insist(self, path, per_second, timeout_s=5.0):
        """The same, also in a run without steady traffic: for a sickness that exists only while requests come."""

        def work():
            while True:
                started = time.monotonic()
                self.get(path, timeout_s)
                time.sleep(max(0.0, 1 / per_second - (time.monotonic() - started)))

        threading.Thread(target=work, daemon=True).start()

    def stay(self):
        """Keep the background traffic going until the alarm."""
        while True:
            time.sleep(1)
