"""OpenAI's client library against `/v1`."""

import math

import openai

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def client(url, key):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def near(left, right):
    return max(abs(a - b) for a, b in zip(left, right, strict=True)) < 1e-6


def embeds_as_asked(url, key):
    texts = ["the harbour master keeps the tide tables", ""]
    answer = client(url, key).embeddings.create(model=MODEL, input=texts)  # base64 on the wire
    assert [row.index for row in answer.data] == [0, 1]
    assert answer.model == MODEL and len(answer.data[0].embedding) == 384
    # [CLS] the harbour master keeps the tide tables [SEP]; [CLS] [SEP]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 9 + 2, answer.usage
    plain = client(url, key).embeddings.create(model=MODEL, input=texts[0], encoding_format="float")
    assert near(answer.data[0].embedding, plain.data[0].embedding)
    assert abs(math.hypot(*plain.data[0].embedding) - 1) < 1e-5


def shortens_vectors(url, key):
    answer = client(url, key).embeddings.create(model="default", input="tide", dimensions=64)
    assert len(answer.data[0].embedding) == 64
    assert abs(math.hypot(*answer.data[0].embedding) - 1) < 1e-5


def counts_only_what_the_model_reads(url, key):
    answer = client(url, key).embeddings.create(model=MODEL, input="tide " * 5000)
    assert answer.usage.prompt_tokens == 256, answer.usage


def refuses_what_it_cannot_do(url, key):
    for error, code, arguments in [
        (openai.NotFoundError, "model_not_found", {"model": "text-embedding-3-small", "input": "x"}),
        (openai.BadRequestError, "invalid_request", {"model": MODEL, "input": [1, 2, 3]}),
        (openai.BadRequestError, "invalid_request", {"model": MODEL, "input": []}),
        (openai.BadRequestError, "invalid_request", {"model": MODEL, "input": "x", "dimensions": 385}),
        (openai.APIStatusError, "request_too_large", {"model": MODEL, "input": ["x"] * 100_000}),
    ]:
        try:
            client(url, key).embeddings.create(**arguments)
        except error as refusal:
            assert refusal.code == code, refusal
        else:
            raise AssertionError(f"{code} was not told")


def asks_for_the_key(url, _key):
    try:
        client(url, "another key").embeddings.create(model=MODEL, input="x")
    except openai.AuthenticationError as refusal:
        assert refusal.code == "invalid_api_key", refusal
    else:
        raise AssertionError("a wrong key was let in")


def lists_models(url, key):
    assert MODEL in [model.id for model in client(url, key).models.list()]


CHECKS = [
    embeds_as_asked,
    shortens_vectors,
    counts_only_what_the_model_reads,
    refuses_what_it_cannot_do,
    asks_for_the_key,
    lists_models,
]
