"""Makes what the peers load out of the model folder, below <work folder>/model.

A copy of the model folder (links) with a tokenizer that cuts at 256 tokens and
does not pad (the published tokenizer.json cuts at 128 and pads everything to
128), and three ONNX graphs: plain (torch exporter), fused (ONNX Runtime's
passes for BERT) and int8 (dynamic quantisation per channel of the fused one).
"""

import json
import pathlib
import sys

MAX_TOKENS = 256
SPECIAL = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}


def copy_model(source, target):
    """Links to the weights and settings; the tokenizer's limits written anew."""
    for path in source.rglob("*"):
        if path.is_file() and path.name not in ("tokenizer.json", "tokenizer_config.json"):
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(path.resolve())
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    tokenizer |= {"padding": None, "truncation": (tokenizer["truncation"] or {}) | {
        "max_length": MAX_TOKENS, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}}
    (target / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = {"tokenizer_class": "BertTokenizerFast", "model_max_length": MAX_TOKENS, "do_lower_case": True} | SPECIAL
    (target / "tokenizer_config.json").write_text(json.dumps(settings))
    (target / "special_tokens_map.json").write_text(json.dumps(SPECIAL))


def export_plain(folder):
    """The encoder up to the last hidden state, batch and length left open."""
    import torch
    from transformers import AutoModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = AutoModel.from_pretrained(folder, attn_implementation="eager", add_pooling_layer=False).eval()

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state

    ids = torch.randint(1000, 2000, (2, 9))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "last_hidden_state"]}
    with torch.no_grad():
        torch.onnx.export(Encoder(), (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(folder / "plain.onnx"),
                          input_names=names, output_names=["last_hidden_state"], dynamic_axes=axes,
                          opset_version=17, dynamo=False)


def fuse(folder):
    """Attention, GELU and LayerNorm as one operator each; says how many were found."""
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    config = json.loads((folder / "config.json").read_text())
    fused = optimizer.optimize_model(str(folder / "plain.onnx"), model_type="bert",
                                     num_heads=config["num_attention_heads"], hidden_size=config["hidden_size"],
                                     optimization_options=FusionOptions("bert"), opt_level=0)
    fused.save_model_to_file(str(folder / "fused.onnx"))
    counts = {name: count for name, count in fused.get_fused_operator_statistics().items() if count}
    (folder / "fused.json").write_text(json.dumps(counts))
    print("fused operators:", counts)
    if counts.get("Attention", 0) != config["num_hidden_layers"]:
        sys.exit("the fusion pass did not find every attention: the ONNX Runtime figures would be unfair")


def quantise(folder):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(folder / "fused.onnx"), str(folder / "int8.onnx"), per_channel=True, weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def prepare(source, work):
    """The folder the peers load; made once."""
    folder = pathlib.Path(work) / "model"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer_config.json").exists():
        copy_model(pathlib.Path(source), folder)
    for name, make in (("plain.onnx", export_plain), ("fused.onnx", fuse), ("int8.onnx", quantise)):
        if not (folder / name).exists():
            make(folder)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    prepare(sys.argv[1], sys.argv[2])
