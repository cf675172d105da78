"""Starts the program's stand-ins and, where wanted, the bridge, on the example school. Everything listens on this
network namespace's own loopback, so the example's ports are free; everything ends with the namespace."""

import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GETCOURSE, OPERATION = "http://127.0.0.1:18082", "http://127.0.0.1:9180"


def variables(folder):
    """The example's variables, and a folder for the bridge's data."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return {**os.environ, **dict(pairs), "DOZVON_DATA": str(folder / "data"), "DOZVON_CONFIG": str(folder / "school")}


def start(program, folder, bridge=True, change=None, amocrm=""):
    """`change` edits the copied school, `amocrm` adds to the stand-in's. No order comes by itself. Returns the
    processes."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "deploy/example", folder / "school")
    if change:
        change(folder / "school/schools/rost")
    setup = (ROOT / "deploy/sandbox.toml").read_text()
    setup = setup.split("# These come by themselves")[0].replace("[amocrm]\n", "[amocrm]\n" + amocrm, 1)
    (folder / "sandbox.toml").write_text(setup)
    env = variables(folder)
    if bridge:
        subprocess.run([program, "check"], env=env, check=True, stdout=subprocess.DEVNULL)
    started = [run([program, "sandbox", "--setup", str(folder / "sandbox.toml")], env, folder / "sandbox.log")]
    wait(lambda: get(f"{GETCOURSE}/sandbox"), "the stand-ins start", 30)
    if bridge:
        started.append(run([program, "serve"], env, folder / "bridge.log"))
        wait(lambda: json.loads(get(f"{OPERATION}/health"))["well"], "the bridge starts", 30)
    return started


def run(command, env, log):
    return subprocess.Popen(command, env=env, stdout=log.open("w"), stderr=subprocess.STDOUT)


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


def post(url, **form):
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(url, data=data, timeout=10) as answer:
        return answer.read()


def wait(probe, what, seconds):
    """Until the probe gives something true; an error counts as false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            seen = probe()
        except OSError:
            seen = None
        if seen:
            return seen
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not within {seconds} s")
