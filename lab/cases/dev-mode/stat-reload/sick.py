"""A service that is started with its reloader, which has a large folder to watch and nothing but polling to do it with.
"""

import os
import sys
import sysconfig

import uvicorn
from fastapi import FastAPI

sys.path.insert(0, os.path.abspath(__file__).rsplit("/", 3)[0])
import labkit

app = FastAPI()
labkit.end_after(labkit.LIFE_S)  # the child that serves imports this file too


@app.get("/ping")
async def ping():
    return "pong"


def main():
    options = labkit.begin(__file__)
    folder = os.path.dirname(os.path.abspath(__file__))
    watched = [folder, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    uvicorn.run(  # <- culprit: dev-mode
        "sick:app", app_dir=folder, host=labkit.HOST, port=options.port, log_level="error",  # <- culprit: dev-mode
        reload=True, reload_dirs=watched,  # <- culprit: dev-mode
    )


if __name__ == "__main__":
    main()
