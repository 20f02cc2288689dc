"""In place of the process of the local model: one that ends as a wrong build of llama.cpp ends.

``STAND_IN`` is ``when:how``: ``test:SIGSEGV``, ``load:SIGILL``, ``test:hang``, ``test:slow``; with ``ask:hang`` it says
that it takes 0.3 s for a request, and takes longer.
"""

import os
import signal
import sys
import time
from multiprocessing.connection import Connection

from kb.llm.pace import Pace
from kb.llm.wire import Ask, Begun, Loaded, Ready


def end(how: str) -> None:
    if how == "hang":
        time.sleep(60)
    os.kill(os.getpid(), signal.Signals[how])


def main() -> None:
    connection = Connection(int(sys.argv[1]))
    connection.recv()
    when, how = os.environ["STAND_IN"].split(":")
    if when == "load":
        end(how)
    connection.send(Loaded())
    if when == "ask":
        connection.send(Ready(4096, Pace(reading=1000.0, writing=1000.0)))
        asked: Ask = connection.recv()
        connection.send(Begun(asked.id, 20, 0.3))
    if how != "slow":
        end(how)
    connection.send(Ready(4096, Pace(reading=2.0, writing=0.2)))
    connection.recv()


if __name__ == "__main__":
    main()
