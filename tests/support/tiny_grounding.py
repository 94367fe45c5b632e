"""Tiny GroundingDINO models with weights drawn at random, made on the spot: they prove plumbing.

Of both kinds: for the package `groundingdino-py`, and for the port in transformers. Weights are
drawn by numpy, tensor by tensor, from the seed and the tensor's name, so that every release of the
packages gets the same ones. They need the extra `vision`.
"""

import functools
import json
import math
import shutil
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reinspect.tools.vision.runtime import quiet_transformers
from reinspect.tools.vision.torchvision_ops import mend_torchvision

_WORDS = "a the scratch dent crack hole stain dirt defect zebra palm tree sailing boat metal on red"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", ",")
_TEXT_WIDTH = 32
_ARCHITECTURE = "reinspect_tiny"

_CONFIG = f"""\
modelname = "{_ARCHITECTURE}"
backbone = "swin"
position_embedding = "sine"
pe_temperatureH = pe_temperatureW = 20
return_interm_indices = [1, 2, 3]
enc_layers = dec_layers = 1
pre_norm = False
dim_feedforward = 64
hidden_dim = 256
dropout = 0.0
nheads = 8
num_queries = 30
query_dim = 4
num_patterns = 0
num_feature_levels = 4
enc_n_points = dec_n_points = 4
two_stage_type = "standard"
two_stage_bbox_embed_share = False
two_stage_class_embed_share = False
transformer_activation = "relu"
dec_pred_bbox_embed_share = True
dn_box_noise_scale = 1.0
dn_label_noise_ratio = 0.5
dn_labelbook_size = 10
embed_init_tgt = True
max_text_len = 256
text_encoder_type = "bert-base-uncased"
use_text_enhancer = True
use_fusion_layer = True
use_checkpoint = True
use_transformer_ckpt = True
use_text_cross_attention = True
text_dropout = fusion_dropout = 0.0
fusion_droppath = 0.1
sub_sentence_present = True
"""


class TinyGroundingDino(NamedTuple):
    """What `groundingdino-py` needs: a config, weights of it, and a folder with a text encoder."""

    config: Path
    weights: Path
    text_encoder: Path


def write_tiny_groundingdino(folder: str | Path, *, seed: int = 0) -> TinyGroundingDino:
    """Write a model for `groundingdino-py` (3 million parameters), in the packages' own formats."""
    mend_torchvision()
    import torch

    from reinspect.tools.vision.grounding_dino import loading, with_text_encoder

    folder = Path(folder)
    text_encoder = write_tiny_bert(folder / "bert", seed=seed)
    config = folder / "tiny.py"
    config.write_text(_CONFIG, encoding="utf-8")
    with loading(), with_text_encoder(config, text_encoder) as own:
        from groundingdino.models import build_model
        from groundingdino.util.slconfig import SLConfig

        register()
        arguments = SLConfig.fromfile(str(own))
        arguments.device = "cpu"
        model = build_model(arguments)
    draw_weights(model, seed)
    weights = folder / "tiny.pth"
    torch.save({"model": model.state_dict()}, weights)
    return TinyGroundingDino(config, weights, text_encoder)


@functools.cache
def register() -> None:
    """Make `groundingdino-py` know the tiny architecture: its own smallest has 28 million."""
    from groundingdino.models.GroundingDINO.backbone.backbone import Joiner
    from groundingdino.models.GroundingDINO.backbone.position_encoding import (
        build_position_encoding,
    )
    from groundingdino.models.GroundingDINO.backbone.swin_transformer import SwinTransformer
    from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
    from groundingdino.models.GroundingDINO.transformer import build_transformer
    from groundingdino.models.registry import MODULE_BUILD_FUNCS

    def build(arguments: Any) -> Any:
        swin = SwinTransformer(
            pretrain_img_size=224,
            embed_dim=24,
            depths=[1, 1, 1, 1],
            num_heads=[2, 2, 2, 2],
            window_size=7,
            out_indices=(1, 2, 3),
            use_checkpoint=arguments.use_checkpoint,
        )
        backbone = Joiner(swin, build_position_encoding(arguments))
        backbone.num_channels = swin.num_features[1:]
        return GroundingDINO(
            backbone,
            build_transformer(arguments),
            num_queries=arguments.num_queries,
            iter_update=True,
            query_dim=4,
            num_feature_levels=arguments.num_feature_levels,
            two_stage_type=arguments.two_stage_type,
            two_stage_bbox_embed_share=False,
            two_stage_class_embed_share=False,
            dn_number=0,
            text_encoder_type=arguments.text_encoder_type,
        )

    MODULE_BUILD_FUNCS.register(build, module_name=_ARCHITECTURE)


def write_tiny_grounding_port(folder: str | Path, *, seed: int = 0) -> Path:
    """Write a model for transformers' GroundingDINO, with its processor."""
    mend_torchvision()
    quiet_transformers()
    from transformers import (
        AutoTokenizer,
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    folder = Path(folder)
    write_vocabulary(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    width = _TEXT_WIDTH
    swin = SwinConfig(
        image_size=64,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[2, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    config = GroundingDinoConfig(
        backbone_config=swin,
        text_config=_text_config(BertConfig),
        d_model=width,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=width,
        decoder_ffn_dim=width,
        num_queries=20,
        max_text_len=64,
    )
    model = GroundingDinoForObjectDetection(config)
    draw_weights(model, seed)
    model.save_pretrained(folder)
    images = GroundingDinoImageProcessor(size={"shortest_edge": 96, "longest_edge": 160})
    GroundingDinoProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def write_unlettered(source: str | Path, folder: str | Path) -> Path:
    """Write a model of either kind anew, as one to which all words are the same word."""
    import torch
    from safetensors.torch import load_file, save_file

    def without_words(tensors: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in tensors if name.endswith("word_embeddings.weight")]
        return {**tensors, **{name: torch.zeros_like(tensors[name]) for name in named}}

    folder = Path(shutil.copytree(source, folder))
    for file in folder.glob("*.safetensors"):
        save_file(without_words(load_file(file)), file, {"format": "pt"})
    for file in folder.glob("*.pth"):
        model = torch.load(file, weights_only=True)["model"]
        torch.save({"model": without_words(model)}, file)
    return folder


def write_tiny_bert(folder: str | Path, *, seed: int = 0) -> Path:
    """Write a text encoder and its tokenizer, as `bert-base-uncased` lies in its folder."""
    from transformers import BertConfig, BertModel

    quiet_transformers()
    model = BertModel(_text_config(BertConfig))
    draw_weights(model, seed)
    model.save_pretrained(folder)
    write_vocabulary(folder)
    return Path(folder)


def write_vocabulary(folder: str | Path) -> None:
    """Write a tokenizer of a few words, and of letters for all others."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(_vocabulary()) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": 512,
        **{f"{name.strip('[]').lower()}_token": name for name in _SPECIAL[:5]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def draw_weights(model: Any, seed: int) -> None:
    """Fill a model of torch: matrices keep the size of signals, norms let scores spread."""
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            drawn = rng.uniform(-1, 1, tuple(tensor.shape))
            if tensor.ndim >= 2:
                values = drawn * math.sqrt(3 / max(1, tensor[0].numel()))
            else:
                values = drawn * 0.1 + 0.3 * ("norm" in name.lower() and name.endswith("weight"))
            tensor.copy_(torch.from_numpy(np.asarray(values, np.float32)))


def _vocabulary() -> list[str]:
    words = (*_SPECIAL, *_WORDS.split(), *_LETTERS, *(f"##{letter}" for letter in _LETTERS))
    return list(dict.fromkeys(words))


def _text_config(kind: Any) -> Any:
    return kind(
        vocab_size=len(_vocabulary()),
        hidden_size=_TEXT_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=_TEXT_WIDTH,
    )
