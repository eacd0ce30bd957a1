"""Repeat the requests of a pickle, 32 at a time: `python benchmarks/bare_client.py PORT FILE`."""

import http.client
import pickle
import queue
import sys
import threading


AT_ONCE = 32


def repeat(port: int, requests: "queue.SimpleQueue[tuple[str, str, str, bytes]]") -> None:
    """Send requests over one connection until none is left."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while True:
        try:
            method, path, media_type, body = requests.get_nowait()
        except queue.Empty:
            return
        connection.request(method, path, body or None, {"Content-Type": media_type})
        connection.getresponse().read()


def main() -> None:
    """Send all requests."""
    port, file = sys.argv[1:]
    requests: queue.SimpleQueue[tuple[str, str, str, bytes]] = queue.SimpleQueue()
    with open(file, "rb") as opened:
        for request in pickle.load(opened):
            requests.put(request)
    threads = [threading.Thread(target=repeat, args=(int(port), requests)) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
