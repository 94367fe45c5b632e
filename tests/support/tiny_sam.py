"""Tiny Segment Anything models with random weights: all of the real code, none of the size."""

from functools import partial
from pathlib import Path
from typing import Any

SIDE, PATCH, WIDTH = 128, 16, 32


def build() -> Any:
    """An empty model of the package segment-anything, `tiny_sam:build` in a recipe."""
    import torch
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    return Sam(
        image_encoder=ImageEncoderViT(
            depth=2,
            embed_dim=WIDTH,
            img_size=SIDE,
            mlp_ratio=2,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            num_heads=2,
            patch_size=PATCH,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=[1],
            window_size=7,
            out_chans=WIDTH,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=WIDTH,
            image_embedding_size=(SIDE // PATCH, SIDE // PATCH),
            input_image_size=(SIDE, SIDE),
            mask_in_chans=8,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=WIDTH, mlp_dim=2 * WIDTH, num_heads=2
            ),
            transformer_dim=WIDTH,
            iou_head_depth=2,
            iou_head_hidden_dim=WIDTH,
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    ).eval()


def save(file: Path, seed: int = 0) -> Path:
    """A checkpoint of random weights for `build`."""
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch

    torch.manual_seed(seed)
    torch.save(build().state_dict(), file)
    return file


def save_port(folder: Path, kind: str, seed: int = 0) -> Path:
    """A folder of transformers: `sam`, `sam2` or `sam3`."""
    from reinspect.tools.vision.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch

    torch.manual_seed(seed)
    model, processor = {"sam": _sam, "sam2": _sam2, "sam3": _sam3}[kind]()
    for weights in model.parameters():
        if weights.dim() > 1:  # as they come, they are so small that no picture makes a difference
            torch.nn.init.normal_(weights, std=0.2)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _sam() -> tuple[Any, Any]:
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamProcessor,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    vision = SamVisionConfig(
        hidden_size=WIDTH,
        output_channels=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        mlp_dim=WIDTH,
        window_size=4,
        global_attn_indexes=[1],
        num_pos_feats=WIDTH // 2,
    )
    prompts = SamPromptEncoderConfig(
        hidden_size=WIDTH, image_size=SIDE, patch_size=PATCH, mask_input_channels=8
    )
    decoder = SamMaskDecoderConfig(
        hidden_size=WIDTH,
        mlp_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        iou_head_hidden_dim=WIDTH,
    )
    config = SamConfig(
        vision_config=vision.to_dict(),
        prompt_encoder_config=prompts.to_dict(),
        mask_decoder_config=decoder.to_dict(),
    )
    quarter = SIDE // 4
    images = SamImageProcessor(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": quarter},
        mask_pad_size={"height": quarter, "width": quarter},
    )
    return SamModel(config), SamProcessor(images)


def _sam2() -> tuple[Any, Any]:
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2ImageProcessor,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2Processor,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    backbone = Sam2HieraDetConfig(
        hidden_size=16,
        num_attention_heads=1,
        image_size=[SIDE, SIDE],
        patch_kernel_size=[7, 7],
        patch_stride=[4, 4],
        patch_padding=[3, 3],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[16, 32, 64, 128],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[128, 64, 32, 16],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=WIDTH,
        num_feature_levels=3,
    )
    prompts = Sam2PromptEncoderConfig(
        hidden_size=WIDTH, image_size=SIDE, patch_size=PATCH, mask_input_channels=8
    )
    decoder = Sam2MaskDecoderConfig(
        hidden_size=WIDTH,
        mlp_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        iou_head_hidden_dim=WIDTH,
    )
    config = Sam2Config(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    images = Sam2ImageProcessor(
        size={"height": SIDE, "width": SIDE},
        mask_size={"height": SIDE // 4, "width": SIDE // 4},
    )
    return Sam2Model(config), Sam2Processor(images)


def _sam3() -> tuple[Any, Any]:
    from transformers import (
        Sam3ImageProcessor,
        Sam3TrackerConfig,
        Sam3TrackerModel,
        Sam3TrackerProcessor,
    )

    side = 112
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": side,
            "patch_size": 14,
            "window_size": 4,
            "global_attn_indexes": [1],
            "pretrain_image_size": 56,
        },
        "fpn_hidden_size": WIDTH,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    }
    config = Sam3TrackerConfig(
        vision_config=vision,
        prompt_encoder_config={
            "hidden_size": WIDTH,
            "image_size": side,
            "patch_size": 14,
            "mask_input_channels": 8,
        },
        mask_decoder_config={
            "hidden_size": WIDTH,
            "mlp_dim": WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": WIDTH,
        },
    )
    images = Sam3ImageProcessor(
        size={"height": side, "width": side}, mask_size={"height": 32, "width": 32}
    )
    return Sam3TrackerModel(config), Sam3TrackerProcessor(images)
