"""Somebody who runs a small cell now and then."""

import os
import sys
import time

from jupyter_client import BlockingKernelClient

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

CELL = "import math\ntotal = sum(math.sqrt(one) for one in range(20000))\nprint(total)"

options = labkit.Client().options
file = os.path.join(labkit.own_folder(options), "kernel.json")
while not os.path.exists(file):
    time.sleep(0.1)
time.sleep(1)
kernel = BlockingKernelClient(connection_file=file)
kernel.load_connection_file()
kernel.start_channels()
kernel.wait_for_ready(timeout=30)
for number in range(1000):
    kernel.execute_interactive(CELL, timeout=20, output_hook=lambda message: None)
    if number == 2:
        labkit.ready()
    time.sleep(0.5)
