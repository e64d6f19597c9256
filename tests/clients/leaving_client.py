"""A client that goes away: what it asked for is not computed to the end."""

import json
import re
import socket
import time
import urllib.parse
import urllib.request

TEXTS = 8000


def get(url, key, path):
    request = urllib.request.Request(url + path, headers={"X-API-Key": key})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def until(look):
    """Looks until something is there; a state is waited for, not a time."""
    for _ in range(6000):
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def frees_its_work(url, key):
    address = urllib.parse.urlsplit(url)
    body = json.dumps({"texts": [f"text {n} " + "tide " * 240 for n in range(TEXTS)]}).encode()
    head = f"POST /embed HTTP/1.1\r\nHost: {address.netloc}\r\nX-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"

    def computed():
        total = re.search(r'^semantik_embedding_texts_total\{purpose="passage"\} (\d+)', get(url, key, "/metrics"), re.M)
        return int(total[1]) if total else 0

    def in_flight():
        return json.loads(get(url, key, "/model/status"))["in_flight"]

    before = computed()
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(head.encode() + body)
        until(lambda: in_flight() == 1 and computed() > before)
    until(lambda: in_flight() == 0)
    done = computed() - before
    assert done < TEXTS, f"all {done} texts were computed for nobody"


CHECKS = [frees_its_work]
