"""Hugging Face's client library, as text-embeddings-inference (TEI) documents its use, against `/embed`."""

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError


def client(key):
    return InferenceClient(api_key=key)


def embeds_one_and_many(url, key):
    one = client(key).feature_extraction("What is deep learning?", model=f"{url}/embed")
    many = client(key).feature_extraction(["What is deep learning?", "tide tables"], model=f"{url}/embed")
    assert one.shape == (1, 384) and many.shape == (2, 384)
    assert abs(one[0] - many[0]).max() < 1e-6
    assert abs((one[0] ** 2).sum() - 1) < 1e-5


def embeds_at_the_root(url, key):
    """Where the library asks when it is given the server alone."""
    vectors = InferenceClient(url, api_key=key).feature_extraction("tide tables", truncate=True, prompt_name="query")
    assert vectors.shape == (1, 384)


def cuts_only_when_told(url, key):
    long = "tide " * 400
    try:
        client(key).feature_extraction(long, model=f"{url}/embed", truncate=False)
    except HfHubHTTPError as refusal:
        assert refusal.response.status_code == 413, refusal
        assert refusal.response.json()["error_type"] == "Validation", refusal
    else:
        raise AssertionError("a text that is too long was let in")
    assert client(key).feature_extraction(long, model=f"{url}/embed", truncate=True).shape == (1, 384)


CHECKS = [embeds_one_and_many, embeds_at_the_root, cuts_only_when_told]
