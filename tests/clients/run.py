"""Talks to `semantik vecpipe` with the client libraries people use, unchanged.

Starts the binary SEMANTIK_BIN with the default model from MODEL_CACHE on a free port of this
machine, runs every check, and stops it. Ends with 0 when all held.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

import leaving_client
import openai_client
import tei_client

KEY = "a-key-of-this-test-only"


def start(folder):
    """Runs the service; its process and address, which it prints before it answers."""
    command = [os.environ["SEMANTIK_BIN"], "vecpipe", "--bind", "127.0.0.1:0", "--json", "--quiet"]
    command += ["--data-dir", folder, "--model-cache", os.environ["MODEL_CACHE"]]
    env = {**os.environ, "METRICS_PORT": "0", "INTERNAL_API_KEY": KEY, "LOG_LEVEL": "ERROR"}
    env.pop("USE_MOCK_EMBEDDINGS", None)
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    greeting = ""
    for line in service.stdout:
        greeting += line
        if line.startswith("}"):
            return service, json.loads(greeting)["url"]
    sys.exit(f"the service did not start (status {service.wait()})")


def main():
    with tempfile.TemporaryDirectory() as folder:
        service, url = start(folder)
        try:
            checks = 0
            for module in (openai_client, tei_client, leaving_client):
                for check in module.CHECKS:
                    check(url, KEY)
                    checks += 1
        finally:
            service.send_signal(signal.SIGTERM)
            status = service.wait(timeout=60)
    if status != 0:
        sys.exit(f"the service ended with status {status}, and not with 0, at SIGTERM")
    print(f"clients: {checks} checks held, with OpenAI's and Hugging Face's libraries")


if __name__ == "__main__":
    main()
