#!/usr/bin/env python3
"""Makes crates/semantik-inference/tests/data/tiny/: small random checkpoints of the architectures
whose published weights are too large for a test, and what the reference implementations
(transformers, sentence-transformers; CPU, float32) compute with them.

usage: tiny_models.py <output folder> [family ...]
needs: pip install torch transformers>=5.23 sentence-transformers

Each folder has the files of a published model, `golden.json` (texts, ids, vectors, scores) and
`states.safetensors` (for some texts `<text>.<stage>`: the embeddings, each layer's output and, for
models that have one, the final norm). Each text is computed alone, so that padding cannot play a
part. NomicBERT's and GTE's folders have the names and settings that their authors publish;
transformers' own implementations of them compute the reference.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel, AutoModelForCausalLM, AutoTokenizer, BertConfig, BertForSequenceClassification, GteConfig,
    GteForSequenceClassification, ModernBertConfig, ModernBertForSequenceClassification, MPNetConfig,
    MPNetForSequenceClassification, NomicBertConfig, NomicBertModel, Qwen3Config, Qwen3ForCausalLM, XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

WORDS = "the of and to in is that it for was on are with as they be at one have this from by hot but some what " \
    "there we can out other were all your when up use word how said an each she which do their time if will way " \
    "about many then them would write like so these her long make thing see him two has look more day could go come"
TEXTS = [
    "", "a", "Hello, world!", "How do I reset my password?",
    "They said that some of the words were long, but each one was in the way.",
    "Grüße aus 東京 – naïve café 👍",
    "The time of day when all of them would come and look at this thing is about two. " * 2,
    "one two three four five six seven eight nine ten\n" * 40,
]
TRACED = [2, 4, 6]
PAIRS = [
    ("what is hot?", "The day was hot."),
    ("", ""),
    ("what is hot?", ""),
    ("how do they write", "They write with one hand; the other is for the word that they said. " * 8),
    ("many words in the query that will not come to an end " * 8, "many words " * 60),
    ("many words in the query that will not come to an end " * 8, "few"),
    ("Grüße?", "naïve café 東京"),
]
QUERY_PROMPT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    "provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n"
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"


def rounded(values) -> list[float]:
    return [float(f"{value:.7f}") for value in values]


def write(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough that every part matters; norms about 1, biases about 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if weight.dim() == 1:
            centre = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
            weight.data = centre + 0.2 * noise
            if name == "model.norm.weight":
                # Scores near a half tell more than scores near one.
                weight.data *= 0.2
        elif "embed" in name:
            weight.data = 0.7 * noise
        else:
            weight.data = noise * 1.3 / weight.shape[1] ** 0.5


def store(model: torch.nn.Module, folder: Path, dtype: torch.dtype, without: tuple[str, ...] = ()) -> None:
    tensors = {name: value.to(dtype).contiguous() for name, value in model.state_dict().items()}
    tensors = {name: value for name, value in tensors.items() if not name.startswith(without)}
    save(tensors, folder / "model.safetensors")


def save(tensors: dict, path: Path) -> None:
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


def trace(model, layers, final, ids: list[int]) -> list[torch.Tensor]:
    stages, hooks = [], []

    def keep(_module, _inputs, output):
        stages.append((output[0] if isinstance(output, tuple) else output).reshape(len(ids), -1).clone())

    for module in [getattr(model, "embed_tokens", None) or model.embeddings, *layers, *final]:
        hooks.append(module.register_forward_hook(keep))
    model(input_ids=torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return stages


def vectors(folder: Path, prompts: tuple[str, ...]) -> list[dict]:
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    rows = []
    for purpose in prompts:
        for text in TEXTS:
            ids = model.tokenize([model.prompts.get(purpose, "") + text])["input_ids"][0].tolist()
            vector = model.encode([text], prompt_name=purpose, normalize_embeddings=True)[0]
            rows.append({"purpose": purpose, "text": text, "ids": ids, "vector": rounded(vector)})
    return rows


def golden(folder: Path, trunk, layers, final, rows: list[dict], scores: list[dict]) -> None:
    passages = [row for row in rows if row["purpose"] != "query"]
    states = {}
    for number in TRACED:
        for stage, state in enumerate(trace(trunk, layers, final, passages[number]["ids"])):
            states[f"{number}.{stage}"] = state
    save(states, folder / "states.safetensors")
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    pairs = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in scores]
    text = '{"vectors":[\n' + ",\n".join(lines) + '\n],"scores":[\n' + ",\n".join(pairs) + "\n]}\n"
    (folder / "golden.json").write_text(text, encoding="utf-8")


def sentence_files(folder: Path, width: int, pooling: str, prompts: dict) -> None:
    kinds = ["Transformer", "Pooling", "Normalize"]
    write(folder / "modules.json", [
        {"idx": at, "name": str(at), "path": f"{at}_{kind}" if at else "", "type": f"sentence_transformers.models.{kind}"}
        for at, kind in enumerate(kinds)
    ])
    names = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    modes = {f"pooling_mode_{name}": name == pooling for name in names}
    write(folder / "1_Pooling/config.json", {"word_embedding_dimension": width, **modes, "include_prompt": True})
    write(folder / "config_sentence_transformers.json",
          {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"})


def byte_pairs(marks: list[str], more: list[str]) -> Tokenizer:
    """A byte-level tokenizer built as Qwen's, with `yes` and `no`, some marks and some more tokens."""
    vocabulary = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("y", "e"), ("ye", "s"), ("n", "o"), ("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("e", "r"),
              ("Ġ", "w"), ("o", "r"), ("Ġw", "or"), ("Ġwor", "d"), ("Q", "u"), ("Qu", "er"), ("Quer", "y")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks])
    tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in more])
    return tokenizer


def qwen3(root: Path) -> None:
    folder = root / "qwen3"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_pairs(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>", "</think>"])
    plain = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.post_processor = plain
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|endoftext|>",
                                             "eos_token": "<|im_end|>", "model_max_length": 131072})
    config = {
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "head_dim": 32,
        "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 96, "max_position_embeddings": 600,
        "max_window_layers": 3, "model_type": "qwen3", "num_attention_heads": 4, "num_hidden_layers": 3,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 1000000,
        "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "use_sliding_window": False,
        "vocab_size": tokenizer.get_vocab_size() + 3,
    }
    write(folder / "config.json", config)
    model = Qwen3ForCausalLM(Qwen3Config(**config))
    randomise(model, 3)
    store(model, folder, torch.bfloat16, without=("lm_head",))
    scores = qwen3_scores(folder)
    # The embedding model differs from the reranker in the end of text that its tokenizer appends.
    end = ("<|endoftext|>", tokenizer.token_to_id("<|endoftext|>"))
    tokenizer.post_processor = processors.Sequence(
        [plain, processors.TemplateProcessing(single="$A <|endoftext|>", pair="$A <|endoftext|> $B:1 <|endoftext|>:1", special_tokens=[end])])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    sentence_files(folder, config["hidden_size"], "lasttoken", {"query": QUERY_PROMPT, "document": ""})
    trunk = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    golden(folder, trunk, trunk.layers, [trunk.norm], vectors(folder, ("query", "document")), scores)


def qwen3_scores(folder: Path) -> list[dict]:
    """As the model card of Qwen3-Reranker does."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prefix = tokenizer.encode(PREFIX, add_special_tokens=False)
    suffix = tokenizer.encode(SUFFIX, add_special_tokens=False)
    yes, no = (tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))
    most = model.config.max_position_embeddings - len(prefix) - len(suffix)
    rows = []
    for query, passage in PAIRS:
        text = f"<Instruct>: {INSTRUCTION}\n<Query>: {query}\n<Document>: {passage}"
        ids = prefix + tokenizer(text, truncation="longest_first", max_length=most)["input_ids"] + suffix
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
        score = torch.nn.functional.log_softmax(torch.stack([logits[no], logits[yes]]), dim=0)[1].exp()
        rows.append({"query": query, "passage": passage, "ids": ids, "score": rounded([score])[0]})
    return rows


def cross_scores(folder: Path) -> list[dict]:
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for query, passage in PAIRS:
        # As lists, since an empty passage alone counts as none.
        made = tokenizer([query], [passage], truncation="longest_first", max_length=model.max_seq_length)
        ids = made["input_ids"][0]
        segments = made["token_type_ids"][0] if "token_type_ids" in made else [0] * len(ids)
        score = rounded(model.predict([(query, passage)]))[0]
        rows.append({"query": query, "passage": passage, "ids": ids, "segments": segments, "score": score})
    return rows


BERT_MARKS = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
MPNET_MARKS = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}


def word_pieces(folder: Path, marks: dict[str, str], pair: str, most: int, inputs: list[str]) -> int:
    """Writes a tokenizer built as BERT's, with `marks` first in its vocabulary; the size of that."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?"
    entries = [*marks.values(), *letters, *(f"##{letter}" for letter in letters[:36]), *dict.fromkeys(WORDS.split())]
    vocabulary = {entry: at for at, entry in enumerate(dict.fromkeys(entries))}
    first, last = marks["cls_token"], marks["sep_token"]
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=marks["unk_token"], max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=pair, special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])])
    tokenizer.add_special_tokens(list(marks.values()))
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": most, **marks, "model_input_names": inputs})
    return len(vocabulary)


def bert(root: Path) -> None:
    folder = root / "bert"
    folder.mkdir(parents=True, exist_ok=True)
    size = word_pieces(folder, BERT_MARKS, "[CLS] $A [SEP] $B:1 [SEP]:1", 64,
                       ["input_ids", "token_type_ids", "attention_mask"])
    config = {
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": 32, "intermediate_size": 64,
        "num_attention_heads": 4, "num_hidden_layers": 3, "max_position_embeddings": 64, "type_vocab_size": 2,
        "vocab_size": size, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
        "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0},
    }
    write(folder / "config.json", config)
    model = BertForSequenceClassification(BertConfig(**config))
    randomise(model, 5)
    store(model, folder, torch.float16)
    cross(folder, "mean_tokens")


def xlm_roberta(root: Path) -> None:
    folder = root / "xlm-roberta"
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?"
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    pieces += [(letter, -6.0 - at / 100) for at, letter in enumerate(letters)]
    pieces += [(f"▁{word}", -7.0 - at / 50) for at, word in enumerate(dict.fromkeys(WORDS.split()))]
    pieces += [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, "pad_token": "<pad>", "cls_token": "<s>",
        "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>", "bos_token": "<s>", "eos_token": "</s>",
        "model_input_names": ["input_ids", "attention_mask"]})
    config = {
        "architectures": ["XLMRobertaForSequenceClassification"], "model_type": "xlm-roberta", "hidden_size": 32,
        "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 3, "max_position_embeddings": 66,
        "type_vocab_size": 1, "vocab_size": len(pieces), "hidden_act": "gelu", "layer_norm_eps": 1e-5, "pad_token_id": 1,
        "bos_token_id": 0, "eos_token_id": 2, "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0},
    }
    write(folder / "config.json", config)
    model = XLMRobertaForSequenceClassification(XLMRobertaConfig(**config))
    randomise(model, 7)
    store(model, folder, torch.float16)
    cross(folder, "cls_token")


def mpnet(root: Path) -> None:
    folder = root / "mpnet"
    folder.mkdir(parents=True, exist_ok=True)
    # Long enough for every distance that has a bucket of its own.
    size = word_pieces(folder, MPNET_MARKS, "<s> $A </s> </s> $B </s>", 300,
                       ["input_ids", "attention_mask"])
    config = {
        "architectures": ["MPNetForSequenceClassification"], "model_type": "mpnet", "hidden_size": 32,
        "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 3, "max_position_embeddings": 302,
        "relative_attention_num_buckets": 32, "vocab_size": size, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
        "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0},
    }
    write(folder / "config.json", config)
    model = MPNetForSequenceClassification(MPNetConfig(**config))
    randomise(model, 11)
    store(model, folder, torch.float16)
    cross(folder, "mean_tokens")


def modernbert(root: Path) -> None:
    folder = root / "modernbert"
    folder.mkdir(parents=True, exist_ok=True)
    marks = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer = byte_pairs(marks, [])
    first, last = ((mark, tokenizer.token_to_id(mark)) for mark in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[first, last])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 300, "pad_token": "[PAD]", "cls_token": "[CLS]",
        "sep_token": "[SEP]", "unk_token": "[UNK]", "mask_token": "[MASK]",
        "model_input_names": ["input_ids", "attention_mask"]})
    config = {
        "architectures": ["ModernBertForSequenceClassification"], "model_type": "modernbert", "hidden_size": 32,
        "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 5, "max_position_embeddings": 300,
        "vocab_size": tokenizer.get_vocab_size() + 3, "hidden_activation": "gelu", "norm_eps": 1e-5, "norm_bias": False,
        "attention_bias": False, "mlp_bias": False, "global_attn_every_n_layers": 3, "local_attention": 16,
        "global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "classifier_pooling": "mean",
        "classifier_activation": "gelu", "classifier_bias": False, "pad_token_id": tokenizer.token_to_id("[PAD]"),
        "cls_token_id": first[1], "sep_token_id": last[1], "bos_token_id": first[1], "eos_token_id": last[1],
        "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0},
    }
    write(folder / "config.json", config)
    model = ModernBertForSequenceClassification(ModernBertConfig(**config))
    randomise(model, 13)
    store(model, folder, torch.float16)
    scores = cross_scores(folder)
    sentence_files(folder, config["hidden_size"], "cls_token", {"query": "search_query: ", "document": "search_document: "})
    trunk = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    golden(folder, trunk, trunk.layers, [trunk.final_norm], vectors(folder, ("query", "document")), scores)
    long(folder, trunk, tokenizer.encode(TEXTS[-1] * 5).ids, 5)


def long(folder: Path, trunk, ids: list[int], times: int) -> None:
    """As long a text as the published models take; the model has no table of positions, so that it takes any."""
    ids = ids[:8191] + ids[-1:]
    state = trunk(input_ids=torch.tensor([ids])).last_hidden_state[0]
    cls, mean = (torch.nn.functional.normalize(value, dim=0) for value in (state[0], state.mean(dim=0)))
    write(folder / "long.json", {"text": TEXTS[-1], "times": times, "tokens": len(ids), "cls": rounded(cls), "mean": rounded(mean)})


def nomic(root: Path) -> None:
    folder = root / "nomic"
    folder.mkdir(parents=True, exist_ok=True)
    size = word_pieces(folder, BERT_MARKS, "[CLS] $A [SEP] $B:1 [SEP]:1", 300,
                       ["input_ids", "token_type_ids", "attention_mask"])
    sizes = {"hidden_size": 32, "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": 3,
             "max_position_embeddings": 300, "vocab_size": size, "type_vocab_size": 2, "layer_norm_eps": 1e-12}
    write(folder / "config.json", {
        "architectures": ["NomicBertModel"], "model_type": "nomic_bert", "activation_function": "swiglu", "causal": False,
        "n_embd": 32, "n_inner": 256, "n_head": 4, "n_layer": 3, "n_positions": 300, "vocab_size": size,
        "type_vocab_size": 2, "layer_norm_epsilon": 1e-12, "qkv_proj_bias": False, "mlp_fc1_bias": False,
        "mlp_fc2_bias": False, "parallel_block": False, "prenorm": False, "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False, "rotary_emb_scale_base": None,
        "rotary_scaling_factor": None, "use_rms_norm": False, "scale_attn_by_inverse_layer_idx": False,
    })
    rope = {"rope_type": "default", "rope_theta": 1000.0}
    model = NomicBertModel(NomicBertConfig(**sizes, rope_parameters=rope)).eval()
    randomise(model, 17)
    for weight in model.parameters():
        weight.data = weight.data.half().float()
    save({name: value.half().contiguous() for name, value in published(model.state_dict()).items()},
         folder / "model.safetensors")
    prompts = {"query": "search_query: ", "passage": "search_document: "}
    sentence_files(folder, sizes["hidden_size"], "mean_tokens", prompts)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for purpose, prompt in prompts.items():
        for text in TEXTS:
            ids = tokenizer([prompt + text], truncation=True, max_length=300)["input_ids"][0]
            mean = model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
            # As the model card shortens a vector.
            cut = torch.nn.functional.layer_norm(mean, mean.shape)[:16]
            vector, short = (torch.nn.functional.normalize(value, dim=0) for value in (mean, cut))
            rows.append({"purpose": purpose, "text": text, "ids": ids, "vector": rounded(vector), "short": rounded(short)})
    golden(folder, model, model.layers, [], rows, [])


def published(state: dict) -> dict:
    """NomicBERT's weights under the names of its authors."""
    renamed = {}
    for name, value in state.items():
        if "self_attn.k_proj" in name or "self_attn.v_proj" in name:
            continue
        if "self_attn.q_proj" in name:
            value = torch.cat([state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")])
        for new, old in [("self_attn.q_proj", "attn.Wqkv"), ("self_attn.o_proj", "attn.out_proj"),
                         ("mlp.up_proj", "mlp.fc11"), ("mlp.gate_proj", "mlp.fc12"), ("mlp.down_proj", "mlp.fc2"),
                         ("post_attention_layernorm", "norm1"), ("post_mlp_layernorm", "norm2"),
                         ("embeddings.LayerNorm", "emb_ln"), ("layers.", "encoder.layers.")]:
            name = name.replace(new, old)
        renamed[name] = value
    return renamed


def gte(root: Path) -> None:
    folder = root / "gte"
    folder.mkdir(parents=True, exist_ok=True)
    size = word_pieces(folder, BERT_MARKS, "[CLS] $A [SEP] $B:1 [SEP]:1", 300,
                       ["input_ids", "token_type_ids", "attention_mask"])
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3,
             "max_position_embeddings": 300, "vocab_size": size, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
             "hidden_act": "gelu", "pad_token_id": 0, "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    base, factor, head = 1000.0, 8.0, 8
    # What the authors call NTK scaling (https://kexue.fm/archives/9706, equation 6) is linear scaling of a larger base.
    rope = {"rope_type": "linear", "rope_theta": base * factor, "factor": factor ** (2 / head)}
    model = GteForSequenceClassification(GteConfig(**sizes, rope_parameters=rope))
    randomise(model, 19)
    # Under the names of the authors, but for the first part of them.
    model.half().save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    save({name.replace("gte.", "new."): value for name, value in tensors.items()}, folder / "model.safetensors")
    trunk = cross(folder, "cls_token")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    long(folder, trunk, tokenizer(TEXTS[-1] * 6)["input_ids"], 6)
    write(folder / "config.json", {
        "architectures": ["NewForSequenceClassification"], "model_type": "new", **sizes, "layer_norm_type": "layer_norm",
        "logn_attention_clip1": False, "logn_attention_scale": False, "pack_qkv": True, "position_embedding_type": "rope",
        "rope_scaling": {"factor": factor, "type": "ntk"}, "rope_theta": base, "unpad_inputs": False,
        "use_memory_efficient_attention": False,
    })


def cross(folder: Path, pooling: str):
    scores = cross_scores(folder)
    width = json.loads((folder / "config.json").read_text())["hidden_size"]
    sentence_files(folder, width, pooling, {"query": "query: ", "passage": "passage: "})
    trunk = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    layers = trunk.encoder.layer if hasattr(trunk, "encoder") else trunk.layers
    golden(folder, trunk, layers, [], vectors(folder, ("query", "passage")), scores)
    return trunk


def main() -> None:
    torch.set_grad_enabled(False)
    root, only = Path(sys.argv[1]), sys.argv[2:]
    for make in (qwen3, bert, xlm_roberta, mpnet, modernbert, nomic, gte):
        if not only or make.__name__ in only:
            make(root)


if __name__ == "__main__":
    main()
