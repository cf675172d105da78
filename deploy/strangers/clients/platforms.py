"""The stand-ins behind https under the platforms' names; then the client's own program.

    platforms.py FOLDER PROGRAM COMMAND…
"""

import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stand

folder, program, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
PORTS = {"rost.amocrm.ru": 18081, "rost.getcourse.ru": 18082, "app.mango-office.ru": 18083, "sipuni.com": 18084}


def pump(source, target):
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(context):
    with socket.create_server(("127.0.0.1", 443), backlog=50) as server:
        while True:
            threading.Thread(target=connect, args=(server.accept()[0], context), daemon=True).start()


def connect(plain, context):
    try:
        secured = context.wrap_socket(plain, server_side=True)
        behind = socket.create_connection(("127.0.0.1", PORTS[secured.asked]))
    except (OSError, KeyError):
        return plain.close()
    threading.Thread(target=pump, args=(behind, secured), daemon=True).start()
    pump(secured, behind)


class Named(ssl.SSLSocket):
    asked = None


def remember(secured, name, _context):
    secured.asked = name


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.sslsocket_class = Named
context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
context.sni_callback = remember
threading.Thread(target=serve, args=(context,), daemon=True).start()

# A code that can be exchanged once, for clients that only sign in so; and the paid filters.
CODE = 'client_id = "strangers"\nclient_secret = "stranger-secret"\nredirect_uri = "https://rost.example/amo"\n' \
    'code = "stranger-code"\nis_api_filter_enabled = true\n'
stand.start(program, folder / "run", bridge=False, amocrm=CODE)
lines = (folder / "run/sandbox.log").read_text().splitlines()
tokens = [line.split()[-1] for line in lines if line.startswith("amocrm token")]
example = stand.variables(folder / "run")
env = {**os.environ, **{name: value for name, value in example.items() if name.startswith("DEMO_")}}
env["PYTHONPATH"] = f"{folder}:{Path(__file__).resolve().parents[1]}"
# The last one is as amoCRM makes it, where the stand-in has such a one.
sys.exit(subprocess.run(command, env={**env, "AMO_TOKEN": tokens[-1]}).returncode)
