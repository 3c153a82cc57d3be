"""A healthy notebook: the kernel that a browser talks to."""

import os
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

FOLDER = labkit.own_folder(labkit.arguments())
os.environ["IPYTHONDIR"] = FOLDER  # its profile and history would lie in the user's home

from ipykernel.kernelapp import IPKernelApp

labkit.begin(__file__)
IPKernelApp.launch_instance(["-f", os.path.join(FOLDER, "kernel.json"), "--ip", labkit.HOST])
