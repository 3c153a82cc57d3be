"""The same service without a reloader.
"""

import os
import sys

import uvicorn
from fastapi import FastAPI

sys.path.insert(0, os.path.abspath(__file__).rsplit("/", 3)[0])
import labkit

app = FastAPI()
labkit.end_after(labkit.LIFE_S)


@app.get("/ping")
async def ping():
    return "pong"


def main():
    options = labkit.begin(__file__)
    folder = os.path.dirname(os.path.abspath(__file__))
    uvicorn.run("cured:app", app_dir=folder, host=labkit.HOST, port=options.port, log_level="error")


if __name__ == "__main__":
    main()
