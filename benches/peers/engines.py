"""The peers behind one shape: `embed(texts)` in arrival order and `query(text)`.

Each takes the folder that graphs.py made and an arrangement: `batch` texts at
a time, longest first when `sorted`, on `streams` x `threads` threads. Imports are
inside, because a process measures one peer only.
"""

import threading

import numpy

MODEL_THREADS = 2


def normalised(hidden, mask):
    """Mean over the real tokens, then unit length."""
    mask = mask[:, :, None].astype(numpy.float32)
    pooled = (hidden * mask).sum(axis=1) / mask.sum(axis=1)
    return pooled / numpy.linalg.norm(pooled, axis=1, keepdims=True)


class Tokens:
    """The model's tokenizer: rows of ids, padded only to the longest of a batch."""

    def __init__(self, folder):
        from tokenizers import Tokenizer

        self.inner = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def rows(self, texts):
        return [one.ids for one in self.inner.encode_batch_fast(texts)]

    @staticmethod
    def feed(rows):
        longest = max(map(len, rows))
        ids, mask = (numpy.zeros((len(rows), longest), numpy.int64) for _ in range(2))
        for place, row in enumerate(rows):
            ids[place, :len(row)], mask[place, :len(row)] = row, 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}


def batches(rows, plan):
    """Places of the rows, cut into batches."""
    places = list(range(len(rows)))
    if plan["sorted"]:
        places.sort(key=lambda place: -len(rows[place]))
    return [places[start:start + plan["batch"]] for start in range(0, len(places), plan["batch"])]


class OnnxRuntime:
    def __init__(self, folder, plan):
        import onnxruntime

        self.version, self.plan, self.tokens = onnxruntime.__version__, plan, Tokens(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = plan["threads"], 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.sessions = [onnxruntime.InferenceSession(str(folder / plan["graph"]), options, ["CPUExecutionProvider"])
                         for _ in range(plan["streams"])]

    def run(self, session, rows):
        feed = self.tokens.feed(rows)
        return normalised(session.run(None, feed)[0], feed["attention_mask"])

    def query(self, text):
        return self.run(self.sessions[0], self.tokens.rows([text]))[0]

    def embed(self, texts):
        rows = self.tokens.rows(texts)
        made, work, lock = [None] * len(rows), iter(batches(rows, self.plan)), threading.Lock()

        def drain(session):
            while True:
                with lock:
                    places = next(work, None)
                if places is None:
                    return
                for place, vector in zip(places, self.run(session, [rows[place] for place in places])):
                    made[place] = vector

        others = [threading.Thread(target=drain, args=(session,)) for session in self.sessions[1:]]
        for other in others:
            other.start()
        drain(self.sessions[0])
        for other in others:
            other.join()
        return numpy.stack(made)


class OpenVino:
    def __init__(self, folder, plan):
        import openvino

        self.version, self.plan, self.tokens = openvino.__version__, plan, Tokens(folder)
        settings = {"NUM_STREAMS": str(plan["streams"]), "INFERENCE_NUM_THREADS": str(MODEL_THREADS),
                    "INFERENCE_PRECISION_HINT": plan["precision"]}
        core = openvino.Core()
        self.model = core.compile_model(core.read_model(str(folder / plan["graph"])), "CPU", settings)
        self.queue, self.request = openvino.AsyncInferQueue(self.model, plan["streams"]), self.model.create_infer_request()

    def query(self, text):
        feed = self.tokens.feed(self.tokens.rows([text]))
        self.request.infer(feed)
        return normalised(self.request.get_output_tensor(0).data, feed["attention_mask"])[0]

    def embed(self, texts):
        rows = self.tokens.rows(texts)
        made = [None] * len(rows)

        def keep(request, state):
            for place, vector in zip(state[0], normalised(request.get_output_tensor(0).data, state[1])):
                made[place] = vector

        self.queue.set_callback(keep)
        for places in batches(rows, self.plan):
            feed = self.tokens.feed([rows[place] for place in places])
            self.queue.start_async(feed, (places, feed["attention_mask"]))
        self.queue.wait_all()
        return numpy.stack(made)


class SentenceTransformers:
    """Sorts by itself inside one call, so arrival order means one call per batch."""

    def __init__(self, folder, plan):
        import sentence_transformers
        import torch

        torch.set_num_threads(MODEL_THREADS)
        self.version, self.plan = f"{sentence_transformers.__version__}, torch {torch.__version__}", plan
        self.model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
        self.model.max_seq_length = 256

    def query(self, text):
        return self.model.encode(text, show_progress_bar=False)

    def embed(self, texts):
        size = self.plan["batch"]
        step = len(texts) if self.plan["sorted"] else size
        return numpy.concatenate([self.model.encode(texts[start:start + step], batch_size=size, show_progress_bar=False)
                                  for start in range(0, len(texts), step)])


class FastEmbed:
    """Keeps the order it is given; sorting by characters is done here."""

    def __init__(self, folder, plan):
        import importlib.metadata

        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        self.version, self.plan = importlib.metadata.version("fastembed"), plan
        TextEmbedding.add_custom_model(model="peers/model", pooling=PoolingType.MEAN, normalization=True, dim=384,
                                       sources=ModelSource(hf="peers/model"), model_file=plan["graph"])
        self.model = TextEmbedding("peers/model", specific_model_path=str(folder), threads=MODEL_THREADS)

    def query(self, text):
        return next(iter(self.model.embed([text])))

    def embed(self, texts):
        places = list(range(len(texts)))
        if self.plan["sorted"]:
            places.sort(key=lambda place: -len(texts[place]))
        made = [None] * len(texts)
        for place, vector in zip(places, self.model.embed([texts[place] for place in places],
                                                          batch_size=self.plan["batch"])):
            made[place] = vector
        return numpy.stack(made)


def arrangements(best, graph="fused.onnx", **more):
    """The candidates for the best arrangement, then arrival order in batches of 32."""
    plans = {name: dict(zip(("streams", "threads", "batch", "sorted"), plan)) for name, plan in best.items()}
    plans["arrival 32"] = {"streams": 1, "threads": MODEL_THREADS, "batch": 32, "sorted": False}
    return {name: plan | {"graph": graph} | more for name, plan in plans.items()}


ONNX = {"2x1 single": (2, 1, 1, False), "1x2 sorted 8": (1, 2, 8, True)}
OPENVINO = {"2 streams sorted 4": (2, 1, 4, True), "1 stream sorted 4": (1, 2, 4, True)}
SORTED = {"sorted 4": (1, 2, 4, True), "sorted 8": (1, 2, 8, True)}
PEERS = {
    "onnxruntime-float32": (OnnxRuntime, arrangements(ONNX)),
    "onnxruntime-int8": (OnnxRuntime, arrangements(ONNX | {"2x1 sorted 4": (2, 1, 4, True)}, "int8.onnx")),
    "sentence-transformers-float32": (SentenceTransformers, arrangements(SORTED)),
    "fastembed-float32": (FastEmbed, arrangements({"sorted 8": (1, 2, 8, True)})),
    "openvino-float32": (OpenVino, arrangements(OPENVINO, "plain.onnx", precision="f32")),
    "openvino-bfloat16": (OpenVino, arrangements(OPENVINO, "plain.onnx", precision="bf16")),
}
for plan in (plans["arrival 32"] for name, (_, plans) in PEERS.items() if name.startswith("openvino")):
    plan["streams"] = 2  # its own best also for this feed

