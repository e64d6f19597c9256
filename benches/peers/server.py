"""ONNX Runtime behind HTTP, as a padded server has it: what waits is batched, padded to its longest text.

    server.py <work folder> [--port N] [--graph fused.onnx|int8.onnx] [--batch 32]

Answers POST /embed {"inputs": text or [texts]} as text-embeddings-inference does. One session on both
cores; a batch is whatever arrived while the last one was computed, at most --batch texts, in the order
of arrival.
"""

import argparse
import concurrent.futures
import http.server
import json
import pathlib
import queue
import threading

import engines


class Batcher:
    """Computes what waits, one padded batch after the other."""

    def __init__(self, engine, most):
        self.engine, self.most, self.waiting = engine, most, queue.Queue()
        threading.Thread(target=self.drain, daemon=True).start()

    def embed(self, texts):
        futures = [concurrent.futures.Future() for _ in texts]
        for row, future in zip(self.engine.tokens.rows(texts), futures):
            self.waiting.put((row, future))
        return [future.result() for future in futures]

    def drain(self):
        while True:
            batch = [self.waiting.get()]
            while len(batch) < self.most and not self.waiting.empty():
                batch.append(self.waiting.get())
            vectors = self.engine.run(self.engine.sessions[0], [row for row, _ in batch])
            for (_, future), vector in zip(batch, vectors.tolist()):
                future.set_result(vector)


def handler(batcher):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["inputs"]
            body = json.dumps(batcher.embed([asked] if isinstance(asked, str) else asked)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--graph", default="fused.onnx")
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    plan = {"streams": 1, "threads": engines.MODEL_THREADS, "graph": arguments.graph}
    engine = engines.OnnxRuntime(arguments.work / "model", plan)
    engine.query("a first text")
    server = Server(("127.0.0.1", arguments.port), handler(Batcher(engine, arguments.batch)))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
