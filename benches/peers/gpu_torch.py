"""Tokens per second of PyTorch on an NVIDIA card, over the lengths of `benches/gpu.rs`.

    benches/peers/gpu_torch.py [ROUNDS]      (5 when not given)

Qwen3-Embedding-0.6B's shape with random weights, bfloat16, last-token pooling and unit length, as
a server without padding tricks would run it: texts sorted by length, padded to the longest of a
batch of at most 16,384 tokens. Each attention that the installed version has is measured; only the
texts' own tokens count. Needs torch and transformers; exits with a line where there is no card.
"""

import statistics
import sys
import time

TOKENS = 262_144
BATCH = 16_384
SHAPES = {
    "64": [64],
    "128": [128],
    "256": [256],
    "512": [512],
    "2048": [2048],
    "64 to 249": [64, 81, 97, 110, 124, 133, 150, 171, 190, 249],
}


def texts(lengths):
    made, tokens = [], 0
    while tokens < TOKENS:
        made.append(lengths[len(made) % len(lengths)])
        tokens += made[-1]
    return sorted(made, reverse=True)


def batches(lengths):
    batch = []
    for length in lengths:
        if batch and (len(batch) + 1) * batch[0] > BATCH:
            yield batch
            batch = []
        batch.append(length)
    yield batch


def model(attention):
    import torch
    from transformers import Qwen3Config, Qwen3Model

    config = Qwen3Config(
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        vocab_size=151_936,
        max_position_embeddings=32_768,
        attn_implementation=attention,
    )
    with torch.device("cuda"):
        return Qwen3Model(config).to(torch.bfloat16).eval()


def embed(net, batch):
    import torch

    longest = batch[0]
    ids = torch.randint(0, 151_000, (len(batch), longest), device="cuda")
    lengths = torch.tensor(batch, device="cuda")
    mask = (torch.arange(longest, device="cuda")[None] < lengths[:, None]).long()
    # Without a mask the fast kernels of scaled_dot_product_attention can be taken.
    mask = None if batch[-1] == longest else mask
    states = net(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    last = states[torch.arange(len(batch), device="cuda"), lengths - 1].float()
    return torch.nn.functional.normalize(last, dim=-1).cpu()


def measure(net, attention, rounds):
    for name, lengths in SHAPES.items():
        work = list(batches(texts(lengths)))
        tokens = sum(map(sum, work))
        rates = []
        for number in range(rounds + 1):
            began = time.perf_counter()
            for batch in work:
                embed(net, batch)
            if number:
                rates.append(tokens / (time.perf_counter() - began))
        middle = statistics.median(rates)
        print(f"torch bfloat16 {attention}, {name} tokens: {middle:.0f} tokens/s [{min(rates):.0f}..{max(rates):.0f}]")
    times = []
    for _ in range(210):
        began = time.perf_counter()
        embed(net, [18])
        times.append(1e3 * (time.perf_counter() - began))
    times = sorted(times[10:])
    print(f"torch bfloat16 {attention}, a query of 18 tokens: p50 {times[100]:.2f} ms, p95 {times[190]:.2f} ms")


def main():
    try:
        import torch
        import transformers
    except ImportError as error:
        sys.exit(f"gpu_torch: {error}; install torch and transformers")
    if not torch.cuda.is_available():
        print("gpu_torch: no card, nothing is measured")
        return
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {transformers.__version__}")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for attention in ["sdpa", "flash_attention_2"]:
        try:
            net = model(attention)
        except (ImportError, ValueError) as error:
            print(f"torch bfloat16 {attention}: not here ({str(error).splitlines()[0]})")
            continue
        with torch.inference_mode():
            measure(net, attention, rounds)
        del net
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
