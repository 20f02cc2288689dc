"""What sees, against llama.cpp's own log: the file of an encoder is written, and llama.cpp reserves its buffer."""

from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import pytest
from llama_cpp import mtmd_cpp

from kb.calc.memory.vision import PATCH_BYTES, Projector
from kb.catalogue.units import MIB

PATCH, MERGED = 14, 4
"""Pixels of a patch; patches along each side that become one token."""
BLOCKS = 2


def write_encoder(path: Path, hidden: int, feed_forward: int, side: int, width: int) -> int:
    """Of Gemma 3's shape, but with few blocks. Its parameters."""
    patches = (side // PATCH) ** 2
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_string("clip.projector_type", "gemma3")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    sizes = {
        "image_size": side, "patch_size": PATCH, "embedding_length": hidden, "feed_forward_length": feed_forward,
        "block_count": BLOCKS, "projection_dim": width, "attention.head_count": 16,
    }  # fmt: skip
    for key, value in sizes.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (hidden, 3, PATCH, PATCH), "v.position_embd.weight": (patches, hidden),
        "mm.input_projection.weight": (hidden, width), "mm.soft_emb_norm.weight": (hidden,),
        "v.patch_embd.bias": (hidden,), "v.post_ln.weight": (hidden,), "v.post_ln.bias": (hidden,),
    }  # fmt: skip
    for block in range(BLOCKS):
        matrices = {f"attn_{part}": (hidden, hidden) for part in ("q", "k", "v", "out")}
        matrices |= {"ffn_up": (feed_forward, hidden), "ffn_down": (hidden, feed_forward)}
        for name, shape in matrices.items():
            shapes |= {f"v.blk.{block}.{name}.weight": shape, f"v.blk.{block}.{name}.bias": shape[:1]}
        for name in ("ln1", "ln2"):
            shapes |= {f"v.blk.{block}.{name}.{part}": (hidden,) for part in ("weight", "bias")}
    for name, shape in shapes.items():
        writer.add_tensor(name, np.zeros(shape, np.float32 if len(shape) == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sum(int(np.prod(shape)) for shape in shapes.values())


@pytest.mark.parametrize(("side", "hidden", "feed_forward"), [(448, 1152, 4304), (896, 1152, 4304), (336, 1024, 4096)])
def test_what_llama_cpp_takes_to_see(side, hidden, feed_forward, log, instruct_model, tmp_path) -> None:
    of_text = llama_cpp.llama_model_default_params()
    of_text.vocab_only = True
    text = llama_cpp.llama_model_load_from_file(str(instruct_model).encode(), of_text)
    width = llama_cpp.llama_model_n_embd(text)
    params = write_encoder(tmp_path / "mmproj.gguf", hidden, feed_forward, side, width)
    log.text = ""
    how = mtmd_cpp.mtmd_context_params_default()
    how.use_gpu, how.warmup, how.n_threads = False, True, 1
    how.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = mtmd_cpp.mtmd_init_from_file(str(tmp_path / "mmproj.gguf").encode(), text, how)
    assert context, log.text[-2000:]
    mtmd_cpp.mtmd_free(context)
    llama_cpp.llama_model_free(text)

    tokens = (side // PATCH // MERGED) ** 2
    projector = Projector(params, tokens, patches_per_token=MERGED**2)
    buffer = projector.held_bytes(tokens) - projector.held_bytes(0)
    own = (feed_forward + 3 * hidden) / (PATCH_BYTES / 4)
    assert log.mib("compute buffer size") == pytest.approx(buffer * own / MIB, rel=0.02)
    assert log.mib("model size") == pytest.approx(projector.held_bytes(0) / MIB, rel=0.02)
