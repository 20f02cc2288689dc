"""In place of the process of the local model: one that ends as a wrong build of llama.cpp ends.

``STAND_IN`` is ``when:how``: ``test:SIGSEGV``, ``load:SIGILL``, ``test:hang``, ``test:slow``.
"""

import os
import signal
import sys
import time
from multiprocessing.connection import Connection

from kb.llm.wire import Loaded, Ready


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
    if how != "slow":
        end(how)
    connection.send(Ready(4096, 0.2))
    connection.recv()


if __name__ == "__main__":
    main()
