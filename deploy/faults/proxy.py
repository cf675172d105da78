#!/usr/bin/env python3
"""Stands between the bridge and what it calls, and breaks connections for `deploy/faults.sh`.

`proxy.py FILE name:port:target …` reads FILE again and again; its lines say `<name> <how> <number>`:
  on      everything passes
  off     connections are refused, and those that stood are closed
  silent  connections are accepted, and nothing passes
  deaf    connections that stand fall silent for good, as half-open ones do; new ones pass
"""
import asyncio
import pathlib
import sys


class Gate:
    def __init__(self, port, target):
        self.port, self.target = port, target
        self.how, self.seen = "on", None
        self.server, self.standing = None, set()

    async def open(self):
        if self.server is None:
            self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True)

    async def close(self):
        if self.server is not None:
            self.server.close()
            self.server = None

    async def change(self, line):
        if line == self.seen:
            return
        self.seen, self.how = line, line.split()[0]
        if self.how == "deaf":
            for link in self.standing:
                link.is_deaf = True
            self.how = "on"
        if self.how == "off":
            await self.close()
            for link in list(self.standing):
                link.cut()
        else:
            await self.open()

    async def serve(self, reader, writer):
        link = Link(self)
        self.standing.add(link)
        try:
            await link.run(reader, writer)
        finally:
            self.standing.discard(link)


class Link:
    def __init__(self, gate):
        self.gate, self.is_deaf, self.writers = gate, False, []

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()

    async def run(self, reader, writer):
        self.writers.append(writer)
        while self.gate.how == "silent":
            await asyncio.sleep(0.05)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.gate.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers.append(back)
        one, two = asyncio.ensure_future(self.pump(reader, back)), asyncio.ensure_future(self.pump(there, writer))
        await asyncio.wait([one, two], return_when=asyncio.FIRST_COMPLETED)
        if self.is_deaf:
            # Neither side learns that the other has gone.
            await asyncio.Event().wait()
        one.cancel()
        two.cancel()
        self.cut()

    async def pump(self, reader, writer):
        try:
            while piece := await reader.read(65536):
                while self.gate.how == "silent":
                    await asyncio.sleep(0.05)
                if self.is_deaf:
                    await asyncio.Event().wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass


async def main(orders, *gates):
    gates = {name: Gate(int(port), int(target)) for name, port, target in (gate.split(":") for gate in gates)}
    for gate in gates.values():
        await gate.open()
    while True:
        if (path := pathlib.Path(orders)).exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                name, _, how = line.partition(" ")
                await gates[name].change(how)
        await asyncio.sleep(0.02)


asyncio.run(main(*sys.argv[1:]))
